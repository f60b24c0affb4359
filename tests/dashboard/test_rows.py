"""Which arm is set against which on the overview."""

from pathlib import Path

import pytest
from dashboard_helpers import simulated

from collector.queries import CellResult, Reader, SeriesRow
from dashboard.rows import shapes, standings


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
