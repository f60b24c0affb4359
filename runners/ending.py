"""
How a worker ended: from return code, stage and last words to one failure kind with a remedy.

Also the accounting at the end of a process, which only its parent can read.
"""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners import device
from runners.contract import Phase, Reading
from runners.errors import FailureKind, RunnerError

REBUILD = "uv sync --reinstall-package llama-cpp-python (phibench doctor names the other roads)"
_PEAKS = {
    "peak_rss_bytes": ("peak_rss_bytes", "rss_bytes"),
    "peak_anon_bytes": ("peak_anon_bytes", "anon_bytes"),
    "peak_file_bytes": ("peak_file_bytes", "file_bytes"),
    "peak_footprint_bytes": ("peak_footprint_bytes", "footprint_bytes"),
    "disk_read_bytes": ("disk_read_bytes",),
}
_DOING = {Phase.LOAD: "while loading", Phase.WARMUP: "while warming up", Phase.ITERATION: "while generating"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a launch failed, as its ``failed`` event tells it; ``detail`` holds the engine's last words."""

    kind: FailureKind
    message: str
    remedy: str = ""
    detail: str = ""


UNEXPLAINED = Ending(kind=FailureKind.CRASHED, message="the worker ended without a word")
"""The worker is gone and said nothing: :func:`autopsy` has to find out why."""

CANCELLED = Ending(kind=FailureKind.CANCELLED, message="stopped by hand", remedy="phibench run --resume")


def told(data: dict[str, Any]) -> Ending:
    """The worker itself said why."""
    return Ending(
        kind=FailureKind(data["kind"]),
        message=str(data["message"]),
        remedy=str(data.get("remedy", "")),
        detail=without_paths(str(data.get("detail", ""))),
    )


def before_start(exc: OSError | RunnerError) -> Ending:
    """No worker could be started."""
    if isinstance(exc, RunnerError):
        return Ending(kind=exc.kind, message=exc.message, remedy=exc.remedy)
    return Ending(kind=FailureKind.UNAVAILABLE, message=f"the worker cannot be started: {exc.strerror or exc}")


def silent(timeout_s: float, phase: Phase | None) -> Ending:
    """No event for longer than the job allows."""
    return Ending(
        kind=FailureKind.TIMED_OUT,
        message=f"the engine gave no sign for {timeout_s:g} s {doing(phase)}, so it was ended",
        remedy="if the machine is just slow, allow more: --timeout 3600s; if not, the model file may be damaged",
    )


def nonsense(exc: Exception) -> Ending:
    """The worker wrote something that is no event."""
    return Ending(kind=FailureKind.PROTOCOL_ERROR, message=f"the worker does not speak our protocol: {exc}")


def autopsy(return_code: int, last_words: str, phase: Phase | None, *, was_memory_short: bool, engine: str) -> Ending:
    """
    Type the end of a worker that said nothing.

    Args:
        return_code: as subprocess gives it, negative for a signal.
        last_words: tail of its standard error.
        phase: announced last, the only witness of where it was.
        was_memory_short: the kernel's out-of-memory killer struck during the launch.
        engine: by its name; llama.cpp alone is compiled for the machine.

    Source:
        llama.cpp as run with damaged files and a wrong build: SIGILL = built for another CPU, SIGABRT = one of its
        assertions, SIGBUS = a mapped file that was cut.
    """
    where, name = doing(phase), _signal_name(return_code)
    if return_code == -signal.SIGKILL and was_memory_short:
        message = f"the kernel ended the engine for lack of memory {where}"
        remedy = "choose a smaller model or format: phibench models list"
        return Ending(kind=FailureKind.OUT_OF_MEMORY, message=message, remedy=remedy, detail=last_words)
    if return_code == -signal.SIGABRT:
        message = f"the engine gave up with SIGABRT {where}{_assertion(last_words)}"
        remedy = "the model file may be damaged or its numbers absurd: fetch or write it again"
        return Ending(kind=FailureKind.ABORTED, message=message, remedy=remedy, detail=last_words)
    message = f"the engine crashed with {name} {where}" if return_code < 0 else _left(return_code, where)
    return Ending(
        kind=FailureKind.CRASHED, message=message, remedy=_crash_remedy(return_code, engine), detail=last_words
    )


def doing(phase: Phase | None) -> str:
    """'while loading', for messages."""
    return _DOING.get(phase, "before it began") if phase is not None else "before it began"


def _left(return_code: int, where: str) -> str:
    return f"the engine's process ended with code {return_code} {where} and said nothing"


def _crash_remedy(return_code: int, engine: str) -> str:
    if return_code == -signal.SIGILL and engine != "llama_cpp":
        return "this CPU lacks an instruction that the engine's build uses: phibench doctor tells what works here"
    if return_code == -signal.SIGILL:
        return f"the engine was built for another CPU; rebuild it: {REBUILD}"
    if return_code == -signal.SIGBUS:
        return "the model file was cut or changed while it was in use: write or fetch it again"
    if return_code == -signal.SIGKILL:
        return "something ended the process from outside; if memory was short, choose a smaller model"
    return "phibench doctor tells whether this build of the engine works at all"


def _signal_name(return_code: int) -> str:
    try:
        return signal.Signals(-return_code).name
    except ValueError:
        return f"code {return_code}"


def _assertion(last_words: str) -> str:
    found = re.search(r"GGML_ASSERT\(.*\) failed", last_words)
    return f": {found.group(0)}" if found else ""


def without_paths(text: str) -> str:
    """Absolute folders cut off file names: what is stored and exported must not tell where things lie."""
    return re.sub(r"(?<![\w.])/(?:[^\s:'\"]*/)+", "", text)


def peak_of(so_far: Reading, now: Reading) -> Reading:
    """The larger of each memory figure; a lifetime peak of the system counts as one of the readings."""
    merged = {}
    for name, sources in _PEAKS.items():
        known = [getattr(r, s) for r in (so_far, now) for s in sources if getattr(r, s) is not None]
        merged[name] = max(known) if known else None
    return Reading(**merged)


def totals(peaks: Reading, usage: Any, machine: Reading) -> Reading:
    """
    The last reading of a launch: peaks as sampled, what the system accounted (``struct rusage``), the machine's state.

    The machine's state after the launch is what tells that it throttled or went on battery meanwhile.
    """
    accounted = device.final_reading(usage) if usage is not None else Reading()
    known = {
        field.name: value
        for reading in (machine, peaks, accounted)
        for field in dataclasses.fields(Reading)
        if (value := getattr(reading, field.name)) is not None
    }
    return Reading(**known)


def reap(process: subprocess.Popen[bytes], grace_s: float) -> Any:
    """
    Wait for the process to end, by force after ``grace_s``; its resource usage.

    ``wait4`` reads the usage of exactly this child; the peak in it is not used, as Linux carries the parent's over.
    """
    give_up = time.monotonic() + grace_s
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > give_up:
            end_now(process)
            give_up = float("inf")
        time.sleep(0.01)


def end_now(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, without the look at the child that ``Popen.kill`` takes first and that would lose its usage."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def oom_kills() -> int:
    """How often the kernel's out-of-memory killer has struck since boot; 0 where the system does not say."""
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(found.group(1)) if found else 0
