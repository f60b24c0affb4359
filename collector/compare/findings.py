"""What a comparison found, in sentences: the first line that a person reads."""

from collector import numbers
from collector.compare.records import Comparison, Pair, Row
from collector.compare.rows import NOT_ONE_KIND
from collector.stats import Estimate, Verdict

_PHRASES = {
    "decode_tok_per_s": ("generates", "as fast as"),
    "kernel_decode_tok_per_s": ("generates", "as fast as"),
    "kernel_prefill_tok_per_s": ("reads a prompt", "as fast as"),
    "sustained_tok_per_s": ("keeps generating", "as fast as"),
    "burst_tok_per_s": ("generates at first", "as fast as"),
    "ttft_s": ("takes", "as long to the first token as"),
}
"""The headline metrics in sentences, the one that says most first."""

_MOST_BESIDES = 3
_DECIDED = frozenset(Verdict) - {Verdict.INCONCLUSIVE, Verdict.UNCLEAR}


def findings(comparison: Comparison, here: str | None) -> list[str]:
    """
    One sentence a pair of arms; where pairs go by the same two names, as those of two runs do, after the arm's label.

    Args:
        here: name of the device that is called "here"; None where there is none.
    """
    names = [(pair.baseline.name, pair.other.name) for pair in comparison.pairs]
    return [
        f"{f'{pair.other.label}: ' if names.count(name) > 1 else ''}{_sentence(pair, comparison.band_frac, here)}"
        for name, pair in zip(names, comparison.pairs, strict=True)
    ]


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
    if main is None and any(row.refusal == NOT_ONE_KIND for row in pair.rows):
        return f"{pair.other.name} and {pair.baseline.name} are not compared: one was simulated, the other measured."
    if main is None or main.ratio is None:
        return f"{pair.other.name} and {pair.baseline.name} have no value in common that can be compared."
    where, (verb, how) = _where(main, pair, here), _PHRASES[main.metric]
    value = ratio(main.ratio).partition(" ")[0]
    if main.verdict is Verdict.EQUIVALENT:
        band = f"within ±{100 * band_frac:g} %"
        text = f"{pair.other.name} {verb} {how} {pair.baseline.name}{where}, {band}"
    else:
        text = f"{pair.other.name} {verb} {value} × {how} {pair.baseline.name}{where}"
    return f"{text} ({_doubt(main, pair)}){_word(main, pair)}.{_besides(main, pair)}"


def _main_row(pair: Pair) -> Row | None:
    """Of the first workload the metric that says most."""
    rows = [row for row in pair.family if row.ratio is not None]
    return next((row for metric in _PHRASES for row in rows if row.metric == metric), None)


def _where(row: Row, pair: Pair, here: str | None) -> str:
    """The device, where it is one, and the workload, where there are several."""
    workload = "" if _is_one_workload(pair) else f" in {row.workload}"
    devices = {pair.baseline.device, pair.other.device}
    if len(devices) > 1 or None in devices:
        return workload
    return f" here{workload}" if devices == {here} else f" on {pair.other.device}{workload}"


def _doubt(row: Row, pair: Pair) -> str:
    found = row.ratio
    design = pair.design
    count = numbers.count(found.n, "block") if found and design.is_paired else ""
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
    is_one = _is_one_workload(pair)
    words = [
        f"{'' if is_one else row.workload + ' '}{numbers.header(row.metric)} {row.verdict} "
        f"({ratio(row.ratio).partition(' ')[0]})"
        for row in others[:_MOST_BESIDES]
    ]
    more = f" and {len(others) - _MOST_BESIDES} more rows" if len(others) > _MOST_BESIDES else ""
    return f" But: {', '.join(words)}{more}."


def _is_one_workload(pair: Pair) -> bool:
    return len({row.workload for row in pair.family}) == 1
