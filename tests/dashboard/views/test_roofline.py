"""Roofline: what decode uses of the bandwidth, what is too fast, and words where nothing is known."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dashboard_helpers import BANDWIDTH, array, figure_specs, one_row, open_page, plan, ref, texts
from evidence_helpers import make_events, make_job, make_trace, run_record

from collector.queries import Reader, Regime, ceiling, roofline
from collector.store import Store
from runners.contract import DeviceSnapshot, Workload
from runners.wire import to_wire

PC = DeviceSnapshot(fingerprint="of pc", name="PC", kind="pc", os_name="Linux", is_virtual=False)
CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=32)


def fast(path: Path, tok_per_s: float) -> str:
    """One real-looking arm, six launches, on a device of 40 GB/s."""
    with Store.open(str(path), is_bulk=True) as store:
        store.begin_run(run_record("fast1", plan=to_wire(plan("phi-3-mini-4k", n_blocks=6))))
        for block in range(6):
            job = make_job(f"fast1/{block + 1}", model=ref("phi-3-mini-4k"), workload=CHAT)
            store.begin_launch(job, run_id="fast1", block=block, position=0, arm_index=0)
            traces = [make_trace(gap_ns=round(1e9 / tok_per_s) + block * 1000)] * 2
            store.accept(job.launch_id, make_events(*traces, device=PC))
        store.record_bandwidth(PC, {**BANDWIDTH, "byte_per_s": 40e9, "method": "test/1"})
    return str(path)


def test_points_and_roof_are_those_of_the_records(tmp_path: Path) -> None:
    db = fast(tmp_path / "fast.db", 10.0)
    with Reader.open(db) as reader:
        (cell,) = reader.cells()
    at = open_page("roofline", db)
    roof, decode, prefill = figure_specs(at)[0]["data"]
    assert (array(roof["y"]) / array(roof["x"])).tolist() == pytest.approx([40.0, 40.0])
    assert "40.0 GB/s measured" in roof["name"]
    for drawn, point in zip((decode, prefill), roofline(cell), strict=True):
        assert array(drawn["x"])[0] == pytest.approx(point.flop_per_byte)
        assert array(drawn["y"])[0] == pytest.approx(point.flop_per_s.value / 1e9)
    share = ceiling(cell).bandwidth_utilisation_frac
    (used,) = figure_specs(at)[1]["data"]
    assert array(used["y"])[0] == pytest.approx(100 * share, rel=1e-3)
    assert f"Decode uses {100 * share:.0f} % of the memory" in at.title[0].value.replace("\\", "")
    assert "nothing is faster than physics allows" in at.title[0].value


def test_what_physics_forbids_is_named(tmp_path: Path) -> None:
    at = open_page("roofline", fast(tmp_path / "fast.db", 107.0))
    assert "1 implausibly fast" in at.title[0].value
    words = [a["text"] for spec in figure_specs(at) for a in spec["layout"]["annotations"]]
    assert sum("implausible" in text and text.startswith("A") for text in words) == 2
    assert "implausible" in at.get("plotly_chart")[0].proto.alt


def test_a_simulated_bandwidth_is_dotted_and_a_missing_one_explained(database: Callable[[str], str]) -> None:
    at = open_page("roofline", database("simulated"))
    roofs = [trace for trace in figure_specs(at)[0]["data"] if trace["mode"] == "lines"]
    assert [(roof["line"]["dash"], roof["name"]) for roof in roofs] == [("dot", "laptop: 120.0 GB/s simulated")]
    assert "phone: simulated, so there is no memory" in texts(at).replace("\\", "")
    table = at.dataframe[0].value
    assert set(table["of"]) == {str(regime) for regime in Regime}
    assert not table.duplicated(["in chart", "of", "shape"]).any(), "a run against itself holds an arm twice"


def test_kernels_are_another_choice_and_never_on_the_same_axis(database: Callable[[str], str]) -> None:
    at = open_page("roofline", database("simulated"), rates="kernels alone")
    assert set(at.dataframe[0].value["shape"]) == {"pp512", "tg128"}


def test_a_model_of_unknown_shape_has_no_point(tmp_path: Path) -> None:
    at = open_page("roofline", one_row(tmp_path / "one.db", model="home-made"))
    assert figure_specs(at) == []
    assert "home-made" in texts(at).replace("\\", "")


def test_one_launch_is_hollow(database: Callable[[str], str]) -> None:
    at = open_page("roofline", database("one row"))
    symbols = [symbol for trace in figure_specs(at)[0]["data"] for symbol in trace["marker"]["symbol"]]
    assert symbols == ["circle-open", "circle-open-dot"]
    assert "bandwidth" in at.title[0].value


def test_only_failures_name_the_next_command(database: Callable[[str], str]) -> None:
    at = open_page("roofline", database("only failures"))
    assert figure_specs(at) == []
    assert "phibench" in texts(at)
