"""`phibench dashboard`: the pages, in a process of their own."""

import click

from collector.cli._common import db_option, leave


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on the loopback address.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@db_option
def dashboard(*, port: int | None, no_browser: bool, db: str) -> None:
    """
    Look at results in a browser.

    It reads the database and never writes it, listens on this machine's loopback address alone, and ends with Ctrl-C.
    """
    import signal
    import subprocess
    import sys

    command = [sys.executable, "-P", "-m", "dashboard", "--db", db]
    command += ["--port", str(port)] if port else []
    command += ["--no-browser"] if no_browser else []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the pages' process too, and that one ends
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603  # our own interpreter and module
    finally:
        signal.signal(signal.SIGINT, before)
    leave(max(code, 0))  # a signal that a person sent is an end, no failure
