"""A comparison in rows and sentences, as the page Compare shows it. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from collector import numbers
from collector.compare import Arm, Comparison, Estimate, Pair, Row, Verdict
from collector.compare.findings import ratio as ratio_text
from collector.queries import CellResult
from dashboard.charts.forest import verdict_text
from dashboard.rows import marked
from dashboard.told import Told, told

_BESIDES = ("prefill_tok_per_s", "retained_frac", "peak_rss_bytes")
"""Shown besides the rows with a verdict, unless everything is asked for."""

_OF_THE_PROCESS = ("peak_", "cpu_", "n_minor", "n_major", "n_voluntary", "n_involuntary")
"""What a simulator's process says of itself is not about a model."""


def shown_rows(pair: Pair, *, has_all: bool) -> list[Row]:
    """The rows that are shown, in the order of the comparison: those with a verdict first in every workload."""
    is_simulated = "simulated" in {*pair.baseline.flags, *pair.other.flags}
    return [
        row
        for row in pair.rows
        if (has_all or row.is_headline or row.metric in _BESIDES)
        and not (is_simulated and row.metric.startswith(_OF_THE_PROCESS))
    ]


def name_of(row: Row, rows: Sequence[Row]) -> str:
    """What a row is called: the metric, and the workload where there are several."""
    is_one = len({(one.workload, one.shape) for one in rows}) == 1
    return numbers.header(row.metric) if is_one else f"{row.workload} {numbers.header(row.metric)}"


