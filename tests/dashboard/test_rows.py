"""Which arm is set against which on the overview."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compare_helpers import CHAT, both, cell
from dashboard_helpers import simulated

from collector.queries import CellResult, Reader, SeriesRow
from dashboard.rows import Standing, of_first_kind, shapes, standings


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[SeriesRow], list[CellResult]]:
    db = simulated(Path(tmp_path_factory.mktemp("rows")) / "s.db")
    with Reader.open(db) as reader:
        series = reader.series()
        return series, reader.cells(list({one.run_id for one in series}))


def test_the_most_used_shape_comes_first(found: tuple[list[SeriesRow], list[CellResult]]) -> None:
    series, _ = found
    counts: dict[str, int] = {}
    for one in series:
        label = f"{'sustained ' if one.is_sustained else ''}{one.workload.shape_label}"
        counts[label] = counts.get(label, 0) + one.n_launches
    assert list(shapes(series)) == sorted(counts, key=lambda label: -counts[label])


def test_each_device_has_its_own_baseline_and_a_baseline_has_none(
    found: tuple[list[SeriesRow], list[CellResult]],
) -> None:
    series, cells = found
    shape, is_sustained = next(value for label, value in shapes(series).items() if label == "64+32")
    chosen = [s for s in series if s.workload.shape_label == shape and s.is_sustained == is_sustained]
    rows = standings(chosen, cells, None, shape)
    assert {row.cell.arm.model for row in rows if row.is_baseline} == {"llama-2-7b"}
    for row in rows:
        assert row.pair is None or row.pair.baseline.device == row.pair.other.device
    compared = [row for row in rows if row.pair is not None]
    assert compared
    assert all((r := row.row("decode_tok_per_s")) is not None and r.ratio is not None for row in compared)


def test_one_baseline_for_all_is_set_against_other_devices_too(
    found: tuple[list[SeriesRow], list[CellResult]],
) -> None:
    series, cells = found
    chosen = [s for s in series if s.workload.shape_label == "64+32" and not s.is_sustained]
    baseline = next(c for c in cells if c.workload.shape_label == "64+32" and c.arm.model == "llama-2-7b")
    rows = standings(chosen, cells, baseline, "64+32")
    devices = {row.pair.other.device for row in rows if row.pair is not None}
    assert len(devices) > 1
    for row in rows:
        if row.pair is not None and row.pair.other.device != row.pair.baseline.device:
            assert not row.pair.design.is_paired


def _series_of(one: CellResult) -> SeriesRow:
    machine = one.machine
    return SeriesRow(
        arm=one.arm, workload=one.workload, device=machine and machine.device, run_id=one.run_id,
        fingerprint=machine and machine.fingerprint, started_at_utc=one.started_at_utc, n_runs=1,
        n_launches=one.n_launches, is_sustained=False, is_simulated=one.backend == "simulated",
    )  # fmt: skip


def _standings(*cells: CellResult, baseline: CellResult | None = None) -> list[Standing]:
    return standings([_series_of(one) for one in cells], cells, baseline, "64+32")


MADE_UP: dict[str, Any] = {"run_id": "fake1", "backend": "simulated", "flags": ("simulated",)}
LLAMA = {"model": "llama-2-7b"}


def test_a_measured_arm_is_not_set_against_a_simulated_baseline() -> None:
    """A simulated LLaMA-2-7B under the name of this machine is no baseline of what was measured on it."""
    made_up = cell(both(2, 40, 1), arm={**LLAMA, "engine": "fake"}, **MADE_UP)
    made_up_too = cell(both(4, 40, 2), arm_index=1, arm={"engine": "fake"}, **MADE_UP)
    measured = cell(both(10, 3, 3))
    found = _standings(made_up, made_up_too, measured)
    assert [(one.cell.run_id, one.is_simulated) for one in found] == [("r1", False), ("fake1", True), ("fake1", True)]
    assert (found[0].pair, found[0].is_baseline) == (None, False)
    assert [one.is_baseline for one in found[1:]] == [True, False], "the simulated ones stand against each other"
    chosen = _standings(made_up, made_up_too, measured, baseline=made_up)
    assert next(one for one in chosen if not one.is_simulated).pair is None


def test_without_the_usual_baseline_the_first_arm_of_the_run_stands_in() -> None:
    first, second = cell(both(10, 8, 1)), cell(both(5, 8, 2), arm_index=1, arm={"model": "llama-3.2-1b"})
    alone = cell(
        both(7, 8, 3), run_id="r2", arm={"model": "tinyllama-1.1b"}, started_at_utc="2026-12-01T00:00:00+00:00"
    )
    baseline, *others = _standings(second, alone, first)
    assert (baseline.cell, baseline.is_baseline, baseline.is_first_arm) == (first, True, True)
    for one in others:
        assert one.is_first_arm
        assert one.pair is not None
        assert one.pair.baseline.label == first.arm.label
    assert [one.pair.design.is_paired for one in others if one.pair] == [True, False]


def test_the_usual_baseline_comes_before_a_first_arm() -> None:
    first, usual = cell(both(10, 8, 1)), cell(both(5, 8, 2), arm_index=1, arm=LLAMA)
    found = _standings(first, usual)
    assert [(one.cell, one.is_baseline, one.is_first_arm) for one in found] == [
        (usual, True, False),
        (first, False, False),
    ]


def test_shapes_go_by_what_was_measured() -> None:
    """Forty simulated launches of another shape do not decide what the page opens on."""
    made_up = cell(both(4, 40, 2), workload=replace(CHAT, n_prompt_tokens=512), **MADE_UP)
    measured = cell(both(10, 3, 3))
    series = [_series_of(made_up), _series_of(measured)]
    assert list(shapes(series)) == ["64+32", "512+32"]
    assert list(shapes(series[:1])) == ["512+32"]


def test_a_headline_speaks_of_measured_cells_where_there_are_any() -> None:
    made_up, measured = cell(both(4, 8, 2), **MADE_UP), cell(both(10, 3, 3))
    assert of_first_kind([made_up, measured]) == [measured]
    assert of_first_kind([made_up]) == [made_up]
