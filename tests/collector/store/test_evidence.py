"""What a gate saw and what a sustained launch came to, as flags and figures of the stored launch."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from evidence_helpers import make_events, make_job, make_trace

from collector.queries import Reader
from collector.store import Store
from runners.contract import Event, EventType, Flag, Gate, Reading
from runners.wire import WireError, to_wire

Add = Callable[..., str]
GATE = Gate(max_other_cpu_cores=0.25, is_thermal_nominal=True, is_mains_power=True, longest_wait_s=30.0)


def gate_events(reading: Reading | None = None, **seen: Any) -> list[Event]:
    """What a local launch's gate tells, under a boot of its own."""
    data = {"reading": to_wire(reading or Reading(other_cpu_cores=0.1)), "phase": "gate", "waited_s": 1.0} | seen
    starting = Event(boot="gate", seq=0, t_ns=1, type=EventType.STARTING, data={"phase": "gate", "index": 0})
    return [starting, Event(boot="gate", seq=1, t_ns=2, type=EventType.READING, data=data)]


def flags_of(db: str, launch_id: str) -> set[str]:
    with Reader.open(db) as reader:
        return set(reader.launch(launch_id).launch.flags)


@pytest.mark.parametrize(
    ("gate", "seen", "flags"),
    [
        (GATE, gate_events(unmet=[], unknown=[]), set()),
        (GATE, gate_events(unmet=[], unknown=["is_mains_power"]), set()),
        (GATE, gate_events(Reading(other_cpu_cores=1.3), unmet=["max_other_cpu_cores"]), {Flag.UNGATED}),
        (GATE, gate_events(Reading(thermal_state="nominal"), unmet=["is_thermal_nominal"]), {Flag.UNGATED}),
        (GATE, gate_events(Reading(thermal_state="fair"), unmet=["is_thermal_nominal"]), {Flag.UNGATED, Flag.HOT}),
        (GATE, gate_events(Reading(is_on_battery=True), unmet=["is_mains_power"]), {Flag.UNGATED, Flag.ON_BATTERY}),
        (GATE, [], {Flag.UNGATED}),
        (None, [], {Flag.UNGATED}),
    ],
)
def test_a_gate_that_did_not_hold_or_did_not_speak_is_flagged(
    db: str, add_launch: Add, gate: Gate | None, seen: list[Event], flags: set[Flag]
) -> None:
    assert flags_of(db, add_launch([*seen, *make_events()], gate=gate)) == flags


def test_the_last_word_of_a_gate_counts(db: str, add_launch: Add) -> None:
    first, again = gate_events(unmet=["max_other_cpu_cores"]), gate_events(unmet=[])[1]
    assert flags_of(db, add_launch([*first, replace(again, seq=2), *make_events()], gate=GATE)) == set()


def test_what_the_gate_saw_is_none_of_the_workers_peaks(db: str, add_launch: Add) -> None:
    huge = gate_events(Reading(peak_rss_bytes=1 << 50, disk_read_bytes=1 << 50), unmet=[])
    launch_id = add_launch([*huge, *make_events()], gate=GATE)
    with Reader.open(db) as reader:
        launch = reader.launch(launch_id).launch
    assert launch.stats["peak_rss_bytes"] == 1200
    assert Flag.COLD_CACHE not in launch.flags


def test_throttling_between_the_gate_and_the_end_is_seen(db: str, add_launch: Add) -> None:
    before = gate_events(Reading(throttle_count=7), unmet=[])
    assert flags_of(db, add_launch([*before, *make_events(reading=Reading(throttle_count=9))], gate=GATE)) == {Flag.HOT}
    assert flags_of(db, add_launch([*before, *make_events(reading=Reading(throttle_count=7))], gate=GATE)) == set()


def test_how_long_the_gate_took_is_stored(db: str, add_launch: Add) -> None:
    add_launch([*gate_events(waited_s=12.5), *make_events()], gate=GATE)
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT gate_waited_s FROM launch").fetchone() == (12.5,)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ({"waited_s": "long"}, "reading.waited_s: 'long'"),
        ({"waited_s": True}, "reading.waited_s"),
        ({"waited_s": -1.0}, "reading.waited_s"),
        ({"unmet": "is_mains_power"}, "reading.unmet"),
        ({"unmet": [1]}, "reading.unmet"),
        ({"unknown": {}}, "reading.unknown"),
    ],
)
def test_nonsense_of_a_gate_is_refused_at_the_door(store: Store, seen: dict[str, Any], message: str) -> None:
    store.begin_launch(make_job(gate=GATE), run_id="run1", block=0, position=0, arm_index=0)
    with pytest.raises(WireError, match=message):
        store.accept("run1/1", gate_events(**seen))


def long_events(*states: str, state_before: str | None = None) -> list[Event]:
    """A launch of 22 repetitions, 7.2 s each, and a reading of the machine at each 20 s from 0 on."""
    traces = [replace(make_trace(), t0_ns=round(i * 7.2e9)) for i in range(-1, 22)]
    *events, final, done = make_events(*traces)
    if state_before is not None:
        hello = {**events[0].data, "reading": to_wire(Reading(thermal_state=state_before))}
        events[0] = replace(events[0], data=hello)
    for number, state in enumerate(states):
        data = {"reading": to_wire(Reading(thermal_state=state, throttle_count=number)), "phase": "iteration"}
        events.append(Event(boot="b", seq=len(events), t_ns=20_000_000_000 * number, type=EventType.READING, data=data))
    ends = [replace(event, seq=len(events) + i, t_ns=300_000_000_000) for i, event in enumerate((final, done))]
    return [*events, *ends]


def test_a_sustained_launch_has_rows_of_its_own_and_keeps_its_samples(db: str, add_launch: Add) -> None:
    launch_id = add_launch(long_events("nominal", "fair"), gate=None, duration_s=150.0)
    with Reader.open(db) as reader:
        detail = reader.launch(launch_id)
    stats = detail.launch.stats
    assert stats["burst_tok_per_s"] == pytest.approx(5.0)
    assert stats["sustained_tok_per_s"] == pytest.approx(5.0)
    assert stats["retained_frac"] == pytest.approx(1.0)
    assert stats["nonnominal_frac"] == pytest.approx(1 - 20 / (21 * 7.2 + 7.2))
    assert {"peak_rss_bytes", "load_s", "cpu_share"} <= stats.keys()
    assert not {"decode_tok_per_s", "ttft_s", "prefill_tok_per_s", "e2e_s", "itl_p50_s"} & stats.keys()
    assert [s["decode_tok_per_s"] for s in detail.samples] == pytest.approx([5.0] * 23)


def test_heat_that_a_sustained_launch_makes_itself_is_no_doubt(db: str, add_launch: Add) -> None:
    hot = ("nominal", "fair", "serious")
    assert Flag.HOT not in flags_of(db, add_launch(long_events(*hot), duration_s=150.0))
    assert Flag.HOT in flags_of(db, add_launch(long_events(*hot, state_before="fair"), duration_s=150.0))
    assert Flag.HOT in flags_of(db, add_launch(long_events(*hot))), "an ordinary launch must not get hot"
