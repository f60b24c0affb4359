"""Physics beside the numbers: what memory and arithmetic allow, for people."""

from collections.abc import Sequence

from rich.console import Console

from collector import numbers
from collector.cli._tables import fitted, plain_table
from collector.queries import CellResult, ceiling
from collector.queries.ceilings import SIMULATED

_HEADERS = ("GB a token", "ceiling tok/s", "decode of it", "prefill GFLOP/s")


def print_ceilings(screen: Console, cells: Sequence[CellResult]) -> None:
    """One line a cell whose decode rate has a ceiling, and what the ceiling rests on."""
    known = [cell for cell in cells if ceiling(cell).decode_ceiling_tok_per_s is not None]
    if not known:
        return
    table = plain_table("physics", *_HEADERS, right=_HEADERS)
    for cell in known:
        found = ceiling(cell)
        table.add_row(
            f"{cell.workload.name}: {cell.arm.label}",
            numbers.plain(_scaled(found.bytes_per_token)),
            numbers.plain(found.decode_ceiling_tok_per_s),
            numbers.percent(found.bandwidth_utilisation_frac),
            numbers.plain(_scaled(found.prefill_flop_per_s)),
        )
    screen.print()
    screen.print(fitted(screen, table))
    for sentence in dict.fromkeys(_basis(cell) for cell in known):
        screen.print(sentence, soft_wrap=True)


def _scaled(value: float | None) -> float | None:
    return None if value is None else value / 1e9


def _basis(cell: CellResult) -> str:
    """Where the ceiling comes from."""
    found, read = ceiling(cell), cell.bandwidth
    stated = f"{(found.bandwidth_byte_per_s or 0) / 1e9:.1f} GB/s"
    if found.bandwidth_source == "measured" and read is not None:
        how = (
            f"{stated} read by {numbers.count(read.n_threads, 'thread')} (best of {read.n_reads} reads, "
            f"median {read.median_byte_per_s / 1e9:.1f}, {read.measured_at_utc[:10]})"
        )
    elif found.bandwidth_source == SIMULATED:
        how = f"{stated} as simulated"
    else:
        beside = f"; {read.byte_per_s / 1e9:.1f} were read by its CPUs" if read is not None else ""
        how = f"{stated} as the vendor states{beside}"
    return f"ceiling: {how} over weights, keys and values of a token"
