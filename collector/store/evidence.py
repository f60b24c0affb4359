"""
What follows from a launch's evidence: its metrics and the doubts on them. Pure.

Flags are only ever added: a doubt that evidence once raised is not taken back by more of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from collector import metrics
from collector.metrics import LaunchEvidence, TimedReading
from runners.contract import (
    DeviceSnapshot,
    EngineFacts,
    Flag,
    Job,
    Loaded,
    Reading,
    ReplicationUnit,
    Trace,
)

COLD_READ_FRAC = 0.1
"""More than this share of the model read from the disk: it did not lie in memory before."""

STARVED_SHARE = 0.75
"""Below this share of the processor time that its threads could have had, a launch was disturbed whatever its siblings
say; undisturbed engines are near 1."""

CONTENDED_SHARE = 0.9
"""Below this share of its siblings' processor time a launch had to share the processor."""

MIN_SIBLINGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvidence:
    """What the gate saw last, and which of its conditions did not hold when it let the launch through."""

    reading: Reading
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    All that is stored of one launch, back in the contract's types.

    ``before`` is the machine as the launch began, ``gate`` None when there was none; ``readings`` are of the worker
    and the machine while it ran and at its end.
    """

    job: Job
    device: DeviceSnapshot | None = None
    engine: EngineFacts | None = None
    loaded: Loaded | None = None
    gate: GateEvidence | None = None
    before: Reading | None = None
    readings: tuple[TimedReading, ...] = ()
    traces: tuple[Trace, ...] = ()
    warmups: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One metric of one launch: ``median`` is the launch's value, over ``n`` samples."""

    metric: str
    n: int
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """What the first good launch of the same cell generated in this environment; None when this is the first."""

    first_token_hash: str | None = None


def stats(evidence: Evidence) -> Iterator[Stat]:
    """Every metric that is known of a launch; unknown ones have no row."""
    n_threads = evidence.loaded.n_threads if evidence.loaded else None
    workload = evidence.job.workload
    derived = [metrics.derive(trace, workload, n_threads) for trace in evidence.traces]
    is_sustained = evidence.job.duration_s is not None
    for metric in metrics.SAMPLE_METRICS:
        if not metric.is_of_launch(workload.kind, is_sustained=is_sustained):
            continue
        values = [v for sample in derived if (v := sample[metric.name]) is not None]
        if values:
            yield Stat(metric=metric.name, n=len(values), median=median(values), low=min(values), high=max(values))
    launch = metrics.derive_launch(
        LaunchEvidence(
            workload=workload,
            traces=evidence.traces,
            readings=evidence.readings,
            loaded=evidence.loaded,
            duration_s=evidence.job.duration_s,
        )
    )
    for name, value in launch.items():
        if value is not None:
            yield Stat(metric=name, n=1, median=value, low=value, high=value)


def flags(evidence: Evidence, siblings: Siblings) -> frozenset[Flag]:
    """The doubts that the evidence itself raises."""
    return frozenset(
        {
            *_of_job(evidence.job),
            *_of_gate(evidence.gate),
            *_of_machine(evidence),
            *_of_readings(evidence),
            *_of_traces(evidence, siblings),
        }
    )


def is_starved(evidence: Evidence) -> bool:
    """Whether a measured generation got far less of the processor than its threads asked for."""
    n_threads = evidence.loaded.n_threads if evidence.loaded else None
    shares = [metrics.derive(trace, evidence.job.workload, n_threads)["cpu_share"] for trace in evidence.traces]
    return any(share is not None and share < STARVED_SHARE for share in shares)


def is_contended(share: float | None, siblings: Sequence[float]) -> bool:
    """Whether a launch got far less of the processor than at least two siblings did."""
    if share is None or len(siblings) < MIN_SIBLINGS:
        return False
    return share < CONTENDED_SHARE * median(siblings)


def _of_job(job: Job) -> Iterator[Flag]:
    if job.model.is_synthetic:
        yield Flag.SYNTHETIC
    if job.replication_unit is ReplicationUnit.RELOAD:
        yield Flag.RELOAD


def _of_gate(gate: GateEvidence | None) -> Iterator[Flag]:
    """A gate that was asked for and left no word is as good as none; what a platform does not say is no doubt."""
    if gate is None or gate.unmet:
        yield Flag.UNGATED


def _of_machine(evidence: Evidence) -> Iterator[Flag]:
    if evidence.device is not None and evidence.device.is_virtual:
        yield Flag.VIRTUALISED
    if evidence.engine is not None and evidence.engine.build.get("is_simulated") is True:
        yield Flag.SIMULATED
    if evidence.loaded is not None:
        yield from evidence.loaded.flags


def _of_readings(evidence: Evidence) -> Iterator[Flag]:
    at_start = [r for r in (evidence.gate.reading if evidence.gate else None, evidence.before) if r is not None]
    later = [timed.reading for timed in evidence.readings]
    readings = [*at_start, *later]
    if any(r.is_on_battery for r in readings):
        yield Flag.ON_BATTERY
    if any(r.is_low_power for r in readings):
        yield Flag.LOW_POWER
    # A sustained launch gets hot on purpose, and its own metrics tell how much; only one that began hot is in doubt.
    if _is_hot(at_start if evidence.job.duration_s is not None else readings):
        yield Flag.HOT
    n_bytes = evidence.job.model.n_bytes
    if n_bytes and max(_known(r.disk_read_bytes for r in later), default=0) > COLD_READ_FRAC * n_bytes:
        yield Flag.COLD_CACHE


def _is_hot(readings: Sequence[Reading]) -> bool:
    """Whether one of the readings is not nominal, or the processor slowed itself between two of them."""
    throttled = {r.throttle_count for r in readings} - {None}
    return len(throttled) > 1 or any(r.thermal_state not in {None, "nominal"} for r in readings)


def _of_traces(evidence: Evidence, siblings: Siblings) -> Iterator[Flag]:
    if any(metrics.is_chunked(trace) for trace in evidence.traces):
        yield Flag.CHUNKED
    if any(not trace.are_gaps_exact for trace in evidence.traces):
        yield Flag.GAPS_INEXACT
    if is_starved(evidence):
        yield Flag.CONTENDED
    hashes = {t.token_hash for t in (*evidence.warmups, *evidence.traces)} - {None}
    if len(hashes) > 1 or (hashes and siblings.first_token_hash not in {None, *hashes}):
        yield Flag.OUTPUT_CHANGED


def _known(values: Iterable[int | None]) -> Iterator[int]:
    return (value for value in values if value is not None)


def joined(flags: Iterable[str]) -> str:
    """Flags as one column: sorted words with commas."""
    return ",".join(sorted({str(flag) for flag in flags}))


def split(text: str | None) -> frozenset[str]:
    """The words of the column."""
    return frozenset(filter(None, (text or "").split(",")))
