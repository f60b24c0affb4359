"""A comparison for people: the finding, a table a workload, what else differs, the noise, and what to doubt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from collector import numbers
from collector.cli._tables import fitted, plain_table
from collector.compare import Arm, Comparison, Noise, Pair, Row, compare
from collector.compare.findings import findings, ratio
from collector.compare.siding import against_baseline
from collector.queries import CellResult
from collector.stats import Estimate

_BESIDES = ("prefill_tok_per_s", "retained_frac", "peak_rss_bytes", "peak_footprint_bytes")
"""Shown below the rows with a verdict, unless everything is asked for."""

_PROCESS_METRICS = ("peak_", "cpu_", "n_minor", "n_major", "n_voluntary", "n_involuntary")
"""What a simulator's process says of itself is not about a model."""

WIDE = 100
"""Columns from which p and the intervals' levels are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """
    What is shown.

    Args:
        here: name of this machine.
        metric: the only one wanted, or None.
        has_all: every metric that the arms have.
    """

    here: str | None
    metric: str | None = None
    has_all: bool = False

    def rows(self, pair: Pair) -> list[Row]:
        """The rows that are shown."""
        if self.metric is not None:
            return [row for row in pair.rows if row.metric == self.metric]
        is_simulated = "simulated" in {*pair.baseline.flags, *pair.other.flags}
        has_footprint = any(row.metric == "peak_footprint_bytes" for row in pair.rows)
        return [
            row
            for row in pair.rows
            if (self.has_all or row.is_headline or row.metric in _BESIDES)
            and not (is_simulated and row.metric.startswith(_PROCESS_METRICS))
            and not (has_footprint and row.metric == "peak_rss_bytes" and not self.has_all)
        ]


def print_comparison(console: Console, comparison: Comparison, screen: Screen, warnings: Sequence[str] = ()) -> None:
    """All of it; what holds for every pair is printed once."""
    sentences = findings(comparison, screen.here)
    for sentence, pair in zip(sentences, comparison.pairs, strict=True):
        console.print(Text(sentence), soft_wrap=True)
        console.print()
        _print_arms(console, pair)
        _print_lines(console, design_lines(pair, comparison))
        _print_rows(console, pair, screen)
        console.print()
        _print_lines(console, difference_lines(pair))
        _print_lines(console, noise_lines(pair, screen.here))
        for warning in pair.warnings:
            console.print(Text(f"note: {warning}"), soft_wrap=True)
        if pair is not comparison.pairs[-1]:
            console.print(Text("─" * 40))
    for warning in warnings:
        console.print(Text(f"note: {warning}"), soft_wrap=True)
    console.print(Text(evidence(comparison)), soft_wrap=True)


def print_ratios(console: Console, cells: Sequence[CellResult], run_id: str) -> None:
    """The arms of one run against its baseline, every row with a verdict; nothing where there is one arm."""
    pairs = against_baseline(cells)
    if not pairs:
        return
    comparison = compare(pairs)
    headers = ("ratio", "p (Holm)")
    for pair in comparison.pairs:
        title = f"{pair.other.name} / {pair.baseline.name}"
        table = plain_table(title, *headers, "verdict", right=headers)
        for row in pair.family:
            table.add_row(
                f"{row.workload} {numbers.header(row.metric)}", ratio(row.ratio), p_text(row), verdict_text(row)
            )
        console.print()
        console.print(fitted(console, table))
        for warning in pair.warnings:
            console.print(Text(f"note: {warning}"), soft_wrap=True)
    console.print(Text(f"more, and the noise floor: phibench compare {run_id}"))


def evidence(comparison: Comparison) -> str:
    """The commands that show the launches behind it."""
    runs = dict.fromkeys(run for pair in comparison.pairs for arm in (pair.baseline, pair.other) for run in arm.runs)
    return f"evidence  {'; '.join(f'phibench show {run}' for run in runs)}"


def noise_lines(pair: Pair, here: str | None) -> list[str]:
    """The noise of the device as it was measured, or the command that measures it."""
    known = {metric: noise for metric, noise in pair.noise.items() if noise.floor and noise.floor.floor_frac}
    place = "here" if pair.baseline.device == here else f"of {pair.baseline.device}"
    lines = []
    if known:
        seen = next(noise.floor for noise in known.values() if noise.floor)
        words = ", ".join(f"{_short(m)} ±{100 * (n.floor.floor_frac or 0):.1f} %" for m, n in known.items() if n.floor)
        of = "" if seen.label in {pair.baseline.label, pair.other.label} else f", {seen.label}"
        lines.append(f"noise floor {place} (A against A, {seen.measured_at_utc[:10]}{of}): {words}")
    elif pair.noise and pair.baseline.device == pair.other.device:
        lines.append(f"noise floor {place}: unknown; phibench noise measures it{'' if place == 'here' else ' there'}")
    if not pair.design.is_paired:
        lines += between_lines(pair.noise)
    return lines


def between_lines(noise: Mapping[str, Noise]) -> list[str]:
    """The spread from run to run, which intervals of different runs have in them."""
    known = {metric: one.sessions for metric, one in noise.items() if one.sessions}
    if not known:
        return []
    words = ", ".join(f"{_short(metric)} {100 * one.sd:.1f} % (n={one.n})" for metric, one in known.items())
    return [f"between sessions (sd of one arm from run to run): {words}"]


def _print_arms(console: Console, pair: Pair) -> None:
    for letter, arm, n in zip("AB", (pair.baseline, pair.other), pair.design.n_launches, strict=True):
        console.print(Text(f"{letter}  {arm_text(arm)}{f', {n} launches' if n else ''}"), soft_wrap=True)
    _print_lines(console, doubt_lines(pair))


def arm_text(arm: Arm) -> str:
    words = [arm.label] if arm.name in {arm.label, f"run {arm.runs[0]}"} else [arm.name, arm.label]
    runs = f"run{'s' if len(arm.runs) > 1 else ''} {', '.join(arm.runs)}"
    return " · ".join([*words, runs])


def doubt_lines(pair: Pair) -> list[str]:
    """The flags of the two arms, in one line where they are the same."""
    first, second = (", ".join(arm.flags) for arm in (pair.baseline, pair.other))
    if first == second:
        return [f"doubt on both: {first}"] if first else []
    return [f"doubt on {letter}: {flags}" for letter, flags in (("A", first), ("B", second)) if flags]


def design_lines(pair: Pair, comparison: Comparison) -> list[str]:
    design = pair.design
    band = f"band ±{100 * comparison.band_frac:g} %"
    family = f"{comparison.n_family} row{'' if comparison.n_family == 1 else 's'} tested together"
    if not design.is_paired:
        sessions = f"{design.n_sessions[0]} and {design.n_sessions[1]} sessions" if max(design.n_sessions) > 1 else ""
        return ["; ".join(filter(None, ["ratio is B/A; not paired", sessions, family]))]
    seeds = ", ".join(map(str, design.seeds))
    order = "interleaved" if design.is_interleaved else "sequential"
    blocks = f"{design.n_blocks} block{'' if design.n_blocks == 1 else 's'}"
    return [f"ratio is B/A; paired: {blocks}, {order}, order drawn (seed {seeds})", f"{band}; {family}"]


def _print_rows(console: Console, pair: Pair, screen: Screen) -> None:
    by_workload: dict[tuple[str, str], list[Row]] = {}
    for row in screen.rows(pair):
        by_workload.setdefault((row.workload, row.shape), []).append(row)
    for (name, shape), rows in by_workload.items():
        is_wide = console.width >= WIDE
        more = ["p (Holm)"] if is_wide else []
        headers = ("A", "B", "ratio B/A", *more)
        table = plain_table(f"{name} {shape}", *headers, "verdict", right=headers)
        table.padding = (0, 2 if is_wide else 1, 0, 0)
        for row in rows:
            cells = [
                numbers.header(row.metric),
                *value_texts(row),
                *([p_text(row)] if is_wide else []),
                verdict_text(row),
            ]
            table.add_row(*cells)
        console.print()
        console.print(fitted(console, table))
        _print_lines(console, _doubts(rows))
    for mean in pair.means if screen.metric is None else ():
        of = f"{numbers.header(mean.metric)}, geometric mean of {mean.n_workloads} workloads"
        console.print(Text(f"\n{of}: {ratio(mean.ratio)}"), soft_wrap=True)


def _doubts(rows: Iterable[Row]) -> Iterator[str]:
    """Each doubt once, with the rows that have it."""
    by_doubt: dict[str, list[str]] = {}
    for row in rows:
        for doubt in [row.refusal] if row.refusal else row.doubts:
            by_doubt.setdefault(doubt, []).append(numbers.header(row.metric))
    for doubt, names in by_doubt.items():
        yield f"  {', '.join(names)}: {doubt}"


def value_texts(row: Row) -> tuple[str, str, str]:
    scale = numbers.scale(row.metric)
    return _value(row.baseline, scale), _value(row.other, scale), ratio(row.ratio)


def _value(found: Estimate | None, scale: float) -> str:
    if found is None:
        return numbers.UNKNOWN
    return numbers.with_interval(found.value, found.low, found.high, found.n, scale)


def verdict_text(row: Row) -> str:
    if row.refusal is not None:
        return "not compared"
    return str(row.verdict) if row.verdict is not None else ""


def p_text(row: Row) -> str:
    return "" if row.p_holm is None else numbers.p_value(row.p_holm)


def difference_lines(pair: Pair) -> list[str]:
    if not pair.differences:
        return ["they differ also in: nothing else that is known"]
    lines = [f"  {one.field}: {one.baseline} / {one.other}" for one in pair.differences]
    return ["they differ also in (A / B):", *lines]


def _print_lines(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _short(metric: str) -> str:
    """The header without its unit: 'decode', 'first token'."""
    return numbers.header(metric).rsplit(" ", 1)[0]
