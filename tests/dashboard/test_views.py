"""Every page on every kind of database: no exception, something to see, and words where there is nothing."""

import ast
import json
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dashboard_helpers import HOSTILE, KINDS, add_one, array, figure_specs, open_page, texts
from sqlalchemy import Engine, event

from collector.store import Store
from dashboard import views
from dashboard.state import escaped

PAGES = [page.file for page in views.PAGES]
EACH_PAGE = pytest.mark.parametrize("page", PAGES)
ROOM = Path(views.__file__).parents[1]
MARKUP = ("<b>bold", "![i](", "[l](http")


@pytest.mark.parametrize("kind", KINDS)
@EACH_PAGE
def test_a_page_has_something_to_show_or_to_say(page: str, kind: str, database: Callable[[str], str]) -> None:
    at = open_page(page, database(kind))
    assert at.title, "a page has a title"
    assert texts(at).strip()
    for spec, chart in zip(figure_specs(at), at.get("plotly_chart"), strict=True):
        assert chart.proto.alt, "a chart has words for those who do not see it"
        assert not list(unreal(spec))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "method"])
def test_where_nothing_was_measured_the_page_names_the_next_command(page: str, database: Callable[[str], str]) -> None:
    found = texts(open_page(page, database("no rows")))
    assert "phibench quickstart" in found
    assert "phibench demo" in found


@EACH_PAGE
def test_a_database_that_is_not_there_is_no_error(page: str, tmp_path: Path) -> None:
    assert "phibench" in texts(open_page(page, str(tmp_path / "none.db")))


@pytest.mark.parametrize("page", ["overview", "runs"])
def test_what_is_written_after_the_first_look_is_there_at_the_next(
    page: str, database: Callable[[str], str], tmp_path: Path
) -> None:
    db = shutil.copy(database("one row"), tmp_path / "grows.db")
    at = open_page(page, str(db))
    assert "tablet" not in _shown(at)
    with Store.open(str(db), is_bulk=True) as store:
        add_one(store, "two2", device="tablet")
    at.run()
    assert not at.exception
    assert "two2" in _shown(at)


@EACH_PAGE
def test_names_that_are_markup_are_escaped(page: str, database: Callable[[str], str]) -> None:
    at = open_page(page, database("hostile"))
    found = texts(at).replace(escaped(HOSTILE), "")
    assert not [markup for markup in MARKUP if markup in found]
    figures = json.dumps(figure_specs(at), ensure_ascii=False)
    assert "<b>bold</b>" not in figures


@EACH_PAGE
def test_choices_that_no_page_knows_are_no_exception(page: str, database: Callable[[str], str]) -> None:
    open_page(page, database("simulated"), device="no such", run="no such", series="no such", shape="9+9")


def test_a_link_that_cannot_be_followed_says_so(database: Callable[[str], str]) -> None:
    at = open_page("overview", database("simulated"), shape="9+9")
    assert escaped("9+9") in texts(at)
    assert "which is not there" in texts(at)


def test_a_link_is_followed(database: Callable[[str], str]) -> None:
    at = open_page("overview", database("simulated"), shape="512+16")
    assert at.selectbox(key="shape").value == "512+16"
    assert "which is not there" not in texts(at)


@pytest.fixture
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Everything that is asked of a database, with its parameters."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        heard.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    yield heard
    event.remove(Engine, "before_cursor_execute", hear)


@EACH_PAGE
def test_no_page_scans_the_samples(
    page: str, database: Callable[[str], str], statements: list[tuple[str, Any]]
) -> None:
    db = database("simulated")
    statements.clear()
    open_page(page, db)
    assert any("FROM launch_stat" in statement for statement, _ in statements), "something was asked"
    with sqlite3.connect(db) as connection:
        for statement, parameters in statements:
            if statement.lstrip().upper().startswith(("SELECT", "WITH")):
                plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
                assert not [step for *_, step in plan if step.startswith("SCAN sample")], statement
    connection.close()


def test_views_hold_no_sql() -> None:
    for path in ROOM.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
        names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [n for n in names if n.split(".")[0] in {"sqlalchemy", "sqlite3", "scipy"}], path
        words = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        assert not [w for w in words if w.lstrip().startswith(("SELECT ", "INSERT ", "UPDATE ", "PRAGMA "))], path


def unreal(spec: Any) -> Iterator[Any]:
    """Numbers of a figure that are none: they would reach the browser without a word."""
    if isinstance(spec, dict) and "bdata" in spec:
        values = array(spec)
        yield from values[~np.isfinite(values)]
    elif isinstance(spec, dict | list):
        for part in spec.values() if isinstance(spec, dict) else spec:
            yield from unreal(part)
    elif isinstance(spec, float) and not math.isfinite(spec):
        yield spec


def _shown(at: Any) -> str:
    """Words and tables of a page."""
    tables = [element.value.to_csv() for element in at.dataframe]
    return "\n".join([texts(at), *tables, json.dumps(figure_specs(at))])


@EACH_PAGE
def test_every_chart_says_in_its_own_layout_where_it_was_measured_and_that_it_is_simulated(
    page: str, database: Callable[[str], str]
) -> None:
    at = open_page(page, database("simulated"))
    for spec in figure_specs(at):
        said = json.dumps([spec["layout"]["title"]["text"], [trace.get("name") for trace in spec["data"]]])
        assert "<b>" in spec["layout"]["title"]["text"]
        assert "(simulated)" in said
        assert "laptop" in said or "phone" in said
        assert spec["layout"]["paper_bgcolor"].startswith("#")
