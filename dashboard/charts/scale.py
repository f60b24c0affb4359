"""Axes of ratios: where ticks stand, and how far an axis reaches when single values lie far out."""

import math
from collections.abc import Sequence
from statistics import median

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_WIDE = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_FAR = 12.0
"""Median distances from the median beyond which a value does not stretch the axis."""


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round ratios from low to high, at most eight."""
    if high / low > 12:
        return [tick for tick in _WIDE if low <= tick <= high]
    step = next((one for one in _STEPS if (high - low) / one <= 7), 10.0)
    return [round(step * i, 4) for i in range(math.ceil(low / step), math.floor(high / step) + 1) if i > 0]


def reaching(values: Sequence[float], held: Sequence[float] = ()) -> tuple[float, float]:
    """
    A range for values on a logarithmic axis, with a little room.

    Args:
        values: above 0; those that lie far from the others may fall outside and get an arrow at the edge.
        held: what must be inside, such as the ends of an interval.
    """
    logs = [math.log(value) for value in values]
    middle = median(logs) if logs else 0.0
    spread = median(abs(one - middle) for one in logs) if logs else 0.0
    near = [one for one in logs if abs(one - middle) <= _FAR * spread] if spread else logs
    ends = [*near, *(math.log(one) for one in held)] or [0.0]
    room = max(0.08 * (max(ends) - min(ends)), 0.004)
    return math.exp(min(ends) - room), math.exp(max(ends) + room)
