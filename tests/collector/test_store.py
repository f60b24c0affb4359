"""The writer: idempotent, whole, honest about doubt, and nothing that it acknowledged is ever lost."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from evidence_helpers import CHAT, DEVICE, make_events, make_job, make_trace, run_record

from collector.errors import StoreError
from collector.queries import Reader
from collector.store import Store
from runners.contract import Event, EventType, Flag, Loaded, Reading
from runners.wire import WireError, to_wire

Add = Callable[..., str]


def flags_of(db: str, launch_id: str) -> set[str]:
    with Reader.open(db) as reader:
        return set(reader.launch(launch_id).launch.flags)


def rows(db: str, table: str) -> int:
    with sqlite3.connect(db) as connection:
        count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return count


def test_what_goes_in_comes_out(store: Store, db: str, add_launch: Add) -> None:
    events = make_events()
    launch_id = add_launch(events)
    with Reader.open(db) as reader:
        assert list(reader.events(launch_id)) == events
        detail = reader.launch(launch_id)
    assert detail.launch.state == "done"
    assert detail.launch.stats["decode_tok_per_s"] == pytest.approx(5.0)
    assert detail.launch.stats["ttft_s"] == pytest.approx(1.0)
    assert detail.launch.stats["peak_rss_bytes"] == 1200
    assert [s["is_warmup"] for s in detail.samples] == [True, False]


def test_taking_events_again_or_out_of_order_changes_nothing(store: Store, db: str) -> None:
    events = make_events()
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    assert store.accept("run1/1", [events[0], events[2]]) == 0
    assert store.accept("run1/1", events[::-1]) == len(events) - 1
    before = {table: rows(db, table) for table in ("event", "sample", "launch_stat", "reported_value")}
    assert store.accept("run1/1", events) == len(events) - 1
    assert {table: rows(db, table) for table in before} == before
    assert before["event"] == len(events)


def test_the_same_place_with_other_content_is_noted_and_not_stored(store: Store, db: str) -> None:
    events = make_events()
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    store.accept("run1/1", events)
    forged = replace(events[2], data={**events[2].data, "trace": to_wire(make_trace(gap_ns=1))})
    assert store.accept("run1/1", [forged]) == len(events) - 1
    with Reader.open(db) as reader:
        assert list(reader.events("run1/1")) == events
    assert rows(db, "event_conflict") == 1


def test_an_end_waits_for_what_it_counts(store: Store, db: str) -> None:
    *early, last = make_events(make_trace(), make_trace(), make_trace(gap_ns=100_000_000))
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    late = early.pop(4)
    store.accept("run1/1", [*early, last])
    with Reader.open(db) as reader:
        launch = reader.launch("run1/1").launch
        assert (launch.state, launch.stats) == ("started", {})
    store.accept("run1/1", [late])
    with Reader.open(db) as reader:
        assert reader.launch("run1/1").launch.state == "done"
        assert reader.launch("run1/1").launch.stats["decode_tok_per_s"] == pytest.approx(7.5)


def test_a_late_event_is_taken_and_the_figures_are_made_anew(store: Store, db: str) -> None:
    *early, last = make_events(make_trace(), make_trace(), make_trace(gap_ns=100_000_000))
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    late = early.pop(4)
    store.accept("run1/1", [*early, replace(last, data={})])
    with Reader.open(db) as reader:
        assert reader.launch("run1/1").launch.stats["decode_tok_per_s"] == pytest.approx(5.0)
    store.accept("run1/1", [late])
    with Reader.open(db) as reader:
        assert reader.launch("run1/1").launch.stats["decode_tok_per_s"] == pytest.approx(7.5)


def test_a_sample_is_there_before_its_launch_has_ended(store: Store, db: str) -> None:
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    store.accept("run1/1", make_events()[:4])
    with Reader.open(db) as reader:
        assert len(list(reader.samples(["run1"]))) == 2
        assert reader.cells(["run1"])[0].values == {}


def test_a_failed_launch_is_a_row_with_its_reason(store: Store, db: str, add_launch: Add) -> None:
    failure = {"kind": "crashed", "message": "SIGSEGV", "remedy": "rebuild", "phase": "load", "detail": "last words"}
    add_launch(make_events(failure=failure))
    with Reader.open(db) as reader:
        (cell,) = reader.cells(["run1"])
    assert (cell.n_launches, cell.n_failed, cell.values) == (0, 1, {})
    assert (cell.failures[0].kind, cell.failures[0].remedy) == ("crashed", "rebuild")


@pytest.mark.parametrize(
    ("events", "flag"),
    [
        (make_events(device=replace(DEVICE, is_virtual=True)), Flag.VIRTUALISED),
        (make_events(loaded=Loaded(flags=(Flag.CPU_FALLBACK,))), Flag.CPU_FALLBACK),
        (make_events(reading=Reading(disk_read_bytes=500)), Flag.COLD_CACHE),
        (make_events(reading=Reading(is_on_battery=True)), Flag.ON_BATTERY),
        (make_events(reading=Reading(is_low_power=True)), Flag.LOW_POWER),
        (make_events(reading=Reading(thermal_state="serious")), Flag.HOT),
        (make_events(make_trace(), make_trace(are_gaps_exact=False)), Flag.GAPS_INEXACT),
        (make_events(make_trace(), make_trace(n_tokens=(2,) * 32, granularity="chunk")), Flag.CHUNKED),
        (make_events(make_trace(), make_trace(token_hash="cd34")), Flag.OUTPUT_CHANGED),
        (make_events(), Flag.UNGATED),
    ],
)
def test_evidence_raises_its_flag_and_no_other_does(db: str, add_launch: Add, events: list[Event], flag: Flag) -> None:
    assert flags_of(db, add_launch(events)) == {flag, Flag.UNGATED}


def test_other_tokens_than_in_an_earlier_launch_are_flagged(db: str, add_launch: Add) -> None:
    first = add_launch()
    other = add_launch(make_events(*(make_trace(token_hash="cd34"),) * 2))
    assert Flag.OUTPUT_CHANGED not in flags_of(db, first)
    assert Flag.OUTPUT_CHANGED in flags_of(db, other)


def test_a_launch_that_was_starved_is_flagged_without_siblings(db: str, add_launch: Add) -> None:
    starved = make_trace(cpu_time_ns=5_000_000_000)
    assert Flag.CONTENDED in flags_of(db, add_launch(make_events(starved, starved)))
    assert Flag.CONTENDED not in flags_of(db, add_launch(block=1))


def test_a_launch_that_had_to_share_the_processor_is_flagged(db: str, add_launch: Add) -> None:
    good = [add_launch(block=block) for block in range(3)]
    starved = make_trace(cpu_time_ns=12_000_000_000)
    poor = add_launch(make_events(starved, starved), block=3)
    assert Flag.CONTENDED in flags_of(db, poor)
    assert all(Flag.CONTENDED not in flags_of(db, launch) for launch in good)


def test_cells_have_one_value_a_launch_in_block_order(db: str, add_launch: Add) -> None:
    for block, gap in ((1, 100_000_000), (0, 200_000_000)):
        add_launch(make_events(*(make_trace(gap_ns=gap),) * 2), block=block)
    with Reader.open(db) as reader:
        (cell,) = reader.cells(["run1"])
    assert cell.values["decode_tok_per_s"] == pytest.approx((5.0, 10.0))
    assert cell.blocks["decode_tok_per_s"] == (0, 1)
    assert cell.workload.shape_label == "64+32"


def test_a_block_that_was_cut_is_set_aside_and_kept(store: Store, db: str, add_launch: Add) -> None:
    kept, cut = add_launch(block=0), add_launch(block=1)
    store.end_block("run1", 0)
    with Reader.open(db) as reader:
        found = reader.unfinished_run()
    assert found is not None
    assert (found.run.id, found.n_blocks_done, found.last_launch_number) == ("run1", 1, 2)
    assert store.orphan_block("run1", 1) == 1
    assert Flag.ORPHANED in flags_of(db, cut)
    assert Flag.ORPHANED not in flags_of(db, kept)
    with Reader.open(db) as reader:
        (cell,) = reader.cells(["run1"])
    assert (cell.n_launches, cell.n_orphaned) == (1, 1)


def test_a_run_that_ended_cannot_be_resumed(store: Store, db: str) -> None:
    store.end_run("run1", "all blocks done")
    with Reader.open(db) as reader:
        assert reader.unfinished_run() is None


def test_notes_and_removal(store: Store, db: str, add_launch: Add) -> None:
    add_launch()
    store.note("run1", "after cleaning the fan")
    with Reader.open(db) as reader:
        assert reader.run("run1").note == "after cleaning the fan"
    store.remove_run("run1")
    assert [rows(db, t) for t in ("run", "launch", "sample", "event", "launch_stat", "reported_value")] == [0] * 6


def test_unusable_events_are_refused_whole(store: Store, db: str) -> None:
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    bad = Event(boot="b", seq=1, t_ns=0, type=EventType.ITERATION, data={"index": 0, "is_warmup": False, "trace": {}})
    with pytest.raises(WireError, match=r"iteration\.trace"):
        store.accept("run1/1", [make_events()[0], bad])
    assert rows(db, "event") == 0


@pytest.mark.parametrize(
    ("position", "data", "message"),
    [
        (0, {"device": to_wire(DEVICE), "reading": {"free_memory_bytes": "much"}}, "hello.reading.free_memory_bytes"),
        (0, {"device": to_wire(DEVICE), "engine": []}, "hello.engine"),
        (0, {}, "hello.device: missing"),
        (1, {"load_s": float("nan")}, "loaded.load_s"),
        (2, {"index": 0, "is_warmup": True, "trace": {"t0_ns": 0, "dt_ns": [1 << 70]}}, "64 bits"),
        (2, {"index": True, "is_warmup": True, "trace": {"t0_ns": 0, "dt_ns": [1]}}, "index is an integer"),
        (4, {"reading": {"peak_rss_bytes": 1.5}}, "reading.reading.peak_rss_bytes"),
    ],
)
def test_what_could_break_a_launch_later_is_refused_at_the_door(
    store: Store, db: str, position: int, data: dict[str, object], message: str
) -> None:
    store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
    bad = replace(make_events()[position], data=data)
    with pytest.raises(WireError, match=message):
        store.accept("run1/1", [bad])
    assert rows(db, "event") == 0


def test_one_deviant_launch_does_not_mark_those_after_it(db: str, add_launch: Add) -> None:
    add_launch()
    deviant = add_launch(make_events(*(make_trace(token_hash="cd34"),) * 2))
    later = add_launch()
    assert Flag.OUTPUT_CHANGED in flags_of(db, deviant)
    assert Flag.OUTPUT_CHANGED not in flags_of(db, later)


@pytest.mark.parametrize("action", ["accept", "note", "begin"])
def test_unknown_runs_and_launches_are_said_so(store: Store, action: str) -> None:
    actions: dict[str, Callable[[], object]] = {
        "accept": lambda: store.accept("run1/77", make_events()),
        "note": lambda: store.note("nope", "x"),
        "begin": lambda: store.begin_launch(make_job("nope/1"), run_id="nope", block=0, position=0, arm_index=0),
    }
    with pytest.raises(StoreError, match="there is no"):
        actions[action]()


def test_the_settings_of_a_live_database(store: Store, db: str) -> None:
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA fullfsync").scalar() == 1, "a Mac's fsync alone outlives no power cut"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_text_file_is_no_database_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("my shopping list, which is longer than the header of a database would be, " * 20)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is not a database"):
        Store.open(str(path))
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="belongs to another program"):
        Store.open(str(path))


def test_a_newer_database_is_refused_with_the_remedy(db: str, store: Store) -> None:
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for opener in (Store, Reader):
        with pytest.raises(StoreError, match="newer phibench") as caught:
            opener.open(db)
        assert "update phibench" in caught.value.remedy


def test_a_folder_and_a_locked_database(tmp_path: Path, db: str, store: Store) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        Store.open(str(tmp_path))
    blocker = sqlite3.connect(db)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with Store.open(db, busy_timeout_s=0.1) as second, pytest.raises(StoreError, match="locked"):
            second.note("run1", "x")
    finally:
        blocker.close()


def fill(store: Store) -> None:
    for number in range(50, 80):
        store.begin_launch(make_job(f"run1/{number}"), run_id="run1", block=0, position=0, arm_index=0)
        store.accept(f"run1/{number}", make_events())


def test_a_full_disk_is_said_and_what_was_committed_stays(db: str, store: Store, add_launch: Add) -> None:
    launch_id = add_launch()
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    store.close()
    with Store.open(db) as full:
        from sqlalchemy import event

        event.listen(full._engine, "connect", lambda c, _r: c.execute(f"PRAGMA max_page_count = {pages}"))
        full._engine.dispose()  # so that the next connection has the limit
        with pytest.raises(StoreError, match="disk is full"):
            fill(full)
    with Reader.open(db) as reader:
        assert reader.launch(launch_id).launch.state == "done"


def test_a_missing_database_is_explained_to_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIBENCH_DB", str(tmp_path / "none.db"))
    with pytest.raises(StoreError, match="no results yet") as caught:
        Reader.open(str(tmp_path / "none.db"))
    assert caught.value.remedy == "phibench quickstart"
    assert not (tmp_path / "none.db").exists()


def test_a_missing_database_names_the_demonstration_where_one_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIBENCH_DB", str(tmp_path / "none.db"))
    (tmp_path / "demo.db").touch()
    with pytest.raises(StoreError, match="no results yet") as caught:
        Reader.open(str(tmp_path / "none.db"))
    assert "phibench quickstart" in str(caught.value.remedy)
    assert f"--db {tmp_path / 'demo.db'}" in str(caught.value.remedy)


def test_run_references(store: Store, db: str) -> None:
    store.begin_run(run_record("run2"))
    store.begin_run(run_record("abc"))
    with Reader.open(db) as reader:
        assert [reader.resolve_run(r) for r in ("last", "last~2", "a", "run2")] == ["abc", "run1", "abc", "run2"]
        for ref, message in (("run", "fits 2 runs"), ("zzz", "no run 'zzz'"), ("last~9", "no run last~9")):
            with pytest.raises(StoreError, match=message):
                reader.resolve_run(ref)


def test_two_processes_open_a_new_database_at_once(db: str) -> None:
    code = f"from collector.store import Store; Store.open({db!r}).close()"
    workers = [subprocess.Popen([sys.executable, "-P", "-c", code]) for _ in range(4)]
    assert [w.wait(timeout=60) for w in workers] == [0] * 4


WRITER = textwrap.dedent("""
    import sys
    sys.path.insert(0, sys.argv[1])
    from evidence_helpers import make_events, make_job, run_record
    from collector.store import Store
    store = Store.open(sys.argv[2])
    store.begin_run(run_record(sys.argv[3]))
    for number in range(1, 10_000):
        launch = f"{sys.argv[3]}/{number}"
        store.begin_launch(make_job(launch), run_id=sys.argv[3], block=0, position=0, arm_index=0)
        for event in make_events():
            print(launch, store.accept(launch, [event]), flush=True)
