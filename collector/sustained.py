"""
What a long launch tells: the rate at its start, at its end, where it settled, and how fast it got there.

One shape is repeated back to back; each repetition is a committed trace. The first measured one is the *burst*, the
last two minutes are *sustained*; a *plateau* exists only where the rate has settled, and else there is none: a mean
over a slope would be a number of nothing. Rates are tokens over decoding time, so that prompts do not count, and whole
repetitions go in, so that burst and sustained hold the same depths of context.

Where the rate changed is found by optimal partitioning: among all ways to cut the run into stretches of one level each
the one with the least squared error of ln(rate) plus a penalty a cut, exactly, by dynamic programming. Pure functions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

TAIL_S, TAIL_FRAC = 120.0, 0.2
"""Sustained is the last two minutes, or the last fifth of a run shorter than ten."""

PLATEAU_FRAC = 1 / 3
"""A plateau lasts at least this share of the run, to its end ..."""

FLAT_FRAC = 0.05
"""... and its trend, had it gone on for as long as the whole run, would have changed the rate by no more than this."""

LOSS_FRAC = 0.02
"""A plateau closer to the burst than this is no loss."""

LEAST_NOISE = 0.005
"""Standard deviation of ln(rate) between repetitions that is taken for granted, so that tiny steps are no changes."""

_CUT_COST = 4.0  # times ln n and the variance; see noise_of for the variance
_DIP = 3.0
_LEAST_POINTS, _MOST_POINTS = 3, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """
    One generation of the launch; times in seconds since the first measured one began.

    ``n_tokens`` are those after the first delivery and ``decode_s`` the time they took; ``middle_s`` lies halfway
    through it.
    """

    middle_s: float
    end_s: float
    n_tokens: int
    decode_s: float

    @property
    def tok_per_s(self) -> float:
        """Decode rate of this repetition."""
        return self.n_tokens / self.decode_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Where the rate settled: level, and when it was reached (0 = it never changed)."""

    tok_per_s: float
    begin_s: float


def rate(repetitions: Sequence[Repetition]) -> float:
    """Tokens over decoding time; shape (n,), n >= 1."""
    return sum(r.n_tokens for r in repetitions) / math.fsum(r.decode_s for r in repetitions)


def burst_tok_per_s(repetitions: Sequence[Repetition]) -> float | None:
    """Rate of the first repetition; None without any."""
    return repetitions[0].tok_per_s if repetitions else None


def sustained_tok_per_s(repetitions: Sequence[Repetition]) -> float | None:
    """Rate over the repetitions in the middle of which the tail has begun; None below two, as one is the burst."""
    if len(repetitions) < 2:
        return None
    window_s = repetitions[-1].end_s
    begin_s = window_s - min(TAIL_S, TAIL_FRAC * window_s)
    return rate([r for r in repetitions[1:] if r.middle_s >= begin_s] or [repetitions[-1]])


def plateau(repetitions: Sequence[Repetition]) -> Plateau | None:
    """
    Where the rate settled; None when it did not.

    Dips are filled first, so that a moment's disturbance is no change. It is the last stretch of :func:`cuts`, without
    as much of its front as still slopes, if what is left lasts at least ``PLATEAU_FRAC`` of the run, holds three points
    and is flat by its least-squares trend (``FLAT_FRAC``); its level is the geometric mean.

    Source:
        Simulated, ten minutes with 20 to 70 repetitions, noise 0.5 to 2 %: a constant rate and a fall that ends before
        half the run get their plateau in 95 % or more, an exponential fall with a time constant of five minutes in
        12 % at most.
    """
    points = _points(repetitions)
    if len(points) < _LEAST_POINTS:
        return None
    logs, noise = _levels(points)
    window_s = points[-1].end_s
    for first in range(cuts(logs, noise)[-1], len(points) - _LEAST_POINTS + 1):
        begin_s = points[first - 1].end_s if first else 0.0
        if window_s - begin_s < PLATEAU_FRAC * window_s:
            break
        trend = _slope([point.middle_s for point in points[first:]], logs[first:])
        if abs(trend) * window_s <= FLAT_FRAC:
            return Plateau(tok_per_s=math.exp(math.fsum(logs[first:]) / len(logs[first:])), begin_s=begin_s)
    return None


def t50_s(repetitions: Sequence[Repetition]) -> float | None:
    """
    Seconds until half of what lies between burst and plateau was lost; None without a plateau or without a loss.

    The rates, without dips, are smoothed by a running median of three, so that no moment's disturbance is a loss;
    between the middles of two repetitions the rate is taken to change linearly.
    """
    settled = plateau(repetitions)
    points = _points(repetitions)
    if settled is None or settled.begin_s == 0 or settled.tok_per_s > (1 - LOSS_FRAC) * points[0].tok_per_s:
        return None
    half = (points[0].tok_per_s + settled.tok_per_s) / 2
    rates = [points[0].tok_per_s, *(math.exp(y) for y in _levels(points)[0][1:])]
    smooth = [rates[0], *(median(rates[i - 1 : i + 2]) for i in range(1, len(rates) - 1)), rates[-1]]
    for (before, early), (after, late) in pairwise(zip(points, smooth, strict=True)):
        if late <= half:
            share = (early - half) / (early - late)
            return before.middle_s + share * (after.middle_s - before.middle_s)
    return None


