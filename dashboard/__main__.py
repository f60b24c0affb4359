"""
``python -P -m dashboard``: serve the pages on the loopback address until Ctrl-C.

Streamlit's command line would put this folder first on the path and read settings from the user's home; here every
option is given, and the server answers to no name but this machine's.
"""

import argparse
import gc
import importlib
import os
import pkgutil
import socket
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from dashboard import theme

HOST = "127.0.0.1"
_READY_WITHIN_S = 30.0


def main(words: Sequence[str] | None = None) -> int:
    """Serve; returns when the server was stopped."""
    asked = _arguments(words)
    port = asked.port or _free_port()
    if asked.port and not _is_free(port):
        sys.stderr.write(f"Error: port {port} is taken\n  Try: phibench dashboard   (it finds a free one)\n")
        return 1
    os.environ["PHIBENCH_DB"] = asked.db
    address = f"http://{HOST}:{port}"
    sys.stdout.write(f"dashboard  {address}   Ctrl-C ends it\n")
    sys.stdout.flush()
    if not asked.no_browser:
        threading.Thread(target=_open_when_ready, args=(address,), daemon=True).start()
    _serve(port)
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m dashboard", description="phibench's dashboard")
    parser.add_argument("--db", required=True, help="database: a path or URL")
    parser.add_argument("--port", type=int, help="default: a free one")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser.parse_args(words)


def _serve(port: int) -> None:
    from streamlit.web import bootstrap

    options: dict[str, object] = {
        "server.headless": True,
        "server.address": HOST,
        "server.port": port,
        "server.allowedHosts": [HOST, "localhost"],
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorLinks": False,
        "client.showErrorDetails": "none",
        "global.developmentMode": False,
        "logger.level": "error",
        "logger.hideWelcomeMessage": True,  # the address was told
        **theme.options(),
    }
    bootstrap.load_config_options(options)
    _load_all()
    bootstrap.run(str(Path(__file__).with_name("app.py")), False, [], options)


def _load_all() -> None:
    """Load what the first page would otherwise wait for: pandas, all that pages are made of, Plotly's own tables."""
    import pandas  # noqa: F401, ICN001

    for module in pkgutil.walk_packages([str(Path(__file__).parent)], "dashboard."):
        if not module.name.startswith(("dashboard.views.", "dashboard.app", "dashboard.__main__")):
            importlib.import_module(module.name)  # a view would draw itself
    base = importlib.import_module("dashboard.charts.base")
    drawn = base.figure(theme.LIGHT, height=100)
    drawn.add_scatter(x=[1], y=[1], mode="markers", error_x={"array": [1]})
    drawn.update_layout(annotations=[{"text": ""}], shapes=[{"type": "line"}])
    drawn.to_json()
    gc.collect()
    gc.freeze()  # what was loaded stays; looking through it again and again cost a third of every page


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def _open_when_ready(address: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310  # our own address
                webbrowser.open(address)
                return
        except OSError:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
