"""
The loop: blocks of launches, each launch's events into the inbox.

It takes ``launch`` and ``clock`` as arguments, so the same loop runs a worker here, a phone over the bridge, and a
simulator in tests. It decides nothing about order (schedule.py) and derives nothing (metrics.py).
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event as Cancel
from typing import Protocol

from collector.schedule import block_order, kept_cells
from collector.suite import Plan
from runners.contract import Event, EventType, Job, Launcher
from runners.errors import FailureKind
from runners.wire import WireError

GIVE_UP_AFTER = 2
"""Failures of one cell after which it is not tried again, even if the kind of failure might pass."""


class Archive(Protocol):
    """What the loop needs of the store."""

    def begin_launch(self, job: Job, *, run_id: str, block: int, position: int) -> None:
        """Note that a launch begins, before it does."""
        ...

    def accept(self, launch_id: str, events: list[Event]) -> int:
        """Take events; what is acknowledged is on the disk."""
        ...

    def end_block(self, run_id: str, block: int) -> None:
        """Note that every cell of a block has ended."""
        ...

    def end_run(self, run_id: str, stop_reason: str) -> None:
        """Note why the run is over."""
        ...


class Listener(Protocol):
    """Whoever watches a run."""

    def launch_started(self, job: Job, block: int, position: int, n_cells: int) -> None:
        """A fresh process is about to be started."""
        ...

    def event(self, job: Job, event: Event) -> None:
        """An event has been stored."""
        ...

    def launch_ended(self, job: Job, last: Event, duration_s: float) -> None:
        """The launch is whole."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where to begin: block 0 and launch 1 for a new run, later for one that was cut."""

    block: int = 0
    launch_number: int = 1


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    run_id: str
    n_done: int = 0
    n_failed: int = 0
    stop_reason: str = ""
    duration_s: float = 0.0


@dataclass(slots=True)
class _State:
    """What the loop remembers from one launch to the next."""

    launch_number: int
    failures: dict[tuple[int, int], int] = field(default_factory=dict)
    dropped: set[tuple[int, int]] = field(default_factory=set)

    def count_failure(self, cell: tuple[int, int], kind: FailureKind) -> None:
        self.failures[cell] = self.failures.get(cell, 0) + 1
        if kind.is_lasting or self.failures[cell] >= GIVE_UP_AFTER:
            self.dropped.add(cell)


def execute(
    plan: Plan,
    *,
    run_id: str,
    archive: Archive,
    launch: Launcher,
    clock: Callable[[], float],
    listener: Listener,
    cancel: Cancel,
    start: Start | None = None,
) -> Outcome:
    """
    Run the blocks of a plan that are left.

    A cell that fails is missing in its block and the run goes on; one that can only fail again is dropped from later
    blocks. When ``cancel`` is set the launch that runs is ended, the block stays open and the run can be resumed.

    Args:
        clock: monotonic seconds.
        archive: the store; whatever it has accepted survives us.

    Raises:
        StoreError: the archive cannot be written any more.
    """
    start, begun_s = start or Start(), clock()
    outcome, state = Outcome(run_id=run_id), _State(start.launch_number)
    for block in range(start.block, plan.n_blocks):
        order = block_order(len(plan.workloads), len(plan.arms), block, plan.seed)
        cells = kept_cells(order, frozenset(state.dropped))
        for position, cell in enumerate(cells):
            if cancel.is_set():
                return _ended(outcome, "cancelled", clock() - begun_s)
            job = _job(plan, cell, run_id, state.launch_number)
            state.launch_number += 1
            archive.begin_launch(job, run_id=run_id, block=block, position=position)
            listener.launch_started(job, block, position, len(cells))
            last = _follow(job, launch, archive, listener, clock)
            kind = FailureKind(last.data["kind"]) if last.type is EventType.FAILED else None
            if kind is FailureKind.CANCELLED:
                return _ended(outcome, "cancelled", clock() - begun_s)
            outcome.n_done += kind is None
            outcome.n_failed += kind is not None
            if kind is not None:
                state.count_failure(cell, kind)
        archive.end_block(run_id, block)
        if len(state.dropped) == len(order):
            archive.end_run(run_id, "every cell failed")
            return _ended(outcome, "every cell failed", clock() - begun_s)
    archive.end_run(run_id, "all blocks done")
    return _ended(outcome, "all blocks done", clock() - begun_s)


def _ended(outcome: Outcome, reason: str, duration_s: float) -> Outcome:
    outcome.stop_reason, outcome.duration_s = reason, duration_s
    return outcome


def _job(plan: Plan, cell: tuple[int, int], run_id: str, number: int) -> Job:
    arm = plan.arms[cell[1]]
    return Job(
        launch_id=f"{run_id}/{number}",
        model=arm.model,
        engine=arm.engine,
        workload=plan.workloads[cell[0]],
        options=arm.options,
        n_warmups=plan.n_warmups,
        n_iterations=plan.n_iterations,
        duration_s=plan.duration_s,
        timeout_s=plan.timeout_s,
        python=arm.python,
    )


def _follow(job: Job, launch: Launcher, archive: Archive, listener: Listener, clock: Callable[[], float]) -> Event:
    begun_s = clock()
    last: Event | None = None
    with contextlib.closing(launch(job)) as events:  # whatever happens here, the worker ends with it
        for event in events:
            last = _keep(job, event, archive)
            listener.event(job, last)
            if last is not event:
                break
    if last is None or not last.type.is_last:
        raise RuntimeError(f"launcher ended {job.launch_id} without done or failed")
    listener.launch_ended(job, last, clock() - begun_s)
    return last


def _keep(job: Job, event: Event, archive: Archive) -> Event:
    """Store an event; one that the archive cannot use is replaced by the end of its launch."""
    try:
        archive.accept(job.launch_id, [event])
    except WireError as exc:
        event = _refused(event, exc)
        archive.accept(job.launch_id, [event])
    return event


def _refused(event: Event, exc: WireError) -> Event:
    """What stands in place of an event that the archive cannot use: the launch ends as a failure of the protocol."""
    data = {
        "kind": FailureKind.PROTOCOL_ERROR,
        "message": f"the worker sent an event that makes no sense: {exc}",
        "remedy": "if the arm names another Python, its engine may be too new or too old for this phibench",
    }
    return Event(boot=event.boot, seq=event.seq, t_ns=event.t_ns, type=EventType.FAILED, data=data)
