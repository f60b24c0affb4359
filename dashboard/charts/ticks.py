"""Round places for ticks on an axis of positive numbers."""

import math

MOST = 7


def round_ticks(low: float, high: float) -> list[float]:
    """
    Round numbers from low to high, few enough for a narrow window: 1, 2, 5, 10... on a wide range, else even steps.

    Args:
        low, high: 0 < low < high.
    """
    if high / low >= 12:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        per_decade = (1, 2, 5) if len(decades) <= 3 else (1, 3) if len(decades) == 4 else (1,)
        found = [factor * 10.0**decade for decade in decades for factor in per_decade]
        return [tick for tick in found if low <= tick <= high]
    rough = (high - low) / (MOST - 2)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(i * step, digits) for i in range(first, last + 1)]


def tick_text(ticks: list[float]) -> list[str]:
    """The ticks as they are written: '0.5', '1,024'."""
    return [f"{tick:,.10g}" for tick in ticks]
