"""
A stand-in for the low-level module of llama-cpp-python, put into environments of their own by tests.

It has the calls that the engine makes and no library: every token is VERSION and takes VERSION milliseconds, as do
four of a prompt. Version 1 has the parameters of an older binding, version 2 those of today. What it says of itself
tells where it was loaded.
"""

import ctypes
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

VERSION = 0  # written in when it is installed
CONTEXT_LENGTH, VOCABULARY = 4096, 512

llama_token = ctypes.c_int32
llama_log_callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_log: list[Any] = []
_lib = SimpleNamespace(
    _name=str(Path(__file__).with_name("libllama.so")),
    ggml_backend_dev_count=lambda: 1,
    ggml_backend_dev_get=lambda index: index,
    ggml_backend_dev_name=lambda _device: b"CPU",
)
_SWITCHES = [(name, ctypes.c_bool) for name in ("use_mmap", "use_mlock", "use_direct_io")]
_CONTEXT = "n_ctx n_batch n_ubatch n_threads n_threads_batch flash_attn_type type_k type_v swa_full no_perf"


class llama_model_params(ctypes.Structure):  # noqa: N801  # the binding's name
    _fields_ = [
        *(_SWITCHES if VERSION == 1 else [("load_mode", ctypes.c_int)]),
        ("use_extra_bufts", ctypes.c_bool),
        ("n_gpu_layers", ctypes.c_int),
        ("check_tensors", ctypes.c_bool),
    ]


class llama_context_params(ctypes.Structure):  # noqa: N801  # the binding's name
    _fields_ = [(name, ctypes.c_int) for name in _CONTEXT.split()]


llama_model_default_params = llama_model_params
llama_context_default_params = llama_sampler_chain_default_params = llama_context_params


def llama_log_set(callback: Any, _user_data: Any) -> None:
    _log.append(callback)


def llama_print_system_info() -> bytes:
    return os.pathsep.join([sys.prefix, *sys.path]).encode()


def llama_model_load_from_file(path: bytes, params: llama_model_params) -> Path:
    mode = f"mmap = {str(params.use_mmap).lower()}, direct_io = false" if VERSION == 1 else "load_mode = none"
    _log[-1](2, f"load_tensors: loading model tensors, this can take a while... ({mode})\n".encode(), None)
    _log[-1](2, b"load_tensors:   CPU model buffer size =     1.00 MiB\n", None)
    return Path(os.fsdecode(path))


def llama_init_from_model(_model: Any, params: llama_context_params) -> llama_context_params:
    return params


def llama_model_n_ctx_train(_model: Any) -> int:
    return CONTEXT_LENGTH


def llama_vocab_n_tokens(_vocabulary: Any) -> int:
    return VOCABULARY


def llama_model_meta_val_str(*_of: Any) -> int:
    return -1


def llama_batch_get_one(tokens: Any, n: int) -> tuple[Any, int]:
    return tokens, n


def llama_decode(_context: Any, batch: tuple[Any, int]) -> int:
    time.sleep(VERSION * (1 + batch[1] // 4) / 1000)
    return 0


def llama_sampler_sample(*_of: Any) -> int:
    return VERSION


def llama_get_logits_ith(*_of: Any) -> list[float]:
    return [float(token) for token in range(VOCABULARY)]


def llama_perf_context(_context: Any) -> Any:
    return SimpleNamespace(t_p_eval_ms=0.0, t_eval_ms=0.0, n_p_eval=0, n_eval=0, n_reused=0)


def llama_perf_sampler(_sampler: Any) -> Any:
    return SimpleNamespace(t_sample_ms=0.0, n_sample=0)


def _of_context(name: str) -> Any:
    return lambda context: getattr(context, name)


llama_n_ctx = llama_n_ctx_seq = _of_context("n_ctx")
llama_n_batch, llama_n_ubatch = _of_context("n_batch"), _of_context("n_ubatch")
llama_n_threads, llama_n_threads_batch = _of_context("n_threads"), _of_context("n_threads_batch")


def __getattr__(name: str) -> Any:
    """Every other call does nothing and says 0; the vocabulary has no kinds of token, and nothing fails."""
    if name.startswith("llama_") and name != "llama_version":
        return lambda *_of: 0
    raise AttributeError(name)
