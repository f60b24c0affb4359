"""Running a plan from the command line: database, the machine's lock, Ctrl-C, progress, and how it ended."""

import contextlib
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event as Cancel
from types import FrameType
from typing import Any

from rich.console import Console

from collector import provenance
from collector.cli import _numbers as numbers
from collector.cli._common import EXIT_DONE, EXIT_FAILED, EXIT_SOME_FAILED
from collector.cli._live import LiveRun
from collector.forecast import Forecast
from collector.run import Outcome, Start, execute
from collector.store import RunRecord, Store
from collector.suite import Plan
from runners import registry
from runners.device import lock
from runners.launch import launch
from runners.wire import to_wire

EXIT_CANCELLED = 130


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
    forecast: Forecast | None = None,
    resumption: Resumption | None = None,
    wait_s: float = 0.0,
) -> Outcome:
    """
    Run a plan here, from the machine's lock to the last row.

    Raises:
        StoreError: the database cannot be written.
        RunnerUnavailable: another process measures on this machine.
    """
    with ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(Store.open(db)))
        lock_fd = stack.enter_context(_machine_lock(plan, console, wait_s))
        run_id = _begin(store, plan, resumption)
        start = resumption.start if resumption else Start()
        cancel = stack.enter_context(_ctrl_c(console))
        n_done = start.block * len(plan.arms) * len(plan.workloads)
        live = stack.enter_context(LiveRun(console, plan, forecast, n_done))
        return execute(
            plan,
            run_id=run_id,
            archive=store,
            launch=partial(launch, lock_fd=lock_fd, cancel=cancel),
            clock=time.monotonic,
            listener=live,
            cancel=cancel,
            start=start,
        )


def exit_code(outcome: Outcome) -> int:
    """0 done, 1 nothing worked, 3 some launches failed, 130 stopped by hand."""
    if outcome.stop_reason == "cancelled":
        return EXIT_CANCELLED
    if outcome.n_failed == 0:
        return EXIT_DONE
    return EXIT_SOME_FAILED if outcome.n_done else EXIT_FAILED


def _begin(store: Store, plan: Plan, resumption: Resumption | None) -> str:
    if resumption:
        store.orphan_block(resumption.run_id, resumption.start.block)
        return resumption.run_id
    run_id = uuid.uuid4().hex[:8]
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
    return run_id


@contextmanager
def _machine_lock(plan: Plan, console: Console, wait_s: float) -> Iterator[int | None]:
    """The lock's descriptor; None when nothing is measured (simulators may run at any time)."""
    if all(registry.load(arm.engine).is_simulated for arm in plan.arms):
        yield None
        return

    def on_wait(holder: lock.Holder) -> None:
        console.print(f"waiting for {holder.what} (process {holder.pid}, since {holder.since_utc})", highlight=False)

    with lock.acquire(f"phibench run {plan.suite}", wait_s, on_wait) as held:
        yield held.fd


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
