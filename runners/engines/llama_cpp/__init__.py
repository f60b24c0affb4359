"""
llama.cpp through llama-cpp-python's low-level API: GGUF files on CPU, Metal or CUDA.

It drives the library as llama-bench does, with the user's sampling added for a generation. It refuses what the library
would accept in silence, and reports what is in effect, never what was asked.

2026-11-24: weights are read into memory by default (``load_mode`` none). The library's own default maps the file and
then copies repacked weights beside it, which shows 4.1 GB for a model of 2.2 GB.
"""

import hashlib
import importlib.metadata
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from runners import device, interpreter
from runners.contract import EngineFacts, ModelRef, Option, Scalar
from runners.engines.llama_cpp import binding, loading, settings
from runners.engines.llama_cpp.binding import DISTRIBUTION
from runners.engines.llama_cpp.session import Handles, LlamaCppSession
from runners.errors import FailureKind, RunnerUnavailable


class LlamaCppEngine:
    """See the module."""

    name: ClassVar[str] = "llama_cpp"
    distribution: ClassVar[str | None] = DISTRIBUTION
    formats: ClassVar[tuple[str, ...]] = ("gguf",)
    is_simulated: ClassVar[bool] = False
    options: ClassVar[Mapping[str, Option]] = settings.OPTIONS

    def unavailable_because(self) -> str | None:
        """The package is missing; nothing of it is imported."""
        return None if binding.is_installed() else f"the package {DISTRIBUTION} is missing"

    def facts(self) -> EngineFacts:
        """Versions, how the library was compiled, and the hashes of the libraries that compute."""
        version = importlib.metadata.version(DISTRIBUTION)
        return EngineFacts(engine=self.name, version=version, build=_build(_api()), packages={DISTRIBUTION: version})

    @contextmanager
    def open(self, model: ModelRef, options: Mapping[str, Scalar]) -> Iterator[LlamaCppSession]:
        """Model, context and sampler, freed in reverse order however it is left."""
        asked = settings.resolve(options)
        api = _api()
        binding.start_log()
        start_ns = time.perf_counter_ns()
        with (
            loading.loaded_model(api, model, asked) as handle,
            loading.made_context(api, handle, asked) as context,
            loading.thread_pool(api, context, asked.threads) as has_pool,
            loading.greedy_sampler(api) as sampler,
        ):
            load_s = (time.perf_counter_ns() - start_ns) / 1e9
            loaded = loading.read_back(api, handle, context, asked, load_s=load_s, has_pool=has_pool)
            binding.start_log()  # an error from now on is not one of loading
            yield LlamaCppSession(api, Handles(model=handle, context=context, sampler=sampler), model, loaded)


def _api() -> Any:
    try:
        return binding.api()
    except (ImportError, OSError, RuntimeError, AttributeError) as exc:
        message = f"the library of {DISTRIBUTION} cannot be loaded: {exc}"
        remedy = f"build it again: {interpreter.install(DISTRIBUTION, is_again=True)}"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, message, remedy) from exc


@cache
def _build(api: Any) -> dict[str, Scalar | None]:
    system_info = api.llama_print_system_info().decode(errors="replace").strip()
    features = dict(re.findall(r"(\w+) = (\w+)", system_info))
    libllama, libggml_cpu = binding.library_path(api), binding.library_path(api, "ggml-cpu")
    metal = binding.library_path(api, "ggml-metal")
    folders = {path.parent for path in (libllama, libggml_cpu) if path is not None}
    policies = {f"env_{name}": os.environ[name] for name in device.OPENMP_VARIABLES if name in os.environ}
    return {
        "system_info": system_info,
        "features": " ".join(sorted(name for name, value in features.items() if value != "0")),
        "is_openmp": features.get("OPENMP") == "1",
        "has_amx": features.get("AMX_INT8") == "1",
        "llama_version": binding.text_of(api, "llama_version"),
        "ggml_version": binding.text_of(api, "ggml_version"),
        "build_commit": binding.text_of(api, "ggml_commit"),
        "devices": ",".join(binding.device_names(api)),
        "has_gpu": api.llama_supports_gpu_offload(),
        "is_library_overridden": "LLAMA_CPP_LIB_PATH" in os.environ or len(folders) > 1,
        **_library_facts("libllama", libllama),
        **_library_facts("libggml_cpu", libggml_cpu),
        **(_library_facts("libggml_metal", metal) if metal is not None else {}),
        **policies,
    }


def _library_facts(name: str, path: Path | None) -> dict[str, Scalar | None]:
    if path is None:
        return {f"{name}_sha256": None, f"{name}_bytes": None}
    content = path.read_bytes()
    return {f"{name}_sha256": hashlib.sha256(content).hexdigest(), f"{name}_bytes": len(content)}
