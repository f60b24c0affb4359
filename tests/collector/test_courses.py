"""The course of a sustained launch: what is read out of its events."""

from dataclasses import replace
from itertools import pairwise

import pytest
from evidence_helpers import make_events, make_trace

from collector import sustained
from collector.queries.courses import Course, course, sentence, stretches, thermal_spans
from collector.sustained import Repetition
from runners.contract import Event, EventType, Reading
from runners.wire import to_wire


def repetition(number: int, rate: float = 10.0) -> Repetition:
    return Repetition(middle_s=10 * number + 5.5, end_s=10.0 * (number + 1), n_tokens=90, decode_s=90 / rate)


def of(repetitions: list[Repetition]) -> Course:
    return Course(
        repetitions=tuple(repetitions), plateau=sustained.plateau(repetitions), t50_s=sustained.t50_s(repetitions)
    )


def heated(*states: tuple[float, str | None]) -> Course:
    readings = tuple((at_s, Reading(thermal_state=state)) for at_s, state in states)
    return Course(repetitions=tuple(repetition(i) for i in range(6)), readings=readings)


def test_times_count_from_the_first_measured_request() -> None:
    traces = [replace(make_trace(), t0_ns=round((100 + i * 7.2) * 1e9)) for i in range(-1, 4)]
    reading = {"reading": to_wire(Reading(thermal_state="fair")), "phase": "iteration"}
    gate = {**reading, "phase": "gate"}
    told = [
        Event(boot="b", seq=90 + i, t_ns=105_000_000_000, type=EventType.READING, data=data)
        for i, data in enumerate((reading, gate))
    ]
    found = course([*make_events(*traces), *told])
    assert [r.end_s for r in found.repetitions] == pytest.approx([7.2, 14.4, 21.6, 28.8])
    assert [at_s for at_s, r in found.readings if r.thermal_state] == pytest.approx([5.0])
    assert found.burst_tok_per_s == found.sustained_tok_per_s == pytest.approx(5.0)
    assert (found.retained_frac, found.end_s) == pytest.approx((1.0, 28.8))


def test_of_a_launch_without_measured_traces_nothing_is_known() -> None:
    found = course([])
    assert (found.repetitions, found.burst_tok_per_s, found.sustained_tok_per_s) == ((), None, None)
    assert (found.retained_frac, found.plateau, found.end_s) == (None, None, 0.0)


def test_a_thermal_state_holds_until_the_next_reading() -> None:
    found = heated((2.0, "nominal"), (12.0, "nominal"), (25.0, "fair"), (40.0, None), (45.0, "serious"))
    assert thermal_spans(found) == [(0.0, 25.0, "nominal"), (25.0, 45.0, "fair"), (45.0, 60.0, "serious")]


def test_the_states_are_those_that_the_share_of_heat_counts() -> None:
    found = heated((2.0, "nominal"), (30.0, "fair"), (45.0, "nominal"))
    hot_s = sum(end_s - begin_s for begin_s, end_s, state in thermal_spans(found) if state != "nominal")
    told = [(at_s, str(r.thermal_state)) for at_s, r in found.readings]
    assert hot_s / found.end_s == pytest.approx(sustained.nonnominal_frac(told, found.end_s))


def test_without_a_reading_within_the_launch_there_is_no_state() -> None:
    assert thermal_spans(heated((-3.0, "nominal"))) == []
    assert thermal_spans(heated((3.0, "unheard of"))) == []


def test_many_repetitions_are_put_together() -> None:
    rows = stretches([repetition(i, 10.0 if i < 50 else 5.0) for i in range(100)], most_rows=20)
    assert len(rows) == 20
    assert {row.n_repetitions for row in rows} == {5}
    assert [rows[0].tok_per_s, rows[-1].tok_per_s] == pytest.approx([10.0, 5.0])
    assert all(a.end_s == b.begin_s for a, b in pairwise(rows))


def test_the_worst_state_and_the_highest_temperature_of_a_stretch_are_shown() -> None:
    readings = [
        (1.0, Reading(thermal_state="serious", temperature_c=95.0)),
        (2.0, Reading(thermal_state="nominal", temperature_c=60.0)),
    ]
    (row,) = stretches([repetition(0)], readings)
    assert (row.thermal_state, row.temperature_c, row.frequency_hz) == ("serious", 95.0, None)


def test_the_sentence_says_what_is_known() -> None:
    fallen = [repetition(i, 10.0 if i < 10 else 7.0) for i in range(60)]
    assert sentence(of(fallen)) == (
        "burst 10.0 tok/s, sustained 7.00: 70 % kept; settled at 7.00 tok/s after 1 min 40 s; half of the loss took "
        "1 min 40 s"
    )
    assert "no plateau" in sentence(of([repetition(i, 10.0 - i / 20) for i in range(60)]))
    assert sentence(of(fallen[:1])).startswith("one repetition only")
