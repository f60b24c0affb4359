"""Running a plan from the command line: database, the machine's lock, Ctrl-C, progress, and how it ended."""

import contextlib
import fcntl
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event as Cancel
from types import FrameType
from typing import Any

from rich.console import Console

from collector import gates, numbers, provenance
from collector.cli import _phone
from collector.cli._common import EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, EXIT_SOME_FAILED
from collector.cli._live import LiveRun
from collector.errors import PhibenchError
from collector.forecast import Forecast
from collector.paths import cache_folder
from collector.queries import CellResult, Reader
from collector.run import Outcome, Start, Surroundings, execute
from collector.schedule import Measured
from collector.store import RunRecord, Store
from collector.suite import Plan
from runners import device, probe, registry
from runners.bridging import PairedDevice
from runners.contract import Gate
from runners.device import lock
from runners.errors import RunnerError
from runners.launch import launch
from runners.wire import to_wire

BANDWIDTH_AGE = timedelta(days=1)
"""A bandwidth that was measured longer ago is measured again; the best one counts."""

GATE_WATCH_S = 1.0
"""How long the gate watches what others use before it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """A run that was cut: where to go on."""

    run_id: str
    start: Start


def perform(
    plan: Plan,
    *,
    db: str,
    console: Console,
    lock_fd: int | None,
    forecast: Forecast | None = None,
    resumption: Resumption | None = None,
    phone: PairedDevice | None = None,
) -> Outcome:
    """
    Run a plan here, or on a phone.

    Args:
        lock_fd: of the machine's lock, taken by the caller before anything heavy was done; None for simulators.
        phone: the paired device that runs the launches and waits at its gate itself; None = this machine.

    Raises:
        StoreError: the database cannot be written.
        PhibenchError: the run to be resumed is still going on, or has ended meanwhile.
    """
    run_id = resumption.run_id if resumption else uuid.uuid4().hex[:8]
    with ExitStack() as stack:
        stack.enter_context(_owning(run_id))
        store = stack.enter_context(contextlib.closing(Store.open(db)))
        if lock_fd is not None:
            _know_bandwidth(store, db, console, lock_fd)
        _begin(store, plan, run_id, resumption, db)
        start = resumption.start if resumption else Start()
        cancel = stack.enter_context(_ctrl_c(console))
        n_done = start.block * len(plan.arms) * len(plan.workloads)
        live = stack.enter_context(LiveRun(console, plan, forecast, n_done))
        here = partial(launch, lock_fd=lock_fd, cancel=cancel, cache=cache_folder())
        there = phone and _phone.launcher(phone, store, db, cancel=cancel, on_wait=live.hint)
        around = Surroundings(
            archive=store,
            launch=there.launch if there else here,
            admit=None if there else partial(_admit, on_wait=live.waiting, cancel=cancel),
            measured=partial(_measured, db, run_id),
            clock=time.monotonic,
            listener=live,
            cancel=cancel,
        )
        return execute(plan, run_id=run_id, around=around, start=start)


def _admit(gate: Gate, *, on_wait: Callable[[tuple[str, ...]], None], cancel: Cancel) -> gates.Admission:
    """Wait at the gate with this machine's readings."""
    return gates.admit(
        gate,
        read=partial(device.machine_reading, GATE_WATCH_S),
        clock=time.monotonic,
        sleep=time.sleep,
        on_wait=on_wait,
        is_cancelled=cancel.is_set,
    )


def _know_bandwidth(store: Store, db: str, console: Console, lock_fd: int) -> None:
    """Measure the memory's bandwidth when that was not done here today: every decode rate stands beside it."""
    machine = device.snapshot()
    with Reader.open(db) as reader:
        last = reader.bandwidth_measured_at_utc(machine.fingerprint)
    if last is not None and datetime.now(UTC) - datetime.fromisoformat(last) < BANDWIDTH_AGE:
        return
    try:
        found = probe.measure(lock_fd=lock_fd)
    except RunnerError as exc:
        console.print(f"memory  bandwidth unknown: {exc.message}", soft_wrap=True)
        return
    store.record_bandwidth(machine, to_wire(found))
    console.print(
        f"memory  {found.byte_per_s / 1e9:.1f} GB/s read by {numbers.count(found.n_threads, 'thread')} at best"
    )


def _measured(db: str, run_id: str) -> list[Measured]:
    with Reader.open(db) as reader:
        return reader.measured(run_id)


def exit_code(outcome: Outcome, cells: Sequence[CellResult]) -> int:
    """0 done, 1 nothing worked, 3 some launches failed (in any session of the run), 130 stopped by hand."""
    if outcome.stop_reason == "cancelled":
        return EXIT_CANCELLED
    if not any(cell.n_failed for cell in cells):
        return EXIT_DONE
    return EXIT_SOME_FAILED if any(cell.n_launches for cell in cells) else EXIT_FAILED


@contextmanager
def machine_lock(what: str, engines: Iterable[str], console: Console, wait_s: float = 0.0) -> Iterator[int | None]:
    """
    The lock's descriptor; None when nothing is measured (simulators may run at any time).

    Raises:
        RunnerUnavailable: another process measures on this machine.
    """
    if all(registry.load(engine).is_simulated for engine in engines):
        yield None
        return

    def on_wait(holder: lock.Holder) -> None:
        console.print(f"waiting for {holder}", highlight=False)

    with lock.acquire(what, wait_s, on_wait) as held:
        yield held.fd


def _begin(store: Store, plan: Plan, run_id: str, resumption: Resumption | None, db: str) -> None:
    if resumption:
        with Reader.open(db) as reader:
            cut = reader.unfinished_run()
        if cut is None or (cut.run.id, cut.n_blocks_done) != (run_id, resumption.start.block):
            raise PhibenchError(f"run {run_id} went on or ended meanwhile", "phibench list")
        store.orphan_block(run_id, resumption.start.block)
        return
    store.begin_run(
        RunRecord(
            id=run_id,
            started_at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            suite=plan.suite,
            seed=plan.seed,
            plan=to_wire(plan),
            phibench_version=provenance.version(),
            git_commit=provenance.git_commit(),
            command_line=provenance.command_line(),
            note=None,
        )
    )


@contextmanager
def _owning(run_id: str) -> Iterator[None]:
    """While a run goes on its owner holds a lock of the run's own, so that nobody resumes what is not cut."""
    path = cache_folder() / "runs" / f"{run_id}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PhibenchError(f"run {run_id} is still going on in another process", "phibench list") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _ctrl_c(console: Console) -> Iterator[Cancel]:
    """The first Ctrl-C ends the launch and keeps what is stored; a second one ends us at once."""
    cancel = Cancel()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        console.print("stopping: what is measured is kept", highlight=False)

    previous: Any = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def synthesis_progress(console: Console) -> Iterator[Any]:
    """A callback (label, bytes done, bytes in all) that draws a bar while a model is written."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeElapsedColumn())
    begun: dict[str, float] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def on_progress(label: str, n_done: int, n_total: int) -> None:
            if label not in tasks:
                begun[label] = time.monotonic()
                tasks[label] = progress.add_task(f"writing {label}", total=n_total)
            progress.update(tasks[label], completed=n_done)
            if n_done >= n_total and label in begun:
                took = numbers.duration(time.monotonic() - begun.pop(label))
                text = f"wrote {label}, {numbers.size(n_total)} in {took} (random weights of the real shape)"
                progress.console.print(text, highlight=False)

        yield on_progress
