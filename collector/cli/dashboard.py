"""`phibench dashboard`: the pages, in an interpreter of their own that takes the place of this one."""

import click

from collector.cli._common import db_option


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on the loopback address.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@db_option
def dashboard(*, port: int | None, no_browser: bool, db: str) -> None:
    """
    Look at results in a browser.

    It reads the database and never writes it, listens on this machine's loopback address alone, and ends with Ctrl-C.
    """
    import os
    import sys

    from collector.queries import Reader, exists

    if exists(db):  # what cannot be shown is said here, not in a browser; none at all is explained by the pages
        Reader.open(db).close()
    command = [sys.executable, "-P", "-m", "dashboard", "--db", db]
    command += ["--port", str(port)] if port else []
    command += ["--no-browser"] if no_browser else []
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606  # the pages take this process's place, so every signal is theirs
