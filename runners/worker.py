"""
The child process: opens one engine, runs one Job, prints its steps as JSON lines.

Started as ``python -P -m runners.worker`` by launch.py. The job comes as one line on standard input, which then stays
open: its end means that the parent is gone, and the worker ends too. What engines print on standard output goes to
standard error, so a line here is always ours. Standard library only: it also runs in an environment that holds
nothing but an engine.
"""

import json
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from runners import device, registry
from runners.contract import EventType, Job, Phase, Scalar, Session, Trace
from runners.errors import FailureKind, RunnerError, RunnerUnavailable
from runners.wire import WireError, from_wire, to_wire

Send = Callable[[EventType, Mapping[str, Any]], None]


def main() -> None:
    """Run the job on standard input; the last line says done or failed."""
    send = _sender(_private_stdout())
    line = sys.stdin.buffer.readline()
    watcher = threading.Thread(target=_end_with_parent, daemon=True)
    watcher.start()
    try:
        job = from_wire(Job, json.loads(line))
    except (WireError, json.JSONDecodeError) as exc:
        send(EventType.FAILED, failure(FailureKind.PROTOCOL_ERROR, f"the worker cannot read its job: {exc}"))
        watcher.join()
        return
    try:
        run(job, send, watcher.join)
    except RunnerError as exc:
        send(EventType.FAILED, failure(exc.kind, exc.message, exc.remedy))
    except MemoryError:
        send(EventType.FAILED, failure(FailureKind.OUT_OF_MEMORY, "the worker could not allocate memory"))
    except Exception as exc:  # noqa: BLE001  # the parent has to learn of it, whatever an engine raises
        last_words = "".join(traceback.format_exception(exc))[-4000:]
        send(EventType.FAILED, failure(FailureKind.CRASHED, f"{type(exc).__name__}: {exc}", detail=last_words))
    watcher.join()  # the parent takes its last reading of this process, then closes our standard input


def run(job: Job, send: Send, wait_for_parent: Callable[[], None]) -> None:
    """Load, warm up, measure; each risky step is announced before it begins. Does not return once it is done."""
    engine = registry.load(job.engine)
    registry.check_available(engine)
    _refuse_platform()
    registry.check_options(engine, job.options)
    send(EventType.HELLO, {"engine": to_wire(engine.facts()), "python_version": platform.python_version()})
    send(EventType.STARTING, {"phase": Phase.LOAD, "index": 0})
    with engine.open(job.model, _with_room(job)) as session:
        send(EventType.LOADED, to_wire(session.loaded))
        for index in range(job.n_warmups):
            _generate(job, session, send, Phase.WARMUP, index)
        _measure(job, session, send)
        send(EventType.DONE, {})
        wait_for_parent()  # its last reading must still see the loaded model


def _refuse_platform() -> None:
    """An arm's own Python can be an Intel one on a Mac whose other Python is not."""
    refusal = device.refuse_platform()
    if refusal is not None:
        reason, _, remedy = refusal.rpartition(". ")
        raise RunnerUnavailable(FailureKind.UNSUPPORTED, reason or refusal, remedy)


def failure(kind: FailureKind, message: str, remedy: str = "", detail: str = "") -> dict[str, str]:
    """The data of a ``failed`` event."""
    return {"kind": kind, "message": message, "remedy": remedy, "detail": detail}


def _with_room(job: Job) -> dict[str, Scalar]:
    """The arm's options, with a context just large enough for the workload unless the arm sets one."""
    return {"n_ctx": job.workload.n_context_tokens, **job.options}


def _measure(job: Job, session: Session, send: Send) -> None:
    """
    The asked number of generations, or as many as the duration holds.

    The duration is over when the traces say so, from the first request to the last token, so that a simulator's time
    counts and not ours; or when our own clock says so, should an engine's clock stand still.
    """
    begun_ns = time.perf_counter_ns()
    first: Trace | None = None
    duration_ns = int((job.duration_s or 0.0) * 1e9)
    index = passed_ns = 0
    while index < job.n_iterations or passed_ns < duration_ns:
        last = _generate(job, session, send, Phase.ITERATION, index)
        first = first or last
        passed_ns = max(last.t0_ns + last.dt_ns[-1] - first.t0_ns, time.perf_counter_ns() - begun_ns)
        index += 1


def _generate(job: Job, session: Session, send: Send, phase: Phase, index: int) -> Trace:
    send(EventType.STARTING, {"phase": phase, "index": index})
    trace = session.generate(job.workload)
    is_warmup = phase is Phase.WARMUP
    send(EventType.ITERATION, {"index": index, "is_warmup": is_warmup, "trace": to_wire(trace)})
    return trace


def _private_stdout() -> BinaryIO:
    """Our own copy of standard output; the number 1 that C libraries print to becomes standard error."""
    private = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return private


def _sender(out: BinaryIO) -> Send:
    def send(kind: EventType, data: Mapping[str, Any]) -> None:
        record = {"t_ns": time.perf_counter_ns(), "type": kind, "data": data}
        rest = memoryview(json.dumps(record).encode() + b"\n")
        while rest:
            rest = rest[out.write(rest) :]

    return send


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
