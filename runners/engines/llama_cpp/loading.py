"""A model and a context from settings, freed when left; what the library made of them, read back."""

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runners import device
from runners.contract import Flag, Loaded, ModelRef, Scalar
from runners.engines.llama_cpp import binding, evidence, faults
from runners.engines.llama_cpp.settings import FLASH_ATTENTION, KV_TYPES, LOAD_MODES, Settings
from runners.errors import FailureKind, RunnerUnavailable
from runners.prompt import Vocabulary

_NO_TOKENIZER = 0  # LLAMA_VOCAB_TYPE_NONE: asking for the kind of a token would abort
_SPECIAL_BITS = 0b1011  # unknown, unused, control
_ROOM_FOR_POOL_PARAMS = 4096  # the library fills it; 532 bytes in ggml 0.25, most of them a mask of 512 processors


@contextmanager
def loaded_model(api: Any, model: ModelRef, settings: Settings) -> Iterator[Any]:
    """
    The model's handle.

    Raises:
        RunnerError: typed from the library's log.
    """
    path = faults.check_file(model)
    if model.shape is not None:
        check_room(settings.n_ctx, model.shape.context_length)
    params = api.llama_model_default_params()
    binding.set_fields(
        params,
        **load_fields(params, settings.load_mode),
        use_extra_bufts=settings.repack,
        n_gpu_layers=settings.n_gpu_layers,
        check_tensors=settings.check_tensors,
    )
    handle = api.llama_model_load_from_file(bytes(path), params)
    if not handle:
        raise faults.of_load(evidence.first_error(binding.LOG), model)
    try:
        yield handle
    finally:
        api.llama_model_free(handle)


def load_fields(params: ctypes.Structure, load_mode: str) -> dict[str, int | bool]:
    """
    The fields that a load mode comes to.

    Source:
        llama.h of llama-cpp-python 0.3.20 to 0.3.36; the older ones, up to 0.3.30 at least, have three switches.
    """
    if binding.has_field(params, "load_mode"):
        return {"load_mode": LOAD_MODES[load_mode]}
    return {"use_mmap": "mmap" in load_mode, "use_mlock": "mlock" in load_mode, "use_direct_io": load_mode == "dio"}


@contextmanager
def made_context(api: Any, model_handle: Any, settings: Settings) -> Iterator[Any]:
    """
    The context's handle.

    Two values differ from the library's defaults for every workload. ``swa_full`` is off, as in llama-bench: each
    generation starts from an empty context, so a sliding window needs no full cache. ``no_perf`` is off, so the
    library's own counters can be kept beside ours; that costs it two clock readings a call, about 0.05 us.

    Raises:
        RunnerError: typed from the library's log.
    """
    check_room(settings.n_ctx, api.llama_model_n_ctx_train(model_handle))
    params = api.llama_context_default_params()
    binding.set_fields(
        params,
        n_ctx=settings.n_ctx,
        n_batch=settings.n_batch,
        n_ubatch=settings.n_ubatch,
        n_threads=settings.threads,
        n_threads_batch=settings.threads,
        flash_attn_type=FLASH_ATTENTION[settings.flash_attn],
        type_k=KV_TYPES[settings.kv_type],
        type_v=KV_TYPES[settings.kv_type],
        swa_full=False,
        no_perf=False,
    )
    handle = api.llama_init_from_model(model_handle, params)
    if not handle:
        raise faults.of_context(evidence.first_error(binding.LOG), settings.n_ctx)
    try:
        yield handle
    finally:
        api.llama_free(handle)


