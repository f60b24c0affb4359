"""`phibench baseline`: names for runs that others are compared with."""

import re

import click

from collector.cli._common import db_option, echo_json, json_option, quiet_option
from collector.errors import UsageError

_NAME = re.compile(r"[\w.-]+")


@click.group()
def baseline() -> None:
    """Give a run a name that others are compared with."""


@baseline.command("set")
@click.argument("name")
@click.argument("ref", metavar="RUN", default="last")
@db_option
@quiet_option
def set_baseline(name: str, *, ref: str, db: str, is_quiet: bool) -> None:
    """Call RUN (an id, `last`, `last~1`; default last) NAME; a name that is taken moves."""
    from contextlib import closing

    from collector.queries import Reader
    from collector.store import Store

    with Reader.open(db) as reader:
        _check_name(name, [run.id for run in reader.runs()])
        run_id = reader.resolve_run(ref)
        before = {one.name: one.run_id for one in reader.baselines()}.get(name)
    with closing(Store.open(db)) as store:
        store.set_baseline(name, run_id)
    if not is_quiet:
        was = f" (it was run {before})" if before not in {None, run_id} else ""
        click.echo(f"{name} is run {run_id}{was}; compare with it: phibench compare {name} last")


@baseline.command("list")
@db_option
@json_option
def list_baselines(*, db: str, as_json: bool) -> None:
    """List the names and their runs."""
    from collector.cli._output import console
    from collector.cli._tables import plain_table
    from collector.queries import Reader

    with Reader.open(db) as reader:
        found = reader.baselines()
    if as_json:
        echo_json("baselines", found)
        return
    if not found:
        click.echo("no run has a name yet; phibench baseline set NAME RUN gives one")
        return
    table = plain_table("baseline", "run", "set (UTC)")
    for one in found:
        table.add_row(one.name, one.run_id, one.set_at_utc.replace("T", " ")[:16])
    console().print(table)


@baseline.command("rm")
@click.argument("name")
@db_option
@quiet_option
def remove_baseline(name: str, *, db: str, is_quiet: bool) -> None:
    """Take the name NAME away; its run stays."""
    from contextlib import closing

    from collector.queries import Reader
    from collector.store import Store
    from runners.registry import did_you_mean

    with Reader.open(db) as reader:
        names = {one.name: one.run_id for one in reader.baselines()}
    if name not in names:
        hint = did_you_mean(name, names) if names else "phibench baseline set NAME RUN"
        raise UsageError(f"there is no baseline {name!r}", hint)
    with closing(Store.open(db)) as store:
        store.remove_baseline(name)
    if not is_quiet:
        click.echo(f"{name} is no name any more; run {names[name]} stays")


def _check_name(name: str, run_ids: list[str]) -> None:
    """Refuse a name that could not be told from a run or a field."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a baseline", "use letters, digits, '.', '-' and '_', such as main")
    if name.split("~", maxsplit=1)[0] == "last" or any(run_id.startswith(name) for run_id in run_ids):
        raise UsageError(f"{name!r} already means a run", "the name comes first: phibench baseline set main last")
