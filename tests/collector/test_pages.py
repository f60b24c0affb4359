"""What pages begin with: which series there are, which launches failed, and when all of it has to be read again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from dashboard_helpers import BANDWIDTH, CHAT, LAPTOP, PHONE, PP512, SEARCH, TG128, add_one, plan, simulate

from collector.queries import Reader
from collector.simulate import Truth
from collector.store import Store
from runners.contract import Job
from runners.errors import FailureKind


@pytest.fixture
def empty(db: str) -> Iterator[Store]:
    with Store.open(db, is_bulk=True) as opened:
        yield opened


@pytest.fixture
def reader(empty: Store, db: str) -> Iterator[Reader]:
    with Reader.open(db) as opened:
        yield opened


def test_an_empty_database_has_nothing(reader: Reader) -> None:
    assert (reader.series(), reader.failures()) == ([], [])
    assert reader.revision() == reader.revision()


def test_a_series_counts_its_runs_and_good_launches_and_names_the_newest(empty: Store, db: str, reader: Reader) -> None:
    simulate(empty, db, "first", plan(workloads=(CHAT, SEARCH), n_blocks=3))
    simulate(empty, db, "second", plan("phi-3-mini-4k", n_blocks=2), day=2)
    found = {(one.arm.model, one.workload.name): one for one in reader.series()}
    assert len(found) == 4
    newest = found["phi-3-mini-4k", "chat"]
    assert (newest.n_runs, newest.n_launches, newest.run_id) == (2, 5, "second")
    assert newest.started_at_utc == "2026-01-02T10:00:00+00:00"
    other = found["phi-3-mini-4k", "search"]
    assert (other.n_runs, other.n_launches, other.run_id) == (1, 3, "first")
    assert reader.series()[0] == newest, "the one measured last first"


def test_devices_kernels_and_sustained_launches_are_series_of_their_own(empty: Store, db: str, reader: Reader) -> None:
    one = plan("phi-3-mini-4k", n_blocks=1)
    simulate(empty, db, "lap", one)
    simulate(empty, db, "phone", one, snapshot=PHONE)
    simulate(empty, db, "hot", replace(one, duration_s=20.0))
    simulate(empty, db, "kern", replace(one, workloads=(PP512, TG128)))
    found = reader.series()
    assert sorted((s.device, s.workload.shape_label, s.is_sustained) for s in found) == [
        ("laptop", "64+32", False), ("laptop", "64+32", True), ("laptop", "pp512", False), ("laptop", "tg128", False),
        ("phone", "64+32", False),
    ]  # fmt: skip
    assert len({s.key for s in found}) == len(found), "an address tells them apart"


def test_failures_are_counted_by_kind_and_cell_and_are_no_part_of_a_series(
    empty: Store, db: str, reader: Reader
) -> None:
    def truth(job: Job) -> Truth:
        return Truth(failure=FailureKind.CRASHED, failure_frac=float(job.model.model == "llama-2-7b"))

    simulate(empty, db, "bad", plan(n_blocks=4), truth=truth)
    (failed,) = reader.failures()
    n_failed = sum(row.state == "failed" for row in reader.launches("bad"))
    assert (failed.kind, failed.workload, failed.n_launches, failed.run_id) == ("crashed", "chat", n_failed, "bad")
    assert failed.arm_label.startswith("llama-2-7b")
    last = max((row for row in reader.launches("bad") if row.state == "failed"), key=lambda row: row.number)
    assert failed.launch_id == last.id
    assert [s.arm.model for s in reader.series()] == ["phi-3-mini-4k"]


def test_whatever_is_written_changes_the_revision(empty: Store, db: str, reader: Reader) -> None:
    seen = [reader.revision()]
    add_one(empty, "one")
    seen.append(reader.revision())
    empty.record_bandwidth(LAPTOP, BANDWIDTH)
    seen.append(reader.revision())
    empty.set_baseline("before", "one")
    seen.append(reader.revision())
    add_one(empty, "two")
    empty.remove_run("one")
    seen.append(reader.revision())
    assert len(set(seen)) == len(seen)


def test_a_series_tells_whether_a_simulator_made_it(empty: Store, db: str, reader: Reader) -> None:
    simulate(empty, db, "made-up", plan("phi-3-mini-4k", n_blocks=1), day=2)
    add_one(empty, "real")
    assert {one.run_id: one.is_simulated for one in reader.series()} == {"made-up": True, "real": False}


def test_failures_of_two_devices_are_counted_apart(empty: Store, db: str, reader: Reader) -> None:
    for run_id, snapshot, n_blocks in (("lap", LAPTOP, 2), ("mob", PHONE, 3)):
        simulate(
            empty, db, run_id, plan("llama-2-7b", n_blocks=n_blocks), snapshot=snapshot,
            truth=lambda _job: Truth(failure=FailureKind.CRASHED, failure_frac=1.0),
        )  # fmt: skip
    found = {one.device: one for one in reader.failures()}
    assert {name: one.run_id for name, one in found.items()} == {"laptop": "lap", "phone": "mob"}
    assert {(one.model, one.engine) for one in found.values()} == {("llama-2-7b", "fake")}
    for one in found.values():
        assert one.n_launches == sum(row.state == "failed" for row in reader.launches(one.run_id))
