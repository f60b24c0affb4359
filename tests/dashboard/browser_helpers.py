"""A page in a real browser: waited for, listened to, looked at."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_MS = 60_000
READY = """() => { const a = document.querySelector('[data-testid=stApp]');
  return a && a.dataset.testConnectionState === 'CONNECTED' && a.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-stale=true],[data-testid=stSkeleton]')
    && document.querySelector('[data-run]')
    && [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(c => c.querySelector('.main-svg')) }"""
POINT = """([key, t, i]) => { const g = document.querySelector(`.st-key-${key} .js-plotly-plot`),
  l = g._fullLayout, r = g.getBoundingClientRect(), c = g.calcdata[t][i];
  return [r.left + l.xaxis._offset + l.xaxis.c2p(c.x), r.top + l.yaxis._offset + l.yaxis.c2p(c.y)] }"""
CARRYING = """(key) => { const g = document.querySelector(`.st-key-${key} .js-plotly-plot`), found = [];
  g.data.forEach((trace, t) => (trace.customdata || []).forEach((c, i) => { if (c && c[0]) found.push([t, i, c[0]]) }));
  return found }"""
"""Trace, place and launch of each point of a chart that leads to one."""

OVERLAPS = """() => { const found = [];
  for (const chart of document.querySelectorAll('.js-plotly-plot')) {
    const boxes = [...chart.querySelectorAll('.annotation')].map(a => [a.textContent, a.getBoundingClientRect()]);
    boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 1) found.push(`${one} / ${other}`) })) }
  return found }"""
OUTSIDE = """() => { const found = [], edge = document.documentElement.clientWidth;
  for (const a of document.querySelectorAll('.js-plotly-plot .annotation')) {
    const box = a.getBoundingClientRect();
    if (box.left < -1 || box.right > edge + 1) found.push(a.textContent) }
  return found }"""

CAMERA = ".js-plotly-plot .modebar-btn[data-title*=ownload]"
SHOW_PICTURE = """(svg) => { const place = document.createElement('div'); place.id = 'taken'; place.innerHTML = svg;
  place.style = 'position:absolute;left:0;top:0;z-index:9999;background:white'; document.body.append(place) }"""
BAD_TEXTS = """() => { const svg = document.querySelector('#taken svg'), edge = svg.getBoundingClientRect(), found = [];
  const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  for (const [text, b] of boxes) if (b.width && (b.left < edge.left - 1 || b.right > edge.right + 1
    || b.top < edge.top - 1 || b.bottom > edge.bottom + 1)) found.push(`cut off: ${text}`);
  boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 3) found.push(`${one} / ${other}`) }));
  return found }"""
"""Texts of a picture that was taken which are cut off or lie over one another."""

IS_SEARCH_FOR_ROOT = re.compile(r"/\w+/_stcore/(health|host-config)$")
"""Streamlit opened at a page asks under the page's own name first whether the server's root is there."""


class Visitor:
    """
    One window.

    ``complaints``: errors on the console, exceptions, requests that leave the loopback address.
    """

    def __init__(self, page: Any, screenshots: Path | None) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._screenshots = screenshots
        page.on("console", self._read)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", lambda request: self._hear_of(request.url))

    def _read(self, message: Any) -> None:
        where = message.location["url"]
        if message.type == "error" and not IS_SEARCH_FOR_ROOT.search(where):
            self.complaints.append(f"console: {message.text} {where}")

    def _hear_of(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.complaints.append(f"foreign request: {url}")

    def go(self, url: str) -> None:
        """Open an address and wait until the page is drawn."""
        self.page.goto(url)
        self.wait()

    def wait(self) -> None:
        """Until the page is drawn, its charts too; one that shows an exception is a complaint."""
        self.page.wait_for_function(READY, timeout=PATIENCE_MS)
        for shown in self.page.locator("[data-testid=stException]").all():
            self.complaints.append(f"{self.page.url}: {shown.inner_text()[:500]}")

    @contextmanager
    def next_drawing(self) -> Iterator[None]:
        """Do something and wait until the page was drawn again."""
        seen = int(self.page.locator("[data-run]").last.get_attribute("data-run"))
        yield
        self.page.wait_for_selector(f"[data-run='{seen + 1}']", state="attached", timeout=PATIENCE_MS)
        self.wait()

    def make_tall(self) -> None:
        """Show the whole page: only what is in the window can be clicked or photographed."""
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        width = self.page.viewport_size["width"]
        self.page.set_viewport_size({"width": width, "height": min(6000, max(900, height + 20))})
        self.page.wait_for_timeout(400)  # charts follow the window some frames later, and nothing tells when

    def photograph(self, name: str) -> None:
        """Keep a picture where the option asks for it."""
        if self._screenshots is not None:
            self._screenshots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(self._screenshots / f"{name}.png"))

    def choose(self, label: str, option: str) -> None:
        """Another option of a selectbox or one more of a multiselect."""
        with self.next_drawing():
            self.page.get_by_role("combobox", name=label).click()
            self.page.get_by_role("option", name=option, exact=True).click()
        self.page.keyboard.press("Escape")

    def violations(self) -> list[str]:
        """What axe finds against the page's accessibility."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [f"{v['id']}: {[node['html'][:200] for node in v['nodes'][:3]]}" for v in found]
