"""`phibench bridge`: the server that phones talk to, and which phones those are."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from collector.cli._common import db_option, echo_json, json_option, quiet_option
from collector.errors import PhibenchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runners.bridging import PairedDevice

_PORT = 8765
_SHOWN_ID = 8
"""Digits of an id in the table: `revoke` takes the beginning of one, and 32 break at 80 columns."""


@click.group()
def bridge() -> None:
    """
    Let a paired phone take jobs and hand in what it measured.

    `phibench bridge serve` runs the server, `phibench bridge pair` adds a phone to it.
    """


@bridge.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all of them.")
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0 takes a free one.")
@click.option("--pair", "is_pairing", is_flag=True, help="Open a pairing window at once.")
@db_option
@quiet_option
@json_option
def serve(host: str, *, port: int, is_pairing: bool, db: str, is_quiet: bool, as_json: bool) -> None:
    """
    Serve jobs to paired phones until Ctrl-C or SIGTERM.

    Only this machine can reach the server unless --host is given.
    """
    from collector.cli._bridge import Speaker, serve_from

    serve_from(db, host=host, port=port, is_pairing=is_pairing, speaker=Speaker(is_quiet=is_quiet, as_json=as_json))


@bridge.command()
@db_option
@quiet_option
def pair(*, db: str, is_quiet: bool) -> None:
    """
    Show a code for a phone to scan.

    It waits until one has; the server has to run.
    """
    from collector.cli._pairing import pair_by_code
    from collector.paths import bridge_folder, shown
    from runners.bridge.folder import running

    folder = bridge_folder(db)
    server = running(folder)
    if server is None:
        message = f"no bridge serves from {shown(folder)}, so no phone could answer"
        raise PhibenchError(message, "phibench bridge serve --host 0.0.0.0   (and this again, in another terminal)")
    name = pair_by_code(folder, server, is_quiet=is_quiet)
    click.echo(f"paired: {name}")
    if not is_quiet:
        click.echo(f"measure on it: phibench run quick --device {shlex.quote(name)}")


@bridge.command()
@db_option
@json_option
def devices(*, db: str, as_json: bool) -> None:
    """List the devices that were paired."""
    from collector.cli._bridge import device_rows
    from collector.cli._output import console
    from collector.cli._tables import plain_table
    from collector.store import Store

    with Store.open(db) as store:
        found = store.devices.every()
    rows = device_rows(found)
    if as_json:
        echo_json("devices", rows)
        return
    if not rows:
        click.echo("no device is paired yet; run phibench bridge serve, then phibench bridge pair")
        return
    table = plain_table("name", "device", "paired (UTC)", "last seen (UTC)", "state", "id")
    for row in rows:
        cells = {**row, "id": row["id"][:_SHOWN_ID]}
        table.add_row(*(cells[key] or "—" for key in ("name", "device", "paired", "last_seen", "state", "id")))
    console().print(table)


@bridge.command()
@click.argument("ref", metavar="NAME|ID")
@db_option
@quiet_option
def revoke(ref: str, *, db: str, is_quiet: bool) -> None:
    """Refuse a device from now on; what it measured stays."""
    from collector.paths import bridge_folder
    from collector.store import Store
    from runners.bridge.keys import Keys

    with Store.open(db) as store:
        device = _the_device(ref, store.devices.every())
        is_new = store.devices.revoke(device.device_id)
    Keys(bridge_folder(db)).revoke(device.device_id)  # also after an earlier try that was cut in between
    if not is_quiet:
        click.echo(f"{device.name} is revoked" if is_new else f"{device.name} was revoked before")


def _the_device(ref: str, found: Sequence[PairedDevice]) -> PairedDevice:
    """
    The device of this name, id or beginning of an id.

    Raises:
        UsageError: none, or several.
    """
    from runners.registry import did_you_mean

    same = [one for one in found if one.device_id == ref] or [one for one in found if one.name == ref]
    if len(same) > 1 and not all(one.is_revoked for one in same):
        same = [one for one in same if not one.is_revoked]
    same = same or [one for one in found if len(ref) >= 4 and one.device_id.startswith(ref)]
    if len(same) == 1:
        return same[0]
    if same:
        ids = "\n".join(f"phibench bridge revoke {one.device_id}" for one in same)
        raise UsageError(f"{len(same)} devices are called {ref!r}", ids)
    names = {one.name: one for one in found}
    raise UsageError(f"there is no device {ref!r}", did_you_mean(ref, names) if names else "phibench bridge pair")
