"""Models that are present, the database, and the disk under both."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from collector.doctor.finding import Finding, Group, fix, note, ok
from collector.errors import PhibenchError
from collector.paths import shown

_QUICKSTART = ("phi-3-mini-4k", "llama-2-7b")
_QUICKSTART_BYTES = 10**10
"""What quickstart wants to have free for an engine of which it has to write one of them; else it takes smaller ones."""
_LEAST_BYTES = 200 * 10**6
_GIB = 1 << 30


def models(engines: Sequence[str] = ("llama_cpp",)) -> Iterator[Finding]:
    """What is in the models folder, and whether the models of quickstart fit on its disk, for the engines it takes."""
    from collector.models import cache_dir, default_quant, local

    folder, present = cache_dir(), local()
    names_here = {(model.model, model.quant) for model in present}
    incomplete = [e for e in engines if any((name, default_quant(e)) not in names_here for name in _QUICKSTART)]
    n_bytes = sum(model.n_bytes or 0 for model in present)
    names = (
        ", ".join(f"{model.model} {model.quant}" for model in present) or "none yet; quickstart writes what it needs"
    )
    yield ok(Group.MODELS, f"{shown(folder)}: {names}" + (f" ({n_bytes / _GIB:.1f} GiB)" if n_bytes else ""))
    yield from _room(Group.MODELS, folder, _QUICKSTART_BYTES * len(incomplete), "the full-size models of quickstart")


def database(url: str) -> Iterator[Finding]:
    """Readable, of our version, writable, with room."""
    from collector.migrations import HEAD
    from collector.queries import Reader, exists

    if "://" in url and not url.startswith("sqlite:///"):
        yield note(Group.STORAGE, "results go to a database server; its disk cannot be seen from here")
        return
    path = Path(url.removeprefix("sqlite:///")).expanduser()
    if not exists(url):
        yield ok(Group.STORAGE, f"{shown(path)}: made by the first run")
    else:
        try:
            with Reader.open(url) as reader:
                n_runs = reader.n_runs()
        except PhibenchError as exc:
            yield fix(Group.STORAGE, exc.message, exc.remedy or f"ls -l {path}", is_blocking=True)
            return
        yield ok(Group.STORAGE, f"{shown(path)}, schema {HEAD}: {n_runs} run{'' if n_runs == 1 else 's'}")
    yield from _writable(path)
    yield from _room(Group.STORAGE, path.parent, _LEAST_BYTES, "results")


def _writable(path: Path) -> Iterator[Finding]:
    where = path if path.exists() else _nearest(path.parent)
    blocked = [place for place in {where, _nearest(path.parent)} if not os.access(place, os.W_OK)]
    if blocked:
        text = f"{shown(blocked[0])} cannot be written"
        yield fix(Group.STORAGE, text, "choose another place:  export PHIBENCH_DB=$HOME/phibench.db", is_blocking=True)


def _room(group: Group, folder: Path, n_wanted: int, purpose: str) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(_nearest(folder)).free
    except OSError as exc:
        yield note(group, f"free space under {shown(folder)} is unknown ({exc.strerror})")
        return
    text = f"{free / _GIB:.1f} GiB free on the disk of {shown(folder)}"
    if free < _LEAST_BYTES:
        yield fix(group, f"{text}: too little", "free some space:  phibench models rm MODEL", is_blocking=True)
    elif free < n_wanted:
        yield note(group, f"{text}: too little for {purpose} ({n_wanted / _GIB:.1f} GiB)", "phibench models list")
    else:
        yield ok(group, text)


def _nearest(folder: Path) -> Path:
    """The folder or its nearest ancestor that exists."""
    folder = folder.absolute()
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)
