"""
Makes the README's picture of the dashboard again: ``uv run --group browser python -P tests/dashboard/screenshot.py``.

A demonstration in a folder of its own, the server, Debian's Chromium.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from playwright.sync_api import sync_playwright

from collector import demo

OUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "overview.png"
TODAY = date(2026, 11, 25)
_DRAWN = """() => { const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('[data-run]')
    && document.querySelector('.js-plotly-plot .main-svg') }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", help="a demonstration that is there already; default: a new one")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--page", default="", help="the page's name in the address; default: the first one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = asked.db or str(Path(folder) / "demo.db")
        if asked.db is None:
            demo.fill(db, seed=1, today=TODAY)
        command = [sys.executable, "-P", "-m", "dashboard", "--db", db, "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            address = server.stdout.readline().split()[1]
            try:
                take(f"{address}/{asked.page}", asked.out)
            finally:
                server.terminate()
                server.communicate()
    print(asked.out)


def take(address: str, out: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": 1280, "height": 1180}, color_scheme="light")
        for _ in range(100):  # the server tells its address before it answers
            try:
                page.goto(address)
                break
            except Exception:  # noqa: BLE001  # refused; playwright has no error of its own for that
                page.wait_for_timeout(200)
        page.wait_for_function(_DRAWN, timeout=120_000)
        page.wait_for_timeout(1000)
        out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(out))
        browser.close()


if __name__ == "__main__":
    main()
