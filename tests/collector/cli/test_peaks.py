"""What a Mac tells, from its kernel to a person: the footprint in a table, the GPU among what differs."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from compare_helpers import cell
from evidence_helpers import DEVICE, make_events, make_job, run_record
from rich.console import Console

from collector.cli._tables import peak_metrics, print_cells
from collector.compare import Side
from collector.compare.differences import differences
from collector.queries import Reader
from collector.store import Store
from runners import ending
from runners.contract import Reading
from runners.device.macos import footprint

GIB = 1 << 30


def rusage(**at: int) -> bytes:
    raw = bytearray(512)
    for offset, value in at.items():
        raw[int(offset[1:]) : int(offset[1:]) + 8] = value.to_bytes(8, "little")
    return bytes(raw)


def printed(*cells: object) -> str:
    out = StringIO()
    print_cells(Console(file=out, width=160), cells)  # type: ignore[arg-type]
    return out.getvalue()


def test_the_lifetime_maximum_of_the_kernel_becomes_the_metric(tmp_path: Path) -> None:
    """Two looks at a worker, its peak between them: no sample saw it, the kernel did."""
    looks = [
        footprint.parse(rusage(o64=GIB, o72=2 * GIB, o240=2 * GIB), 1e-9),
        footprint.parse(rusage(o64=GIB, o72=1 * GIB, o240=5 * GIB), 1e-9),
    ]
    peaks = Reading()
    for look in looks:
        peaks = ending.peak_of(peaks, look)
    final = ending.totals(peaks, None, Reading(thermal_state="nominal"))
    with Store.open(str(tmp_path / "a.db")) as store:
        store.begin_run(run_record())
        store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
        store.accept("run1/1", make_events(reading=final))
    with Reader.open(str(tmp_path / "a.db")) as reader:
        (found,) = reader.cells(["run1"])
    assert found.values["peak_footprint_bytes"] == (5 * GIB,)
    assert found.values["peak_rss_bytes"] == (1 * GIB,)
    text = printed(found)
    assert "peak footprint GiB" in text
    assert "peak GiB" not in text


@pytest.mark.parametrize(
    ("told", "metrics"),
    [
        ([{"peak_rss_bytes": [1.0]}], ["peak_rss_bytes"]),
        ([{"peak_rss_bytes": [1.0], "peak_footprint_bytes": [2.0]}], ["peak_footprint_bytes"]),
        ([{"peak_rss_bytes": [1.0]}, {"peak_footprint_bytes": [2.0]}], ["peak_rss_bytes", "peak_footprint_bytes"]),
        ([{"decode_tok_per_s": [1.0]}], []),
    ],
)
def test_which_peak_is_shown(told: list[dict[str, list[float]]], metrics: list[str]) -> None:
    assert peak_metrics([cell(values) for values in told]) == metrics


def test_a_simulators_process_says_nothing_of_memory() -> None:
    values = {"decode_tok_per_s": [5.0], "peak_footprint_bytes": [2.0 * GIB]}
    assert "footprint" not in printed(cell(values, backend="simulated"))
    assert "footprint" in printed(cell(values))


def test_two_macs_of_one_name_differ_in_their_gpu(tmp_path: Path) -> None:
    """An M1 is sold with 7 and with 8 GPU cores; only the stored snapshot tells."""
    with Store.open(str(tmp_path / "a.db")) as store:
        for number, n in enumerate((7, 8), start=1):
            snapshot = replace(DEVICE, fingerprint=f"m1-{n}", name="Apple M1, 8 cores", n_gpu_cores=n)
            store.begin_run(run_record(f"run{number}"))
            store.begin_launch(make_job(f"run{number}/1"), run_id=f"run{number}", block=0, position=0, arm_index=0)
            store.accept(f"run{number}/1", make_events(device=snapshot))
    with Reader.open(str(tmp_path / "a.db")) as reader:
        a, b = (Side(name=run, cells=(found,)) for run in ("run1", "run2") for found in reader.cells([run]))
    told = {d.field: (d.baseline, d.other) for d in differences(a, b, (), ())}
    assert told["GPU cores"] == ("7", "8")
    assert "GPU memory limit bytes" not in told
