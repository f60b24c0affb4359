"""
Engines: installed, able to compute here, built for this machine; and the compiler that would build them.

Each engine says itself why it cannot be used and how it comes; what is said here is how much that matters. MLX belongs
on a Mac with Apple silicon. On Linux its CPU backend is for tests, so its absence is no fault there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata

from collector.doctor import probe
from collector.doctor.finding import Finding, Group, fix, note, ok
from runners import registry
from runners.contract import DeviceSnapshot, Engine

_LIBRARIES = {"llama_cpp": "llama_cpp", "mlx": "mlx"}
_NATIVE = (("avx2", "AVX2"), ("avx512f", "AVX512"))
_BUILT = frozenset({"llama_cpp"})
_APT = "sudo apt install g++   (Debian, Ubuntu)   or   xcode-select --install   (macOS)"
_GCC_WITH_SOUND_AMX = 13
_COMPILERS = ("c++", "g++", "clang++")


def examine(
    snapshot: DeviceSnapshot,
    *,
    is_fresh: bool = False,
    names: Mapping[str, str] = registry.ENGINES,
    trial: Callable[[str], probe.Verdict] = probe.try_engine,
) -> Iterator[Finding]:
    """Every engine of the registry; the simulated ones in one line."""
    simulated, missing, n_real = [], [], 0
    for name in names:
        engine = registry.load(name)
        reason = engine.unavailable_because()
        if engine.is_simulated:
            simulated.append(name)
        elif reason is not None:
            missing.append((engine, reason))
        else:
            n_real += 1
            yield from _tried(engine, snapshot, trial, is_fresh=is_fresh)
    for engine, reason in missing:
        yield _missing(engine, reason, snapshot, has_other=n_real > 0)
    if simulated:
        yield ok(Group.ENGINES, f"{', '.join(simulated)}: simulated, need no model")


def _missing(engine: Engine, reason: str, snapshot: DeviceSnapshot, *, has_other: bool) -> Finding:
    """An engine that cannot be used: to be mended where it belongs, else worth knowing."""
    text = f"{engine.name} cannot be used: {reason}"
    if engine.name != "mlx":
        return fix(Group.ENGINES, text, probe.rebuild(), is_blocking=not has_other)
    how = registry.how_to_install(engine)
    if is_apple_silicon(snapshot):
        return fix(Group.ENGINES, text, how)
    if snapshot.kind == "mac":
        return note(Group.ENGINES, f"{text}; llama_cpp is the engine of this Mac")
    return note(Group.ENGINES, f"{text}. It is made for Apple silicon; on Linux it computes on the CPU, for tests", how)


def is_apple_silicon(snapshot: DeviceSnapshot) -> bool:
    """Whether this is a Mac with a chip of Apple's own, on which both engines compute on the GPU."""
    return snapshot.kind == "mac" and snapshot.machine == "arm64"


def verdict_of(
    name: str,
    snapshot: DeviceSnapshot,
    trial: Callable[[str], probe.Verdict] = probe.try_engine,
    *,
    is_fresh: bool = False,
) -> probe.Verdict:
    """What is remembered of this engine's library on this CPU if it was good, else a trial now (under a second)."""
    key = probe.key_of(_with_version(name), _LIBRARIES[name], snapshot.cpu_model) if name in _LIBRARIES else None
    verdict = None if is_fresh else probe.remembered(key)
    if verdict is None or not verdict.is_ok:
        verdict = trial(name)
        probe.remember(key, verdict)
    return verdict


def _with_version(name: str) -> str:
    """What an engine drives its library with is Python, and changes with its version alone."""
    distribution = registry.load(name).distribution
    try:
        return f"{name} {metadata.version(distribution or name)}"
    except metadata.PackageNotFoundError:
        return name


