"""What a simulated device says of itself, of a loaded model, of its memory and of its heat."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from collector import gates, physics
from runners.contract import DeviceSnapshot, EngineFacts, Job, Loaded, ModelRef, Phase, Reading, Scalar
from runners.wire import to_wire

OVERHEAD_BYTES = 60 << 20
"""What a process needs beside its model."""

N_THREADS = 2
_QUIET = Reading(other_cpu_cores=0.0, thermal_state="nominal", is_on_battery=False, is_low_power=False)
_PASSED = {"reading": to_wire(_QUIET), "phase": Phase.GATE, "waited_s": 0.0, "unmet": [], "unknown": []}
_COOL_C = 38.0
_STATES = ((0.06, "nominal"), (0.2, "fair"), (math.inf, "serious"))
"""Up to which share of its speed that is lost a device is in which thermal state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the gate sees before a launch, and how long it waited for better."""

    reading: Reading = _QUIET
    waited_s: float = 0.0


def simulated_snapshot(name: str = "simulated device") -> DeviceSnapshot:
    """A device that says of itself, by its kind, that it does not exist."""
    fingerprint = hashlib.sha256(name.encode()).hexdigest()[:16]
    return DeviceSnapshot(fingerprint=fingerprint, name=name, kind="simulated", os_name="none", n_physical_cores=2)


def engine_facts(engine: str, version: str) -> Mapping[str, Any]:
    """An engine of any name that says by its build that nothing was computed."""
    wire: Mapping[str, Any] = to_wire(EngineFacts(engine=engine, version=version, build={"is_simulated": True}))
    return wire


def passed(job: Job, condition: Condition | None) -> Mapping[str, Any]:
    """The last word of the gate of a job that has one; None = nothing disturbed it."""
    if condition is None or job.gate is None:
        return _PASSED
    reading = condition.reading
    return {
        "reading": to_wire(reading),
        "phase": Phase.GATE,
        "waited_s": condition.waited_s,
        "unmet": list(gates.unmet(job.gate, reading)),
        "unknown": list(gates.unknown(job.gate, reading)),
    }


def loaded(load_s: float, job: Job) -> Mapping[str, Any]:
    """What the engine says once a model is there; keys, values and compute buffer as physics has them."""
    model, n_tokens = job.model, job.workload.n_context_tokens
    n_prefilled = n_tokens - job.workload.n_generated_tokens
    return _loaded(load_s, model, job.engine, (n_tokens, n_prefilled), tuple(sorted(job.options.items())))


@cache
def _loaded(
    load_s: float,
    model: ModelRef,
    engine: str,
    n_tokens: tuple[int, int],
    options: tuple[tuple[str, Scalar], ...],
) -> Mapping[str, Any]:
    need = physics.memory_of_arm(
        model.shape, model.tensor_bytes, n_tokens[0], dict(options), engine=engine, n_prefill_tokens=n_tokens[1]
    )
    facts = Loaded(
        load_s=load_s,
        weights_bytes=model.tensor_bytes,
        kv_bytes=need.kv_bytes if need else None,
        compute_bytes=need.compute_bytes if need else None,
        backend="simulated",
        n_threads=N_THREADS,
        options=dict(options),
    )
    wire: Mapping[str, Any] = to_wire(facts)
    return wire


def totals(job: Job, os_name: str, log_factor: float) -> Mapping[str, Any]:
    """
    The last reading: what the process had resident at most, under the name that the system has for it.

    Args:
        os_name: an iPhone tells the footprint alone, a Mac both.
        log_factor: of what is beside the weights, as no two processes need the same.
    """
    model = job.model
    if model.tensor_bytes is None:
        return {}
    n_tokens = job.workload.n_context_tokens
    need = physics.memory_of_arm(
        model.shape,
        model.tensor_bytes,
        n_tokens,
        job.options,
        engine=job.engine,
        n_prefill_tokens=n_tokens - job.workload.n_generated_tokens,
    )
    beside = OVERHEAD_BYTES + (need.kv_bytes + need.compute_bytes if need else 0)
    peak = model.tensor_bytes + round(beside * math.exp(log_factor))
    if os_name == "iOS":
        return {"peak_footprint_bytes": peak}
    if os_name == "macOS":
        return {"peak_footprint_bytes": peak, "peak_rss_bytes": peak}
    return {"peak_rss_bytes": peak, "peak_anon_bytes": peak}


def state(heat: float, heat_frac: float, hottest_c: float | None) -> Mapping[str, Any]:
    """
    A reading of the machine while a launch goes on.

    Args:
        heat: share of all the heat that there will be.
        heat_frac: share of its speed that a device loses at all of it.
        hottest_c: temperature at all of it; None = the device does not tell.
    """
    word = next(word for most, word in _STATES if heat * heat_frac < most)
    celsius = None if hottest_c is None else round(_COOL_C + (hottest_c - _COOL_C) * heat, 1)
    wire: Mapping[str, Any] = to_wire(Reading(thermal_state=word, temperature_c=celsius))
    return wire
