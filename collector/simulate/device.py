"""
A device whose rates are known: the events of its launches, and its clock.

Speed is the truth times a factor of the session, a drift over the launches of the session, a factor of the launch and
one of the iteration; the factors are log-normal around 1, so that the truth is the median and lies in the middle on
the scale on which intervals are made.
"""

import hashlib
import math
import random
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from runners.contract import (
    DeviceSnapshot,
    EngineFacts,
    Event,
    EventType,
    Granularity,
    Job,
    Loaded,
    ModelRef,
    Phase,
    Reading,
    Scalar,
    Trace,
    WorkloadKind,
)
from runners.errors import FailureKind
from runners.wire import to_wire

START_S = 0.05
"""What a process takes until it begins to load."""

OVERHEAD_BYTES = 60 << 20
"""What a process needs beside its model."""

N_THREADS = 2
_QUIET = Reading(other_cpu_cores=0.0, thermal_state="nominal", is_on_battery=False, is_low_power=False)
_PASSED = {"reading": to_wire(_QUIET), "phase": Phase.GATE, "waited_s": 0.0, "unmet": [], "unknown": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """
    What one cell is on the simulated device when nothing disturbs it.

    Args:
        decode_tok_per_s, prefill_tok_per_s: rates; the median of what is measured.
        load_s: time to load.
        failure: how a launch that fails does so.
        failure_frac: share of the launches that fail, drawn at random; 1 = each of them.
    """

    decode_tok_per_s: float = 12.0
    prefill_tok_per_s: float = 100.0
    load_s: float = 0.5
    failure: FailureKind = FailureKind.CRASHED
    failure_frac: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """
    How far measured speed strays from the truth; every ``sd`` is of the natural logarithm.

    Args:
        between_sd: from launch to launch.
        within_sd: from iteration to iteration of a launch, and between its prefill and its decoding.
        token_sd: from gap to gap.
        session_sd: from session to session; all cells of a session share the draw.
        drift_frac: share of speed that is lost as the device warms up.
        drift_launches: after so many launches, 63 % of it are.
    """

    between_sd: float = 0.015
    within_sd: float = 0.005
    token_sd: float = 0.0
    session_sd: float = 0.0
    drift_frac: float = 0.0
    drift_launches: float = 4.0


class SimulatedDevice:
    """
    A launcher and the clock that belongs to it.

    Args:
        truth: of the cell that a job runs.
        scatter: see there.
        seed: of all that is drawn; the same launches in the same order give the same times.
        snapshot: what the device says it is.
    """

    def __init__(
        self,
        truth: Callable[[Job], Truth],
        *,
        scatter: Scatter | None = None,
        seed: int,
        snapshot: DeviceSnapshot | None = None,
    ) -> None:
        self._truth = truth
        self._scatter = scatter or Scatter()
        self._random = random.Random(seed)  # noqa: S311  # noise, not a secret
        self._snapshot = to_wire(snapshot or simulated_snapshot())
        self._now_ns = 0
        self._hellos: dict[str, Mapping[str, Any]] = {}
        self.begin_session()

    def begin_session(self) -> None:
        """Let the device cool down, and draw how fast it is this time."""
        self._n_launches = 0
        self._session = self._random.gauss(0.0, self._scatter.session_sd) if self._scatter.session_sd else 0.0

    def clock(self) -> float:
        """Simulated seconds; they go by while launches run."""
        return self._now_ns / 1e9

    def launch(self, job: Job) -> Generator[Event]:
        """Run one job; see :class:`runners.contract.Launcher`."""
        truth, log_speed = self._truth(job), self._draw_launch()
        has_failed = bool(truth.failure_frac) and self._random.random() < truth.failure_frac
        steps = self._steps(job, truth, log_speed, has_failed=has_failed)
        for seq, (kind, data) in enumerate(steps):
            yield Event(boot=job.launch_id, seq=seq, t_ns=self._now_ns, type=kind, data=data)

    def _draw_launch(self) -> float:
        """Logarithm of a launch's speed against the truth."""
        scatter = self._scatter
        lost = scatter.drift_frac * (1 - math.exp(-self._n_launches / scatter.drift_launches))
        self._n_launches += 1
        return math.log(1 - lost) + self._session + self._random.gauss(0.0, scatter.between_sd)

    def _steps(
        self, job: Job, truth: Truth, log_speed: float, *, has_failed: bool
    ) -> Iterator[tuple[EventType, Mapping[str, Any]]]:
        self._pass(START_S)
        yield EventType.HELLO, self._hello(job.engine)
        if job.gate is not None:
            yield EventType.STARTING, {"phase": Phase.GATE, "index": 0}
            yield EventType.READING, _PASSED
        yield EventType.STARTING, {"phase": Phase.LOAD, "index": 0}
        self._pass(truth.load_s)
        yield EventType.LOADED, _loaded(truth.load_s, job.model.tensor_bytes, tuple(job.options.items()))
        for index in range(job.n_warmups):
            yield EventType.STARTING, {"phase": Phase.WARMUP, "index": index}
            yield self._generate(job, truth, log_speed, index, is_warmup=True)
        begun_ns, index = self._now_ns, 0
        while index < job.n_iterations or (self._now_ns - begun_ns) / 1e9 < (job.duration_s or 0.0):
            yield EventType.STARTING, {"phase": Phase.ITERATION, "index": index}
            if has_failed:
                break
            yield self._generate(job, truth, log_speed, index, is_warmup=False)
            index += 1
        yield EventType.READING, {"reading": _totals(job.model), "phase": Phase.ITERATION, "is_final": True}
        if has_failed:
            yield EventType.FAILED, {"kind": truth.failure, "message": "the simulated launch was to fail", "remedy": ""}
        else:
            yield EventType.DONE, {}

    def _hello(self, engine: str) -> Mapping[str, Any]:
        if engine not in self._hellos:
            facts = EngineFacts(engine=engine, version="simulated", build={"is_simulated": True})
            self._hellos[engine] = {"device": self._snapshot, "engine": to_wire(facts)}
        return self._hellos[engine]

    def _pass(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)

    def _generate(
        self, job: Job, truth: Truth, log_speed: float, index: int, *, is_warmup: bool
    ) -> tuple[EventType, Mapping[str, Any]]:
        """One generation: its event, and the time that it takes."""
        draw, within_sd, workload = self._random.gauss, self._scatter.within_sd, job.workload
        prompt_rate = truth.prefill_tok_per_s * math.exp(log_speed + draw(0.0, within_sd))
        gap_s = math.exp(-log_speed - draw(0.0, within_sd)) / truth.decode_tok_per_s
        first_s = workload.n_prompt_tokens / prompt_rate if workload.n_prompt_tokens else gap_s
        n = workload.n_generated_tokens
        dt_ns = self._times(first_s, gap_s, n or 1)
        is_sampled = workload.kind is WorkloadKind.GENERATION
        trace = Trace(
            t0_ns=self._now_ns,
            dt_ns=dt_ns,
            n_tokens=None if n else (0,),
            granularity=Granularity.TOKEN if n else Granularity.TOTAL,
            n_prompt_tokens=workload.n_prompt_tokens,
            token_hash=_token_hash(job.model.model, job.model.quant) if is_sampled else None,
            cpu_time_ns=N_THREADS * dt_ns[-1],
        )
        self._now_ns += dt_ns[-1]
        return EventType.ITERATION, {"index": index, "is_warmup": is_warmup, "trace": to_wire(trace)}

    def _times(self, first_s: float, gap_s: float, n: int) -> tuple[int, ...]:
        """Nanoseconds at which n tokens come."""
        token_sd = self._scatter.token_sd
        if not token_sd:
            return tuple(round((first_s + i * gap_s) * 1e9) for i in range(n))
        times, now_s = [], first_s
        for _ in range(n):
            times.append(round(now_s * 1e9))
            now_s += gap_s * math.exp(self._random.gauss(0.0, token_sd))
        return tuple(times)


def simulated_snapshot(name: str = "simulated device") -> DeviceSnapshot:
    """A device that says of itself, by its kind, that it does not exist."""
    fingerprint = hashlib.sha256(name.encode()).hexdigest()[:16]
    return DeviceSnapshot(fingerprint=fingerprint, name=name, kind="simulated", os_name="none", n_physical_cores=2)


@cache
def _loaded(load_s: float, tensor_bytes: int | None, options: tuple[tuple[str, Scalar], ...]) -> Mapping[str, Any]:
    loaded = Loaded(
        load_s=load_s,
        weights_bytes=tensor_bytes,
        backend="simulated",
        n_threads=N_THREADS,
        options=dict(options),
    )
    wire: Mapping[str, Any] = to_wire(loaded)
    return wire


def _totals(model: ModelRef) -> Mapping[str, Any]:
    """The last reading: weights and process, nothing more exact is claimed."""
    if model.tensor_bytes is None:
        return {}
    peak = model.tensor_bytes + OVERHEAD_BYTES
    return {"peak_rss_bytes": peak, "peak_anon_bytes": peak}


@cache
def _token_hash(model: str, quant: str) -> str:
    """The same artifact generates the same tokens."""
    return hashlib.sha256(f"{model}/{quant}".encode()).hexdigest()[:16]
