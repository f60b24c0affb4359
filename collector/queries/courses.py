"""The course of one sustained launch: its rate, heat and clock over time, and one sentence on what it came to. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from collector import metrics, numbers, sustained
from collector.sustained import Plateau, Repetition
from runners.contract import Event, EventType, Phase, Reading, Trace
from runners.wire import from_wire

MOST_ROWS = 24
STANDS_S = 10.0
"""How long a reading of the machine stands for what comes after it: two periods of the launch's readings."""

STATES = ("nominal", "fair", "serious", "critical")
"""Thermal states, from cool to hot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """
    What one launch went through; times in seconds since the first measured request.

    Args:
        repetitions: in the order of time; empty when one of them has no decode rate.
        readings: of the machine and the worker, with the time of each; those of the gate are left out.
        plateau: where the rate settled; None when it did not.
        t50_s: until half of the loss from burst to plateau was there.
    """

    repetitions: tuple[Repetition, ...] = ()
    readings: tuple[tuple[float, Reading], ...] = ()
    plateau: Plateau | None = None
    t50_s: float | None = None

    @property
    def burst_tok_per_s(self) -> float | None:
        """Rate of the first repetition."""
        return sustained.burst_tok_per_s(self.repetitions)

    @property
    def sustained_tok_per_s(self) -> float | None:
        """Rate over the last two minutes, or the last fifth of a shorter launch."""
        return sustained.sustained_tok_per_s(self.repetitions)

    @property
    def retained_frac(self) -> float | None:
        """Sustained over burst."""
        burst, lasting = self.burst_tok_per_s, self.sustained_tok_per_s
        return lasting / burst if burst and lasting else None

    @property
    def end_s(self) -> float:
        """When the last repetition ended; 0 without any."""
        return self.repetitions[-1].end_s if self.repetitions else 0.0


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


def course(events: Iterable[Event]) -> Course:
    """The course that the events of a launch tell, as a reader gives them."""
    traces, readings = _evidence(events)
    repetitions = metrics.repetitions(traces)
    return Course(
        repetitions=repetitions,
        readings=readings,
        plateau=sustained.plateau(repetitions),
        t50_s=sustained.t50_s(repetitions),
    )


def thermal_spans(found: Course) -> list[tuple[float, float, str]]:
    """
    Begin, end and thermal state of each time in which it did not change; empty where no reading within told.

    A state holds until the next reading, the first one also for the time before it: as ``nonnominal_frac`` counts.
    """
    known = sorted((at_s, r.thermal_state) for at_s, r in found.readings if r.thermal_state in STATES)
    if not any(0 <= at_s <= found.end_s for at_s, _ in known):
        return []
    spans: list[tuple[float, float, str]] = []
    starts = [0.0, *(min(max(at_s, 0.0), found.end_s) for at_s, _ in known[1:])]
    for begin_s, end_s, (_, state) in zip(starts, [*starts[1:], found.end_s], known, strict=True):
        if end_s <= begin_s or state is None:
            continue
        if spans and spans[-1][2] == state:
            spans[-1] = (spans[-1][0], end_s, state)
        else:
            spans.append((begin_s, end_s, state))
    return spans


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
        states = [r.thermal_state for r in seen if r.thermal_state in STATES]
        clocks = [r.frequency_hz for r in seen if r.frequency_hz is not None]
        row = Stretch(
            begin_s=begin_s,
            end_s=end_s,
            n_repetitions=len(group),
            tok_per_s=sustained.rate(group),
            thermal_state=max(states, key=STATES.index, default=None),
            temperature_c=max((r.temperature_c for r in seen if r.temperature_c is not None), default=None),
            frequency_hz=fmean(clocks) if clocks else None,
        )
        found.append(row)
        begin_s = end_s
    return found


def sentence(found: Course) -> str:
    """'burst 11.1 tok/s, sustained 8.40: 76 % kept; settled at 8.40 tok/s after 2 min; half of the loss took 48 s'."""
    burst, lasting = found.burst_tok_per_s, found.sustained_tok_per_s
    if burst is None or lasting is None:
        return "one repetition only: nothing can be said of how the rate lasts"
    kept = numbers.percent(lasting / burst)
    words = [f"burst {numbers.plain(burst)} tok/s, sustained {numbers.plain(lasting)}: {kept} kept"]
    if found.plateau is None:
        words.append("no plateau: the rate has not settled, or the launch was too short to tell")
    elif found.plateau.begin_s == 0:
        words.append(f"steady at {numbers.plain(found.plateau.tok_per_s)} tok/s")
    else:
        after = numbers.duration(found.plateau.begin_s)
        words.append(f"settled at {numbers.plain(found.plateau.tok_per_s)} tok/s after {after}")
    if found.t50_s is not None:
        words.append(f"half of the loss took {numbers.duration(found.t50_s)}")
    return "; ".join(words)


def _evidence(events: Iterable[Event]) -> tuple[tuple[Trace, ...], tuple[tuple[float, Reading], ...]]:
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


def _seen(readings: Sequence[tuple[float, Reading]], begin_s: float, end_s: float) -> list[Reading]:
    inside = [reading for at_s, reading in readings if begin_s <= at_s < end_s]
    before = [(at_s, reading) for at_s, reading in readings if begin_s - STANDS_S <= at_s < begin_s]
    return inside or [reading for _, reading in before[-1:]]
