"""`phibench list`, `show`, `note` and `rm`: looking at what is stored."""

import click

from collector.cli._common import db_option, echo_json, json_option, quiet_option


@click.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Newest runs shown.")
@db_option
@json_option
def list_runs(*, limit: int, db: str, as_json: bool) -> None:
    """List the runs in the database, the newest first."""
    from collector.cli import _show
    from collector.cli._output import console
    from collector.queries import Reader

    with Reader.open(db) as reader:
        runs = reader.runs(limit)
        counts = reader.counts([run.id for run in runs])
    if as_json:
        echo_json("runs", runs)
        return
    _show.print_runs(console(), runs, counts, db)


@click.command()
@click.argument("ref", default="last")
@click.option("--events", "with_events", is_flag=True, help="Print the launch's events, one JSON object a line.")
@db_option
@json_option
def show(ref: str, *, with_events: bool, db: str, as_json: bool) -> None:
    """
    Show a run, or one launch of it.

    REF is an id as far as it is unique, `last`, `last~1`, or a launch such as 7f3a/12.
    """
    from collector.cli import _show
    from collector.cli._output import console
    from collector.cli._sustained import print_over_time
    from collector.queries import Reader

    with Reader.open(db) as reader:
        if with_events:
            _show.print_events(reader, ref)
        elif "/" in ref:
            launch = reader.launch(ref)
            if as_json:
                echo_json("launch", launch)
            else:
                _show.print_launch(console(), launch)
                if launch.job.get("duration_s") is not None:
                    print_over_time(console(), reader.events(ref))
        else:
            run_id = reader.resolve_run(ref)
            run, launches, cells = reader.run(run_id), reader.launches(run_id), reader.cells([run_id])
            if as_json:
                echo_json("run", {"run": run, "launches": launches, "cells": cells})
            else:
                _show.print_run(console(), run, launches, cells)


@click.command()
@click.argument("ref")
@click.argument("text")
@db_option
@quiet_option
def note(ref: str, text: str, *, db: str, is_quiet: bool) -> None:
    """Write TEXT on the run REF; an empty text removes the note."""
    from contextlib import closing

    from collector.queries import Reader
    from collector.store import Store

    with Reader.open(db) as reader:
        run_id = reader.resolve_run(ref)
    with closing(Store.open(db)) as store:
        store.note(run_id, text)
    if not is_quiet:
        click.echo(f"noted on run {run_id}")


@click.command("rm")
@click.argument("ref")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@db_option
@quiet_option
def remove(ref: str, *, is_sure: bool, db: str, is_quiet: bool) -> None:
    """Remove the run REF and everything measured in it."""
    from contextlib import closing

    from collector.queries import Reader
    from collector.store import Store

    with Reader.open(db) as reader:
        run_id = reader.resolve_run(ref)
        n_launches = len(reader.launches(run_id))
    if not is_sure:
        click.confirm(f"Remove run {run_id} with {n_launches} launches for good?", abort=True)
    with closing(Store.open(db)) as store:
        store.remove_run(run_id)
    if not is_quiet:
        click.echo(f"removed run {run_id}, {n_launches} launches")
