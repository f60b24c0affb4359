"""History: what is told of few runs, of a step, of a stale link, of nothing at all."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from dashboard_helpers import CHAT, array, figure_specs, open_page, plan, simulate, texts

from collector.queries import Reader
from collector.simulate import Truth
from collector.store import Store


@pytest.fixture
def stepped(tmp_path: Path) -> str:
    """Eight runs; from the fifth on the device is a quarter faster."""
    db = str(tmp_path / "stepped.db")
    with Store.open(db, is_bulk=True) as store:
        for day in range(1, 9):
            rate = 20.0 if day < 5 else 25.0
            simulate(
                store, db, f"run{day}", plan("phi-3-mini-4k", n_blocks=6), day=day, seed=day,
                truth=lambda job, rate=rate: Truth(decode_tok_per_s=rate, prefill_tok_per_s=8 * rate),
            )  # fmt: skip
    return db


def test_a_step_is_in_the_title_in_the_chart_and_in_the_table(stepped: str) -> None:
    at = open_page("history", stepped)
    assert "decode tok/s stepped by" in at.title[0].value.replace("\\", "")
    assert "2026-01-05" in at.title[0].value.replace("\\", "")
    table = at.dataframe[0].value
    assert list(table["run"]) == [f"run{day}" for day in range(8, 0, -1)]
    (row,) = table[table["step"].notna()].to_dict("records")
    assert row["run"] == "run5"
    assert float(row["step"].removesuffix("×")) == pytest.approx(1.25, rel=0.03)
    (figure,) = figure_specs(at)
    assert any("▲ +2" in a["text"] for a in figure["layout"]["annotations"])


def test_points_are_the_estimates_of_the_runs(stepped: str) -> None:
    (figure,) = figure_specs(open_page("history", stepped))
    marks = figure["data"][-1]
    with Reader.open(stepped) as reader:
        cells = sorted(reader.cells(), key=lambda c: c.started_at_utc)
        found = [cell.estimate("decode_tok_per_s") for cell in cells]
    assert list(array(marks["y"])) == [one.value for one in found]
    assert list(array(marks["error_y"]["array"])) == [pytest.approx(one.high - one.value) for one in found]
    assert [c[0] for c in marks["customdata"]] == [f"run{day}/1" for day in range(1, 9)]


def test_another_metric_stands_in_the_address(stepped: str) -> None:
    at = open_page("history", stepped, metric="ttft_s")
    assert "first token s" in at.title[0].value
    assert "← faster" in figure_specs(at)[0]["layout"]["yaxis"]["title"]["text"]


def test_a_stale_link_says_what_it_could_not_apply(stepped: str) -> None:
    assert "which is not there" in texts(open_page("history", stepped, cell="gone"))


def test_one_run_is_too_few_and_its_point_is_hollow(database: Callable[[str], str]) -> None:
    at = open_page("history", database("one row"))
    assert "too few to tell a step" in at.title[0].value
    assert figure_specs(at)[0]["data"][0]["marker"]["symbol"].endswith("-open")
    assert "·n=1" in at.dataframe[0].value["decode tok/s"][0]


def test_only_failures_name_the_next_command(database: Callable[[str], str]) -> None:
    found = texts(open_page("history", database("only failures")))
    assert "4 launches failed" in found
    assert "phibench run standard" in found


def test_what_was_simulated_is_said_and_the_chart_has_words(database: Callable[[str], str]) -> None:
    at = open_page("history", database("simulated"))
    assert "simulated" in at.caption[0].value
    (chart,) = at.get("plotly_chart")
    assert "decode tok/s" in chart.proto.alt
    assert json.loads(chart.proto.spec)["layout"]["xaxis"]["type"] == "date"


def test_a_run_that_comes_later_is_there_on_the_next_look(stepped: str) -> None:
    at = open_page("history", stepped)
    with Store.open(stepped) as store:
        simulate(store, stepped, "run9", plan("phi-3-mini-4k", workloads=(CHAT,), n_blocks=6), day=9, seed=9)
    at.run()
    assert not at.exception
    assert at.dataframe[0].value["run"][0] == "run9"
