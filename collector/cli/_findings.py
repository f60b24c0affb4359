"""What a comparison found, in sentences: the first line that a person reads."""

from collections.abc import Sequence

from collector.cli import _numbers as numbers
from collector.cli._sides import against_baseline
from collector.cli._tables import metric_column
from collector.compare import Comparison, Pair, Row, compare
from collector.queries import CellResult
from collector.stats import Estimate, Verdict

_VERBS = {
    "decode_tok_per_s": "generates",
    "kernel_decode_tok_per_s": "generates",
    "kernel_prefill_tok_per_s": "reads a prompt",
    "sustained_tok_per_s": "keeps generating",
    "ttft_s": "",
    "burst_tok_per_s": "",
}
"""The metrics that a sentence can be about, the one that says most first; none = it is only told besides."""

_DECIDED = frozenset(Verdict) - {Verdict.INCONCLUSIVE, Verdict.UNCLEAR}
MOST_SENTENCES = 3


def finding_of_run(cells: Sequence[CellResult], here: str | None) -> str | None:
    """What a run found: its arms against its baseline; None when it has only one."""
    pairs = against_baseline(cells)
    if not pairs:
        return None
    found = findings(compare(pairs), here)
    more = f"\n... and {len(found) - MOST_SENTENCES} more: phibench compare" if len(found) > MOST_SENTENCES else ""
    return "\n".join(found[:MOST_SENTENCES]) + more


def findings(comparison: Comparison, here: str | None) -> list[str]:
    """
    One sentence a pair of arms.

    Args:
        here: name of the device that is called "here"; None where there is none.
    """
    return [_sentence(pair, comparison.band_frac, here) for pair in comparison.pairs]


def ratio(estimate: Estimate | None) -> str:
    """'0.857 (0.846–0.868)', or '0.86 ·n=3' without an interval."""
    if estimate is None:
        return numbers.UNKNOWN
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} ·n={estimate.n}"
    half = max(estimate.high - estimate.value, estimate.value - estimate.low)
    digits = numbers.decimals(half, most=3)
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def _sentence(pair: Pair, band_frac: float, here: str | None) -> str:
    if pair.design.is_same_launches:
        return "A and B are the same launches: nothing is compared."
    main = _main_row(pair)
    if main is None or main.ratio is None:
        return f"{pair.other.name} and {pair.baseline.name} have no value in common that can be compared."
    where = _where(pair, here)
    value = ratio(main.ratio).partition(" ")[0]
    if main.verdict is Verdict.EQUIVALENT:
        band = f"within ±{100 * band_frac:g} %"
        text = f"{pair.other.name} {_VERBS[main.metric]} as fast as {pair.baseline.name}{where}, {band}"
    else:
        text = f"{pair.other.name} {_VERBS[main.metric]} {value} × as fast as {pair.baseline.name}{where}"
    return f"{text} ({_doubt(main, pair)}){_word(main, pair)}.{_besides(main, pair)}"


def _main_row(pair: Pair) -> Row | None:
    """Of the first workload the metric that says most."""
    for metric, verb in _VERBS.items():
        for row in pair.family:
            if verb and row.metric == metric and row.ratio is not None:
                return row
    return None


def _where(pair: Pair, here: str | None) -> str:
    devices = {pair.baseline.device, pair.other.device}
    if len(devices) > 1 or None in devices:
        return ""
    return " here" if devices == {here} else f" on {pair.other.device}"


def _doubt(row: Row, pair: Pair) -> str:
    found = row.ratio
    design = pair.design
    count = _count(found.n, "block") if found and design.is_paired else ""
    if found is None or found.low is None:
        few = count or f"{design.n_launches[0]} and {design.n_launches[1]} launches"
        return f"{few}: too few for an interval"
    interval = ratio(found).partition("(")[2].rstrip(")").replace("–", " – ")
    if design.is_paired:
        return f"{interval}, 95 %, {count}"
    return f"{interval}, 95 %; different {_unlike(pair)}"


def _word(row: Row, pair: Pair) -> str:
    """The verdict, where there is an interval that it can rest on."""
    if row.verdict is None or row.ratio is None or row.ratio.low is None:
        return ""
    return f": {row.verdict}"


def _unlike(pair: Pair) -> str:
    return "runs" if pair.baseline.device == pair.other.device else "runs and devices"


def _besides(main: Row, pair: Pair) -> str:
    """Rows that were decided otherwise than the one that the sentence is about."""
    others = [row for row in pair.family if row is not main and row.verdict in _DECIDED and row.verdict != main.verdict]
    if not others:
        return ""
    is_one = len({row.workload for row in pair.family}) == 1
    words = [
        f"{'' if is_one else row.workload + ' '}{metric_column(row.metric).header} {row.verdict} "
        f"({ratio(row.ratio).partition(' ')[0]})"
        for row in others
    ]
    return f" But: {', '.join(words)}."


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
