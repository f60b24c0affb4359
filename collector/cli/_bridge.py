"""What `phibench bridge serve` says and does around the server."""

import errno
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from collector.cli._common import envelope
from collector.errors import PhibenchError
from collector.paths import bridge_folder, database_file, shown
from collector.store import Store
from runners.bridge.folder import BridgeBusy, Running
from runners.bridge.serve import READABLE, Address, serve
from runners.bridge.server import Around
from runners.bridging import PairedDevice
from runners.texts import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Says what happens: for people on standard output, for programs one envelope there and the rest on error."""

    is_quiet: bool
    as_json: bool

    def line(self, text: str) -> None:
        """One line of what happens; nothing where only results are wanted."""
        if not self.is_quiet:
            click.echo(printable(text), err=self.as_json)

    def begin(self, data: dict[str, Any], text: Sequence[str]) -> None:
        """Where the server answers: the one thing that is always said."""
        if self.as_json:
            click.echo(json.dumps(json.loads(envelope("bridge", data)), ensure_ascii=False))
            return
        for one in text[: 1 if self.is_quiet else None]:
            click.echo(one)


def serve_from(db: str, *, host: str, port: int, is_pairing: bool, speaker: Speaker) -> None:
    """
    Serve until a signal ends it.

    Raises:
        PhibenchError: another server has the folder, or the address cannot be had.
    """
    folder, address = bridge_folder(db), Address(host=host, port=port)
    with Store.open(db) as store:
        around = Around(queue=store.queue, devices=store.devices, folder=folder, log=speaker.line)
        try:
            serve(
                around, address, database=database_file(db),
                is_ready=lambda running: _begin(running, address, folder, store, speaker, is_pairing=is_pairing),
            )  # fmt: skip
        except BridgeBusy as exc:
            raise _busy(exc, folder) from exc
        except OSError as exc:
            raise _unreachable(exc, address) from exc
    speaker.line("the bridge has ended")


def _begin(
    running: Running, address: Address, folder: Path, store: Store, speaker: Speaker, *, is_pairing: bool
) -> None:  # fmt: skip
    devices = [one for one in store.devices.every() if not one.is_revoked]
    text = [f"the bridge answers at {running.url}", f"database {store.name}; keys in {shown(folder / 'keys')}"]
    if address.is_loopback:
        text.append("only this machine can reach it; for a phone: phibench bridge serve --host 0.0.0.0")
    else:
        text.append(READABLE)
    names = ", ".join(one.name for one in devices)
    text.append(f"paired: {names}" if names else "no device is paired yet")
    text.append("to pair a phone, in another terminal: phibench bridge pair; Ctrl-C ends the bridge")
    data = {
        "url": running.url, "host": running.host, "port": running.port, "pid": running.pid, "folder": str(folder),
        "is_loopback": address.is_loopback, "devices": device_rows(devices),
    }  # fmt: skip
    speaker.begin(data, text)
    if is_pairing:
        from collector.cli._pairing import show_window

        show_window(folder, running, is_quiet=speaker.is_quiet or speaker.as_json, is_on_error=speaker.as_json)


def device_rows(devices: Sequence[PairedDevice]) -> list[dict[str, Any]]:
    """Devices as rows of a table; a date as minutes in UTC."""
    return [
        {
            "name": one.name,
            "id": one.device_id,
            "device": (one.hello.device.product_type or one.hello.device.name) if one.hello else None,
            "paired": _minute(one.paired_at_utc),
            "last_seen": _minute(one.last_seen_at_utc),
            "state": "revoked" if one.is_revoked else "paired",
            "engines": [runtime.engine for runtime in one.hello.runtimes] if one.hello else None,
        }
        for one in devices
    ]


def _minute(at_utc: str | None) -> str | None:
    return at_utc and at_utc.replace("T", " ")[:16]


def _busy(exc: BridgeBusy, folder: Path) -> PhibenchError:
    where = f" at {exc.running.url} (process {exc.running.pid})" if exc.running else ""
    remedy = "use that one, or end it with Ctrl-C; another database has a bridge of its own: --db PATH"
    return PhibenchError(f"a bridge serves from {shown(folder)} already{where}", remedy)


def _unreachable(exc: OSError, address: Address) -> PhibenchError:
    if exc.filename is not None:
        message = f"the bridge cannot use its folder: {exc.filename}: {exc.strerror}"
        return PhibenchError(message, "PHIBENCH_BRIDGE=DIRECTORY phibench bridge serve   (one that can be written)")
    if exc.errno == errno.EADDRINUSE:
        message = f"another program listens on port {address.port} already"
        return PhibenchError(message, f"phibench bridge serve --host {address.host} --port 0   (a free one)")
    message = f"cannot listen on {address.host}, port {address.port}: {exc.strerror or exc}"
    return PhibenchError(message, "phibench bridge serve --host 0.0.0.0   (all addresses of this machine)")
