"""A sustained launch shown over time."""

import io
from dataclasses import replace

from evidence_helpers import make_events, make_trace
from rich.console import Console

from collector.cli import _sustained
from runners.contract import Event, EventType, Reading
from runners.wire import to_wire


def shown(events: list[Event]) -> list[str]:
    out = io.StringIO()
    _sustained.print_over_time(Console(file=out, width=120), events)
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]


def launch(n: int, *readings: tuple[float, Reading], gap_ns: int = 200_000_000) -> list[Event]:
    """Repetitions of 7.2 s; readings by second; the first trace is the warm-up."""
    traces = [replace(make_trace(gap_ns=gap_ns), t0_ns=round((100 + i * 7.2) * 1e9)) for i in range(-1, n)]
    events = make_events(*traces)
    for at_s, reading in readings:
        data = {"reading": to_wire(reading), "phase": "iteration"}
        t_ns = round((100 + at_s) * 1e9)
        events.append(Event(boot="b", seq=len(events), t_ns=t_ns, type=EventType.READING, data=data))
    return events


def test_each_repetition_has_its_heat_and_its_clock() -> None:
    cool, hot = Reading(thermal_state="nominal", frequency_hz=3e9), Reading(thermal_state="fair", frequency_hz=2e9)
    lines = shown(launch(5, (1.0, cool), (8.0, cool), (12.0, hot)))
    assert lines == [
        "from s to s repetitions decode tok/s thermal state GHz",
        "0 7 1 5.00 nominal 3.00",
        "7 14 1 5.00 fair 2.50",
        "14 22 1 5.00 fair 2.00",
        "22 29 1 5.00 fair 2.00",
        "29 36 1 5.00 — —",
        "burst 5.00 tok/s, sustained 5.00: 100 % kept; steady at 5.00 tok/s",
    ]


def test_what_the_machine_does_not_say_has_no_column() -> None:
    assert shown(launch(3))[0] == "from s to s repetitions decode tok/s"


def test_a_launch_without_rates_shows_nothing() -> None:
    assert shown([]) == []
