"""Numbers for people: the one place where units get a prefix and values as few digits as their interval allows."""

import math
from collections.abc import Mapping

GIB = 1 << 30
UNKNOWN = "—"

_HEADERS: Mapping[str, tuple[str, float]] = {
    "decode_tok_per_s": ("decode tok/s", 1.0),
    "ttft_s": ("first token s", 1.0),
    "prefill_tok_per_s": ("prefill tok/s", 1.0),
    "peak_rss_bytes": ("peak GiB", GIB),
    "kernel_prefill_tok_per_s": ("kernel prefill tok/s", 1.0),
    "kernel_decode_tok_per_s": ("kernel decode tok/s", 1.0),
    "burst_tok_per_s": ("burst tok/s", 1.0),
    "sustained_tok_per_s": ("sustained tok/s", 1.0),
    "retained_frac": ("retained %", 0.01),
    "plateau_tok_per_s": ("plateau tok/s", 1.0),
    "load_s": ("load s", 1.0),
}


def header(metric: str) -> str:
    """What a metric is called above a column, unit included."""
    if metric in _HEADERS:
        return _HEADERS[metric][0]
    if metric.endswith("_bytes"):
        return f"{metric.removesuffix('_bytes').replace('_', ' ')} GiB"
    return metric


def scale(metric: str) -> float:
    """What a metric's base unit is divided by under its header."""
    return _HEADERS.get(metric, (metric, GIB if metric.endswith("_bytes") else 1.0))[1]


def p_value(p: float) -> str:
    """'0.021'; one that is too small to print is not 0."""
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def count(n: int, word: str) -> str:
    """'1 block', '3 blocks'."""
    return f"{n} {word}{'' if n == 1 else 's'}"


def gib(n_bytes: float | None, digits: int = 1) -> str:
    """Bytes in GiB without the unit, which stands in the header."""
    return UNKNOWN if n_bytes is None else f"{n_bytes / GIB:.{digits}f}"


def percent(frac: float | None) -> str:
    """A share as '58 %'."""
    return UNKNOWN if frac is None else f"{100 * frac:.0f} %"


def size(n_bytes: float | None) -> str:
    """Bytes with a unit, by 1024."""
    if n_bytes is None:
        return UNKNOWN
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(n_bytes) >= factor:
            return f"{n_bytes / factor:.2f} {unit}"
    return f"{n_bytes:.0f} B"


def duration(seconds: float | None) -> str:
    """'8 s', '1 min 20 s', '2 h 5 min'."""
    if seconds is None:
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 or seconds == 0 else "under 1 s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def plain(value: float | None, significant: int = 3) -> str:
    """A number without an interval, to three significant digits."""
    if value is None:
        return UNKNOWN
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def decimals(half_width: float, most: int) -> int:
    """Decimals that show two significant digits of a half-width, and no more than so many."""
    return most if half_width <= 0 else min(most, max(0, 1 - math.floor(math.log10(half_width))))


def with_interval(value: float | None, low: float | None, high: float | None, n: int, scale: float = 1.0) -> str:
    """
    '4.81 ± 0.05', or '4.81 ·n=3' where there is no interval.

    The half-width is the larger of the two distances, shown with two significant digits; the value has as many decimals
    as that.
    """
    if value is None:
        return UNKNOWN
    if low is None or high is None:
        return f"{plain(value / scale)} ·n={n}"
    half = max(value - low, high - value) / scale
    if half <= 0:
        return f"{plain(value / scale)} ± 0"
    digits = max(0, 1 - math.floor(math.log10(half)))
    return f"{value / scale:,.{digits}f} ± {half:,.{digits}f}"


def gib_with_interval(value: float, low: float | None, high: float | None, n: int) -> str:
    """Bytes as '2.39 ± 0.12', '2.39 ± <0.01' where memory hardly varies, or '2.39 ·n=3'; GiB stands in the header."""
    shown = gib(value, 2)
    if low is None or high is None:
        return f"{shown} ·n={n}"
    half = max(value - low, high - value) / GIB
    return f"{shown} ± {half:.2f}" if half >= 0.01 or half <= 0 else f"{shown} ± <0.01"
