"""The code that a phone scans, and waiting for the phone."""

import io
import sys
import time
from pathlib import Path

import click

from collector.cli._common import warn
from collector.errors import PhibenchError
from runners.bridge import folder as folders
from runners.bridge import pairing
from runners.bridge.folder import Running
from runners.bridge.pairing import Outcome, Window
from runners.bridge.server import clock_ms

_LOOK_S = 0.25


def pair_by_code(folder: Path, server: Running, *, is_quiet: bool) -> str:
    """
    Show a code and wait for the phone that scans it; leaving by Ctrl-C closes the window.

    Returns:
        The name of the phone.

    Raises:
        PhibenchError: the time is over, wrong proofs closed the window, or the server has ended.
    """
    window = show_window(folder, server, is_quiet=is_quiet)
    try:
        return _waited(folder, window)
    finally:
        pairing.close_window(folder, window)


def show_window(folder: Path, server: Running, *, is_quiet: bool, is_on_error: bool = False) -> Window:
    """Open a window and show its link, as a code where the terminal can draw one and always as one line of text."""
    window = pairing.open_window(folder, clock_ms())
    link = pairing.link(host=server.link_host, port=server.port, secret=window.secret, host_id=folders.host_id(folder))
    if not is_quiet and sys.stdout.isatty():
        click.echo(_drawn(link))
    click.echo(f"link: {link}", err=is_on_error)
    if not is_quiet:
        if server.link_host.startswith("127.") or server.link_host == "::1":
            warn("only this machine can reach the bridge; for a phone: phibench bridge serve --host 0.0.0.0")
        click.echo(f"scan it in the app within {pairing.WINDOW_S // 60} minutes; it works once")
    return window


def _drawn(link: str) -> str:
    """The code in half blocks; empty where the terminal's encoding has none."""
    import segno

    out = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(out, compact=True)
    text = out.getvalue()
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ""
    return text


def _waited(folder: Path, window: Window) -> str:
    while True:
        now = pairing.read_window(folder)
        if now is None or now.window_id != window.window_id:
            raise PhibenchError("another pairing was begun since", "phibench bridge pair")
        if now.outcome is Outcome.PAIRED:
            _count_down("")
            return now.name
        left_s = (window.expires_at_ms - clock_ms()) / 1000
        _complain(now.outcome, left_s)
        if folders.running(folder) is None:
            raise PhibenchError("the bridge has ended, so no phone can answer", "phibench bridge serve")
        _count_down(f"waiting for a phone, {int(left_s) // 60}:{int(left_s) % 60:02d} left")
        time.sleep(_LOOK_S)


def _complain(outcome: Outcome, left_s: float) -> None:
    if outcome is Outcome.WRONG_PROOFS:
        raise PhibenchError(f"{pairing.N_TRIES} wrong proofs closed this pairing", "phibench bridge pair")
    if outcome is Outcome.CLOSED:
        raise PhibenchError("this pairing was closed", "phibench bridge pair")
    if outcome is Outcome.FAILED:
        raise PhibenchError("the phone could not be written down; the bridge says why", "phibench bridge pair")
    if left_s <= 0:
        raise PhibenchError("no phone has paired in time", "phibench bridge pair")


def _count_down(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)
