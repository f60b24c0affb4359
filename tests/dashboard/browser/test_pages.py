"""Every page in a real browser, in both themes and at the width of a desk and of a phone."""

import csv
import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from browser_helpers import BAD_TEXTS, CAMERA, CARRYING, OUTSIDE, OVERLAPS, PATIENCE_MS, POINT, SHOW_PICTURE, Visitor
from dashboard_helpers import HOSTILE, add_one, one_row

from collector.queries import CellResult, Reader
from collector.store import Store
from dashboard import views

pytestmark = pytest.mark.browser
PAGES = {page.file: "" if page.is_default else page.file for page in views.PAGES}
Visit = Callable[..., Visitor]
IN_ANOTHER_FONT = "font-family: DejaVu Sans;"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_clean(page: str, width: int, theme: str, visit: Visit) -> None:
    visitor = visit(PAGES[page], width=width, theme=theme)
    visitor.make_tall()
    visitor.photograph(f"{page}-{width}-{theme}")
    assert visitor.violations() == []
    assert visitor.page.evaluate(OUTSIDE) == []
    if page in {"overview", "compare"}:
        assert visitor.page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("page", PAGES)
def test_names_that_are_markup_are_shown_as_they_are_and_fetch_nothing(
    page: str, visit: Visit, hostile_address: str
) -> None:
    visitor = visit(PAGES[page], base=hostile_address)
    visitor.make_tall()
    main = visitor.page.locator("[data-testid=stMain]")
    assert main.locator("img[src*='203.0.113.1']").count() == 0
    for link in main.locator("a[href*='203.0.113.1']").all():  # a bare address becomes a link whatever one does
        assert (link.text_content() or "").startswith("http://203.0.113.1")
    if page == "overview":
        assert HOSTILE in (main.text_content() or "")


def test_a_filter_stands_in_the_address_and_a_link_restores_it(visit: Visit) -> None:
    visitor = visit("")
    visitor.choose("Devices", "iPhone 14 Pro")
    visitor.page.wait_for_url("**device=iPhone**")
    visitor.make_tall()
    cells = _cells_of_table(visitor)
    assert {row["device"] for row in cells} == {"iPhone 14 Pro"}
    another = visit(visitor.page.url.rsplit("/", 1)[1])
    another.make_tall()
    assert _cells_of_table(another) == cells
    assert another.page.get_by_text("which is not there").count() == 0


def test_a_device_goes_along_to_the_next_page_and_stands_in_its_address(visit: Visit) -> None:
    visitor = visit("")
    visitor.choose("Devices", "iPhone 14 Pro")
    visitor.page.wait_for_url("**device=iPhone**")
    visitor.page.get_by_role("link", name="Memory", exact=True).click()
    visitor.page.wait_for_url("**on=iPhone**")
    another = visit(visitor.page.url.rsplit("/", 1)[1])
    assert "iPhone 14 Pro" in (another.page.locator("h1").text_content() or "")


@pytest.mark.parametrize("page", ["memory", "latency", "history"])
def test_a_page_of_one_device_follows_a_link_to_a_device(page: str, visit: Visit) -> None:
    visitor = visit(f"{page}?device=iPhone+14+Pro")
    assert "iPhone 14 Pro" in (visitor.page.locator("h1").text_content() or "")
    assert visitor.page.get_by_text("does not know").count() == 0


def test_a_link_that_asks_for_what_is_not_there_says_so(visit: Visit) -> None:
    visitor = visit("?shape=9%2B9")
    assert visitor.page.get_by_text("The link asks for 9+9 (Workload), which is not there").is_visible()


def test_the_csv_is_what_the_database_holds(visit: Visit, demo_db: str, tmp_path: Path) -> None:
    visitor = visit("")
    visitor.make_tall()
    path = tmp_path / "overview.csv"
    with visitor.page.expect_download() as download:
        visitor.page.locator(".st-key-overview-csv").get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert rows
    shape = str(visitor.page.get_by_role("combobox", name="Workload").input_value())
    with Reader.open(demo_db) as reader:
        known = {_in_csv(cell) for cell in reader.cells() if cell.workload.shape_label == shape}
    for row in rows:
        columns = ("run", "device", "model", "launches", "of them failed")
        assert (*(row[column] for column in columns), float(row["decode_tok_per_s"])) in known


