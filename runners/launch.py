"""
One fresh worker, from outside.

Starts the worker, reads its memory and CPU time twice a second (and the machine's heat every five seconds of a launch
with a duration), gives up on silence, and says how it ended. Yields Events: it numbers its own and the worker's within
one boot. Between two events it sleeps in ``select``; it never polls. A crash of the worker is a ``failed`` event with a
kind and a remedy, never an exception here.
"""

import contextlib
import hashlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from threading import Event as Cancel
from typing import IO, Any, cast

from runners import device, ending, handover
from runners.contract import Event, EventType, Job, Phase, Reading, check_data
from runners.ending import Ending
from runners.errors import RunnerError
from runners.wire import canonical, to_wire

SAMPLING_PERIOD_S = 0.5
"""Reading a worker costs about 0.1 ms; faster sampling would disturb what it measures."""

LOOK_EVERY_S = 5.0
"""In a launch with a duration the machine's heat, clock and power are read this often: 2 ms of one core each time, on a
Mac about 50 ms for four commands (unverified there)."""

STDERR_KEPT_BYTES = 8192
_GRACE_S = 5.0


def launch(
    job: Job, *, lock_fd: int | None = None, cancel: Cancel | None = None, cache: Path | None = None
) -> Generator[Event]:
    """
    Run one job in a fresh process on this machine.

    Args:
        job: what to run; ``job.python`` names another interpreter, to which the package ``runners`` alone is handed.
        lock_fd: descriptor of the machine's lock, inherited so that a worker that outlives us still holds it.
        cancel: set by a person's Ctrl-C; the worker is ended within half a second and the launch is ``cancelled``.
        cache: folder for the copy of ``runners`` that another interpreter gets; default one for temporary files.

    Yields:
        Events in order, the last one ``done`` or ``failed``.
    """
    scribe = _Scribe()
    try:
        command, environment = _command(job, cache)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            pass_fds=() if lock_fd is None else (lock_fd,),
            start_new_session=True,  # Ctrl-C reaches us alone; we end the worker
        )
    except (OSError, RunnerError) as exc:
        yield scribe.note(EventType.HELLO, scribe.greeting({}))
        yield scribe.end(ending.before_start(exc))
        return
    worker = _Worker(process, job)
    try:
        yield from worker.follow(scribe, cancel or Cancel())
    finally:
        worker.close()


def _command(job: Job, cache: Path | None) -> tuple[list[str], dict[str, str]]:
    """The interpreter's command line and environment; waiting policies that slow OpenMP five times are taken out."""
    ours = {k: v for k, v in os.environ.items() if k not in device.OPENMP_VARIABLES}
    ours["PHIBENCH_LAUNCH"] = job.launch_id
    if job.python is None:
        here = str(Path(__file__).resolve().parent.parent)
        python, path = sys.executable, [here, *filter(None, [ours.get("PYTHONPATH")])]
        environment = {**ours, "PYTHONPATH": os.pathsep.join(path)}
    else:
        python = handover.path_of(job.python)
        environment = handover.environment(ours, cache or Path(tempfile.gettempdir()))
    return [python, "-P", "-m", "runners.worker"], environment


class _Scribe:
    """Numbers events, counts them and keeps their digest; knows the phase that was announced last."""

    def __init__(self) -> None:
        self.boot = uuid.uuid4().hex[:16]
        self.n_events = 0
        self.phase: Phase | None = None
        self.has_greeted = False
        self._digest = hashlib.sha256()

    def note(self, kind: EventType, data: Mapping[str, Any], t_ns: int | None = None) -> Event:
        """The next event."""
        now_ns = time.perf_counter_ns() if t_ns is None else t_ns
        event = Event(boot=self.boot, seq=self.n_events, t_ns=now_ns, type=kind, data=data)
        self.n_events += 1
        self._digest.update(canonical(event) + b"\n")
        self.has_greeted |= kind is EventType.HELLO
        if kind is EventType.STARTING:
            self.phase = Phase(data["phase"])
        return event

    def end(self, how: Ending | None) -> Event:
        """``done``, or ``failed`` with the reason; both carry the count and the digest of the events before them."""
        seal = {"n_events": self.n_events + 1, "events_sha256": self._digest.hexdigest()}
        if how is None:
            return self.note(EventType.DONE, seal)
        return self.note(EventType.FAILED, {**to_wire(how), "phase": self.phase, **seal})

    def greeting(self, from_worker: Mapping[str, Any]) -> dict[str, Any]:
        """The ``hello``: the worker tells of its engine, we tell of the device and of ourselves."""
        return {
            "device": to_wire(device.snapshot()),
            "reading": to_wire(device.machine_reading()),
            "started_at_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "phibench_version": _version(),
            **from_worker,
        }


