"""A sustained launch as it went on, as a table: rate, heat and clock over time, and what it came to."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector import numbers
from collector.cli._tables import plain_table
from collector.queries.courses import Stretch, course, sentence, stretches
from runners.contract import Event


def print_over_time(screen: Console, events: Iterable[Event]) -> None:
    """The table and the sentence; nothing for a launch that has no rates. ``events`` as a reader gives them."""
    found = course(events)
    if not found.repetitions:
        return
    screen.print()
    screen.print(_table(stretches(found.repetitions, found.readings)))
    screen.print(Text(sentence(found)), soft_wrap=True)


def _table(rows: Sequence[Stretch]) -> Table:
    """Columns of which nothing is known are left out."""
    columns: list[tuple[str, list[str | None]]] = [
        ("from s", [f"{row.begin_s:.0f}" for row in rows]),
        ("to s", [f"{row.end_s:.0f}" for row in rows]),
        ("repetitions", [str(row.n_repetitions) for row in rows]),
        ("decode tok/s", [numbers.plain(row.tok_per_s) for row in rows]),
        ("thermal state", [row.thermal_state for row in rows]),
        ("°C", [None if row.temperature_c is None else f"{row.temperature_c:.0f}" for row in rows]),
        ("GHz", [None if row.frequency_hz is None else f"{row.frequency_hz / 1e9:.2f}" for row in rows]),
    ]
    shown = [(header, cells) for header, cells in columns if any(cell is not None for cell in cells)]
    table = plain_table(*(header for header, _ in shown), right=[h for h, _ in shown if h != "thermal state"])
    for cells in zip(*(cells for _, cells in shown), strict=True):
        table.add_row(*(numbers.UNKNOWN if cell is None else cell for cell in cells))
    return table