@contextmanager
def thread_pool(api: Any, context: Any, n_threads: int) -> Iterator[bool]:
    """
    A pool of threads that stays from one token to the next, as llama-bench and llama.cpp's own programs have it.

    Without one the library makes a pool for every graph: 0.5 us a token where OpenMP keeps the threads themselves, and
    threads that are started and ended for every token where it was built without OpenMP.

    Yields:
        Whether there is one; the calls for it are exported, but not declared by the binding.
    """
    fill = binding.undeclared(api, "ggml_threadpool_params_init", None, ctypes.c_void_p, ctypes.c_int)
    make = binding.undeclared(api, "ggml_threadpool_new", ctypes.c_void_p, ctypes.c_void_p)
    free = binding.undeclared(api, "ggml_threadpool_free", None, ctypes.c_void_p)
    attach = binding.undeclared(api, "llama_attach_threadpool", None, *[ctypes.c_void_p] * 3)
    detach = binding.undeclared(api, "llama_detach_threadpool", None, ctypes.c_void_p)
    if not all((fill, make, free, attach, detach)):
        yield False
        return
    params = ctypes.create_string_buffer(_ROOM_FOR_POOL_PARAMS)
    fill(params, n_threads)
    pool = make(params)
    attach(context, pool, None)
    try:
        yield True
    finally:
        detach(context)
        free(pool)


@contextmanager
def greedy_sampler(api: Any) -> Iterator[Any]:
    """The library's own sampler chain with the greedy sampler in it."""
    params = api.llama_sampler_chain_default_params()
    binding.set_fields(params, no_perf=False)
    chain = api.llama_sampler_chain_init(params)
    api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy())
    try:
        yield chain
    finally:
        api.llama_sampler_free(chain)


def check_room(n_ctx: int, n_trained: int) -> None:
    """
    Refuse a context longer than the model was made for; the library would only warn.

    Raises:
        RunnerUnavailable: of kind unsupported.
    """
    if 0 < n_trained < n_ctx:
        raise RunnerUnavailable(
            FailureKind.UNSUPPORTED,
            f"a context of {n_ctx:,} tokens is asked, and the model is made for {n_trained:,}",
            "choose shorter workloads, or a variant of the model with a longer context",
        )


def read_back(
    api: Any, model_handle: Any, context: Any, settings: Settings, *, load_s: float, has_pool: bool
) -> Loaded:
    """Everything that is in effect now, from the library's calls and its log."""
    seen = evidence.read(binding.LOG)
    flags = [Flag.CPU_FALLBACK] if has_fallen_back(api, settings, seen) else []
    model = _model_facts(api, model_handle)
    if model["is_synthetic"]:
        flags.append(Flag.SYNTHETIC)
    return Loaded(
        load_s=load_s,
        weights_bytes=seen.n_bytes("model"),
        kv_bytes=seen.n_bytes("KV"),
        compute_bytes=seen.n_bytes("compute"),
        backend=seen.backend,
        n_threads=api.llama_n_threads(context),
        options=_in_effect(api, context, settings, seen) | {"thread_pool": "kept" if has_pool else "per graph"},
        model=model,
        flags=tuple(flags),
        engine_reported={
            "output_bytes": seen.n_bytes("output"),
            "buffers": [{"name": name, "kind": kind, "bytes": size} for name, kind, size in seen.buffers],
            "n_graph_splits": seen.n_graph_splits,
            "n_repacked_tensors": seen.n_repacked_tensors,
            "warnings": list(seen.warnings),
        },
    )


def has_fallen_back(api: Any, settings: Settings, seen: evidence.Evidence) -> bool:
    """
    Whether the CPU holds the weights though a GPU was to.

    It was to when the arm asked for one, when the library has one, and when every machine of this kind has one and the
    library was built without it. What counts is where the weights lie: the library's own line "offloaded 33/33 layers
    to GPU" repeats what was asked.

    Source:
        llama-model.cpp of llama-cpp-python 0.3.20 to 0.3.36, ``load_tensors``; on a Mac unverified.
    """
    is_wanted = settings.is_gpu_asked or api.llama_supports_gpu_offload() or device.expects_gpu()
    return bool(seen.backend in {"cpu", None} and is_wanted and settings.n_gpu_layers != 0)


