"""
The loop: blocks of launches, each launch's events into the inbox.

It takes ``launch``, ``admit``, ``measured`` and ``clock`` as arguments, so the same loop runs a worker here, a phone
over the bridge, and a simulator in tests. It decides nothing about order or end (schedule.py) and derives nothing
(collector.metrics).
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event as Cancel
from typing import Protocol

from collector.gates import Admission
from collector.schedule import Measured, block_order, kept_cells, stop_reason
from collector.suite import Plan
from runners.contract import Event, EventType, Gate, Job, Launcher, Phase
from runners.errors import FailureKind
from runners.wire import WireError, to_wire

GIVE_UP_AFTER = 2
"""Failures of one cell after which it is not tried again, even if the kind of failure might pass."""

GATE_BOOT = "gate"
"""The boot of the events that tell what the gate of a local launch saw; a remote device sends its own."""


class Archive(Protocol):
    """What the loop needs of the store."""

    def begin_launch(self, job: Job, *, run_id: str, block: int, position: int, arm_index: int) -> None:
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

    def block_ended(self, n_blocks_done: int, measured: Iterable[Measured]) -> None:
        """Every cell of a block has ended; ``measured`` is all that the run has so far."""
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
    n_blocks: int = 0
    stop_reason: str = ""
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    What the loop needs of the world.

    Args:
        launch: runs one job and yields its events.
        admit: waits until a gate's conditions hold; None where the device evaluates the job's gate itself.
        measured: what all good launches of this run came to, read back from the archive.
        clock: monotonic seconds.
        cancel: set by a person's Ctrl-C.
    """

    archive: Archive
    launch: Launcher
    admit: Callable[[Gate], Admission] | None
    measured: Callable[[], list[Measured]]
    clock: Callable[[], float]
    listener: Listener
    cancel: Cancel


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What the loop remembers from one launch to the next."""

    plan: Plan
    outcome: Outcome
    launch_number: int
    failures: dict[tuple[int, int], int] = field(default_factory=dict)
    dropped: set[tuple[int, int]] = field(default_factory=set)

    @property
    def n_cells(self) -> int:
        return len(self.plan.arms) * len(self.plan.workloads)

    def count(self, cell: tuple[int, int], last: Event) -> None:
        """Note how a launch ended; a cell that can only fail again is dropped."""
        if last.type is EventType.DONE:
            self.outcome.n_done += 1
            return
        self.outcome.n_failed += 1
        self.failures[cell] = self.failures.get(cell, 0) + 1
        if FailureKind(last.data["kind"]).is_lasting or self.failures[cell] >= GIVE_UP_AFTER:
            self.dropped.add(cell)


def execute(plan: Plan, *, run_id: str, around: Surroundings, start: Start | None = None) -> Outcome:
    """
    Run the blocks of a plan that are left.

    A cell that fails is missing in its block and the run goes on; one that can only fail again is dropped from later
    blocks. When ``cancel`` is set the launch that runs is ended, the block stays open and the run can be resumed.

    Raises:
        StoreError: the archive cannot be written any more.
    """
    start, begun_s = start or Start(), around.clock()
    outcome = Outcome(run_id=run_id, n_blocks=start.block)
    progress = _Progress(plan=plan, outcome=outcome, launch_number=start.launch_number)
    reason = _reason_to_stop(progress, around, start, 0.0) if start.block else None
    while reason is None:
        if not _run_block(progress, outcome.n_blocks, around):
            reason = "cancelled"
            break
        around.archive.end_block(run_id, outcome.n_blocks)
        outcome.n_blocks += 1
        reason = _reason_to_stop(progress, around, start, around.clock() - begun_s)
    if reason != "cancelled":
        around.archive.end_run(run_id, reason)
    outcome.stop_reason, outcome.duration_s = reason, around.clock() - begun_s
    return outcome


def _reason_to_stop(progress: _Progress, around: Surroundings, start: Start, elapsed_s: float) -> str | None:
    plan, n_blocks_done = progress.plan, progress.outcome.n_blocks
    measured = around.measured()
    around.listener.block_ended(n_blocks_done, measured)
    if len(progress.dropped) == progress.n_cells:
        return "every cell failed"
    if n_blocks_done >= plan.n_blocks:
        return _last_reason(plan)
    return stop_reason(
        measured,
        n_blocks_done=n_blocks_done,
        n_blocks_timed=n_blocks_done - start.block,
        n_cells=progress.n_cells,
        precision_frac=plan.precision_frac,
        budget_s=plan.budget_s,
        elapsed_s=elapsed_s,
        baseline=plan.baseline_index,
    )


def _last_reason(plan: Plan) -> str:
    return "all blocks done" if plan.precision_frac is None else "most blocks done"


def _run_block(progress: _Progress, block: int, around: Surroundings) -> bool:
    """Every cell of a block that is left, in order; False when a person stopped it."""
    plan, run_id = progress.plan, progress.outcome.run_id
    order = block_order(len(plan.workloads), len(plan.arms), block, plan.seed)
    cells = kept_cells(order, frozenset(progress.dropped))
    for position, cell in enumerate(cells):
        if around.cancel.is_set():
            return False
        job = _job(plan, cell, run_id, progress.launch_number)
        progress.launch_number += 1
        around.archive.begin_launch(job, run_id=run_id, block=block, position=position, arm_index=cell[1])
        around.listener.launch_started(job, block, position, len(cells))
        last = _follow(job, around)
        if last.type is EventType.FAILED and last.data["kind"] == FailureKind.CANCELLED:
            return False
        progress.count(cell, last)
    return True


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
        gate=plan.gate,
        python=arm.python,
        replication_unit=plan.replication_unit,
    )


def _follow(job: Job, around: Surroundings) -> Event:
    begun_s = around.clock()
    if job.gate is not None and around.admit is not None:
        _pass_gate(job, job.gate, around.admit, around)
        if around.cancel.is_set():
            return _stopped_at_gate(job, around)
    last: Event | None = None
    with contextlib.closing(around.launch(job)) as events:  # whatever happens here, the worker ends with it
        for event in events:
            last = _keep(job, event, around.archive)
            around.listener.event(job, last)
            if last is not event:
                break
    if last is None or not last.type.is_last:
        raise RuntimeError(f"launcher ended {job.launch_id} without done or failed")
    around.listener.launch_ended(job, last, around.clock() - begun_s)
    return last


def _pass_gate(job: Job, gate: Gate, admit: Callable[[Gate], Admission], around: Surroundings) -> None:
    """Wait at the gate and store what it saw, as the first events of the launch."""

    def tell(seq: int, kind: EventType, data: dict[str, object]) -> None:
        event = Event(boot=GATE_BOOT, seq=seq, t_ns=int(around.clock() * 1e9), type=kind, data=data)
        around.archive.accept(job.launch_id, [event])
        around.listener.event(job, event)

    tell(0, EventType.STARTING, {"phase": str(Phase.GATE), "index": 0})
    admission = admit(gate)
    seen = {"reading": to_wire(admission.reading), "waited_s": admission.waited_s}
    names = {"unmet": list(admission.unmet), "unknown": list(admission.unknown)}
    tell(1, EventType.READING, {**seen, **names, "phase": str(Phase.GATE)})


def _stopped_at_gate(job: Job, around: Surroundings) -> Event:
    """The end of a launch that a person stopped before its process was started."""
    data = {"kind": FailureKind.CANCELLED, "message": "stopped by hand at the gate", "remedy": "phibench run --resume"}
    t_ns = int(around.clock() * 1e9)
    event = Event(boot=GATE_BOOT, seq=2, t_ns=t_ns, type=EventType.FAILED, data={**data, "phase": str(Phase.GATE)})
    return _keep(job, event, around.archive)


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
