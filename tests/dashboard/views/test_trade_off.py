"""Trade-off: speed against memory, two kinds of memory never on one axis."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dashboard_helpers import add_one, array, figure_specs, open_page, texts

from collector.queries import Reader
from collector.store import Store
from runners.contract import Reading

GIB = 1 << 30


def mixed(path: Path) -> str:
    """Four devices: two say RSS, one a footprint, one nothing."""
    told = {
        "pc": Reading(peak_rss_bytes=3 * GIB), "server": Reading(peak_rss_bytes=2 * GIB),
        "mac": Reading(peak_footprint_bytes=2 * GIB), "mute": Reading(cpu_user_s=1.0),
    }  # fmt: skip
    with Store.open(str(path), is_bulk=True) as store:
        for name, reading in told.items():
            add_one(store, f"run-{name}", device=name, reading=reading)
    return str(path)


def points_of(spec: dict) -> dict[str, dict]:
    return {trace["name"].split(" on ")[-1]: trace for trace in spec["data"] if trace["mode"] == "markers"}


def test_points_are_the_estimates_with_their_intervals(database: Callable[[str], str]) -> None:
    db = database("simulated")
    at = open_page("trade_off", db)
    with Reader.open(db) as reader:
        cells = [c for c in reader.cells(["lap4", "phone1"]) if c.workload.name == "chat"]
    drawn = [t for t in figure_specs(at)[0]["data"] if t["mode"] == "markers"]
    known = {c.estimate("decode_tok_per_s").value: c.estimate("peak_rss_bytes").value for c in cells}
    found = {float(array(t["y"])[0]): float(array(t["x"])[0]) * GIB for t in drawn}
    assert sorted(found.values()) == pytest.approx(sorted(known.values()))
    assert all("(simulated)" in trace["name"] for trace in drawn)
    assert "is the fastest and the smallest of 2" in at.title[0].value.replace("\\", "")


def test_quality_is_not_claimed(database: Callable[[str], str]) -> None:
    at = open_page("trade_off", database("simulated"))
    assert "perplexity" in texts(at)
    assert set(at.dataframe[0].value["perplexity"]) == {"not measured"}


def test_another_kind_of_memory_is_left_out_with_a_reason(tmp_path: Path) -> None:
    at = open_page("trade_off", mixed(tmp_path / "mixed.db"))
    drawn = points_of(figure_specs(at)[0])
    assert set(drawn) == {"pc", "server", "mute"}
    assert "phi-3-mini-4k q4_0 on mac" in texts(at).replace("\\", "")
    assert "Two kinds of memory on one axis" in texts(at)
    assert drawn["mute"]["marker"]["symbol"].endswith("-open")


def test_predicted_memory_holds_all_of_them(tmp_path: Path) -> None:
    at = open_page("trade_off", mixed(tmp_path / "mixed.db"), memory="predicted")
    assert set(points_of(figure_specs(at)[0])) == {"pc", "server", "mac", "mute"}
    assert "predicted" in figure_specs(at)[0]["layout"]["xaxis"]["title"]["text"]


def test_a_footprint_can_be_chosen_by_a_link(tmp_path: Path) -> None:
    at = open_page("trade_off", mixed(tmp_path / "mixed.db"), memory="peak_footprint_bytes")
    assert set(points_of(figure_specs(at)[0])) == {"mac", "mute"}


def test_only_failures_name_the_next_command(database: Callable[[str], str]) -> None:
    at = open_page("trade_off", database("only failures"))
    assert figure_specs(at) == []
    assert "phibench quickstart" in texts(at)


def test_choices_that_nothing_fits_are_no_fault(tmp_path: Path) -> None:
    db = str(tmp_path / "two.db")
    with Store.open(db, is_bulk=True) as store:
        add_one(store, "run1", model="phi-3-mini-4k", device="pc")
        add_one(store, "run2", model="llama-2-7b", device="mac")
    at = open_page("trade_off", db)
    at.multiselect(key="device").set_value(["pc"])
    at.multiselect(key="model").set_value(["llama-2-7b"]).run()
    assert not at.exception
    assert "Nothing fits" in at.title[0].value
    assert figure_specs(at) == []
