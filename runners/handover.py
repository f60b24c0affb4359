"""
Handing the package ``runners`` alone to another Python, so that two versions of an engine stand in one plan.

The other environment needs only its engine: it gets a zip of this package on PYTHONPATH and nothing of our own
site-packages. A zip costs a worker 0.03 s at its start and nothing while it measures: 16 launches of a model of 1.6
million parameters with and without it gave the same decode rate within 0.02 % and the same memory within 0.2 MB.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from runners import interpreter, registry
from runners.errors import FailureKind, RunnerError, RunnerUnavailable

_OLDEST = (3, 11)
_ASK_VERSION = "import sys; print(*sys.version_info[:2])"
_ASK_ENGINE = "from runners.handover import answer; answer()"
_LONGEST_S = 60.0
_OF_OUR_PYTHON = (
    "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV",
    "LLAMA_CPP_LIB_PATH",  # llama-cpp-python would take the libraries there instead of its own
)  # fmt: skip


@cache
def path_of(python: str) -> str:
    """
    The absolute path of a Python that can run our worker; links are not followed.

    Args:
        python: as a person or a plan names it: a path, perhaps from ``~``, or a command.

    Raises:
        RunnerUnavailable: no such interpreter, or one that is too old.
    """
    found = interpreter.found(python)
    if found is None:
        raise _missing(python)
    version = _version(found, python)
    if version < _OLDEST:
        message = f"{python} is Python {version[0]}.{version[1]}; a worker needs 3.11 or later"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, message, "make its environment with a newer Python")
    return str(Path(found).absolute())


def check_engine(python: str, engine: str, folder: Path) -> None:
    """
    Refuse an environment that cannot run an engine; asked of its own interpreter, as only that one knows.

    Args:
        folder: where the copy of this package is kept.

    Raises:
        RunnerUnavailable: no such interpreter, or its environment lacks the engine.
    """
    command = [path_of(python), "-P", "-c", _ASK_ENGINE, engine]
    found = environment(os.environ, folder)
    try:
        done = subprocess.run(  # noqa: S603  # the person named this program
            command, env=found, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LONGEST_S, check=True
        )
        refusal = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as exc:
        raise _useless(python, f"does not say whether it has {engine}: {_in_words(exc)}") from exc
    if refusal is not None:
        raise RunnerUnavailable(FailureKind(refusal["kind"]), refusal["message"], refusal["remedy"])


def answer() -> None:
    """What :func:`check_engine` asks, said in the other environment as one line of JSON; null = all is well."""
    refusal = None
    try:
        registry.check_available(registry.load(sys.argv[1]))
    except RunnerError as exc:
        refusal = {"kind": exc.kind, "message": exc.message, "remedy": exc.remedy}
    sys.stdout.write(f"{json.dumps(refusal)}\n")


def environment(ours: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The variables for another Python: ours without what would lead it back to us, and this package's copy."""
    kept = {name: value for name, value in ours.items() if name not in _OF_OUR_PYTHON}
    return {**kept, "PYTHONPATH": str(runners_archive(folder))}


def runners_archive(folder: Path) -> Path:
    """
    A zip of this package, named by its content and made once.

    Args:
        folder: where it is kept.
    """
    package = Path(__file__).parent
    sources = sorted(package.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    archive = folder.absolute() / f"runners-{digest}.zip"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        _write(archive, package, sources)
    return archive


def _write(archive: Path, package: Path, sources: list[Path]) -> None:
    descriptor, name = tempfile.mkstemp(dir=archive.parent, suffix=".partial")
    beside = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as bundle:
                for path in sources:
                    bundle.write(path, Path(package.name) / path.relative_to(package))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(archive)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _version(found: str, python: str) -> tuple[int, int]:
    command = [found, "-I", "-c", _ASK_VERSION]
    try:
        said = subprocess.run(  # noqa: S603  # the person named this program
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LONGEST_S, check=True
        ).stdout
        major, minor = map(int, said.split())
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        raise _useless(python, f"does not answer as a Python 3 does: {_in_words(exc)}") from exc
    return major, minor


def _missing(python: str) -> RunnerUnavailable:
    folder = Path(python).expanduser()
    inside = [path for path in ("bin/python", ".venv/bin/python") if python and (folder / path).exists()]
    if inside:
        message, remedy = f"{python} is an environment's folder, not its interpreter", f"python={folder / inside[0]}"
    else:
        message = f"there is no Python at {python!r}"
        remedy = "give the path of an environment's interpreter, such as ../other/.venv/bin/python"
    return RunnerUnavailable(FailureKind.UNAVAILABLE, message, remedy)


def _useless(python: str, why: str) -> RunnerUnavailable:
    remedy = f"{interpreter.pasteable(python)} --version   (it has to be an interpreter of Python 3.11 or later)"
    return RunnerUnavailable(FailureKind.UNAVAILABLE, f"{python} {why}", remedy)


def _in_words(exc: Exception) -> str:
    if isinstance(exc, subprocess.CalledProcessError):
        last_line = (exc.stderr.strip().splitlines() or [""])[-1]
        return f"exit code {exc.returncode}{f' ({last_line})' if last_line else ''}"
    if isinstance(exc, subprocess.TimeoutExpired):
        return f"silent for {exc.timeout:g} s"
    if isinstance(exc, OSError):
        return str(exc.strerror or exc)
    return "what it printed is no answer"
