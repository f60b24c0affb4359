"""CSV: whole or not at all, exact, blank where unknown, harmless in a spreadsheet."""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_helpers import make_events, make_trace

from collector import export
from collector.errors import PhibenchError
from collector.queries import Reader
from runners.contract import Reading

Add = Callable[..., str]


def table(columns: tuple[str, ...], rows: object) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    export.write_csv(out, columns, rows)  # type: ignore[arg-type]
    assert "\r\n" in out.getvalue()
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def test_one_row_a_cell_with_its_interval(db: str, add_launch: Add) -> None:
    for block in range(6):
        add_launch(make_events(*(make_trace(gap_ns=200_000_000 + block * 1_000_000),) * 2), block=block)
    with Reader.open(db) as reader:
        (row,) = table(export.COMPARISON_COLUMNS, export.comparison_rows(reader.cells()))
    low, value, high = (float(row[f"decode_tok_per_s{end}"]) for end in ("_ci_low", "", "_ci_high"))
    assert low < value < high
    assert float(row["ci_level_exact"]) == pytest.approx(0.96875)
    assert (row["n_launches"], row["workload"], row["model"], row["os_name"]) == ("6", "chat", "m", "Linux")
    assert row["kernel_decode_tok_per_s"] == row["peak_footprint_bytes"] == ""


def test_below_six_launches_the_interval_is_blank(db: str, add_launch: Add) -> None:
    add_launch()
    with Reader.open(db) as reader:
        (row,) = table(export.COMPARISON_COLUMNS, export.comparison_rows(reader.cells()))
    assert (row["decode_tok_per_s"], row["decode_tok_per_s_ci_low"], row["ci_level_exact"]) == ("5.0", "", "")


def test_a_failed_cell_has_its_reason_and_no_values(db: str, add_launch: Add) -> None:
    add_launch(make_events(failure={"kind": "model_invalid", "message": "=cut", "remedy": "fetch it again"}))
    with Reader.open(db) as reader:
        cells = reader.cells()
    for columns, rows in (
        (export.COMPARISON_COLUMNS, export.comparison_rows(cells)),
        (export.LONG_COLUMNS, export.long_rows(cells)),
    ):
        (row,) = table(columns, rows)
        assert (row["failure_kind"], row["failure_message"], row["n_failed"]) == ("model_invalid", "'=cut", "1")
        assert row.get("decode_tok_per_s", "") == ""


def test_the_long_form_names_definition_and_unit(db: str, add_launch: Add) -> None:
    add_launch()
    with Reader.open(db) as reader:
        rows = {r["metric"]: r for r in table(export.LONG_COLUMNS, export.long_rows(reader.cells()))}
    ttft = rows["ttft_s"]
    assert (ttft["definition_id"], ttft["unit"], ttft["better"], ttft["value"]) == (
        "ttft.tokens_ready",
        "s",
        "lower",
        "1.0",
    )


def test_samples_hold_warmups_marked(db: str, add_launch: Add) -> None:
    add_launch()
    with Reader.open(db) as reader:
        out = io.StringIO(newline="")
        assert export.write_samples(out, reader.samples()) == 2
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert [r["is_warmup"] for r in rows] == ["true", "false"]
    assert rows[1]["ttft_s"] == "1.0"
    assert rows[1]["token_hash"] == "ab12"


def test_links_stay_links_and_devices_stay_devices(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    export.write_csv(tmp_path / "link.csv", ("a",), [{"a": 1}])
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().splitlines() == ["a", "1"]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    export.write_csv(pipe, ("a",), [{"a": 2}])
    assert pipe.is_fifo()
    assert os.read(reader, 100) == b"a\r\n2\r\n"
    os.close(reader)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_formulas_are_defused_and_numbers_stay_numbers(text: str) -> None:
    assert export.defused(text) == f"'{text}"
    assert export.defused(-1.5) == -1.5
    assert export.defused(None) is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out" / "x.csv"
    assert export.write_csv(path, ("a",), [{"a": 1}]) == 1
    before = path.read_bytes()

    def broken() -> object:
        yield {"a": 2}
        raise OSError(28, "No space left on device")

    with pytest.raises(PhibenchError, match="No space left"):
        export.write_csv(path, ("a",), broken())  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["x.csv"]


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhibenchError, match="cannot be written"):
        export.write_csv(tmp_path / "file" / "x.csv", ("a",), [])


def test_a_metric_with_fewer_values_does_not_change_the_level_of_the_row(db: str, add_launch: Add) -> None:
    readings = [Reading(peak_rss_bytes=1200, n_major_faults=0) for _ in range(5)] + [Reading(peak_rss_bytes=1200)]
    for block, reading in enumerate(readings):
        add_launch(make_events(reading=reading), block=block)
    with Reader.open(db) as reader:
        (row,) = table(export.COMPARISON_COLUMNS, export.comparison_rows(reader.cells()))
    assert float(row["ci_level_exact"]) == pytest.approx(0.96875)
    assert row["ci_method"].startswith("Hodges-Lehmann on logs")
    assert "n_major_faults: n = 5" in row["ci_method"]


def test_a_chunked_rate_has_the_definition_of_chunks(db: str, add_launch: Add) -> None:
    chunked = make_trace(n_tokens=(2,) * 32, granularity="chunk")
    add_launch(make_events(chunked, chunked))
    with Reader.open(db) as reader:
        rows = {r["metric"]: r for r in table(export.LONG_COLUMNS, export.long_rows(reader.cells()))}
    assert rows["decode_tok_per_s"]["definition_id"] == "decode.gap_chunk1"
    assert "itl_p50_s" not in rows


def test_samples_stand_beside_their_own_launch_and_are_defused(db: str, add_launch: Add) -> None:
    for block in (0, 1):
        add_launch(make_events(*(make_trace(gap_ns=10**8 * (block + 1), finish_reason="=1+1"),) * 2), block=block)
    out = io.StringIO(newline="")
    with Reader.open(db) as reader:
        export.write_samples(out, reader.samples(["run1"]))
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert [(r["launch_id"], r["block"], r["decode_tok_per_s"]) for r in rows] == [
        ("run1/1", "0", "10.0"),
        ("run1/1", "0", "10.0"),
        ("run1/2", "1", "5.0"),
        ("run1/2", "1", "5.0"),
    ]
    assert {r["finish_reason"] for r in rows} == {"'=1+1"}
    assert {(r["device"], r["os_name"], r["engine_version"]) for r in rows} == {("Test CPU, 2 cores", "Linux", "1.0")}
