"""Physics beside the numbers, read back from a database: ceilings, utilisation, what is implausible."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from evidence_helpers import DEVICE, make_events, make_trace

from collector import catalog, export
from collector.queries import CellResult, Reader, ceiling
from collector.store import Store
from runners.contract import ModelRef

Add = Callable[..., str]
SHAPE = catalog.find("phi-3-mini-4k").shape
MODEL = ModelRef(model="phi-3-mini-4k", format="gguf", quant="q4_0", tensor_bytes=2_175_438_336, shape=SHAPE)
BANDWIDTH = {
    "byte_per_s": 20e9, "median_byte_per_s": 18e9, "n_threads": 2, "buffer_bytes": 1 << 28, "n_reads": 100,
    "method": "test/1",
}  # fmt: skip


def cell(db: str) -> CellResult:
    with Reader.open(db) as reader:
        (found,) = reader.cells()
    return found


def add_at(add_launch: Add, tok_per_s: float, **more: Any) -> None:
    traces = [make_trace(gap_ns=int(1e9 / tok_per_s))] * 2
    add_launch(make_events(*traces, **more), model=MODEL)


def test_without_a_measured_bandwidth_there_is_no_ceiling(db: str, add_launch: Add) -> None:
    add_at(add_launch, 5.0)
    found = ceiling(cell(db))
    assert found.bytes_per_token == pytest.approx(2.15e9, rel=0.01)
    assert (found.decode_ceiling_tok_per_s, found.bandwidth_utilisation_frac) == (None, None)


def test_a_rate_stands_beside_what_the_memory_allows(db: str, store: Store, add_launch: Add) -> None:
    add_at(add_launch, 5.0)
    store.record_bandwidth(DEVICE, BANDWIDTH)
    found = ceiling(cell(db))
    assert found.decode_ceiling_tok_per_s == pytest.approx(20e9 / found.bytes_per_token)
    assert found.bandwidth_utilisation_frac == pytest.approx(5.0 / found.decode_ceiling_tok_per_s)
    assert found.prefill_flop_per_s == pytest.approx(2 * 3.624e9 * 64, rel=0.01)
    assert "implausible" not in cell(db).flags


def test_a_prefill_that_is_called_decode_is_implausible(db: str, store: Store, add_launch: Add) -> None:
    add_at(add_launch, 107.0)
    store.record_bandwidth(DEVICE, BANDWIDTH)
    assert "implausible" in cell(db).flags


def test_the_best_bandwidth_counts(db: str, store: Store, add_launch: Add) -> None:
    add_at(add_launch, 5.0)
    for byte_per_s in (20e9, 40e9, 30e9):
        store.record_bandwidth(DEVICE, {**BANDWIDTH, "byte_per_s": byte_per_s})
    assert ceiling(cell(db)).bandwidth_byte_per_s == 40e9
    with Reader.open(db) as reader:
        assert reader.bandwidth(DEVICE.fingerprint).byte_per_s == 40e9
        assert reader.bandwidth("another device") is None


def test_the_comparison_has_the_ceiling_in_columns(db: str, store: Store, add_launch: Add) -> None:
    add_at(add_launch, 5.0)
    store.record_bandwidth(DEVICE, BANDWIDTH)
    out = io.StringIO(newline="")
    export.write_csv(out, export.COMPARISON_COLUMNS, export.comparison_rows([cell(db)]))
    (row,) = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
    assert float(row["decode_ceiling_tok_per_s"]) == pytest.approx(9.3, rel=0.01)
    assert float(row["bandwidth_utilisation_frac"]) == pytest.approx(0.54, rel=0.02)


def on(cell: CellResult, **machine: Any) -> CellResult:
    assert cell.machine is not None
    return replace(cell, machine=replace(cell.machine, **machine), backend="metal")


def test_a_known_chip_has_its_vendors_bandwidth_where_the_cpus_read_less(
    db: str, store: Store, add_launch: Add
) -> None:
    add_at(add_launch, 20.0)
    store.record_bandwidth(DEVICE, BANDWIDTH)
    found = ceiling(on(cell(db), cpu_model="Apple M1"))
    assert (found.bandwidth_source, found.bandwidth_byte_per_s) == ("vendor", 68.25e9)


def test_a_gpu_with_memory_of_its_own_has_no_ceiling_here(db: str, store: Store, add_launch: Add) -> None:
    add_at(add_launch, 107.0)
    store.record_bandwidth(DEVICE, BANDWIDTH)
    found = ceiling(on(cell(db), cpu_model="Some x86"))
    assert (found.bandwidth_byte_per_s, found.decode_ceiling_tok_per_s) == (None, None)
