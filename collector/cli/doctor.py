"""``phibench doctor``."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from collector.cli._common import (
    EXIT_DONE,
    EXIT_FAILED,
    db_option,
    echo_json,
    envelope,
    json_option,
    leave,
    quiet_option,
)

_DEFAULT = "-"


@click.command()
@db_option
@json_option
@quiet_option
@click.option(
    "--report", "report", metavar="PATH", is_flag=False, flag_value=_DEFAULT, default=None,
    help="Write all that shows whether this machine is read rightly, as JSON without names, to send along.  "
    "[default PATH: doctor.json in the results folder]",
)  # fmt: skip
@click.option("--fresh", "is_fresh", is_flag=True, help="Try the engines again, whatever is remembered of them.")
def doctor(*, db: str, as_json: bool, is_quiet: bool, report: str | None, is_fresh: bool) -> None:
    """
    Check machine, engines, models and storage; each problem with its remedy.

    Exit code 1 when something would stop a run. --quiet shows only what is to be mended.
    """
    from collector.doctor import Level, examine, is_blocked

    place = None if report is None else _place_of(report)
    findings = []
    group = ""
    for finding in examine(db, is_fresh=is_fresh):
        findings.append(finding)
        if as_json or (is_quiet and finding.level is not Level.FIX):
            continue
        _show(finding, "" if finding.group == group else finding.group)
        group = finding.group
    if as_json:
        echo_json("doctor", _data(findings))
    if place is not None:
        _write_report(place, findings, is_silent=as_json or is_quiet)
    leave(EXIT_FAILED if is_blocked(findings) else EXIT_DONE)


def _show(finding: Any, group: str) -> None:
    """``group  level  message``, continued lines indented; the remedy below."""
    import shutil
    import textwrap

    width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))
    head, indent = f"{group:9} {finding.level:5} ", " " * 16
    click.echo(textwrap.fill(finding.message, width, initial_indent=head, subsequent_indent=indent))
    for line in finding.remedy.splitlines():
        click.echo(f"{indent}try: {line}")


def _data(findings: Iterable[Any]) -> dict[str, Any]:
    from runners import device

    rows = [{**dataclasses.asdict(finding), "remedy": finding.remedy or None} for finding in findings]
    return {"findings": rows, "device": device.snapshot(), "reading": device.machine_reading()}


def _place_of(report: str) -> Path:
    """Where the report goes; refused before ten seconds are spent on it if nothing can be written there."""
    from collector.errors import PhibenchError
    from collector.paths import default_export_path, shown

    path = default_export_path("doctor.json") if report == _DEFAULT else Path(report).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        reason = "it is a folder" if path.is_dir() else None
        reason = reason or (None if os.access(path.parent, os.W_OK) else "its folder may not be written")
    except (FileExistsError, NotADirectoryError):
        reason = "a file is in the place of its folder"
    except OSError as exc:
        reason = exc.strerror or str(exc)
    if reason is not None:
        raise PhibenchError(
            f"no report can be written to {shown(path)}: {reason}", "phibench doctor --report ~/doctor.json"
        )
    return path


def _write_report(path: Path, findings: Iterable[Any], *, is_silent: bool) -> None:
    from collector.doctor import report as reports
    from collector.paths import shown

    if not is_silent:
        click.echo("\nmaking the report, about ten seconds")
    data = reports.collect(reports.rows(findings))
    reports.write(path, envelope("doctor", data) + "\n")
    if not is_silent:
        click.echo(reports.summary(data))
        click.echo(
            f"written to {shown(path)}, without your name, folders and serial numbers; it names busy programs: look "
            "through it before you send it"
        )
