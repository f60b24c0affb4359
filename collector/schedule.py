"""
Pure decisions about order: which cell runs when.

Blocks come in pairs: workloads in drawn order, the arms of one workload adjacent and in drawn order, then a block in
exactly the reverse order. With two arms and one workload that is ABBA from a random start, which cancels a linear drift
and favours neither arm.
"""

import random
from collections.abc import Sequence


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