def test_a_click_on_a_point_leads_to_its_launch(visit: Visit) -> None:
    visitor = visit("")
    visitor.make_tall()
    trace, place, launch = visitor.page.evaluate(CARRYING, "forest")[0]
    with visitor.next_drawing():
        visitor.page.mouse.click(*visitor.page.evaluate(POINT, ["forest", trace, place]))
    visitor.page.get_by_role("link", name=f"Launch {launch}").click()
    visitor.page.wait_for_url("**/runs?launch=**")
    visitor.wait()
    assert launch in (visitor.page.locator("[data-testid=stMain] h1").text_content() or "")
    visitor.make_tall()
    visitor.photograph("launch")


def test_a_chart_is_taken_away_whole_in_either_form_and_in_another_font(visit: Visit, tmp_path: Path) -> None:
    """The camera's picture says what it is and where; in a wider font nothing is cut off or lies over another text."""
    for page in ("", "compare", "latency", "memory", "roofline", "trade_off", "history"):
        visitor = visit(page)
        visitor.make_tall()
        for place in range(visitor.page.locator(CAMERA).count()):
            picture = _taken(visitor, place, tmp_path / f"{page}-{place}.svg").read_text(encoding="utf-8")
            assert "(simulated)" in picture
            other = re.sub(r"font-family: [^;]*;", IN_ANOTHER_FONT, _unescaped(picture))
            assert IN_ANOTHER_FONT in other
            visitor.page.evaluate(SHOW_PICTURE, other)
            assert visitor.page.evaluate(BAD_TEXTS) == [], (page, place)
            visitor.page.evaluate("document.getElementById('taken').remove()")
    visitor.page.get_by_text("PNG", exact=True).click()
    visitor.wait()
    taken = _taken(visitor, 0, tmp_path / "taken.png").read_bytes()
    assert taken.startswith(b"\x89PNG")


def test_a_run_that_begins_elsewhere_appears_by_itself(
    visit: Visit, serve: Callable[[str], AbstractContextManager[str]], tmp_path: Path
) -> None:
    db = one_row(tmp_path / "grows.db")
    with serve(db) as base:
        visitor = visit("runs", base=base)
        assert visitor.page.get_by_role("heading", name="1 run").is_visible()
        with Store.open(db, is_bulk=True) as store:
            add_one(store, "two2", device="tablet")
        visitor.page.get_by_role("heading", name="2 runs").wait_for(timeout=PATIENCE_MS)


def _taken(visitor: Visitor, place: int, path: Path) -> Path:
    with visitor.page.expect_download() as download:
        visitor.page.locator(CAMERA).nth(place).click()
    download.value.save_as(path)
    return path


def _unescaped(picture: str) -> str:
    return picture.replace("&quot;", "'")


def _in_csv(cell: CellResult) -> tuple[str | float, ...]:
    """A cell as the file has it."""
    device = cell.machine.device if cell.machine else "unknown device"
    found = cell.estimate("decode_tok_per_s")
    n_launches, n_failed = str(cell.n_launches + cell.n_failed), str(cell.n_failed)
    rate = found.value if found else math.nan
    return cell.run_id, device, f"{cell.arm.model} {cell.arm.quant}", n_launches, n_failed, rate


def _cells_of_table(visitor: Visitor) -> list[dict[str, Any]]:
    """The overview's table as it stands in the document beside its drawing."""
    table = visitor.page.locator("[data-testid=stDataFrame]").first
    table.locator("[role=gridcell]").first.wait_for(state="attached")
    heads = [head.text_content() or "" for head in table.locator("[role=columnheader]").all()]
    texts = [cell.text_content() or "" for cell in table.locator("[role=gridcell]").all()]
    width = len(heads)
    return [dict(zip(heads, texts[i : i + width], strict=True)) for i in range(0, len(texts), width)]
