"""What the pages about runs read: runs of a series, counts, gates, how far a run came, raw traces."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from evidence_helpers import CHAT, make_events, make_job, make_trace, run_record

from collector.queries import Reader, engine_rates, event_lines, traces
from collector.store import Store
from runners.contract import Event, EventType, Granularity
from runners.wire import to_wire

MODEL = to_wire(make_job().model)
PLAN = {"arms": [{"model": MODEL, "engine": "llama_cpp", "options": {}}], "workloads": [to_wire(CHAT)], "n_blocks": 4}
FAILURE = {"kind": "crashed", "message": "it broke"}
GATE = {"reading": {}, "phase": "gate", "waited_s": 3.5, "unmet": ["is_mains_power"], "unknown": ["min_free_bytes"]}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Two runs of one cell; in the second a launch failed and another waits at its gate."""
    db = str(tmp_path / "a.db")
    with Store.open(db) as store:
        for run_id in ("one", "two"):
            store.begin_run(run_record(run_id, plan=PLAN))
            launch(store, f"{run_id}/1", make_events())
        launch(store, "two/2", make_events(failure=FAILURE))
        launch(store, "two/3", _at_the_gate())
        store.end_run("one", "all blocks done")
    return db


@pytest.fixture
def reader(url: str) -> Iterator[Reader]:
    with Reader.open(url) as found:
        yield found


def launch(store: Store, launch_id: str, events: list[Event]) -> None:
    run_id, _, number = launch_id.partition("/")
    job = make_job(launch_id)
    store.begin_launch(job, run_id=run_id, block=int(number) - 1, position=0, arm_index=0)
    store.accept(launch_id, events)


def _at_the_gate() -> list[Event]:
    return [
        Event(boot="gate", seq=0, t_ns=0, type=EventType.STARTING, data={"phase": "gate", "index": 0}),
        Event(boot="gate", seq=1, t_ns=1, type=EventType.READING, data=GATE),
    ]


def test_the_runs_of_a_series_are_found_the_newest_first(reader: Reader) -> None:
    (one,) = reader.series()
    assert one.n_runs == 2
    assert reader.history(one) == ["two", "one"]


def test_another_arm_workload_or_device_has_no_history(reader: Reader) -> None:
    (one,) = reader.series()
    assert reader.history(replace(one, fingerprint="another")) == []
    assert reader.history(replace(one, arm=replace(one.arm, quant="q8_0"))) == []
    assert reader.history(replace(one, workload=replace(one.workload, n_prompt_tokens=1))) == []
    assert reader.history(replace(one, is_sustained=True)) == []


def test_launches_are_counted_by_how_they_ended(reader: Reader) -> None:
    found = reader.counts(["one", "two", "gone"])
    assert set(found) == {"one", "two"}
    two = found["two"]
    assert (two.n_done, two.n_failed, two.n_open, two.n_orphaned) == (1, 1, 1, 0)


def test_a_gate_says_how_long_it_waited_and_what_did_not_hold(reader: Reader) -> None:
    found = reader.surroundings("two")
    assert found["two/1"].waited_s is None
    assert found["two/1"].engine == "llama_cpp 1.0"
    assert found["two/3"].waited_s == 3.5
    assert found["two/3"].unmet == ("is_mains_power",)
    assert found["two/3"].unknown == ("min_free_bytes",)
    assert found["two/3"].device is None


def test_progress_names_the_newest_launch_and_what_it_does(reader: Reader) -> None:
    now = reader.progress("two")
    assert (now.n_planned, now.launch_id, now.phase) == (4, "two/3", "gate")
    assert now.cell == "m q4_0, chat"
    (decode, first) = now.narrowing
    assert (decode.metric, first.metric) == ("decode_tok_per_s", "ttft_s")
    assert decode.estimate.n == 1
    assert not decode.is_ratio


def test_the_newest_event_is_timed_by_the_clock_of_its_launch(url: str) -> None:
    hello = make_events()[0]
    later = Event(boot="b", seq=1, t_ns=90_000_000_000, type=EventType.STARTING, data={"phase": "load", "index": 0})
    with Store.open(url) as store:
        launch(store, "two/4", [hello, later])
    with Reader.open(url) as reader:
        now = reader.progress("two")
    assert (now.phase, now.last_event_at_utc) == ("load", "2026-01-01T00:01:30.000+00:00")


def test_a_run_without_a_launch_is_at_its_beginning(url: str) -> None:
    with Store.open(url) as store:
        store.begin_run(run_record("three", plan=PLAN))
    with Reader.open(url) as reader:
        now = reader.progress("three")
    assert (now.launch_id, now.phase, now.narrowing) == (None, None, ())
    assert now.last_event_at_utc == "2026-01-01T00:00:00+00:00"


def test_traces_have_their_gaps_and_the_limit_of_a_stall(reader: Reader) -> None:
    warmup, measured = traces(reader.events("one/1"))
    assert (warmup.is_warmup, measured.is_warmup) == (True, False)
    assert measured.first_s == 1.0
    assert len(measured.gaps_s) == 31
    assert measured.stall_s == pytest.approx(0.8)


def test_a_stream_in_pieces_says_why_it_has_no_timeline() -> None:
    pieces = make_trace(n=3, granularity=Granularity.CHUNK, n_tokens=(1, 4, 4))
    (row,) = traces([Event(boot="b", seq=2, t_ns=1, type=EventType.ITERATION, data=_iteration(to_wire(pieces)))])
    assert row.gaps_s == ()
    assert "several tokens came at once" in row.why_no_gaps


def _iteration(trace: object) -> dict[str, object]:
    return {"index": 0, "is_warmup": False, "trace": trace}


def test_events_are_lines_that_can_be_read_back(reader: Reader) -> None:
    lines = event_lines(reader.events("one/1")).splitlines()
    assert [json.loads(line)["type"] for line in lines] == [str(e.type) for e in reader.events("one/1")]


def test_the_engines_own_rates_are_of_its_last_generation() -> None:
    reported = [
        {"iteration": None, "metric": "n_eval", "value": 7.0},
        *({"iteration": 0, "metric": name, "value": value} for name, value in (("n_eval", 31.0), ("t_eval_ms", 100.0))),
        *({"iteration": 1, "metric": name, "value": value} for name, value in (("n_eval", 31.0), ("t_eval_ms", 310.0))),
        {"iteration": 1, "metric": "n_p_eval", "value": 0.0},
    ]
    assert engine_rates(reported) == {"decode_tok_per_s": pytest.approx(100.0)}
