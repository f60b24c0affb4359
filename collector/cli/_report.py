"""The end of a run: the finding in one sentence, the table, what to do next."""

import re
import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from collector import provenance, stats
from collector.cli._common import echo_json
from collector.cli._output import console
from collector.cli._tables import print_cells
from collector.compare import compare
from collector.compare.findings import findings
from collector.compare.siding import against_baseline, is_usual_baseline
from collector.paths import default_database, shown
from collector.queries import CellResult, Reader
from collector.run import Outcome
from runners import device

_LONGEST_ALIGNED = 60
"""Purposes of commands stand under one another up to this width; after a longer command they just follow."""


MOST_SENTENCES = 3


def report(outcome: Outcome, db: str, *, as_json: bool) -> list[CellResult]:
    """The result on standard output, as tables or in the envelope; the cells."""
    with Reader.open(db) as reader:
        cells = reader.cells([outcome.run_id])
    if as_json:
        echo_json("run", {"outcome": outcome, "cells": cells})
    else:
        print_run(console(), outcome, cells, db)
    return cells


def print_run(screen: Console, outcome: Outcome, cells: Sequence[CellResult], db: str) -> None:
    """Everything a person wants at the end of `phibench run`."""
    if outcome.stop_reason == "cancelled":
        screen.print("\nstopped by hand; everything measured so far is kept")
    sentence = finding_of_run(cells, device.snapshot().name)
    if sentence:
        screen.print()
        screen.print(Text(sentence), soft_wrap=True)
    print_cells(screen, cells)
    screen.print()
    if outcome.n_failed:
        n_launches = outcome.n_done + outcome.n_failed
        screen.print(f"{outcome.n_failed} of {n_launches} launches failed: phibench show {outcome.run_id}")
    for line in _next(outcome, cells, db):
        screen.print(f"next    {line}", soft_wrap=True)
    screen.print(f"stored in {shown(db)}, run {outcome.run_id}", soft_wrap=True)


def finding_of_run(cells: Sequence[CellResult], here: str | None) -> str | None:
    """What a run found: its arms against its baseline; None when it has only one."""
    pairs = against_baseline(cells)
    if not pairs:
        return None
    found = findings(compare(pairs), here)
    more = f"\n... and {len(found) - MOST_SENTENCES} more: phibench compare" if len(found) > MOST_SENTENCES else ""
    return "\n".join(found[:MOST_SENTENCES]) + more


def _with_blocks(command: str, n_blocks: int, cells: Sequence[CellResult], db: str) -> str:
    """The command that was typed with more blocks and nothing that ends it before; after quickstart, its suite."""
    if not command.startswith("phibench run"):
        is_full = any(is_usual_baseline(cell) for cell in cells)
        again = "phibench run quick" if is_full else "phibench quickstart --small"
        engines = list(dict.fromkeys(cell.arm.engine for cell in cells))
        named = "" if engines == ["llama_cpp"] else "".join(f" --engine {engine}" for engine in engines)
        return f"{again}{named} --blocks {n_blocks}{_other_db(db)}"
    value = r"[ =](?:'[^']*'|\S+)"
    kept = re.sub(rf" --(?:(?:blocks|max-blocks|precision|budget){value}|resume|quiet)(?= |$)", "", command)
    return f"{kept} --blocks {n_blocks}"


def _other_db(db: str) -> str:
    return "" if db == default_database() else f" --db {shlex.quote(db)}"


def _next(outcome: Outcome, cells: Sequence[CellResult], db: str) -> list[str]:
    """Commands to try and what for, the second column aligned."""
    if outcome.stop_reason == "cancelled":
        steps = [(f"phibench run --resume{_other_db(db)}", "go on where it stopped")]
    else:
        with Reader.open(db) as reader:
            run = reader.run(outcome.run_id)
        steps = [(f"phibench export csv comparison.csv{_other_db(db)}", "take it away")]
        if run.plan.get("device_id") is None:
            steps.append(("phibench suites show standard", "what a thorough run would take here"))
        if 0 < max((c.n_launches for c in cells), default=0) < stats.MIN_N:
            typed = provenance.command_line()
            if " --resume" in typed and run.command_line:  # suite and device were given when it began
                typed = run.command_line
            if " --like" not in typed:  # which repeats its run and takes no other number of blocks
                steps.insert(0, (_with_blocks(typed, 8, cells, db), "enough for intervals"))
        elif against_baseline(cells):
            steps.insert(0, (f"phibench compare{_other_db(db)}", "the verdicts, and what else differs"))
        export_at = next(i for i, (command, _) in enumerate(steps) if command.startswith("phibench export"))
        steps.insert(export_at, (f"phibench dashboard{_other_db(db)}", "look at it in a browser"))
    width = min(_LONGEST_ALIGNED, max(len(command) for command, _ in steps))
    return [f"{command:<{width}}    {purpose}" for command, purpose in steps]
