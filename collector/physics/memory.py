"""Memory that a model takes: weights, keys and values, compute buffer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from collector.physics import mlx_memory
from runners.contract import ModelShape, Scalar

_PADDED_TO = 256
_FLOAT_BYTES = 4
_MOST_BATCH = 2048
_KV_BYTES = {
    "f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32,
    "q4_0": 18 / 32, "iq4_nl": 18 / 32,
}  # fmt: skip
_OVERHEAD_BYTES = 52 << 20
"""
Interpreter, library, vocabulary and the buffer through which weights are read: 51 MiB for Phi-3-mini, 46 for LLaMA-2-7B
(peak of the worker less weights, KV and compute).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Predicted bytes; ``total_bytes`` is what the process needs resident when weights are read into memory."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    total_bytes: int


def kv_bytes_per_element(options: Mapping[str, Scalar], head_dim: int | None = None) -> float:
    """Bytes of one number of the cache under an arm's options of either engine; F16 where they say nothing."""
    if "kv_bits" in options:
        return mlx_memory.kv_bytes_per_element(options, backend=None, head_dim=head_dim)
    return _KV_BYTES.get(str(options.get("kv_type", "f16")), 2.0)


def kv_bytes_per_token(shape: ModelShape, bytes_per_element: float = 2.0) -> float:
    """Keys and values of one token in all layers: 393,216 for Phi-3-mini in F16."""
    return 2 * shape.n_layers * shape.n_kv_heads * shape.head_dim * bytes_per_element


def memory_bytes(
    shape: ModelShape,
    weights_bytes: int,
    n_ctx: int,
    n_ubatch: int = 512,
    kv_bytes_per_element: float = 2.0,
    *,
    is_flash_attention: bool = True,
) -> MemoryNeed:
    """
    Memory that a model takes on llama.cpp with its weights read into memory.

    Weights and KV are exact. Against llama.cpp 0.3.36 on a CPU, with an F16 cache, the compute buffer of the
    catalogue's models is exact within 1 % with Flash Attention (256 to 32,768 tokens of context) and within 11 %
    without; the total was within 1 % of the peak of a worker for Phi-3-mini and LLaMA-2-7B. A cache of another type
    takes up to 8 MiB of compute more.

    Args:
        shape: hyperparameters.
        weights_bytes: of the tensors.
        n_ctx: tokens of context; padded to a multiple of 256 as the engine does.
        n_ubatch: most tokens that are computed at once; never more than the context or 2,048.
        kv_bytes_per_element: 2 for F16.
        is_flash_attention: without it the attention scores of a batch take room too.
    """
    n_padded = -(-n_ctx // _PADDED_TO) * _PADDED_TO
    kv = int(n_padded * kv_bytes_per_token(shape, kv_bytes_per_element))
    n_batch = min(n_ubatch, n_ctx, _MOST_BATCH)
    compute = _FLOAT_BYTES * n_batch * _floats_per_token(shape, n_padded, is_flash_attention=is_flash_attention)
    return MemoryNeed(
        weights_bytes=weights_bytes,
        kv_bytes=kv,
        compute_bytes=compute,
        total_bytes=weights_bytes + kv + compute + _OVERHEAD_BYTES,
    )


def memory_of_arm(
    shape: ModelShape | None,
    tensor_bytes: int | None,
    n_context_tokens: int,
    options: Mapping[str, Scalar],
    *,
    engine: str = "llama_cpp",
    backend: str | None = None,
    n_prefill_tokens: int | None = None,
) -> MemoryNeed | None:
    """
    The need of an arm for a workload, its options heeded; the one prediction that refuses and that tables show.

    Args:
        shape: hyperparameters; None where they are not known.
        tensor_bytes: of the weights in the file.
        n_context_tokens: depth, prompt and answer together.
        options: of the arm.
        engine: whose buffers are predicted: ``mlx``, or llama.cpp's for every other.
        backend: in effect or expected, where the engine's need depends on it.
        n_prefill_tokens: depth and prompt; None = the whole context.

    Returns:
        None when shape or size is unknown.
    """
    if shape is None or tensor_bytes is None:
        return None
    n_ctx = int(options.get("n_ctx", n_context_tokens))
    if engine == "mlx":
        part = mlx_memory.need(shape, tensor_bytes, n_ctx, options, backend=backend, n_prefill_tokens=n_prefill_tokens)
        return MemoryNeed(
            weights_bytes=part.weights_bytes,
            kv_bytes=part.kv_bytes,
            compute_bytes=part.compute_bytes,
            total_bytes=part.weights_bytes + part.kv_bytes + part.compute_bytes + part.overhead_bytes,
        )
    return memory_bytes(
        shape,
        tensor_bytes,
        n_ctx=n_ctx,
        n_ubatch=int(options.get("n_ubatch", 512)),
        kv_bytes_per_element=kv_bytes_per_element(options),
        is_flash_attention=options.get("flash_attn") != "off",
    )


def _floats_per_token(shape: ModelShape, n_cells: int, *, is_flash_attention: bool) -> int:
    """
    Size of the compute buffer in floats a token of the batch: the widest of three stages of the graph.

    The mask is half a float a cell with Flash Attention (F16), a whole one without. Phi-3's joined tensors keep one
    state more alive while the mask is smaller than a state, because the allocator cannot reuse its place.

    Source:
        fitted to the buffer sizes that llama.cpp reports for twelve shapes of two and three layers with full
        vocabularies; the size does not depend on the number of layers from two on.
    """
    is_joined = shape.architecture == "phi3"
    mask = n_cells // 2 if is_flash_attention else n_cells
    is_cramped = is_joined and mask < shape.n_embd
    kv_width = shape.n_kv_heads * shape.head_dim
    scores = 0 if is_flash_attention else shape.n_heads * n_cells
    return max(
        (3 if is_joined else 5) * shape.n_embd + 2 * kv_width + mask + scores,
        (3 if is_joined and not is_cramped else 4) * shape.n_embd + 3 * shape.n_ff + mask,
        shape.vocab_size + (4 * shape.n_embd + mask if is_cramped else 2 * shape.n_embd),
    )
