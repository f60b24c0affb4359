"""
What an owner of a machine sends back: one file that shows whether what we read there is true.

It holds the findings, the machine, readings before and after a busy second, what every command printed beside what was
made of it, each engine's trial, a child whose memory is known, and a verdict for each of these. Nothing in it names a
person, a folder of theirs, their machine or a serial number: what commands print is cut down to what is read, and the
rest is looked through for those names.
"""

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collector.doctor.finding import Finding
from collector.doctor.report import answers, checks, holding, trials
from collector.doctor.report.scrub import Scrubber
from collector.provenance import version
from runners import device
from runners.wire import to_wire

__all__ = ["collect", "summary", "write"]

_LOOK_S = 1.0


def collect(
    findings: Iterable[Mapping[str, Any]],
    *,
    busy_s: float = 1.0,
    look_s: float = _LOOK_S,
    try_all: Callable[[], list[trials.Trial]] = trials.try_all,
) -> dict[str, Any]:
    """
    Everything, as plain JSON values; takes about ten seconds.

    Args:
        findings: the doctor's lines, as it showed them.
        busy_s: how long one core computes between the two readings.
        look_s: how long the CPU use of others is watched for each of them.
    """
    snapshot = device.snapshot()
    before = device.machine_reading(look_s)
    _compute(busy_s)
    after = device.machine_reading(look_s)
    asked = answers.all_of(snapshot)
    held, engines = holding.watch(), try_all()
    verdicts = checks.of(
        checks.Evidence(snapshot=snapshot, before=before, after=after, answers=asked, held=held, trials=tuple(engines))
    )
    found = {
        "phibench_version": version(),
        "python_version": platform.python_version(),
        "python_machine": platform.machine(),
        "made_at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "checks": verdicts,
        "findings": list(findings),
        "device": snapshot,
        "readings": {"before": before, f"after {busy_s:g} busy seconds": after},
        "commands": asked,
        "engines": engines,
        "held": held,
    }
    cleaned: dict[str, Any] = Scrubber.of_this_machine().clean(found)
    return cleaned


def rows(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as plain values; a remedy that is not there is null."""
    return [{**to_wire(finding), "remedy": finding.remedy or None} for finding in findings]


def summary(data: Mapping[str, Any]) -> str:
    """'21 checks passed, 1 failed (GPU cores), 2 unknown (thermal pressure, swap)'."""
    parts = []
    for outcome, word in (("pass", "passed"), ("fail", "failed"), ("unknown", "unknown")):
        names = [check["name"] for check in data["checks"] if check["outcome"] == outcome]
        if names or outcome == "pass":
            who = "" if outcome == "pass" else f" ({', '.join(names)})"
            parts.append(f"{len(names)} {word}{who}")
    return f"checks: {', '.join(parts)}"


def write(path: Path, text: str) -> None:
    """
    Put a file in place as a whole, so that half of one is never sent.

    Raises:
        OSError: it cannot be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _compute(busy_s: float) -> None:
    until = time.monotonic() + busy_s
    while time.monotonic() < until:
        sum(range(1000))
