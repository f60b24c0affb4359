"""
Handing the package ``runners`` alone to another Python, so that two versions of an engine stand in one plan.

The other environment needs only its engine: it gets a zip of this package on PYTHONPATH and nothing of our own
site-packages.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from runners.errors import FailureKind, RunnerUnavailable

_OLDEST = (3, 11)
_ASK_VERSION = "import sys; print(*sys.version_info[:2])"


@cache
def interpreter(python: str) -> str:
    """
    The path of a Python that can run our worker.

    Raises:
        RunnerUnavailable: no such interpreter, or one that is too old.
    """
    found = shutil.which(os.path.expanduser(python))  # noqa: PTH111  # which() wants text, Path would drop "./"
    if found is None:
        remedy = "give the path of an environment's interpreter, such as ../other/.venv/bin/python"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, f"there is no Python at {python}", remedy)
    try:
        answer = subprocess.run(  # noqa: S603  # the person named this program
            [found, "-I", "-c", _ASK_VERSION], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        version = tuple(int(part) for part in answer.split())
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, f"{python} does not answer as a Python: {exc}") from exc
    if version < _OLDEST:
        message = f"{python} is Python {version[0]}.{version[1]}; a worker needs 3.11 or later"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, message, "make its environment with a newer Python")
    return str(Path(found).absolute())


def runners_archive(folder: Path) -> Path:
    """
    A zip of this package, named by its content and made once.

    Args:
        folder: where it is kept.
    """
    package = Path(__file__).parent
    sources = sorted(package.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    archive = folder / f"runners-{digest}.zip"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        _write(archive, package, sources)
    return archive


def _write(archive: Path, package: Path, sources: list[Path]) -> None:
    with tempfile.NamedTemporaryFile(dir=archive.parent, suffix=".partial", delete=False) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path in sources:
                bundle.write(path, Path(package.name) / path.relative_to(package))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(archive)
