"""`phibench demo`: a database to look around in."""

from typing import Any

import click

from collector.cli._common import echo_json, json_option, quiet_option

_DB_HELP = "Database to fill: a path or URL.  [default: demo.db beside the usual one]"


@click.command()
@click.option("--db", metavar="PATH|URL", help=_DB_HELP)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the simulated noise.")
@json_option
@quiet_option
def demo(*, db: str | None, seed: int, as_json: bool, is_quiet: bool) -> None:
    """
    Fill a database from a simulator, to look around in.

    An iPhone, a Mac and a PC that do not exist, four weeks of runs through the same loop and store as real ones, and
    what goes wrong on the way: memory that does not suffice, a crash, a hang, heat, drift. Everything is flagged
    `simulated`. An earlier demonstration in the database is replaced; other runs stay.
    """
    from datetime import UTC, datetime

    from collector import demo as demonstration
    from collector.cli._output import console
    from collector.paths import demo_database, shown

    path = db or demo_database()
    n_others = demonstration.n_measured_runs(path)
    _check(path, n_others, is_chosen=db is not None)
    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    screen.print(f"simulating an iPhone, a Mac and a PC into {shown(path)}, seed {seed}; half a minute", soft_wrap=True)
    today = datetime.now(UTC).date()
    made = demonstration.fill(path, seed=seed, today=today, on_run=lambda one: screen.print(_line(one)))
    if as_json:
        echo_json("demo", {"db": path, "seed": seed, "runs": made, "n_other_runs": n_others})
        return
    for line in _end(path, made, n_others):
        console().print(line, soft_wrap=True)


def _check(path: str, n_others: int, *, is_chosen: bool) -> None:
    """Results that were measured are not mixed with made-up ones unless a person says where."""
    from collector.errors import UsageError
    from collector.numbers import count
    from collector.paths import shown

    if n_others and not is_chosen:
        raise UsageError(
            f"{shown(path)} holds {count(n_others, 'run')} that no demonstration made",
            "phibench demo --db other.db   (or --db with this very file, to have both in one)",
        )


def _line(one: Any) -> str:
    failed = f", {one.n_failed} of them failed" if one.n_failed else ""
    return f"  {one.run_id:<15} {one.device:<15} {one.what}: {one.n_done + one.n_failed} launches{failed}"


def _end(path: str, made: Any, n_others: int) -> list[str]:
    import shlex

    from collector.numbers import count
    from collector.paths import shown

    n_failed = sum(one.n_failed for one in made)
    n_launches = sum(one.n_done for one in made) + n_failed
    where = f" --db {shlex.quote(shown(path))}"
    devices, runs = count(len({one.device for one in made}), "device"), count(len(made), "run")
    what = f"{devices}, {runs}, {n_launches} launches, of which {n_failed} failed on purpose"
    lines = [f"{what}; everything is flagged simulated"]
    if n_others:
        lines.append(f"beside {count(n_others, 'run')} that stayed as they were")
    return [
        *lines,
        f"next    phibench dashboard{where}    look at it in a browser",
        f"next    phibench compare main{where}    what the runs say, in words",
    ]