def vocabulary(api: Any, model_handle: Any) -> Vocabulary:
    """What the prompt needs of the model's vocabulary."""
    vocab = api.llama_model_get_vocab(model_handle)
    has_kinds = api.llama_vocab_type(vocab) != _NO_TOKENIZER
    n_tokens = api.llama_vocab_n_tokens(vocab)
    bos = api.llama_vocab_bos(vocab)
    has_bos = has_kinds and api.llama_vocab_get_add_bos(vocab) and 0 <= bos < n_tokens

    def is_special(token: int) -> bool:
        if api.llama_vocab_is_eog(vocab, token):
            return True
        return bool(has_kinds and api.llama_vocab_get_attr(vocab, token) & _SPECIAL_BITS)

    def tokenize(text: bytes) -> list[int]:
        room = (api.llama_token * (len(text) + 8))()
        n = api.llama_tokenize(vocab, text, len(text), room, len(room), True, False)
        return list(room[: max(n, 0)])

    return Vocabulary(n_tokens=n_tokens, bos=bos if has_bos else None, is_special=is_special, tokenize=tokenize)


def fault_of_logits(row: list[float]) -> str | None:
    """What is wrong with one row of logits; None if they are finite and not all equal."""
    if not all(map(math.isfinite, row)):
        return "not finite"
    return "all equal" if min(row) == max(row) else None


def load_mode_in_effect(asked: str, told: str | None) -> str | None:
    """What the library told; older versions do not tell of a lock, so the mode is unknown where one was asked."""
    return None if "mlock" in asked and told != asked else told


def _in_effect(api: Any, context: Any, settings: Settings, seen: evidence.Evidence) -> dict[str, Scalar | None]:
    on_gpu = seen.backend not in {"cpu", None}
    flash_attention = None if seen.is_flash_attn_on is None else ("on" if seen.is_flash_attn_on else "off")
    kv_types = {seen.kv_type_k, seen.kv_type_v}
    return {
        "n_ctx": api.llama_n_ctx(context),
        "threads": api.llama_n_threads(context),
        "threads_batch": api.llama_n_threads_batch(context),
        "n_batch": api.llama_n_batch(context),
        "n_ubatch": api.llama_n_ubatch(context),
        "flash_attn": flash_attention,
        "kv_type": seen.kv_type_k if len(kv_types) == 1 else f"{seen.kv_type_k}/{seen.kv_type_v}",
        "load_mode": load_mode_in_effect(settings.load_mode, seen.load_mode),
        "repack": bool(seen.repack_kinds),
        "repack_kinds": ",".join(seen.repack_kinds),
        "n_gpu_layers": seen.n_gpu_layers if on_gpu else 0,
        "check_tensors": settings.check_tensors,
        "swa_full": False,
    }


def _model_facts(api: Any, handle: Any) -> dict[str, Scalar | None]:
    description = ctypes.create_string_buffer(256)
    api.llama_model_desc(handle, description, len(description))
    return {
        "description": description.value.decode(errors="replace"),
        "name": _metadata(api, handle, b"general.name"),
        "n_params": api.llama_model_n_params(handle),
        "tensor_bytes": api.llama_model_size(handle),
        "n_layers": api.llama_model_n_layer(handle),
        "n_embd": api.llama_model_n_embd(handle),
        "n_kv_heads": api.llama_model_n_head_kv(handle),
        "n_swa": api.llama_model_n_swa(handle),
        "vocab_size": api.llama_vocab_n_tokens(api.llama_model_get_vocab(handle)),
        "context_length": api.llama_model_n_ctx_train(handle),
        "is_synthetic": _metadata(api, handle, b"general.synthetic") == "true",
    }


def _metadata(api: Any, handle: Any, key: bytes) -> str | None:
    value = ctypes.create_string_buffer(512)
    n = api.llama_model_meta_val_str(handle, key, value, len(value))
    return value.value.decode(errors="replace") if n >= 0 else None
