"""What Overview says first: a device against another, an arm against its baseline; never of two kinds. Pure."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from collector import numbers
from collector.compare import BAND_FRAC, Comparison, Row, compare
from collector.compare.findings import findings
from collector.compare.siding import named
from dashboard.charts.forest import verdict_text
from dashboard.rows import Standing

NOTHING = "No two arms to compare yet"
TOO_SMALL = "n too small"
"""What stands in place of a verdict where there are fewer launches than an interval needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The page's title, how it came about, and the sentences below it."""

    title: str
    caption: str
    others: tuple[str, ...] = ()


def headline(standings: Sequence[Standing], metric: str) -> Headline:
    """
    The sentences on what was measured; those on what was simulated come after them and say so.

    Args:
        standings: of one workload, from :func:`dashboard.rows.standings`.
        metric: the one that says most of the workload.
    """
    asked = standings[0].cell.workload if standings else None
    where = f"{asked.name} {asked.shape_label}" if asked else ""
    made_up = [one for one in standings if one.is_simulated]
    measured = [one for one in standings if not one.is_simulated]
    if not measured:
        found, others = _sentences(made_up, metric), []
    else:
        found = _sentences(measured, metric)
        others = [f"Simulated: {text}" for text in _sentences(made_up, metric)]
    if not found:
        nothing = "No two measured arms to compare yet" if made_up and measured else NOTHING
        return Headline(title=nothing, caption=where, others=tuple(others))
    caption = (
        f"{where}: {numbers.header(metric)}; 95 % intervals over fresh processes; a ratio is the median over pairs of "
        "launches (Hodges-Lehmann), which can differ a little from the quotient of two values"
    )
    return Headline(title=found[0], caption=caption, others=(*found[1:], *others))


def verdict_of(row: Row | None) -> str:
    """The verdict in words, or why there is none."""
    if row is None or row.ratio is None:
        return ""
    return verdict_text(row.verdict) if row.ratio.low is not None else TOO_SMALL


def _sentences(standings: Sequence[Standing], metric: str) -> list[str]:
    """Across devices, then against a baseline; the second says that it is about something else than the first."""
    across, within = _across(standings, metric), _within(standings, metric)
    if across and within:
        return [across, f"Against the baseline: {within}"]
    return [text for text in (across, within) if text]


def _within(standings: Sequence[Standing], metric: str) -> str | None:
    """The first arm with an interval, else the first one, against its baseline, under the shown workload alone."""
    compared = [one for one in standings if one.pair is not None]
    one = min(compared, key=lambda s: not _has_interval(s.row(metric)), default=None)
    if one is None or one.pair is None:
        return None
    shown = replace(one.pair, rows=tuple(r for r in one.pair.rows if r.shape == one.cell.workload.shape_label))
    found = Comparison(pairs=(shown,), n_family=len(one.pair.family), band_frac=BAND_FRAC)
    return findings(found, None)[0]


def _has_interval(row: Row | None) -> bool:
    return row is not None and row.ratio is not None and row.ratio.low is not None


def _across(standings: Sequence[Standing], metric: str) -> str | None:
    """The fastest device against the slowest, with what most devices have; of those, where they differ most."""
    by_model: dict[tuple[str, str], dict[str | None, Standing]] = {}
    for one in sorted(standings, key=lambda s: _value(s, metric)):
        if one.cell.values.get(metric):
            machine = one.cell.machine
            best = by_model.setdefault((one.cell.arm.model, one.cell.arm.quant), {})
            best[machine.fingerprint if machine else None] = one  # the fastest of a device comes last
    wide = {model: best for model, best in by_model.items() if len(best) > 1}
    if not wide:
        return None
    ranking = {name: sorted(best.values(), key=lambda s: _value(s, metric)) for name, best in wide.items()}
    model, quant = max(
        ranking, key=lambda name: (len(wide[name]), name[0].startswith("phi-3"), _span(ranking[name], metric))
    )
    ranked = ranking[model, quant]
    slow, fast = ranked[0], ranked[-1]
    a, b = named([slow.cell], [fast.cell], (False, False))
    engines = {one.cell.arm.engine for one in (fast, slow)}
    if slow.device != fast.device:
        a, b = replace(a, name=_name(slow, engines)), replace(b, name=_name(fast, engines))
    engine = f", {engines.pop()}" if len(engines) == 1 else ""
    return f"{model} {quant}{engine}: {findings(compare([(a, b)]), None)[0]}"


def _span(ranked: Sequence[Standing], metric: str) -> float:
    """How many times as fast as the slowest the fastest is."""
    return _value(ranked[-1], metric) / (_value(ranked[0], metric) or math.inf)


def _name(one: Standing, engines: Collection[str]) -> str:
    """The device, and its engine where the two have different ones."""
    return one.device if len(engines) == 1 else f"{one.device} ({one.cell.arm.engine})"


def _value(one: Standing, metric: str) -> float:
    estimate = one.cell.estimate(metric)
    return estimate.value if estimate else 0.0
