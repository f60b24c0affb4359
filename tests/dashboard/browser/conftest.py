"""A dashboard that serves a demonstration, and Debian's Chromium in front of it."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dashboard_helpers
import pytest
from browser_helpers import Visitor

CHROMIUM = "/usr/bin/chromium"
READY_WITHIN_S = 60.0


@contextmanager
def serving(db: str) -> Iterator[str]:
    """The address of a dashboard of its own process."""
    command = [sys.executable, "-P", "-m", "dashboard", "--db", db, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().split()[1]
            _wait_for(address)
            yield address
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _wait_for(address: str) -> None:
    """Until the server answers; its address is told a moment earlier."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="session")
def demo_db(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``phibench demo`` makes."""
    db = str(tmp_path_factory.mktemp("demo") / "demo.db")
    command = [sys.executable, "-P", "-c", "from collector.cli import main; main()", "demo", "--db", db]
    subprocess.run(command, check=True, capture_output=True)
    return db


@pytest.fixture(scope="session")
def address(demo_db: str) -> Iterator[str]:
    with serving(demo_db) as found:
        yield found


@pytest.fixture
def serve() -> Callable[[str], AbstractContextManager[str]]:
    """A dashboard on a database of one's own."""
    return serving


@pytest.fixture(scope="session")
def hostile_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One whose devices and models have names that are Markdown and HTML."""
    with serving(dashboard_helpers.hostile(tmp_path_factory.mktemp("hostile") / "hostile.db")) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # in the group "browser" alone

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """Open an address in a window of its own; what it complains of fails the test at its end."""
    folder = request.config.getoption("--screenshots")
    opened: list[Visitor] = []
    with ExitStack() as windows:

        def open_one(path: str, *, width: int = 1280, theme: str = "light", base: str = address) -> Visitor:
            size = {"width": width, "height": 900}
            context = chromium.new_context(color_scheme=theme, viewport=size, accept_downloads=True)
            windows.callback(context.close)
            visitor = Visitor(context.new_page(), Path(folder) if folder else None)
            opened.append(visitor)
            visitor.go(f"{base}/{path}")
            return visitor

        yield open_one
        complaints = [complaint for visitor in opened for complaint in visitor.complaints]
    assert not complaints
