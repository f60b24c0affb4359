"""`phibench export`: taking results away."""

import sys
from pathlib import Path

import click

from collector.cli._common import db_option, quiet_option


@click.group()
def export() -> None:
    """Take results away: the comparison, all values or all samples as CSV."""


@export.command("csv")
@click.argument("path", required=False)
@click.option("--run", "refs", multiple=True, metavar="REF", help="Only this run (an id, `last`); may be repeated.")
@click.option("--long", "is_long", is_flag=True, help="One row a value, with definition and unit.")
@click.option("--samples", "is_samples", is_flag=True, help="One row a measured or warm-up sample.")
@db_option
@quiet_option
def export_csv(
    path: str | None, *, refs: tuple[str, ...], is_long: bool, is_samples: bool, db: str, is_quiet: bool
) -> None:
    """
    Write the comparison as CSV: one row a cell, a column a metric with its interval.

    PATH - is standard output; without PATH the file goes to the results folder. Units are in the column names, unknown
    values are blank, failed cells carry their reason.
    """
    from collector import export as out
    from collector.paths import default_export_path, shown
    from collector.queries import Reader

    if is_long and is_samples:
        raise click.UsageError("--long and --samples are two different tables; choose one")
    kind = "samples" if is_samples else "values" if is_long else "comparison"
    target = sys.stdout if path == "-" else Path(path) if path else default_export_path(f"{kind}.csv")
    with Reader.open(db) as reader:
        run_ids = [reader.resolve_run(ref) for ref in refs] or None
        if is_samples:
            n_rows = out.write_samples(target, reader.samples(run_ids))
        elif is_long:
            n_rows = out.write_csv(target, out.LONG_COLUMNS, out.long_rows(reader.cells(run_ids)))
        else:
            n_rows = out.write_csv(target, out.COMPARISON_COLUMNS, out.comparison_rows(reader.cells(run_ids)))
    if isinstance(target, Path) and not is_quiet:
        click.echo(f"wrote {n_rows} {'row' if n_rows == 1 else 'rows'} to {shown(target)}")
