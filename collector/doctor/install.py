"""Whether the three packages that are imported are ours: their names are generic, and others use them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from collector.doctor.finding import Finding, Group, fix, ok
from collector.provenance import version

_OURS = ("runners", "collector", "dashboard")
_REMEDY = "install phibench in an environment of its own:  uv tool install phibench   or   pipx install phibench"


def packages(
    owners: Mapping[str, Sequence[str]] | None = None, folders: Mapping[str, Path | None] | None = None
) -> Iterator[Finding]:
    """
    The three names belong to us alone, and the three packages lie together.

    Args:
        owners: name -> distributions that claim it; an editable install is missing from it.
        folders: name -> folder that the package is imported from.
    """
    owners = metadata.packages_distributions() if owners is None else owners
    folders = {name: _folder(name) for name in _OURS} if folders is None else folders
    others = {name: _strangers(owners.get(name, ())) for name in _OURS}
    problems = [f"{name} is also in {' and '.join(who)}" for name, who in others.items() if who]
    places = {folder.parent if folder else None for folder in folders.values()}
    if len(places) > 1 or None in places:
        where = ", ".join(f"{name} from {folder or 'nowhere'}" for name, folder in folders.items())
        problems.append(f"the packages do not lie together ({where})")
    if problems:
        yield fix(Group.MACHINE, f"name clash: {'; '.join(problems)}", _REMEDY, is_blocking=True)
    else:
        yield ok(Group.MACHINE, f"phibench {version() or 'not installed'}: runners, collector, dashboard are its own")


def _strangers(distributions: Sequence[str]) -> list[str]:
    return sorted({name for name in distributions if re.sub(r"[-_.]+", "-", name).lower() != "phibench"})


def _folder(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).resolve().parent if spec is not None and spec.origin else None
