"""
A seeded simulator behind the engine interface: known true rates, drift, heat, noise, stalls, chunks and failures.

It runs anywhere in seconds, needs no model, and everything it makes is flagged ``simulated``. Tests know the truth that
an analysis has to find again; people try the whole program with it. Its traces follow a clock that runs ahead with the
simulated times, so ten simulated minutes of a sustained launch pass in a second.
"""

import hashlib
import math
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from runners.contract import (
    EngineFacts,
    Granularity,
    Loaded,
    ModelRef,
    Option,
    Phase,
    Scalar,
    Trace,
    Workload,
    WorkloadKind,
)
from runners.errors import FailureKind, RunnerError

_PHASES = (str(Phase.LOAD), str(Phase.WARMUP), str(Phase.ITERATION))
_SIGNALS = ("", "SIGSEGV", "SIGILL", "SIGABRT", "SIGBUS", "SIGKILL", "hang", "raise", "exit")
_REFERENCE_BYTES = 2_175_438_336
"""Tensor bytes of Phi-3-mini Q4_0: the model for which the two rates are given; others scale by their bytes."""


def _option(default: Scalar, text: str, choices: tuple[Scalar, ...] = (), least: int | None = None) -> Option:
    return Option(type=type(default), default=default, help=text, choices=choices, least=least)


class FakeEngine:
    """See the module; the options are the truth."""

    name: ClassVar[str] = "fake"
    distribution: ClassVar[str | None] = None
    formats: ClassVar[tuple[str, ...]] = ("none",)
    is_simulated: ClassVar[bool] = True
    options: ClassVar[Mapping[str, Option]] = {
        "n_ctx": _option(4096, "tokens of context to make room for"),
        "seed": _option(1, "seed of all noise; with the launch's number it fixes every time"),
        "decode_tok_per_s": _option(12.0, "true decode rate of a 2.2 GB model; larger ones are slower in proportion"),
        "prefill_tok_per_s": _option(100.0, "true prefill rate of a 2.2 GB model"),
        "noise_frac": _option(0.015, "standard deviation between launches, of the rate"),
        "jitter_frac": _option(0.005, "standard deviation between tokens, of a gap"),
        "drift_frac": _option(0.0, "share of speed lost as the device warms up over the launches"),
        "heat_frac": _option(0.0, "share of speed lost in the long run as one launch heats the device"),
        "heat_tau_s": _option(120.0, "simulated seconds of generating in which 63 % of heat_frac are lost", least=1),
        "stall_every": _option(0, "every so many tokens one gap is ten times as long; 0 = never"),
        "chunk": _option(1, "tokens per delivery"),
        "fail": _option("", "failure kind to report", ("", *FailureKind)),
        "die": _option("", "how the worker ends instead of answering", _SIGNALS),
        "phase": _option(str(Phase.ITERATION), "when it fails or dies", _PHASES),
        "is_realtime": _option(False, "sleep for the simulated time"),
        "load_s": _option(0.5, "simulated load time"),
    }

    def unavailable_because(self) -> str | None:
        """Never: it needs nothing."""
        return None

    def facts(self) -> EngineFacts:
        """Says of itself that it simulates."""
        return EngineFacts(engine=self.name, version="1", build={"is_simulated": True})

    @contextmanager
    def open(self, model: ModelRef, options: Mapping[str, Scalar]) -> Iterator["FakeSession"]:
        """A simulated model; the launch's number comes from the environment, so two launches differ."""
        truth = {name: options.get(name, option.default) for name, option in self.options.items()}
        session = FakeSession(truth, model, _launch_number())
        session.misbehave(Phase.LOAD)
        yield session


