"""
How long a launch will take here: from the rates that were measured last on this machine, else a rough guess.

The guess says that it is one. Pure functions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from collector.queries import LastRates
from collector.stats import MIN_N
from collector.suite import Arm, Plan
from runners.contract import Workload

GUESSED_BYTES_PER_S = 8e9
"""Effective memory bandwidth of a slow two-core machine: decoding streams all weights once a token."""

GUESSED_OPERATIONS_PER_S = 100e9
"""Of the same machine; the prefill of a dense model takes two operations a parameter and token."""

_GUESSED_LOAD_BYTES_PER_S = 0.5e9
_PROCESS_START_S = 1.0
_GATE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """
    Seconds of one block and of the whole plan; ``is_guess`` when a rate had to be guessed.

    A plan that stops at a precision may need no more than ``least_s``: six blocks, the fewest with an interval.
    """

    block_s: float
    least_s: float
    total_s: float
    is_guess: bool


def plan_forecast(plan: Plan, rates: Mapping[str, LastRates]) -> Forecast:
    """
    Time of a plan.

    Args:
        plan: what is to be run.
        rates: by arm label; an arm that is missing was never measured here.
    """
    cells = [(arm, workload) for arm in plan.arms for workload in plan.workloads]
    block_s = sum(launch_s(arm, workload, rates.get(arm.label, LastRates()), plan) for arm, workload in cells)
    known = [rates.get(arm.label, LastRates()) for arm in plan.arms]
    is_guess = any(r.decode_tok_per_s is None or r.prefill_tok_per_s is None for r in known)
    n_least = plan.n_blocks if plan.precision_frac is None else min(MIN_N, plan.n_blocks)
    allowed_s = math.inf if plan.budget_s is None else max(block_s, plan.budget_s)
    return Forecast(
        block_s=block_s,
        least_s=min(block_s * n_least, allowed_s),
        total_s=min(block_s * plan.n_blocks, allowed_s),
        is_guess=is_guess,
    )


def launch_s(arm: Arm, workload: Workload, rates: LastRates, plan: Plan) -> float:
    """Seconds of one launch: gate, process, load, warm-up and iterations."""
    tensor_bytes = arm.model.tensor_bytes or 0
    n_params = arm.model.shape.n_params if arm.model.shape else 0
    decode_s = (
        workload.n_generated_tokens / rates.decode_tok_per_s
        if rates.decode_tok_per_s
        else workload.n_generated_tokens * tensor_bytes / GUESSED_BYTES_PER_S
    )
    n_read = workload.n_prompt_tokens + workload.n_depth_tokens
    prefill_s = (
        n_read / rates.prefill_tok_per_s
        if rates.prefill_tok_per_s
        else n_read * 2 * n_params / GUESSED_OPERATIONS_PER_S
    )
    load_s = rates.load_s if rates.load_s is not None else tensor_bytes / _GUESSED_LOAD_BYTES_PER_S
    gate_s = _gate_s(plan)
    measured_s = max(plan.n_iterations * (prefill_s + decode_s), plan.duration_s or 0.0)
    return gate_s + _PROCESS_START_S + load_s + plan.n_warmups * (prefill_s + decode_s) + measured_s


def _gate_s(plan: Plan) -> float:
    """A quiet machine of today passes at once; a phone holds its temperature for as long as it is told."""
    if plan.gate is None:
        return 0.0
    return _GATE_S if plan.device_id is None else max(_GATE_S, plan.gate.nominal_hold_s)
