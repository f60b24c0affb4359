"""Results as tables that people can read: values with their intervals, doubt in its own column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector import numbers, stats
from collector.queries import CellResult, ceiling
from runners import interpreter

_ENDLESS = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """One metric as a column."""

    metric: str

    @property
    def header(self) -> str:
        """With its unit."""
        return numbers.header(self.metric)

    def text(self, cell: CellResult) -> str:
        """'4.81 ± 0.05', '4.81 ·n=3', or a dash; a simulator's process says nothing about memory."""
        values = cell.values.get(self.metric, ())
        if not values or (self.metric.startswith("peak_") and cell.backend == "simulated"):
            return numbers.UNKNOWN
        found = stats.interval(values)
        return numbers.with_interval(found.value, found.low, found.high, found.n, numbers.scale(self.metric))


@dataclass(frozen=True, slots=True)
class CeilingColumn:
    """How much of the memory's bandwidth the decode rate uses: 100 % is the ceiling that physics sets."""

    header: str = "of ceiling"

    def text(self, cell: CellResult) -> str:
        """'58 %', or a dash where the bandwidth or the model's shape is unknown."""
        return numbers.percent(ceiling(cell).bandwidth_utilisation_frac)


GENERATION_COLUMNS = (
    Column("decode_tok_per_s"),
    CeilingColumn(),
    Column("ttft_s"),
    Column("prefill_tok_per_s"),
)
KERNEL_COLUMNS = (
    Column("kernel_prefill_tok_per_s"),
    Column("kernel_decode_tok_per_s"),
    CeilingColumn(),
)
SUSTAINED_COLUMNS = (
    Column("burst_tok_per_s"),
    Column("sustained_tok_per_s"),
    Column("retained_frac"),
    Column("plateau_tok_per_s"),
)


def print_cells(console: Console, cells: Sequence[CellResult]) -> None:
    """One table a workload; failed cells say why below it."""
    by_workload: dict[str, list[CellResult]] = {}
    for cell in cells:
        by_workload.setdefault(cell.workload.name, []).append(cell)
    for name, group in by_workload.items():
        console.print()
        console.print(fitted(console, _table(name, group)))
        for cell in group:
            for failure in cell.failures:
                console.print(Text(f"{cell.arm.label}: {failure.kind}: {failure.message}"), soft_wrap=True)
                if failure.remedy:
                    console.print(Text(f"  Try: {failure.remedy}"), soft_wrap=True)
    sentence = versions(cells)
    if sentence:
        console.print()
        console.print(Text(sentence), soft_wrap=True)


def versions(cells: Iterable[CellResult]) -> str | None:
    """Which version of its engine each interpreter has; None unless an arm names an interpreter of its own."""
    found = {}
    for cell in cells:
        name = f"python={interpreter.label(cell.arm.python)}" if cell.arm.python else "here"
        found[cell.arm.engine, name] = (cell.machine and cell.machine.engine_version) or "unknown"
    if all(name == "here" for _, name in found):
        return None
    return "versions: " + "; ".join(f"{engine} {version} {name}" for (engine, name), version in found.items())


def plain_table(*headers: str, right: Sequence[str] = ()) -> Table:
    """A borderless table with right-aligned number columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, justify="right" if header in right else "left", overflow="fold")
    return table


def fitted(console: Console, table: Table) -> Table:
    """
    The table for a console that may be too narrow: columns of text give way first, between words and never inside one.

    Without it ``python=work/new`` and the names of flags would be broken, or cut at the edge.
    """
    excess = console.measure(table, options=console.options.update(max_width=_ENDLESS)).maximum - console.width
    texts = [(column, [column.header, *column.cells]) for column in table.columns if column.justify == "left"]
    for column, cells in sorted(texts, key=lambda pair: -max(len(str(cell)) for cell in pair[1])):
        if excess <= 0:
            break
        natural = max(len(str(cell)) for cell in cells)
        longest_word = max(len(word) for cell in cells for word in str(cell).split() or [""])
        column.width = max(longest_word, natural - excess)
        excess -= natural - column.width
    return table


def _table(name: str, cells: Sequence[CellResult]) -> Table:
    columns = [c for c in _columns(cells) if any(c.text(cell) != numbers.UNKNOWN for cell in cells)]
    title = f"{name} {cells[0].workload.shape_label}"
    table = plain_table(title, *(c.header for c in columns), "doubt", right=[c.header for c in columns])
    for cell in cells:
        table.add_row(cell.arm.label, *(c.text(cell) for c in columns), ", ".join(doubts(cell)))
    return table


def _columns(cells: Sequence[CellResult]) -> Sequence[Column | CeilingColumn]:
    peaks = [Column(metric) for metric in peak_metrics(cells)]
    if any(cell.values.get("burst_tok_per_s") for cell in cells):
        return [*SUSTAINED_COLUMNS, *peaks]
    return [*(KERNEL_COLUMNS if cells[0].workload.kind == "kernel" else GENERATION_COLUMNS), *peaks]


def peak_metrics(cells: Iterable[CellResult]) -> list[str]:
    """
    What a process' peak is counted by: the footprint where it is told, else RSS; both when the cells differ in that.

    RSS misses the buffers of Metal, so on a Mac it is not shown beside the footprint.
    """
    told = {
        next((metric for metric in ("peak_footprint_bytes", "peak_rss_bytes") if cell.values.get(metric)), None)
        for cell in cells
    }
    return [metric for metric in ("peak_rss_bytes", "peak_footprint_bytes") if metric in told]


def doubts(cell: CellResult) -> list[str]:
    """The words of the last column: flags, and how many launches failed."""
    words = list(cell.flags)
    if cell.n_failed:
        words.append(f"{cell.n_failed} failed")
    return words
