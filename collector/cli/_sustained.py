"""A sustained launch as it went on: rate, heat and clock over time, and one sentence on what it came to."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector import metrics, numbers, sustained
from collector.cli._tables import plain_table
from collector.sustained import Repetition
from runners.contract import Event, EventType, Phase, Reading, Trace
from runners.wire import from_wire

MOST_ROWS = 24
STANDS_S = 10.0
"""How long a reading of the machine stands for what comes after it: two periods of the launch's readings."""

_STATES = ("nominal", "fair", "serious", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """
    One row: some repetitions in a row, and the machine meanwhile; times in seconds since the first request.

    ``thermal_state`` and ``temperature_c`` are the worst and highest of its readings, ``frequency_hz`` their mean; None
    where no reading told.
    """

    begin_s: float
    end_s: float
    n_repetitions: int
    tok_per_s: float
    thermal_state: str | None = None
    temperature_c: float | None = None
    frequency_hz: float | None = None


def print_over_time(screen: Console, events: Iterable[Event]) -> None:
    """The table and the sentence; nothing for a launch that has no rates. ``events`` as a reader gives them."""
    traces, readings = evidence(events)
    repetitions = metrics.repetitions(traces)
    if not repetitions:
        return
    screen.print()
    screen.print(_table(stretches(repetitions, readings)))
    screen.print(Text(sentence(repetitions)), soft_wrap=True)


def evidence(events: Iterable[Event]) -> tuple[tuple[Trace, ...], tuple[tuple[float, Reading], ...]]:
    """Measured traces, and readings with their seconds since the first measured request."""
    traces: list[Trace] = []
    readings: list[tuple[int, Reading]] = []
    for event in events:
        if event.type is EventType.ITERATION and not event.data["is_warmup"]:
            traces.append(from_wire(Trace, event.data["trace"]))
        elif event.type is EventType.READING and event.data.get("phase") != Phase.GATE:
            readings.append((event.t_ns, from_wire(Reading, event.data["reading"])))
    begin_ns = min((trace.t0_ns for trace in traces), default=0)
    return tuple(traces), tuple(((t_ns - begin_ns) / 1e9, reading) for t_ns, reading in readings)


def stretches(
    repetitions: Sequence[Repetition], readings: Sequence[tuple[float, Reading]] = (), most_rows: int = MOST_ROWS
) -> list[Stretch]:
    """
    One row a repetition, or one for several, always as many, where there are more than ``most_rows``.

    A stretch without a reading of its own has the one before, if that is no older than ``STANDS_S``.
    """
    size = max(1, math.ceil(len(repetitions) / most_rows))
    found, begin_s = [], 0.0
    for start in range(0, len(repetitions), size):
        group = repetitions[start : start + size]
        end_s = group[-1].end_s
        seen = _seen(readings, begin_s, end_s)
        states = [r.thermal_state for r in seen if r.thermal_state in _STATES]
        clocks = [r.frequency_hz for r in seen if r.frequency_hz is not None]
        row = Stretch(
            begin_s=begin_s,
            end_s=end_s,
            n_repetitions=len(group),
            tok_per_s=sustained.rate(group),
            thermal_state=max(states, key=_STATES.index, default=None),
            temperature_c=max((r.temperature_c for r in seen if r.temperature_c is not None), default=None),
            frequency_hz=fmean(clocks) if clocks else None,
        )
        found.append(row)
        begin_s = end_s
    return found


def _seen(readings: Sequence[tuple[float, Reading]], begin_s: float, end_s: float) -> list[Reading]:
    inside = [reading for at_s, reading in readings if begin_s <= at_s < end_s]
    before = [(at_s, reading) for at_s, reading in readings if begin_s - STANDS_S <= at_s < begin_s]
    return inside or [reading for _, reading in before[-1:]]


def sentence(repetitions: Sequence[Repetition]) -> str:
    """'burst 11.1 tok/s, sustained 8.40: 76 % kept; settled at 8.40 tok/s after 2 min; half of the loss took 48 s'."""
    burst, lasting = sustained.burst_tok_per_s(repetitions), sustained.sustained_tok_per_s(repetitions)
    if burst is None or lasting is None:
        return "one repetition only: nothing can be said of how the rate lasts"
    words = [f"burst {numbers.plain(burst)} tok/s, sustained {numbers.plain(lasting)}: {lasting / burst:.0%} kept"]
    settled, half_s = sustained.plateau(repetitions), sustained.t50_s(repetitions)
    if settled is None:
        words.append("no plateau: the rate has not settled, or the launch was too short to tell")
    elif settled.begin_s == 0:
        words.append(f"steady at {numbers.plain(settled.tok_per_s)} tok/s")
    else:
        words.append(f"settled at {numbers.plain(settled.tok_per_s)} tok/s after {numbers.duration(settled.begin_s)}")
    if half_s is not None:
        words.append(f"half of the loss took {numbers.duration(half_s)}")
    return "; ".join(words)


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
