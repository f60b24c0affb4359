"""
Trying an engine in a child process: load a tiny model, decode 64 tokens, see how the child ends.

A library built for another CPU, or with kernels that the compiler got wrong, dies of a signal the moment it computes;
nothing it says before gives it away. The answer holds for one library on one CPU model, so it is remembered in the
cache folder; what may pass by itself (a time-out, lack of memory) is not.
"""

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from collector.doctor import tiny
from collector.paths import cache_folder
from runners.contract import Event, EventType, Job, Scalar, Workload
from runners.errors import FailureKind
from runners.launch import launch
from runners.wire import WireError, from_wire

N_TOKENS = 64
DEADLINE_S = 60.0
_MLX = "mlx"  # comes compiled, so there is nothing to build again
_BY_SIGNAL = frozenset({FailureKind.CRASHED, FailureKind.ABORTED})
_FLAGS = "-C cmake.define.CMAKE_C_FLAGS=-U__AMX_INT8__ -C cmake.define.CMAKE_CXX_FLAGS=-U__AMX_INT8__"
METAL = "-C cmake.define.GGML_METAL=on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    How the trial ended.

    ``build`` is what the engine's build says of itself, ``backend`` where the tiny model's weights lay, ``flags`` the
    engine's own doubts.
    """

    is_ok: bool
    message: str
    remedy: str = ""
    took_s: float | None = None
    version: str | None = None
    build: Mapping[str, Scalar | None]
    backend: str | None = None
    flags: tuple[str, ...] = ()
    is_lasting: bool = True
    is_remembered: bool = False


def try_engine(
    engine: str,
    *,
    run: Callable[[Job], Iterable[Event]] = launch,
    options: Mapping[str, Scalar] | None = None,
    deadline_s: float = DEADLINE_S,
) -> Verdict:
    """
    Let a child process load a tiny model and decode with it; never raises for a fault of the engine.

    Args:
        engine: name in the registry.
        run: how a job is launched.
        options: the engine's options, as in an arm.
        deadline_s: longest silence of the child.
    """
    started = time.monotonic()
    events = trial(engine, run=run, options=options, deadline_s=deadline_s)
    return judge(events, time.monotonic() - started)


def trial(
    engine: str,
    *,
    run: Callable[[Job], Iterable[Event]] = launch,
    options: Mapping[str, Scalar] | None = None,
    deadline_s: float = DEADLINE_S,
) -> list[Event]:
    """All events of one launch of the tiny model, which is gone afterwards; see :func:`try_engine`."""
    with tempfile.TemporaryDirectory(prefix="phibench-doctor-") as folder:
        job = Job(
            launch_id="doctor",
            model=tiny.model_for(engine, Path(folder)),
            engine=engine,
            workload=Workload(name="doctor", n_prompt_tokens=32, n_generated_tokens=N_TOKENS),
            options=options or {},
            n_warmups=0,
            timeout_s=deadline_s,
        )
        return list(run(job))


def judge(events: list[Event], took_s: float) -> Verdict:
    """From a launch's events to a verdict with its remedy."""
    hello = _first(events, EventType.HELLO)
    facts = hello.get("engine") or {}
    build = dict(facts.get("build") or {})
    last = events[-1]
    if last.type is EventType.DONE:
        loaded = _first(events, EventType.LOADED)
        return Verdict(
            is_ok=True,
            message=f"decodes {N_TOKENS} tokens in a child process",
            took_s=took_s,
            version=facts.get("version"),
            build=build,
            backend=loaded.get("backend"),
            flags=tuple(loaded.get("flags") or ()),
        )
    message, remedy = str(last.data["message"]), str(last.data.get("remedy") or "")
    is_illegal = "SIGILL" in message
    if facts.get("engine") != _MLX and (is_illegal or "SIGSEGV" in message):
        remedy = rebuild()
        if has_feature(build, "AMX_INT8"):
            message += ": so end AMX kernels that gcc 12 compiled wrongly; -U__AMX_INT8__ leaves them out"
        elif is_illegal:
            message += ": it was built for another CPU"
    return Verdict(
        is_ok=False,
        message=message,
        remedy=remedy or "phibench doctor --report, and look at the engine's last words in it",
        took_s=took_s,
        version=facts.get("version"),
        build=build,
        is_lasting=last.data["kind"] in _BY_SIGNAL and "SIGKILL" not in message,
    )


def _first(events: Iterable[Event], kind: EventType) -> Mapping[str, Any]:
    return next((event.data for event in events if event.type is kind), {})


def has_feature(build: Mapping[str, Scalar | None], name: str) -> bool:
    """Whether a build was compiled with an instruction set; llama.cpp lists those that it has as ``NAME = 1``."""
    said = " | ".join(f"{key} = {value}" for key, value in build.items())
    return re.search(rf"\b{name}\b\s*=?\s*(1\b|True\b|\||,|$)", said) is not None


def rebuild(flags: str = _FLAGS) -> str:
    """The commands that compile llama.cpp again for this machine, by three roads."""
    package = f"llama-cpp-python{_pin()} {flags}"
    return (
        "uv sync --reinstall-package llama-cpp-python   (in a checkout, whose settings have the flags)\n"
        f"uv pip install --reinstall-package llama-cpp-python --no-deps {package}\n"
        f"pip install --force-reinstall --no-cache-dir --no-deps {package}"
    )


def _pin() -> str:
    from importlib import metadata

    try:
        return f"=={metadata.version('llama-cpp-python')}"
    except metadata.PackageNotFoundError:
        return ""


def remembered(key: str | None, folder: Path | None = None) -> Verdict | None:
    """What an earlier trial of the same library on the same CPU model gave; None when there was none."""
    entry = _memory(_file(folder)).get(key) if key else None
    if not isinstance(entry, dict):
        return None
    try:
        return from_wire(Verdict, entry | {"is_remembered": True})
    except WireError:
        return None


def remember(key: str | None, verdict: Verdict, folder: Path | None = None) -> None:
    """Keep a verdict that lasts; a cache folder that cannot be written is no fault."""
    if key is None or not verdict.is_lasting:
        return
    path = _file(folder)
    entries = _memory(path) | {key: asdict(verdict)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(entries), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return


def _file(folder: Path | None) -> Path:
    return (folder or cache_folder()) / "engine-trials.json"


def _memory(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def key_of(engine: str, package: str, cpu_model: str | None) -> str | None:
    """Engine, content of the package's shared libraries, CPU model; None when there are none to identify it by."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None  # mlx has no __init__, so no origin
    if not folders:
        return None
    digest = hashlib.sha256(f"{engine}\0{cpu_model}".encode())
    names = (path for folder in folders for ending in ("*.so*", "*.dylib") for path in Path(folder).rglob(ending))
    libraries = sorted(path for path in names if path.is_file())
    for library in libraries:
        digest.update(library.name.encode())
        with library.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32] if libraries else None
