"""
mlx and mlx-lm: whether they can be had here, imported without what importing them changes, and which build they are.

Nothing here is imported before a worker opens the engine. ``import mlx_lm`` costs a second or more and sets the limit
of open files to (2048, 4096) for the whole process, or fails where the hard limit is lower; here the limit is only
ever raised.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from runners import interpreter
from runners.contract import Scalar
from runners.errors import FailureKind, RunnerUnavailable

DISTRIBUTION: Final = "mlx-lm"
IS_MAC: Final = sys.platform == "darwin"
_PACKAGES: Final = ("mlx-lm", "mlx", "mlx-metal", "mlx-cpu", "transformers", "tokenizers")
_OLDEST_MACOS: Final = 14
_OLDEST_GLIBC: Final = (2, 35)
_FILES_WANTED: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What we call of the frameworks: ``core`` is ``mlx.core``, the others are functions of mlx-lm."""

    core: Any
    load_model: Any
    make_prompt_cache: Any
    quantise_cache: Any
    n_parameters: Any

    @property
    def backend(self) -> str:
        """Where arrays are computed now: "metal", "cuda" or "cpu"."""
        if self.core.default_device() != self.core.Device(self.core.gpu):
            return "cpu"
        return "metal" if self.core.metal.is_available() else "cuda"


@cache
def api() -> Api:
    """
    The frameworks, imported once; nothing of them may look anything up on the network.

    Raises:
        RunnerUnavailable: they cannot be imported, or this version lacks what we call.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.pop("MLXLM_USE_MODELSCOPE", None)  # it would import another hub's client
    try:
        with _limit_of_files_kept():
            core = importlib.import_module("mlx.core")
            utils = importlib.import_module("mlx_lm.utils")
            caches = importlib.import_module("mlx_lm.models.cache")
            generate = importlib.import_module("mlx_lm.generate")
        return Api(
            core=core,
            load_model=utils.load_model,
            make_prompt_cache=caches.make_prompt_cache,
            quantise_cache=generate.maybe_quantize_kv_cache,
            n_parameters=utils.get_total_parameters,
        )
    except (ImportError, OSError, RuntimeError, ValueError, AttributeError) as exc:
        message = f"the package {DISTRIBUTION} cannot be imported: {exc}"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, message, how_to_install()) from exc


@contextmanager
def _limit_of_files_kept() -> Iterator[None]:
    """Let no import lower the number of files that may be open; ours is raised to what a large model may need."""
    real = resource.setrlimit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        real(resource.RLIMIT_NOFILE, (wanted, hard))

    def all_but_files(which: int, limits: tuple[int, int]) -> None:
        if which != resource.RLIMIT_NOFILE:
            real(which, limits)

    resource.setrlimit = all_but_files
    try:
        yield
    finally:
        resource.setrlimit = real


def unavailable_because() -> str | None:
    """Why MLX cannot be used here: wrong platform, a package missing; found out without importing anything."""
    return _wrong_platform() or _missing_package()


def _wrong_platform() -> str | None:
    if IS_MAC:
        return _wrong_mac(platform.machine(), platform.mac_ver()[0])
    if sys.platform != "linux":
        return f"MLX does not run on {platform.system() or sys.platform}"
    return _wrong_linux(platform.machine(), platform.libc_ver(), has_mlx=_is_installed("mlx"))


def _wrong_mac(machine: str, release: str) -> str | None:
    if machine != "arm64":
        return "MLX needs Apple silicon, and this Mac (or this Python) is Intel's"
    if release and _numbers(release) < (_OLDEST_MACOS,):
        return f"MLX needs macOS {_OLDEST_MACOS}, and this is {release}"
    return None


def _wrong_linux(machine: str, libc: tuple[str, str], *, has_mlx: bool) -> str | None:
    if machine not in {"x86_64", "aarch64"}:
        return f"MLX has no build for Linux on {machine}"
    name, version = libc
    if name == "glibc" and _numbers(version) < _OLDEST_GLIBC and not has_mlx:
        return f"MLX needs glibc {'.'.join(map(str, _OLDEST_GLIBC))} on Linux, and this system has {version}"
    return None


def _missing_package() -> str | None:
    for package, distribution in (("mlx_lm", DISTRIBUTION), ("mlx", "mlx")):
        if not _is_installed(package):
            return f"the package {distribution} is missing"
    if library_path() is None:
        other = "mlx-metal" if IS_MAC else "mlx-cpu"
        return f"the package {other} is missing: mlx by itself has no library that computes"
    return None


def how_to_install() -> str:
    """The commands, one a line, either of which makes MLX usable here; where none can, what to use instead."""
    if _wrong_platform() is not None:
        return "use --engine llama_cpp here"
    if IS_MAC:
        return interpreter.install(DISTRIBUTION)
    if interpreter.is_handed_over():
        return interpreter.install(f"'{DISTRIBUTION}[cpu]'")
    return f'uv sync --group mlx-cpu\npip install "{DISTRIBUTION}[cpu]"'


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def library_path() -> Path | None:
    """The library that computes: it comes in a package of its own for each kind of machine."""
    spec = importlib.util.find_spec("mlx")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    names = ("libmlx.dylib", "libmlx.so")
    found = (Path(folder) / "lib" / name for folder in folders for name in names)
    return next((path for path in found if path.is_file()), None)


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide what is computed and how."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@cache
def build() -> dict[str, Scalar | None]:
    """
    What tells two builds apart: device, the library's hash, and variables that change how it computes.

    ``has_compiler``: on the CPU, fused kernels are compiled when they are first needed, and without a compiler they
    silently are not.
    """
    core = api().core
    info = core.device_info()
    library = library_path()
    policies = {f"env_{name}": value for name, value in os.environ.items() if name.startswith("MLX_")}
    return {
        "backend": api().backend,
        "has_metal": core.metal.is_available(),
        "device_name": info.get("device_name"),
        "architecture": info.get("architecture"),
        "has_compiler": api().backend != "cpu" or shutil.which("g++") is not None,
        "libmlx_sha256": None if library is None else hashlib.sha256(library.read_bytes()).hexdigest(),
        "libmlx_bytes": None if library is None else library.stat().st_size,
        **policies,
    }