def _tried(
    engine: Engine, snapshot: DeviceSnapshot, trial: Callable[[str], probe.Verdict], *, is_fresh: bool
) -> Iterator[Finding]:
    verdict = verdict_of(engine.name, snapshot, trial, is_fresh=is_fresh)
    title = f"{engine.name} {verdict.version}" if verdict.version else engine.name
    memory = " (remembered; --fresh tries again)" if verdict.is_remembered else ""
    if not verdict.is_ok:
        yield fix(Group.ENGINES, f"{title}: {verdict.message}{memory}", verdict.remedy, is_blocking=True)
        return
    where = "" if verdict.backend is None else f" on {verdict.backend}"
    took = "" if verdict.took_s is None else f", {verdict.took_s:.1f} s"
    yield ok(Group.ENGINES, f"{title} {verdict.message}{where}{took}{memory}")
    yield from off_gpu(engine.name, snapshot, verdict)
    yield from unused(engine.name, snapshot, verdict.build)


def off_gpu(name: str, snapshot: DeviceSnapshot, verdict: probe.Verdict) -> Iterator[Finding]:
    """An engine that computed on the CPU of a Mac whose GPU it is made for; unverified on a Mac."""
    if not is_apple_silicon(snapshot) or verdict.backend != "cpu":
        return
    if snapshot.is_virtual:
        yield note(Group.ENGINES, f"{name} computes on the CPU: a virtual Mac has no GPU that it can use")
        return
    text = f"{name} computed on the CPU, not on Metal: results are flagged cpu_fallback"
    remedy = probe.rebuild(probe.METAL) if name in _BUILT else registry.how_to_install(registry.load(name))
    yield fix(Group.ENGINES, text, remedy)


def unused(name: str, snapshot: DeviceSnapshot, build: Mapping[str, object]) -> Iterator[Finding]:
    """Instruction sets of this CPU that the engine's build leaves unused; nothing where the build does not say."""
    said = {key: str(value) for key, value in build.items()}
    if not any("SSE3" in f"{key} {value}" for key, value in said.items()):
        return
    unused_sets = [
        shown for flag, shown in _NATIVE if flag in snapshot.cpu_features and not probe.has_feature(said, shown)
    ]
    if unused_sets:
        text = f"{name} was built without {' and '.join(unused_sets)}, which this CPU has: slower than it can be"
        remedy = f"unset SOURCE_DATE_EPOCH CMAKE_ARGS; {probe.rebuild()}"
        yield fix(Group.ENGINES, text, remedy)


def compiler(snapshot: DeviceSnapshot, find: Callable[[], tuple[str, str] | None] | None = None) -> Iterator[Finding]:
    """The C++ compiler that would build an engine, and whether its AMX kernels can be trusted."""
    found = (find or _compiler)()
    if found is None:
        yield note(Group.ENGINES, "no C++ compiler: what is installed runs, but no engine can be built", _APT)
        return
    path, said = found
    first = said.partition("\n")[0].strip()
    yield ok(Group.ENGINES, f"C++ compiler {path}: {first}")
    major = re.search(r"\b(\d+)\.\d+\.\d+\b", first)
    is_old_gcc = "clang" not in said.lower() and major is not None and int(major[1]) < _GCC_WITH_SOUND_AMX
    if "amx_int8" in snapshot.cpu_features and is_old_gcc:
        text = "this gcc gets llama.cpp's AMX kernels wrong; a build from a checkout leaves them out"
        yield note(Group.ENGINES, text, "docs/install.md says how to keep them with gcc 13 or clang")


def _compiler() -> tuple[str, str] | None:
    if sys.platform == "darwin" and not has_command_line_tools():
        return None
    for name in filter(None, (os.environ.get("CXX", "").partition(" ")[0], *_COMPILERS)):
        path = shutil.which(name)
        if path is None:
            continue
        try:
            run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            continue
        return path, run.stdout
    return None


def has_command_line_tools(command: tuple[str, ...] = ("/usr/bin/xcode-select", "-p")) -> bool:
    """Whether Apple's compiler is there; asked first, as without it every compiler's name opens a dialogue."""
    try:
        run = subprocess.run(command, capture_output=True, timeout=10, check=False)  # noqa: S603  # a constant
    except (OSError, subprocess.SubprocessError):
        return False
    return run.returncode == 0
