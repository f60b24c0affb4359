"""`phibench suites`: what can be run, and what it would take here."""

import click

from collector.cli._common import db_option, echo_json, json_option


@click.group()
def suites() -> None:
    """List the suites, and say what one would take here."""


@suites.command("list")
@json_option
def list_suites(*, as_json: bool) -> None:
    """List the suites that come with phibench."""
    from collector import suite
    from collector.cli._output import console
    from collector.cli._tables import plain_table

    found = [suite.load(name) for name in suite.shipped()]
    if as_json:
        echo_json("suites", found)
        return
    table = plain_table("suite", "blocks", "workloads", "what", right=["blocks"])
    for item in found:
        table.add_row(
            item.name, str(item.n_blocks or f"6 to {item.max_blocks}"), str(len(item.workloads)), item.description
        )
    console().print(table)


@suites.command("show")
@click.argument("name", default="quick")
@db_option
@json_option
def show_suite(name: str, *, db: str, as_json: bool) -> None:
    """
    Show what a suite asks and how long it will take here.

    The time comes from the rates that were measured last on this machine; what was never measured is guessed.
    """
    from collector import suite
    from collector.cli import _estimates as estimates
    from collector.cli._output import console

    asked = suite.load(name)
    forecast = estimates.for_suite(asked, db)
    if as_json:
        echo_json("suite", {"suite": asked, "forecast": forecast})
        return
    estimates.print_suite(console(), asked, forecast)
