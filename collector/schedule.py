"""
Pure decisions about order and end: which cell runs when, and when enough was measured.

Blocks come in pairs: workloads in drawn order, the arms of one workload adjacent and in drawn order, then a block in
exactly the reverse order. With two arms and one workload that is ABBA from a random start, which cancels a linear drift
and favours neither arm.

A run without a fixed number of blocks stops on the width of the intervals that are shown, on its budget, or at its most
blocks; never on a p-value: looking at p after each block and stopping when it is small finds differences that are not
there in one run of six (docs/method.md).
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector import stats
from runners.contract import Workload, WorkloadKind

HEADLINE_METRICS = (
    "decode_tok_per_s", "ttft_s", "kernel_prefill_tok_per_s", "kernel_decode_tok_per_s", "burst_tok_per_s",
    "sustained_tok_per_s",
)  # fmt: skip
"""What the stop rule and the verdicts look at; a launch has those of :func:`headlines`."""


def headlines(workload: Workload, *, is_sustained: bool) -> tuple[str, ...]:
    """The metrics of a workload that a comparison decides on: they fix the family of its tests."""
    if is_sustained:
        return ("burst_tok_per_s", "sustained_tok_per_s")
    if workload.kind is WorkloadKind.GENERATION:
        return ("decode_tok_per_s", "ttft_s")
    return ("kernel_prefill_tok_per_s",) if workload.n_prompt_tokens else ("kernel_decode_tok_per_s",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One launch's value of one metric: ``workload`` and ``arm`` are places in the plan."""

    workload: int
    arm: int
    block: int
    metric: str
    value: float


def block_order(n_workloads: int, n_arms: int, block: int, seed: int) -> tuple[tuple[int, int], ...]:
    """
    The cells of one block as (workload, arm) indices, every cell once.

    Args:
        n_workloads: number of workloads of the plan.
        n_arms: number of arms of the plan.
        block: from 0; an odd block mirrors the one before it.
        seed: of the run; the same seed gives the same order on every machine.
    """
    draw = random.Random(f"{seed}/{block // 2}")  # noqa: S311  # an order that can be repeated, not a secret
    order = [
        (workload, arm)
        for workload in draw.sample(range(n_workloads), n_workloads)
        for arm in draw.sample(range(n_arms), n_arms)
    ]
    return tuple(reversed(order) if block % 2 else order)


def kept_cells(order: Sequence[tuple[int, int]], dropped: frozenset[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The block without the cells that cannot succeed any more."""
    return tuple(cell for cell in order if cell not in dropped)


def stop_reason(
    measured: Iterable[Measured],
    *,
    n_blocks_done: int,
    n_blocks_timed: int,
    n_cells: int,
    precision_frac: float | None,
    budget_s: float | None,
    elapsed_s: float,
    baseline: int = 0,
) -> str | None:
    """
    Why a run should not begin another block; None when it should.

    Args:
        measured: of all good launches so far.
        n_blocks_done: blocks of this run that are whole.
        n_blocks_timed: those of them that ``elapsed_s`` covers: fewer in a run that was resumed.
        n_cells: cells of a block; with more than one, a pair of mirrored blocks is not cut in half for precision.
        precision_frac: half-width to be reached, with enough blocks to show a difference; None = their number is fixed.
        baseline: place of the arm that the others are set against.
        budget_s, elapsed_s: seconds allowed and spent; a block is expected to take as long as the mean one did.
    """
    if precision_frac is not None and (n_cells == 1 or n_blocks_done % 2 == 0):
        found = tuple(measured)
        width = widest(found, baseline)
        if width is not None and width <= precision_frac and can_decide(found, baseline):
            return f"precision reached (±{100 * width:.1f} %)"
    if budget_s is not None and n_blocks_timed and elapsed_s * (1 + 1 / n_blocks_timed) > budget_s:
        return "budget spent"
    return None


def widest(measured: Iterable[Measured], baseline: int = 0) -> float | None:
    """Half-width of the widest of :func:`shown_estimates`, as a share; None while one of them has no interval."""
    widths = [stats.relative_half_width(estimate) for estimate in shown_estimates(measured, baseline).values()]
    if not widths or None in widths:
        return None
    return max(width for width in widths if width is not None)


def can_decide(measured: Iterable[Measured], baseline: int = 0) -> bool:
    """Whether every ratio has the blocks without which its family can show no difference; one arm has no family."""
    found = tuple(measured)
    if len({one.arm for one in found}) < 2:
        return True
    rows = shown_estimates(found, baseline)
    least = stats.least_blocks(len(rows)) if rows else 0
    return all(estimate.n >= least for estimate in rows.values())


def shown_estimates(measured: Iterable[Measured], baseline: int = 0) -> dict[tuple[int, int, str], stats.Estimate]:
    """
    By workload, arm and metric, the estimates that a run narrows.

    With one arm its own value; with several the ratio of each to the baseline, paired by block. An arm that has nothing
    in common with it is left out, as it cannot be compared; where the baseline has no value the first arm that has one
    stands in.
    """
    values: dict[tuple[int, str], dict[int, dict[int, float]]] = {}
    for one in measured:
        if one.metric in HEADLINE_METRICS:
            values.setdefault((one.workload, one.metric), {}).setdefault(one.arm, {})[one.block] = one.value
    found = {}
    for (workload, metric), by_arm in sorted(values.items()):
        for arm, estimate in _estimates(by_arm, baseline):
            found[workload, arm, metric] = estimate
    return found


def _estimates(by_arm: Mapping[int, Mapping[int, float]], baseline: int) -> Iterator[tuple[int, stats.Estimate]]:
    first = baseline if baseline in by_arm else min(by_arm)
    if len(by_arm) == 1:
        yield first, stats.interval(list(by_arm[first].values()))
        return
    for arm in sorted(by_arm):
        blocks = sorted(by_arm[first].keys() & by_arm[arm].keys())
        if arm != first and blocks:
            of_first, of_arm = ([by_arm[a][block] for block in blocks] for a in (first, arm))
            yield arm, stats.paired_ratio(of_first, of_arm)


def is_interleaved(sides: Sequence[int]) -> bool:
    """
    Whether the launches of two arms were mixed in time.

    Args:
        sides: 0 or 1 for each launch in the order in which they ran.

    Returns:
        False for A...AB...B and its like: whenever the mean places of the two differ by more than a quarter of all
        launches, so that drift and difference cannot be told apart.
    """
    places = [[index for index, side in enumerate(sides) if side == which] for which in (0, 1)]
    if not all(places) or len(sides) < 4:
        return True
    means = [math.fsum(p) / len(p) for p in places]
    return abs(means[0] - means[1]) <= len(sides) / 4
