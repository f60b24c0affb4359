"""`phibench compare`: one arm, or one run, set against another."""

from collections.abc import Iterable
from typing import Any

import click

from collector.cli._common import (
    EXIT_DONE,
    EXIT_INCONCLUSIVE,
    EXIT_SLOWER,
    Duration,
    Share,
    db_option,
    echo_json,
    json_option,
    leave,
    quiet_option,
)
from collector.errors import UsageError

_FAIL_HELP = "Exit 4 when a row is slower (or looks so); with inconclusive also 5 when one is undecided."


@click.command()
@click.argument("words", metavar="[RUN] A B", nargs=-1)
@click.option("--band", "band_frac", type=Share(), default="2%", help="Half-width of equivalence.  [default: 2%]")
@click.option("--fail-on", type=click.Choice(["slower", "inconclusive"]), help=_FAIL_HELP)
@click.option("--rerun", "is_rerun", is_flag=True, help="Measure both arms again, interleaved, then compare.")
@click.option("--blocks", "n_blocks", type=click.IntRange(min=1), help="Blocks of --rerun.  [default: 10 or more]")
@click.option("--wait", "wait_s", type=Duration(), default="0s", help="Wait so long for another run to end.")
@click.option("--all", "has_all", is_flag=True, help="Show every metric, not the usual ones alone.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for an issue or a pull request.")
@db_option
@json_option
@quiet_option
def compare(
    words: tuple[str, ...],
    *,
    band_frac: float,
    fail_on: str | None,
    is_rerun: bool,
    n_blocks: int | None,
    wait_s: float,
    has_all: bool,
    as_markdown: bool,
    db: str,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """
    Set B against the baseline A; every ratio is B/A.

    A and B are field=value[,field=value...] (model, quant, engine, python, format, backend, device, engine_version,
    run, workload, metric, arm, or an option of an engine), a run (its id, `last`, `last~1`), several runs of one arm
    (ID+ID), or a named baseline. A side that names no run is looked up in the newest run that has it, both together
    where one run has both. Two runs: arms of equal name are compared. Without A and B, the arms of RUN (default: the
    last) against its baseline: LLaMA-2-7B in 4 bits if it is there, else its first arm.

    Arms of one run are paired by block; of different runs they are not, and only look faster or slower.
    """
    from collector import compare as core
    from collector.cli import _compare, _compare_markdown, _rerun, _sides
    from collector.cli._output import console
    from collector.queries import Reader

    _check_together(as_json=as_json, as_markdown=as_markdown, is_rerun=is_rerun, n_blocks=n_blocks)
    with Reader.open(db) as reader:
        asked = _sides.resolve(reader, words)
    if is_rerun:
        screen = console(is_stderr=True, is_quiet=is_quiet)
        asked = _rerun.again(asked, db=db, n_blocks=n_blocks, wait_s=wait_s, screen=screen)
    with Reader.open(db) as reader:
        history = _sides.recent_cells(reader, asked.pairs)
    found = core.compare(asked.pairs, band_frac=band_frac, history=history, about=asked.about)
    shown = _compare.Screen(here=_this_device(), metric=asked.metric, has_all=has_all)
    if asked.metric is not None and not any(shown.rows(pair) for pair in found.pairs):
        raise UsageError(f"neither side has {asked.metric}", "phibench compare --all A B shows what they have")
    if as_json:
        warnings = [*(text for pair in found.pairs for text in pair.warnings), *asked.warnings]
        echo_json("comparison", found, list(dict.fromkeys(warnings)))
    elif as_markdown:
        click.echo(_compare_markdown.markdown(found, shown, asked.warnings))
    else:
        _compare.print_comparison(console(), found, shown, asked.warnings)
    leave(exit_code(fail_on, (row for pair in found.pairs for row in shown.rows(pair) if row.is_headline)))


def exit_code(fail_on: str | None, rows: Iterable[Any]) -> int:
    """
    4 when a row is slower, or looks slower; with ``inconclusive`` 5 when a row is undecided, else 0.

    A row that could not be compared is undecided, and so is a comparison without a single row.
    """
    from collector.stats import Verdict

    if fail_on is None:
        return EXIT_DONE
    verdicts = [row.verdict for row in rows]
    if {Verdict.SLOWER, Verdict.LOOKS_SLOWER} & set(verdicts):
        return EXIT_SLOWER
    is_undecided = not verdicts or {Verdict.INCONCLUSIVE, Verdict.UNCLEAR, None} & set(verdicts)
    return EXIT_INCONCLUSIVE if fail_on == "inconclusive" and is_undecided else EXIT_DONE


def _check_together(*, as_json: bool, as_markdown: bool, is_rerun: bool, n_blocks: int | None) -> None:
    if as_json and as_markdown:
        raise UsageError("--json and --markdown are two ways to print the same", "give one of them")
    if n_blocks is not None and not is_rerun:
        raise UsageError("--blocks says how often --rerun measures, and there is no --rerun", "add --rerun")


def _this_device() -> str:
    from runners import device

    return device.snapshot().name
