"""The console: tables that are cut for the terminal, plain text in a pipe."""

import shutil
import sys

from rich.console import Console

PIPE_WIDTH = 120


def console(*, is_stderr: bool = False, is_quiet: bool = False) -> Console:
    """
    A console without guessing: no highlighting, no emoji codes, 120 columns, or COLUMNS, where there is no terminal.

    NO_COLOR is honoured by rich itself.
    """
    stream = sys.stderr if is_stderr else sys.stdout
    width = None if stream.isatty() else shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    return Console(stderr=is_stderr, quiet=is_quiet, highlight=False, markup=False, emoji=False, width=width)