def table_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The verdict table; unknown is None, and what is not compared says why under ``doubt``."""
    return [
        {
            "metric": name_of(row, rows),
            "verdict": "not compared" if row.refusal else told_verdict(row.verdict),
            "ratio B/A": told(ratio_text(row.ratio), "ratio", row.ratio) if row.ratio else None,
            "A": _value(row, row.baseline, "A"),
            "B": _value(row, row.other, "B"),
            "p (Holm)": None if row.p_holm is None else Told(numbers.p_value(row.p_holm), {"p_holm": row.p_holm}),
            "n": row.ratio.n if row.ratio else None,
            "doubt": [row.refusal] if row.refusal else list(row.doubts),
            "interval": _method(row.ratio),
            "workload": f"{row.workload} {row.shape}",
            "definition": row.definition,
        }
        for row in rows
    ]


def design_text(pair: Pair, comparison: Comparison) -> str:
    """How the launches of the two arms stand to each other, in one line."""
    design = pair.design
    family = f"{numbers.count(comparison.n_family, 'row')} tested together"
    if not design.is_paired:
        launches = f"{design.n_launches[0]} and {design.n_launches[1]} launches"
        sessions = f" in {design.n_sessions[0]} and {design.n_sessions[1]} runs" if max(design.n_sessions) > 1 else ""
        return f"Ratio is B/A. Of different runs, so not paired: {launches}{sessions}; {family}"
    order = "interleaved" if design.is_interleaved else "sequential"
    seeds = ", ".join(map(str, design.seeds))
    band = f"equivalent is within ±{100 * comparison.band_frac:g} %"
    blocks = _several(counted(pair, ""), "block", "blocks")
    return f"Ratio is B/A. Paired: {blocks}, {order}, order drawn from seed {seeds}; {band}; {family}"


def counted(pair: Pair, letter: str) -> tuple[int, int]:
    """The fewest and the most good launches of an arm ('A', 'B'), or blocks of both (''), over the tested rows."""
    if letter:
        counts = [len(r.baseline_launches if letter == "A" else r.other_launches) for r in pair.family]
    else:
        counts = [r.ratio.n for r in pair.family if r.ratio is not None]
    return min(counts, default=0), max(counts, default=0)


def _several(counts: tuple[int, int], word: str, words: str) -> str:
    """'10 blocks', or '9 to 10 blocks, by workload'."""
    fewest, most = counts
    if fewest == most:
        return f"{most} {word if most == 1 else words}"
    return f"{fewest} to {most} {words}, by workload"


def arm_text(arm: Arm, n_good: tuple[int, int]) -> str:
    """'phi-3-mini-4k q4_0 · llama_cpp 0.3.36 · M1 (simulated) · run ab12, 9 to 10 good launches, by workload'."""
    runs = f"run{'s' if len(arm.runs) > 1 else ''} {', '.join(arm.runs)}"
    engine = f"{arm.engine} {arm.engine_version or ''}".strip()
    names = [arm.label] if arm.name in {arm.label, arm.device, runs} else [arm.label, arm.name]
    return " · ".join([*names, engine, device_of(arm), f"{runs}, {_several(n_good, 'good launch', 'good launches')}"])


def device_of(arm: Arm) -> str:
    """The name of its device, marked where its numbers are of another kind."""
    return marked(arm.device or "unknown device", arm.flags)


def doubt_text(pair: Pair) -> str | None:
    """The flags of the two arms, once where they are the same; None where there are none."""
    first, second = (", ".join(arm.flags) for arm in (pair.baseline, pair.other))
    if first == second:
        return f"Doubt on both: {first}" if first else None
    return "; ".join(f"Doubt on {letter}: {flags}" for letter, flags in (("A", first), ("B", second)) if flags)


def noise_text(pair: Pair) -> str:
    """The noise floor of the device as it was measured, or the command that measures it."""
    floors = {metric: one.floor for metric, one in pair.noise.items() if one.floor and one.floor.floor_frac}
    if pair.baseline.device != pair.other.device:
        return "Noise floor: none across devices; " + (between_text(pair) or "the noise between sessions is unknown")
    device = pair.baseline.device or "unknown device"
    if not floors:
        return f"Noise floor of {device}: unknown; phibench noise, run there, measures it"
    words = ", ".join(f"{short(metric)} ±{100 * (one.floor_frac or 0):.1f} %" for metric, one in floors.items())
    seen = next(iter(floors.values()))
    where = f"{numbers.count(seen.ratio.n, 'block')}, {seen.measured_at_utc[:10]}, run {seen.run_id}"
    between = between_text(pair)
    return f"Noise floor of {device} (A against A, {where}): {words}{f'; {between}' if between else ''}"


def failed_workloads(pair: Pair, cells: Sequence[CellResult]) -> list[str]:
    """
    Why an arm has no value under a workload: it failed there each time.

    Args:
        cells: of the runs of both arms.
    """
    return [
        f"every launch of {letter} failed in {cell.workload.name}: {cell.failures[0].kind}, "
        f"{cell.failures[0].message}; {cell.failures[0].remedy or f'phibench show {cell.failures[0].launch_id}'}"
        for letter, arm in (("A", pair.baseline), ("B", pair.other))
        for cell in cells
        if cell.run_id in arm.runs and cell.arm.label == arm.label and not cell.n_launches and cell.failures
    ]


def between_text(pair: Pair) -> str | None:
    """How much one arm differs from run to run; None where it is unknown."""
    known = {metric: one.sessions for metric, one in pair.noise.items() if one.sessions}
    words = ", ".join(f"{short(metric)} {100 * one.sd:.1f} % (n={one.n})" for metric, one in known.items())
    return f"from run to run (sd) {words}" if known else None


def short(metric: str) -> str:
    """The header without its unit: 'decode', 'first token'."""
    name, _, unit = numbers.header(metric).rpartition(" ")
    return name or unit


def direction(row: Row) -> str:
    """Which way along an axis is an improvement, in words."""
    if row.better is None:
        return ""
    word = {"tok/s": "faster", "s": "faster"}.get(row.unit, "better")
    return f" → {word}" if row.better == "higher" else f" ({word} ←)"


def told_verdict(verdict: Verdict | None) -> Told:
    """'▲ faster'; in a file the word alone."""
    return Told(verdict_text(verdict), {"verdict": None if verdict is None else str(verdict)})


def _value(row: Row, found: Estimate | None, letter: str) -> str | None:
    if found is None:
        return None
    scale = numbers.scale(row.metric)
    text = numbers.with_interval(found.value, found.low, found.high, found.n, scale)
    low, high = (None if end is None else end / scale for end in (found.low, found.high))
    return told(text, letter, replace(found, value=found.value / scale, low=low, high=high))


def _method(found: Estimate | None) -> str | None:
    if found is None:
        return None
    if found.low is None:
        return f"n={found.n}: no interval"
    level = f", exact {100 * found.level_exact:.1f} %" if found.level_exact is not None else ", 95 %"
    return f"{found.method}{level}"
