"""A child that takes a known amount of memory and processor time, and what we read of it from outside."""

import contextlib
import selectors
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from runners import device
from runners.contract import Reading

HELD_BYTES = 256 << 20
_PATIENCE_S = 30.0
_CPU_S = 0.3
_CHILD = f"""
import sys, time
print("ready", flush=True)
sys.stdin.readline()
held = bytearray({HELD_BYTES})
for start in range(0, {HELD_BYTES}, 4096):
    held[start] = 1
while time.process_time() < {_CPU_S}:
    pass
print("held", time.process_time(), flush=True)
sys.stdin.readline()
del held
print("freed", flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    Readings of the child before it took the memory, while it held it, and after it gave it back.

    ``told_cpu_s`` is the processor time that the child itself counted just before the second reading. None where the
    child did not get that far.
    """

    n_bytes: int = HELD_BYTES
    before: Reading | None = None
    during: Reading | None = None
    after: Reading | None = None
    told_cpu_s: float | None = None


def watch(read: Callable[[int], Reading] = device.worker_reading, code: str = _CHILD) -> Held:
    """Start the child and read it at its three steps; never raises for a fault of the child."""
    child = subprocess.Popen(  # noqa: S603  # our own interpreter and our own code
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    seen: list[tuple[str, Reading]] = []
    try:
        for _ in range(3):
            line = _next_line(child)
            if not line:
                break
            seen.append((line, read(child.pid)))
            _go_on(child)
    finally:
        child.kill()
        child.communicate()
    readings = [reading for _, reading in seen] + [None] * 3
    words = seen[1][0].split() if len(seen) > 1 else []
    told = float(words[1]) if len(words) > 1 else None
    return Held(before=readings[0], during=readings[1], after=readings[2], told_cpu_s=told)


def _next_line(child: "subprocess.Popen[bytes]") -> str:
    """The child's next line; empty when it ended or says nothing for half a minute."""
    if child.stdout is None:
        return ""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        return child.stdout.readline().decode() if selector.select(_PATIENCE_S) else ""


def _go_on(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(b"\n")
            child.stdin.flush()
