"""
The low-level module of llama-cpp-python, imported alone, and the log of the library.

``import llama_cpp`` would load numpy, jinja2 and a disk cache; their footprint alone slows the decode loop of a small
model by 1.5 to 3 %. So a bare module of that name goes into ``sys.modules`` first, and only the file with the ctypes
declarations runs. Nothing here is imported before a worker opens the engine.
"""

import ctypes
import importlib
import importlib.util
import os
import re
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any, Final

from runners import interpreter
from runners.errors import FailureKind, RunnerUnavailable

PACKAGE: Final = "llama_cpp"
DISTRIBUTION: Final = "llama-cpp-python"
OLDEST: Final = "0.3.20"

CALLED: Final = (
    "llama_backend_init", "llama_batch_get_one", "llama_context_default_params", "llama_decode", "llama_free",
    "llama_get_logits_ith", "llama_get_memory", "llama_init_from_model", "llama_log_callback", "llama_log_set",
    "llama_memory_clear", "llama_memory_seq_rm", "llama_model_default_params", "llama_model_desc", "llama_model_free",
    "llama_model_get_vocab", "llama_model_load_from_file", "llama_model_meta_val_str", "llama_model_n_ctx_train",
    "llama_model_n_embd", "llama_model_n_head_kv", "llama_model_n_layer", "llama_model_n_params", "llama_model_n_swa",
    "llama_model_size", "llama_n_batch", "llama_n_ctx", "llama_n_ctx_seq", "llama_n_threads", "llama_n_threads_batch",
    "llama_n_ubatch", "llama_perf_context", "llama_perf_context_reset", "llama_perf_sampler",
    "llama_perf_sampler_reset", "llama_print_system_info", "llama_sampler_chain_add",
    "llama_sampler_chain_default_params", "llama_sampler_chain_init", "llama_sampler_free",
    "llama_sampler_init_greedy", "llama_sampler_sample", "llama_supports_gpu_offload", "llama_synchronize",
    "llama_token", "llama_tokenize", "llama_vocab_bos", "llama_vocab_get_add_bos", "llama_vocab_get_attr",
    "llama_vocab_is_eog", "llama_vocab_n_tokens", "llama_vocab_type",
)  # fmt: skip
"""Every name that we take from the binding; another version of it may lack some, which is found out at once."""

LOG: list[tuple[int, str]] = []
"""Every message of the library since the last :func:`start_log`: (level, text); level 4 is an error."""

_KEPT_FOR_EVER: list[object] = []
"""The library holds pointers to these; the garbage collector must not take them."""


@cache
def api() -> Any:
    """
    The module ``llama_cpp.llama_cpp`` with our log callback installed; the library is loaded by the first call.

    Raises:
        RunnerUnavailable: this version lacks what we call. ImportError, OSError, RuntimeError: it cannot be loaded.
    """
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # an assertion would otherwise start a debugger first
    _put_stub_in_place()
    module = importlib.import_module(f"{PACKAGE}.llama_cpp")
    missing = [name for name in CALLED if not hasattr(module, name)]
    if missing:
        raise strange(missing[0])
    callback = module.llama_log_callback(_keep_message)
    _KEPT_FOR_EVER.append(callback)
    module.llama_log_set(callback, ctypes.c_void_p(0))
    module.llama_backend_init()
    return module


def is_installed() -> bool:
    """Whether the package can be found; nothing of it is run."""
    return importlib.util.find_spec(PACKAGE) is not None


def start_log() -> None:
    """Forget what the library has said so far."""
    LOG.clear()


def set_fields(structure: ctypes.Structure, **values: object) -> None:
    """
    Set fields of a parameter structure, strictly.

    Raises:
        RunnerUnavailable: no such field; a ctypes structure itself takes any name in silence, and renamed parameters
            (``use_mmap`` became ``load_mode``) would be ignored.
    """
    for name, value in values.items():
        if not has_field(structure, name):
            raise strange(f"{type(structure).__name__}.{name}")
        setattr(structure, name, value)


def has_field(structure: ctypes.Structure, name: str) -> bool:
    """Whether this version's structure has a field."""
    return any(field[0] == name for field in structure._fields_)


def strange(what: str) -> RunnerUnavailable:
    """This version of the binding has not what we call."""
    message = f"this {DISTRIBUTION} has no {what}: phibench drives 0.3.20 and later, as far as they are known to it"
    return RunnerUnavailable(FailureKind.UNAVAILABLE, message, interpreter.install(f"'{DISTRIBUTION}>={OLDEST}'"))


def library_path(module: Any, name: str = "llama") -> Path | None:
    """
    Where a library that was loaded lies: ``llama``, ``ggml-cpu``; None if that cannot be told.

    Linux says what is mapped, which need not lie beside the first: LD_LIBRARY_PATH comes before the library's own
    folder, and two environments would then compute with one library. Elsewhere the one beside the first is taken.
    """
    first = Path(module._lib._name)  # noqa: SLF001  # the binding has no public name for it
    mapped = _mapped(name)
    if mapped is not None:
        return mapped
    beside = first.with_name(f"lib{name}{first.suffix}")
    return beside if beside.exists() else None


def _mapped(name: str) -> Path | None:
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    paths = (line.split(maxsplit=5)[5:] for line in lines)
    found = (Path(path) for (path,) in filter(None, paths) if re.search(rf"/lib{name}\.so[.\d]*$", path))
    return next(found, None)


def undeclared(module: Any, name: str, result: Any, *arguments: Any) -> Any:
    """An exported function that the binding does not declare, of the library or of its own dependencies, or None."""
    try:
        call = getattr(module._lib, name)  # noqa: SLF001  # the only way to it
    except AttributeError:
        return None
    call.restype, call.argtypes = result, list(arguments)
    return call


def text_of(module: Any, function: str) -> str | None:
    """Result of an undeclared function without arguments; None if it is missing."""
    call = undeclared(module, function, ctypes.c_char_p)
    value = call() if call else None
    return value.decode(errors="replace") if value else None


def device_names(module: Any) -> tuple[str, ...]:
    """Compute devices that the library found: ``CPU``, ``Metal``, ``CUDA0``."""
    lib = module._lib  # noqa: SLF001  # not declared by the binding
    count, get, name = lib.ggml_backend_dev_count, lib.ggml_backend_dev_get, lib.ggml_backend_dev_name
    count.restype, count.argtypes = ctypes.c_size_t, []
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    return tuple(name(get(index)).decode(errors="replace") for index in range(count()))


def _keep_message(level: int, text: bytes, _user_data: object) -> None:
    LOG.append((level, text.decode(errors="replace")))


def _put_stub_in_place() -> None:
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"no package {PACKAGE}")
    stub = types.ModuleType(PACKAGE)
    stub.__path__ = list(spec.submodule_search_locations)
    stub.__file__ = spec.origin
    stub.__spec__ = spec  # else a later find_spec raises
    sys.modules[PACKAGE] = stub