class FakeSession:
    """One simulated load."""

    def __init__(self, truth: Mapping[str, Scalar | None], model: ModelRef, launch_number: int) -> None:
        self._truth = truth
        self._n_generations = 0
        self._busy_s = 0.0  # simulated seconds of generating so far
        self._clock_ns = 0  # where the simulated clock stands when it is ahead of the real one
        identity = f"{truth['seed']}/{model.model}/{model.quant}/{launch_number}"
        self._random = random.Random(identity)  # noqa: S311  # noise, not a secret
        self._slowness = (model.tensor_bytes or _REFERENCE_BYTES) / _REFERENCE_BYTES
        drift = 1 - _number(truth, "drift_frac") * (1 - math.exp(-launch_number / 4))
        self._speed = drift * math.exp(self._random.gauss(0.0, _number(truth, "noise_frac"))) / self._slowness
        self._token_hash = hashlib.sha256(f"{model.model}/{model.quant}".encode()).hexdigest()[:16]
        self.loaded = _loaded(truth, model, self._slowness)

    def generate(self, workload: Workload) -> Trace:
        """Times drawn around the truth; nothing is computed."""
        self.misbehave(Phase.WARMUP if self._n_generations == 0 else Phase.ITERATION)
        self._n_generations += 1
        t0_ns = max(self._clock_ns, time.perf_counter_ns())
        dt_ns, n_tokens = self._deliveries(workload)
        self._busy_s += dt_ns[-1] / 1e9
        self._clock_ns = t0_ns + dt_ns[-1]
        if self._truth["is_realtime"]:
            time.sleep(dt_ns[-1] / 1e9)
        is_chunked = n_tokens is not None
        is_prefill = workload.n_generated_tokens == 0
        sampled = workload.kind is WorkloadKind.GENERATION
        return Trace(
            t0_ns=t0_ns,
            dt_ns=dt_ns,
            n_tokens=n_tokens,
            granularity=_granularity(is_prefill=is_prefill, is_chunked=is_chunked),
            n_prompt_tokens=workload.n_prompt_tokens,
            token_hash=self._token_hash if sampled else None,
            cpu_time_ns=2 * dt_ns[-1],
        )

    def misbehave(self, phase: Phase) -> None:
        """Fail or die here if the options say so."""
        if self._truth["phase"] != phase:
            return
        fail = str(self._truth["fail"])
        if fail:
            raise RunnerError(FailureKind(fail), "the simulator was asked to fail", "leave out fail=")
        die = str(self._truth["die"])
        if die == "hang":
            time.sleep(1e9)
        elif die == "raise":
            raise ZeroDivisionError("the simulator was asked to raise")
        elif die == "exit":
            os._exit(7)
        elif die:
            os.kill(os.getpid(), signal.Signals[die])
            time.sleep(1e9)

    def _deliveries(self, workload: Workload) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        gap_s = 1 / (_number(self._truth, "decode_tok_per_s") * self._speed)
        prompt_s = workload.n_prompt_tokens / (
            _number(self._truth, "prefill_tok_per_s") * self._speed * self._heat(0.0)
        )
        n, chunk = workload.n_generated_tokens, int(_number(self._truth, "chunk"))
        if n == 0:
            return (int(prompt_s * 1e9),), (0,)
        times, now_s = [], prompt_s
        for index in range(n):
            if index or workload.n_prompt_tokens == 0:
                now_s += self._gap_s(index, gap_s) / self._heat(now_s)
            times.append(int(now_s * 1e9))
        if chunk == 1:
            return tuple(times), None
        ends = [*range(chunk, n, chunk), n]
        sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        return tuple(times[end - 1] for end in ends), tuple(sizes)

    def _heat(self, now_s: float) -> float:
        """Share of the speed that is left, so many seconds into this generation."""
        spent = (self._busy_s + now_s) / _number(self._truth, "heat_tau_s")
        return 1 - _number(self._truth, "heat_frac") * (1 - math.exp(-spent))

    def _gap_s(self, index: int, gap_s: float) -> float:
        stall_every = int(_number(self._truth, "stall_every"))
        factor = 10.0 if stall_every and index % stall_every == 0 else 1.0
        return gap_s * factor * math.exp(self._random.gauss(0.0, _number(self._truth, "jitter_frac")))


def _granularity(*, is_prefill: bool, is_chunked: bool) -> Granularity:
    if is_prefill:
        return Granularity.TOTAL
    return Granularity.CHUNK if is_chunked else Granularity.TOKEN


def _loaded(truth: Mapping[str, Scalar | None], model: ModelRef, slowness: float) -> Loaded:
    return Loaded(
        load_s=_number(truth, "load_s") * slowness,
        weights_bytes=model.tensor_bytes,
        backend="simulated",
        n_threads=2,
        options=dict(truth),
    )


def _number(truth: Mapping[str, Scalar | None], name: str) -> float:
    value = truth[name]
    return float(value) if value is not None else 0.0


def _launch_number() -> int:
    """The launch's place in its run: the number after the slash of its id."""
    digits = os.environ.get("PHIBENCH_LAUNCH", "0").rpartition("/")[2]
    return int(digits) if digits.isdigit() else 0