@dataclass(slots=True)
class _Worker:
    """A running worker process and what is known of it."""

    process: subprocess.Popen[bytes]
    job: Job
    peaks: Reading = field(default_factory=Reading)
    next_look_s: float = 0.0
    stderr: bytes = b""
    partial_line: bytes = b""
    usage: Any = None

    def follow(self, scribe: _Scribe, cancel: Cancel) -> Iterator[Event]:
        """Events until the worker has said its last or has ended."""
        oom_kills = ending.oom_kills()
        self._hand_over_job()
        try:
            how = yield from self._listen(scribe, cancel)
        except (ValueError, KeyError, TypeError) as exc:
            how = ending.nonsense(exc)
        self._sample()
        self.bury()
        if how is ending.UNEXPLAINED:
            was_memory_short = ending.oom_kills() > oom_kills
            words = self._last_words()
            how = ending.autopsy(
                self.process.returncode,
                words,
                scribe.phase,
                was_memory_short=was_memory_short,
                engine=self.job.engine,
            )
        if not scribe.has_greeted:
            yield scribe.note(EventType.HELLO, scribe.greeting({}))
        totals = to_wire(ending.totals(self.peaks, self.usage, device.machine_reading()))
        yield scribe.note(EventType.READING, {"reading": totals, "phase": scribe.phase, "is_final": True})
        yield scribe.end(how)

    def _hand_over_job(self) -> None:
        stdin = cast("IO[bytes]", self.process.stdin)
        with contextlib.suppress(BrokenPipeError):  # it died at once; the autopsy says why
            stdin.write(json.dumps(to_wire(self.job)).encode() + b"\n")
            stdin.flush()

    def _listen(self, scribe: _Scribe, cancel: Cancel) -> Generator[Event, None, Ending | None]:
        """Yield events; return how it ended, None = done. Raises ValueError, KeyError, TypeError on nonsense."""
        deadline = time.monotonic() + self.job.timeout_s
        next_sample = time.monotonic() + SAMPLING_PERIOD_S
        with selectors.DefaultSelector() as selector:
            stdout = selector.register(cast("IO[bytes]", self.process.stdout), selectors.EVENT_READ)
            selector.register(cast("IO[bytes]", self.process.stderr), selectors.EVENT_READ)
            while True:
                ready = selector.select(max(0.0, next_sample - time.monotonic()))
                if cancel.is_set():
                    return ending.CANCELLED
                if time.monotonic() >= next_sample:
                    self._sample()
                    next_sample = time.monotonic() + SAMPLING_PERIOD_S
                for record in self._read(selector, ready):
                    deadline = time.monotonic() + self.job.timeout_s
                    kind = EventType(record["type"])
                    if kind.is_last:
                        return None if kind is EventType.DONE else ending.told(record["data"])
                    check_data(kind, record["data"])
                    data = scribe.greeting(record["data"]) if kind is EventType.HELLO else record["data"]
                    yield scribe.note(kind, data, record["t_ns"])
                yield from self._look(scribe)
                if stdout.fd not in selector.get_map():
                    return ending.UNEXPLAINED
                if time.monotonic() > deadline:
                    ending.end_now(self.process)
                    return ending.silent(self.job.timeout_s, scribe.phase)

    def _read(
        self, selector: selectors.BaseSelector, ready: list[tuple[selectors.SelectorKey, int]]
    ) -> Iterator[dict[str, Any]]:
        for key, _ in ready:
            chunk = os.read(key.fd, 1 << 16)
            if not chunk:
                selector.unregister(key.fileobj)
            elif key.fileobj is self.process.stderr:
                self.stderr = (self.stderr + chunk)[-STDERR_KEPT_BYTES:]
            else:
                *lines, self.partial_line = (self.partial_line + chunk).split(b"\n")
                yield from map(json.loads, lines)

    def _sample(self) -> None:
        self.peaks = ending.peak_of(self.peaks, device.worker_reading(self.process.pid))

    def _look(self, scribe: _Scribe) -> Iterator[Event]:
        """How the machine is, every few seconds of the measured part of a launch with a duration."""
        if self.job.duration_s is None or scribe.phase is not Phase.ITERATION:
            return
        if time.monotonic() >= self.next_look_s:
            self.next_look_s = time.monotonic() + LOOK_EVERY_S
            reading = to_wire(device.machine_reading())
            yield scribe.note(EventType.READING, {"reading": reading, "phase": scribe.phase})

    def _last_words(self) -> str:
        stderr = cast("IO[bytes]", self.process.stderr)
        os.set_blocking(stderr.fileno(), False)
        text = (self.stderr + (stderr.read() or b""))[-STDERR_KEPT_BYTES:]
        return ending.without_paths(text.decode(errors="replace"))

    def bury(self) -> None:
        """Close the worker's standard input, wait for its end, keep what the system accounted."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(BrokenPipeError):
            cast("IO[bytes]", self.process.stdin).close()
        self.usage = ending.reap(self.process, _GRACE_S)

    def close(self) -> None:
        """End the worker if it still runs, and close our ends of its pipes."""
        self.bury()
        for stream in (self.process.stdout, self.process.stderr):
            cast("IO[bytes]", stream).close()


def _version() -> str | None:
    try:
        return metadata.version("phibench")
    except metadata.PackageNotFoundError:
        return None
