"""
Naming a Python: as it is stored, in a label, and in a command that can be pasted. It runs nothing.

The path of an environment's interpreter is a link to the Python that it was made with. It is never followed: the link
beside ``pyvenv.cfg`` is what makes that Python find the environment's packages.
"""

import os
import shlex
import shutil
import sys
import zipimport
from pathlib import Path, PurePosixPath

_USUAL_FOLDERS = (".venv", "venv", ".env", "env")
_SYSTEM_FOLDERS = ("", "/", "usr", "local", "homebrew")


def stored(path: str) -> str:
    """
    The path that a plan keeps: the same from whatever folder it is run again, a home folder as ``~``.

    Args:
        path: of an interpreter, relative to where the person stands, absolute, or from ``~``; or a command.
    """
    absolute = str(_absolute(Path(found(path) or path).expanduser()))
    home = str(Path.home())
    return f"~{absolute.removeprefix(home)}" if absolute.startswith(f"{home}/") else absolute


def found(path: str) -> str | None:
    """Where an interpreter is that may be run; None when there is none. ``~`` is understood."""
    return shutil.which(os.path.expanduser(path))  # noqa: PTH111  # which() wants text, Path would drop "./"


def _absolute(path: Path) -> Path:
    """Without ``..``; folders before it are followed where they are links, as the system does, and nothing after it."""
    parts = path.absolute().parts
    if ".." not in parts:
        return path.absolute()
    n_before = len(parts) - parts[::-1].index("..")
    return Path(os.path.realpath(Path(*parts[:n_before])), *parts[n_before:])


def label(path: str) -> str:
    """
    The environment's own name for a table: ``work/new`` of ``~/work/new/.venv/bin/python``.

    An interpreter of the system has no environment and goes by its file's name.
    """
    parts = [part for part in PurePosixPath(path).parent.parts if part not in {"..", "~"}]
    if parts and parts[-1] == "bin":
        parts.pop()
    if len(parts) > 1 and parts[-1] in _USUAL_FOLDERS:
        parts.pop()
    if not parts or parts[-1] in _SYSTEM_FOLDERS:
        return PurePosixPath(path).name
    return "/".join(part for part in parts[-2:] if part != "/")


def is_meant(typed: str, kept: str) -> bool:
    """
    Whether a person who picks an arm by ``python=`` means the interpreter that a plan keeps.

    Args:
        typed: its short name or the end of it (``new`` of ``work/new``), or its path in any spelling.
    """
    name = label(kept)
    return typed in {kept, name} or name.endswith(f"/{typed}") or stored(typed) == kept


def pasteable(path: str) -> str:
    """The path for a shell: quoted where it has to be, a home folder left as ``~``, which quotes would break."""
    return f"~/{shlex.quote(path[2:])}" if path.startswith("~/") else shlex.quote(path)


def is_handed_over() -> bool:
    """Whether this process runs from the copy of ``runners`` that another environment gets."""
    return isinstance(__spec__.loader, zipimport.zipimporter)


def place() -> str:
    """Where this process runs, for messages: 'here', or which other interpreter."""
    return f"by {pasteable(stored(sys.executable))}" if is_handed_over() else "here"


def install(distribution: str, *, is_again: bool = False) -> str:
    """The command that brings a distribution into this environment, or builds there again the version that it has."""
    if not is_handed_over():
        return f"uv sync --reinstall-package {distribution}" if is_again else f"uv sync (or pip install {distribution})"
    python = pasteable(stored(sys.executable))
    if not is_again:
        return f"uv pip install --python {python} {distribution}   (or {python} -m pip install {distribution})"
    pinned = _pinned(distribution)
    return f"uv pip install --python {python} --reinstall-package {distribution} --no-deps {pinned}"


def _pinned(distribution: str) -> str:
    from importlib import metadata  # slow to import, and asked for only when something is wrong

    try:
        return f"{distribution}=={metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return distribution
