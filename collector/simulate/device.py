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
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from collector.simulate import facts
from collector.simulate.facts import N_THREADS, Condition, simulated_snapshot
from runners.contract import DeviceSnapshot, Event, EventType, Granularity, Job, Phase, Trace, WorkloadKind
from runners.errors import FailureKind
from runners.wire import to_wire

START_S = 0.05
"""What a process takes until it begins to load."""

STALL = 6.0
"""How many times as long a gap is that stalls."""

READ_EVERY_S = 5.0
"""How often the machine is read while a launch with a duration goes on, as a real launch does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """
    What one cell is on the simulated device when nothing disturbs it.

    Args:
        decode_tok_per_s, prefill_tok_per_s: rates; the median of what is measured.
        load_s: time to load.
        failure: how a launch that fails does so.
        failure_frac: share of the launches that fail, drawn at random; 1 = each of them.
        failure_phase: where: while it loads, or in its first measured iteration.
        failure_message, failure_remedy: what it says then.
        heat_frac: share of speed that is lost while one launch goes on; a device that is hot says so.
        heat_tau_s: after so many seconds of work, 63 % of it are.
        hottest_c: temperature that it comes to; None = the device does not tell.
    """

    decode_tok_per_s: float = 12.0
    prefill_tok_per_s: float = 100.0
    load_s: float = 0.5
    failure: FailureKind = FailureKind.CRASHED
    failure_frac: float = 0.0
    failure_phase: Phase = Phase.ITERATION
    failure_message: str = "the simulated launch was to fail"
    failure_remedy: str = ""
    heat_frac: float = 0.0
    heat_tau_s: float = 60.0
    hottest_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """
    How far measured speed strays from the truth; every ``sd`` is of the natural logarithm.

    Args:
        between_sd: from launch to launch.
        within_sd: from iteration to iteration of a launch, and between its prefill and its decoding.
        token_sd: from gap to gap.
        stall_frac: share of the gaps that are ``STALL`` times as long.
        memory_sd: from launch to launch, of the memory beside the weights.
        session_sd: from session to session; all cells of a session share the draw.
        drift_frac: share of speed that is lost as the device warms up.
        drift_launches: after so many launches, 63 % of it are.
    """

    between_sd: float = 0.015
    within_sd: float = 0.005
    token_sd: float = 0.0
    stall_frac: float = 0.0
    memory_sd: float = 0.0
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
        versions: by engine, the version that it says it is.
        condition: what the gate of a job sees; None = nothing disturbs any.
        begins_at: the date of the beginning of its clock; None = events carry no date.
    """

    def __init__(
        self,
        truth: Callable[[Job], Truth],
        *,
        scatter: Scatter | None = None,
        seed: int,
        snapshot: DeviceSnapshot | None = None,
        versions: Mapping[str, str] | None = None,
        condition: Callable[[Job], Condition] | None = None,
        begins_at: datetime | None = None,
    ) -> None:
        self._truth = truth
        self._scatter = scatter or Scatter()
        self._random = random.Random(seed)  # noqa: S311  # noise, not a secret
        self._snapshot = to_wire(snapshot or simulated_snapshot())
        self._versions = versions or {}
        self._condition = condition
        self._begins_at = begins_at
        self._busy_s = 0.0
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

    def now(self) -> datetime:
        """
        The date on its clock.

        Raises:
            ValueError: it was given none.
        """
        if self._begins_at is None:
            raise ValueError("this device does not know the date")
        return self._begins_at + timedelta(microseconds=self._now_ns // 1000)

    def launch(self, job: Job) -> Generator[Event]:
        """Run one job; see :class:`runners.contract.Launcher`."""
        self._busy_s = 0.0
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
            yield EventType.READING, self._gate(job)
        yield EventType.STARTING, {"phase": Phase.LOAD, "index": 0}
        self._pass(truth.load_s)
        if has_failed and truth.failure_phase is Phase.LOAD:
            yield _failed(truth)
            return
        yield EventType.LOADED, facts.loaded(truth.load_s, job)
        for index in range(job.n_warmups):
            yield EventType.STARTING, {"phase": Phase.WARMUP, "index": index}
            yield self._generate(job, truth, log_speed, index, is_warmup=True)
        yield from self._measure(job, truth, log_speed, has_failed=has_failed)
        memory_sd = self._scatter.memory_sd
        spread = self._random.gauss(0.0, memory_sd) if memory_sd else 0.0
        totals = facts.totals(job, self._snapshot["os_name"], spread)
        yield EventType.READING, {"reading": totals, "phase": Phase.ITERATION, "is_final": True}
        yield _failed(truth) if has_failed else (EventType.DONE, {})

    def _measure(
        self, job: Job, truth: Truth, log_speed: float, *, has_failed: bool
    ) -> Iterator[tuple[EventType, Mapping[str, Any]]]:
        """The measured iterations, with a look at the machine every few seconds where they go on for a while."""
        begun_ns = read_ns = self._now_ns
        index = 0
        while index < job.n_iterations or (self._now_ns - begun_ns) / 1e9 < (job.duration_s or 0.0):
            yield EventType.STARTING, {"phase": Phase.ITERATION, "index": index}
            if has_failed:
                return
            yield self._generate(job, truth, log_speed, index, is_warmup=False)
            index += 1
            if truth.heat_frac and job.duration_s and (self._now_ns - read_ns) / 1e9 >= READ_EVERY_S:
                read_ns = self._now_ns
                seen = facts.state(self._heat(truth), truth.heat_frac, truth.hottest_c)
                yield EventType.READING, {"reading": seen, "phase": Phase.ITERATION}

    def _gate(self, job: Job) -> Mapping[str, Any]:
        condition = self._condition(job) if self._condition else None
        self._pass(condition.waited_s if condition else 0.0)
        return facts.passed(job, condition)

    def _heat(self, truth: Truth) -> float:
        """Share of all the heat of this launch that is there by now."""
        return 1 - math.exp(-self._busy_s / truth.heat_tau_s)

    def _hello(self, engine: str) -> Mapping[str, Any]:
        if engine not in self._hellos:
            version = self._versions.get(engine, "simulated")
            self._hellos[engine] = {"device": self._snapshot, "engine": facts.engine_facts(engine, version)}
        if self._begins_at is None:
            return self._hellos[engine]
        return {**self._hellos[engine], "started_at_utc": self.now().isoformat(timespec="milliseconds")}

    def _pass(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)

    def _generate(
        self, job: Job, truth: Truth, log_speed: float, index: int, *, is_warmup: bool
    ) -> tuple[EventType, Mapping[str, Any]]:
        """One generation: its event, and the time that it takes."""
        draw, within_sd, workload = self._random.gauss, self._scatter.within_sd, job.workload
        prompt_rate = truth.prefill_tok_per_s * math.exp(log_speed + draw(0.0, within_sd))
        gap_s = math.exp(-log_speed - draw(0.0, within_sd)) / truth.decode_tok_per_s
        if truth.heat_frac:
            kept = 1 - truth.heat_frac * self._heat(truth)
            prompt_rate, gap_s = prompt_rate * kept, gap_s / kept
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
        self._busy_s += dt_ns[-1] / 1e9
        return EventType.ITERATION, {"index": index, "is_warmup": is_warmup, "trace": to_wire(trace)}

    def _times(self, first_s: float, gap_s: float, n: int) -> tuple[int, ...]:
        """Nanoseconds at which n tokens come."""
        token_sd, stall_frac = self._scatter.token_sd, self._scatter.stall_frac
        if not token_sd:
            return tuple(round((first_s + i * gap_s) * 1e9) for i in range(n))
        times, now_s = [], first_s
        for _ in range(n):
            times.append(round(now_s * 1e9))
            factor = STALL if stall_frac and self._random.random() < stall_frac else 1.0
            now_s += factor * gap_s * math.exp(self._random.gauss(0.0, token_sd))
        return tuple(times)


@cache
def _token_hash(model: str, quant: str) -> str:
    """The same artifact generates the same tokens."""
    return hashlib.sha256(f"{model}/{quant}".encode()).hexdigest()[:16]


def _failed(truth: Truth) -> tuple[EventType, Mapping[str, Any]]:
    data = {"kind": truth.failure, "message": truth.failure_message, "remedy": truth.failure_remedy}
    return EventType.FAILED, {**data, "phase": truth.failure_phase}