def nonnominal_frac(states: Sequence[tuple[float, str]], window_s: float) -> float | None:
    """
    Share of the measured time in which the thermal state was not nominal; None where no reading within it told.

    Args:
        states: shape (n,), in any order; seconds since the first measured repetition began, and the state then. Each
            holds until the next; the first also for the time before it.
        window_s: from there to the end of the last repetition.
    """
    known = sorted(states)
    if not any(0 <= t_s <= window_s for t_s, _ in known) or window_s <= 0:
        return None
    times = [0.0, *(min(max(t_s, 0.0), window_s) for t_s, _ in known[1:]), window_s]
    spans = [b - a for a, b in pairwise(times)]
    return math.fsum(span for span, (_, state) in zip(spans, known, strict=True) if state != "nominal") / window_s


def noise_of(logs: Sequence[float]) -> float:
    """
    Standard deviation of ln(rate) between neighbours, from the median step, so that few real changes do not count.

    Source:
        The median of |a - b| is 0.954 sd for two independent normal values.
    """
    steps = [abs(b - a) for a, b in pairwise(logs)]
    return max(LEAST_NOISE, median(steps) / 0.954) if steps else LEAST_NOISE


def without_dips(logs: Sequence[float], noise: float) -> list[float]:
    """
    Values no further than ``_DIP`` standard deviations below the median of their neighbours, two on each side.

    One or two poor repetitions, when something else took the processor, cannot stand as a stretch of their own then; a
    lasting step stays where it is. Above nothing is clipped: a first fast repetition is what a burst is.
    """
    return [max(value, median(logs[max(0, i - 2) : i + 3]) - _DIP * noise) for i, value in enumerate(logs)]


def cuts(logs: Sequence[float], noise: float) -> tuple[int, ...]:
    """
    First index of each stretch of one level; the first is 0.

    Args:
        logs: shape (n,), n >= 1: ln(rate) in the order of time.
        noise: standard deviation within a stretch.

    Source:
        Optimal partitioning: Jackson et al. 2005, IEEE Signal Processing Letters 12, 105; cost of normal data with a
        known sd. Exact, in n^2 steps.
    """
    sums, squares = [0.0], [0.0]
    for value in logs:
        centred = value - logs[0]
        sums.append(sums[-1] + centred)
        squares.append(squares[-1] + centred * centred)
    penalty = _CUT_COST * math.log(max(2, len(logs))) * noise * noise
    best, origin = [-penalty], [0]
    for end in range(1, len(logs) + 1):
        costs = (
            (best[k] + penalty + squares[end] - squares[k] - (sums[end] - sums[k]) ** 2 / (end - k), k)
            for k in range(end)
        )
        cost, start = min(costs)
        best.append(cost)
        origin.append(start)
    starts = [origin[-1]]
    while starts[-1] > 0:
        starts.append(origin[starts[-1]])
    return tuple(reversed(starts))


def _points(repetitions: Sequence[Repetition]) -> list[Repetition]:
    """The repetitions, neighbours put together where there are more than three hundred."""
    size = math.ceil(len(repetitions) / _MOST_POINTS) or 1
    groups = [repetitions[i : i + size] for i in range(0, len(repetitions), size)]
    return [group[0] if size == 1 else _together(group) for group in groups]


def _levels(points: Sequence[Repetition]) -> tuple[list[float], float]:
    """ln(rate) of each point without dips, and the noise between them."""
    raw = [math.log(point.tok_per_s) for point in points]
    noise = noise_of(raw)
    return without_dips(raw, noise), noise


def _together(group: Sequence[Repetition]) -> Repetition:
    return Repetition(
        middle_s=(group[0].middle_s + group[-1].middle_s) / 2,
        end_s=group[-1].end_s,
        n_tokens=sum(r.n_tokens for r in group),
        decode_s=math.fsum(r.decode_s for r in group),
    )


def _slope(times_s: Sequence[float], logs: Sequence[float]) -> float:
    """Least-squares slope of ln(rate) a second; shape (n,), n >= 2."""
    mean_s, mean_log = math.fsum(times_s) / len(times_s), math.fsum(logs) / len(logs)
    spread = math.fsum((t - mean_s) ** 2 for t in times_s)
    return math.fsum((t - mean_s) * (y - mean_log) for t, y in zip(times_s, logs, strict=True)) / spread
