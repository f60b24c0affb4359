"""A comparison as Markdown, for an issue or a pull request."""

from collections.abc import Iterable, Iterator, Sequence

from collector import numbers
from collector.cli._compare import (
    Screen,
    arm_text,
    design_lines,
    difference_lines,
    doubt_lines,
    evidence,
    noise_lines,
    p_text,
    value_texts,
    verdict_text,
)
from collector.compare import Comparison, Pair, Row
from collector.compare.findings import findings, ratio

_HEAD = ("| workload | metric | A | B | ratio B/A | p (Holm) | verdict |", "|---|---|---:|---:|---:|---:|---|")


def markdown(comparison: Comparison, screen: Screen, warnings: Sequence[str] = ()) -> str:
    """All of it, the finding in bold."""
    parts: list[str] = []
    for sentence, pair in zip(findings(comparison, screen.here), comparison.pairs, strict=True):
        parts += [f"**{_escaped(sentence)}**", "", *_lines(_about(pair, comparison)), ""]
        parts += [*_HEAD, *(_row(row) for row in screen.rows(pair)), *(_means(pair) if screen.metric is None else ())]
        parts += ["", *_lines([*difference_lines(pair), *noise_lines(pair, screen.here)]), ""]
        parts += [*_lines(f"note: {warning}" for warning in pair.warnings), ""]
    return "\n".join([*parts, *_lines(f"note: {warning}" for warning in warnings), _escaped(evidence(comparison))])


def _about(pair: Pair, comparison: Comparison) -> list[str]:
    arms = [f"A: {arm_text(pair.baseline)}", f"B: {arm_text(pair.other)}"]
    return [*arms, *doubt_lines(pair), *design_lines(pair, comparison)]


def _row(row: Row) -> str:
    words = [verdict_text(row), *([row.refusal] if row.refusal else row.doubts)]
    name = (f"{row.workload} {row.shape}", numbers.header(row.metric))
    cells = (*name, *value_texts(row), p_text(row), ", ".join(filter(None, words)))
    return f"| {' | '.join(map(_escaped, cells))} |"


def _means(pair: Pair) -> Iterator[str]:
    for mean in pair.means:
        name = f"geometric mean of {mean.n_workloads} workloads"
        yield f"| {name} | {numbers.header(mean.metric)} | | | {ratio(mean.ratio)} | | |"


def _lines(texts: Iterable[str]) -> list[str]:
    """Each on a line of its own, as two blanks at the end make it."""
    return [f"{_escaped(text)}  " for text in texts]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