""")


def kill_a_writer(db: str, run_id: str, after_s: float) -> list[tuple[str, int]]:
    """What a writer acknowledged until it was killed."""
    here = str(Path(__file__).parent)
    writer = subprocess.Popen([sys.executable, "-P", "-c", WRITER, here, db, run_id], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(after_s)
    os.kill(writer.pid, signal.SIGKILL)
    lines = [first, *writer.stdout.read().splitlines(keepends=True)]
    writer.wait()
    writer.stdout.close()
    return [(w[0], int(w[1])) for line in lines if line.endswith("\n") and len(w := line.split()) == 2]


def check_kills(db: str, n_kills: int) -> None:
    draw = random.Random(4711)
    for index in range(n_kills):
        acknowledged = kill_a_writer(db, f"k{index}", draw.uniform(0.0, 0.15))
        with sqlite3.connect(db) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Reader.open(db) as reader:
            for launch_id in {launch for launch, _ in acknowledged}:
                stored = {event.seq for event in reader.events(launch_id)}
                assert {seq for launch, seq in acknowledged if launch == launch_id} <= stored


def test_a_killed_writer_loses_nothing_that_it_acknowledged(db: str) -> None:
    check_kills(db, 3)


@pytest.mark.slow
def test_many_killed_writers_lose_nothing(db: str) -> None:
    check_kills(db, 40)


def test_the_job_is_stored_whole(db: str, add_launch: Add) -> None:
    launch_id = add_launch(options={"threads": 2})
    with Reader.open(db) as reader:
        job = reader.launch(launch_id).job
    assert json.loads(json.dumps(job))["options"] == {"threads": 2}
    assert job["workload"] == to_wire(CHAT)
