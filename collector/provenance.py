"""Who made a result: our version, the commit of a checkout, the command line."""

import shlex
import subprocess
import sys
from functools import cache
from importlib import metadata

from collector.paths import checkout


@cache
def git_commit() -> str | None:
    """Commit of the checkout that runs, with "+" when files differ from it; None when installed or without git."""
    folder = checkout()
    if folder is None:
        return None
    try:
        commit = _git(str(folder), "rev-parse", "--short=12", "HEAD")
        is_changed = bool(_git(str(folder), "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if is_changed else "")


def version() -> str | None:
    """Version of the installed distribution."""
    try:
        return metadata.version("phibench")
    except metadata.PackageNotFoundError:
        return None


def command_line() -> str:
    """What was typed, the program without its folder."""
    program = sys.argv[0].rpartition("/")[2]
    return shlex.join([program, *sys.argv[1:]])


def _git(folder: str, *words: str) -> str:
    command = ["git", "-C", folder, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
