"""What a reader must know beside a verdict: words for a row, sentences for a comparison."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from collector import stats
from collector.compare.matching import Matched
from collector.compare.noise import LEAST_SESSIONS, Noise
from collector.compare.records import Design, Row, Side
from collector.compare.values import in_time, is_simulated, values_of
from collector.stats import Verdict

ALPHA = 0.05
DRIFT_WORTH_TELLING_FRAC, DRIFT_ALPHA = 0.02, 0.01
"""A trend is told from this size on, and only when it is unlikely to be chance among the four of a comparison."""

_SURE = (Verdict.FASTER, Verdict.SLOWER, Verdict.LOOKS_FASTER, Verdict.LOOKS_SLOWER)


def doubted(row: Row, design: Design, noise: Noise | None) -> Row:
    """The row with its words of doubt."""
    if row.ratio is None or design.is_same_launches:
        return row
    words = [*row.doubts]
    if row.ratio.low is None:
        words.append(f"n={row.ratio.n}: no interval")
    if row.is_headline and not design.is_paired and not (noise and noise.is_whole):
        words.append("noise between sessions unknown")
    if row.is_headline and design.is_interleaved is False:
        words.append("sequential order")
    if row.verdict in _SURE and noise and noise.floor and _is_below(row, noise.floor.floor_frac):
        words.append("smaller than the noise floor")
    return replace(row, doubts=tuple(words))


def of_design(design: Design, n_family: int) -> Iterator[str]:
    """What the way in which it was measured allows to be said."""
    if design.is_same_launches:
        yield "A and B are the same launches, so nothing is compared; phibench noise runs an arm against itself"
        return
    if not all(design.n_launches):
        return
    if design.is_interleaved is False:
        yield "order was sequential: drift and difference cannot be told apart"
    if design.is_paired:
        yield from _of_blocks(design.n_blocks or 0, n_family)
    else:
        yield from _of_launches(design, n_family)


def of_kinds(sides: Sequence[Side]) -> Iterator[str]:
    """Of which side a simulator made the values, where it did not make those of both."""
    kinds = [{is_simulated(cell) for cell in side.cells} for side in sides]
    if len(set().union(*kinds)) == 1:
        return
    which = [letter for letter, found in zip("AB", kinds, strict=True) if True in found]
    yield (
        f"{' and '.join(which)} {'is' if len(which) == 1 else 'are in part'} simulated and the other values were "
        "measured: they are not set against each other; phibench list shows the runs, choose two of one kind"
    )


def of_noise(noise: Iterable[Noise], design: Design) -> Iterator[str]:
    """What is not known of the noise between sessions, where it matters."""
    missing = [one for one in noise if not one.is_whole]
    if design.is_paired or design.is_same_launches or not missing:
        return
    n_runs = max(one.n_runs for one in missing)
    which = "the noise between sessions is unknown" if all(one.sessions is None for one in missing) else (
        "the noise between sessions is known for one of the two devices"
    )  # fmt: skip
    yield (
        f"{which} ({n_runs} of {LEAST_SESSIONS} runs), so the intervals are too narrow; "
        f"phibench noise, {LEAST_SESSIONS} times on a device, measures it"
    )


def of_outliers(changed: Sequence[tuple[Row, Row]]) -> Iterator[str]:
    """Rows whose verdict rests on values that lie far from the others, with both estimates."""
    for row, cleaned in changed:
        n_out = (row.ratio.n if row.ratio else 0) - (cleaned.ratio.n if cleaned.ratio else 0)
        values = "1 outlier decides" if n_out == 1 else "outliers decide"
        yield (
            f"{row.workload} {row.metric}: {values}: {_words(row)} with, {_words(cleaned)} without; "
            "both are kept, look at the launches"
        )


def of_drift(workloads: Iterable[Matched], sides: Sequence[Side], design: Design) -> Iterator[str]:
    """Trends over the launches of an arm in the order in which a run had them."""
    for one in workloads:
        for metric in one.headlines:
            for side, cells in zip(sides, (one.baseline, one.other), strict=True):
                if design.n_sessions != (1, 1) or not cells:
                    continue
                trend = stats.drift(in_time(values_of(cells, metric)))
                if trend is None or trend.p > DRIFT_ALPHA or abs(trend.change_frac) < DRIFT_WORTH_TELLING_FRAC:
                    continue
                effect = "; pairs of blocks cancel it" if design.is_paired and design.is_interleaved else ""
                yield (
                    f"{one.name} {metric} of {side.name} changed by {100 * trend.change_frac:+.1f} % "
                    f"over the run (p {trend.p:.2g}){effect}"
                )


def of_what_only_one_has(workloads: Iterable[Matched]) -> Iterator[str]:
    """Workloads that cannot be compared."""
    for letter, names in (
        ("A", [one.name for one in workloads if not one.other]),
        ("B", [one.name for one in workloads if not one.baseline]),
    ):
        if names:
            yield f"only {letter} has the workload{'s' if len(names) > 1 else ''} {', '.join(names)}"


def of_failures(sides: Sequence[Side]) -> Iterator[str]:
    """Launches that gave nothing: their blocks do not pair."""
    for letter, side in zip("AB", sides, strict=True):
        n_failed = sum(cell.n_failed for cell in side.cells)
        if n_failed:
            launches = "launch" if n_failed == 1 else "launches"
            yield f"{n_failed} {launches} of {letter} failed: phibench show {side.run_ids[-1]}"


def _of_blocks(n_blocks: int, n_family: int) -> Iterator[str]:
    least = stats.least_blocks(n_family, ALPHA) if n_family else 0
    if n_blocks < stats.MIN_N:
        yield f"{_count(n_blocks, 'block')}: no 95 % interval exists, {stats.MIN_N} blocks give one"
    if n_blocks < least:
        yield (
            f"{_count(n_family, 'row')}, {_count(n_blocks, 'block')}: no difference can be shown, {least} are needed"
        )


def _of_launches(design: Design, n_family: int) -> Iterator[str]:
    """The smallest p of a Mann-Whitney test is that of the two most extreme orders of all launches."""
    first, second = design.n_launches
    if not n_family:
        return
    if min(first, second) < stats.MIN_N:
        yield (
            f"{_count(n_family, 'row')}, {first} and {second} launches: n too small for an interval or a verdict; "
            f"{_needed(n_family)} of each are enough"
        )
    elif min(1.0, n_family * 2 / math.comb(first + second, first)) > ALPHA:
        yield (
            f"{_count(n_family, 'row')}, {first} and {second} launches: no difference can be shown; "
            f"{_needed(n_family)} of each are enough"
        )


def _needed(n_family: int) -> int:
    return next(n for n in range(stats.MIN_N, 1000) if n_family * 2 / math.comb(2 * n, n) <= ALPHA)


def _is_below(row: Row, floor_frac: float | None) -> bool:
    return floor_frac is not None and row.ratio is not None and abs(math.log(row.ratio.value)) < math.log1p(floor_frac)


def _words(row: Row) -> str:
    value = f"{row.ratio.value:.3f}" if row.ratio else "no ratio"
    interval = (
        f" ({row.ratio.low:.3f} – {row.ratio.high:.3f})" if row.ratio and row.ratio.low and row.ratio.high else ""
    )
    return f"{value}{interval}, {row.verdict or 'no verdict'}"


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
