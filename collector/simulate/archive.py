"""
What a run needs of a store, kept in memory, for thousands of simulated runs.

The values come from the traces by :mod:`collector.metrics`, one a launch, as the store makes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from threading import Event as Cancel

from collector import metrics
from collector.run import Outcome, Start, Surroundings, execute
from collector.schedule import Measured, headlines
from collector.simulate.device import SimulatedDevice
from collector.suite import Plan
from runners.contract import Event, EventType, Job, Trace, Workload
from runners.wire import from_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured iteration's value of one metric."""

    launch: int
    metric: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """One launch in the order of time; ``workload`` and ``arm`` are places in the plan."""

    number: int
    workload: int
    arm: int
    block: int
    is_good: bool


class MemoryArchive:
    """
    Keeps the values of the headline metrics of one run.

    Args:
        plan: of the run; one with a duration has other metrics, drawn from whole launches, and goes to the store.
    """

    def __init__(self, plan: Plan) -> None:
        if plan.duration_s is not None:
            raise ValueError("a sustained run needs the store: its metrics come from whole launches")
        self._places = {workload: place for place, workload in enumerate(plan.workloads)}
        self._metrics = {
            workload: tuple(metrics.BY_NAME[name] for name in headlines(workload, is_sustained=False))
            for workload in plan.workloads
        }
        self._place: tuple[Workload, int, int] | None = None
        self._values: dict[str, list[float]] = {}
        self._measured: list[Measured] = []
        self.samples: list[Sample] = []
        self.launches: list[Launched] = []
        self.stop_reason: str | None = None

    def begin_launch(self, job: Job, *, run_id: str, block: int, position: int, arm_index: int) -> None:
        """Note whose values come next."""
        self._place, self._values = (job.workload, block, arm_index), {}

    def accept(self, launch_id: str, events: list[Event]) -> int:
        """Derive the values of an iteration; keep those of a launch once it is done."""
        for event in events:
            if event.type is EventType.ITERATION and not event.data["is_warmup"]:
                self._derive(from_wire(Trace, event.data["trace"], "iteration.trace"))
            elif event.type.is_last:
                self._conclude(is_good=event.type is EventType.DONE)
        return events[-1].seq

    def end_block(self, run_id: str, block: int) -> None:
        """Nothing to note: a simulated run is not resumed."""

    def end_run(self, run_id: str, stop_reason: str) -> None:
        """Keep the reason."""
        self.stop_reason = stop_reason

    def measured(self) -> list[Measured]:
        """One value a good launch and headline metric."""
        return self._measured

    def sides(self, workload: int = 0) -> list[int]:
        """Arms of a workload's launches in the order of time, for :func:`collector.schedule.is_interleaved`."""
        return [launched.arm for launched in self.launches if launched.workload == workload]

    def by_block(self, workload: int, arm: int, metric: str) -> dict[int, float]:
        """Values of one cell by block."""
        wanted = (workload, arm, metric)
        return {m.block: m.value for m in self._measured if (m.workload, m.arm, m.metric) == wanted}

    def pairs(self, metric: str, workload: int = 0, arms: tuple[int, int] = (0, 1)) -> tuple[list[float], list[float]]:
        """Values of two arms, block by block, where both have one."""
        first, second = (self.by_block(workload, arm, metric) for arm in arms)
        blocks = sorted(first.keys() & second.keys())
        return [first[block] for block in blocks], [second[block] for block in blocks]

    def _derive(self, trace: Trace) -> None:
        workload, _, _ = self._here()
        for metric in self._metrics[workload]:
            value = metric.derive(trace, workload, None)
            if value is not None:
                self._values.setdefault(metric.name, []).append(value)

    def _conclude(self, *, is_good: bool) -> None:
        workload, block, arm = self._here()
        place, number = self._places[workload], len(self.launches) + 1
        self.launches.append(Launched(number=number, workload=place, arm=arm, block=block, is_good=is_good))
        for name, values in self._values.items():
            self.samples += [Sample(launch=number, metric=name, value=value) for value in values]
            if is_good:
                one = Measured(workload=place, arm=arm, block=block, metric=name, value=median(values))
                self._measured.append(one)

    def _here(self) -> tuple[Workload, int, int]:
        if self._place is None:
            raise RuntimeError("an event came before its launch was begun")
        return self._place


class Unwatched:
    """A listener for runs that nobody watches."""

    def launch_started(self, job: Job, block: int, position: int, n_cells: int) -> None:
        """Nobody is told."""

    def event(self, job: Job, event: Event) -> None:
        """Nobody is told."""

    def launch_ended(self, job: Job, last: Event, duration_s: float) -> None:
        """Nobody is told."""

    def block_ended(self, n_blocks_done: int, measured: Iterable[Measured]) -> None:
        """Nobody is told."""


def perform(
    plan: Plan, device: SimulatedDevice, *, run_id: str = "simulated", archive: MemoryArchive | None = None,
    start: Start | None = None,
) -> tuple[Outcome, MemoryArchive]:  # fmt: skip
    """
    Execute a plan on a simulated device by the real loop.

    Args:
        archive: goes on with one that holds launches already; None begins a new one.
        start: where to begin; see :class:`collector.run.Start`.

    Returns:
        How it ended and what it measured.
    """
    kept = archive or MemoryArchive(plan)
    around = Surroundings(
        archive=kept,
        launch=device.launch,
        admit=None,
        measured=kept.measured,
        clock=device.clock,
        listener=Unwatched(),
        cancel=Cancel(),
    )
    return execute(plan, run_id=run_id, around=around, start=start), kept
