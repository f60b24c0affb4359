"""What a shape and a format cost by arithmetic. Pure."""

from dataclasses import dataclass

from runners.contract import ModelShape

_PADDED_TO = 256
_ACTIVATION_BYTES = 4
_OVERHEAD_BYTES = 40 << 20
"""Interpreter, library and the model's tables, as measured with synthetic models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Predicted bytes; ``total_bytes`` is what the process needs resident when weights are read into memory."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    total_bytes: int


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

    Args:
        shape: hyperparameters.
        weights_bytes: of the tensors.
        n_ctx: tokens of context; padded to a multiple of 256 as the engine does.
        n_ubatch: tokens that are computed at once, at most the context.
        kv_bytes_per_element: 2 for F16.
        is_flash_attention: without it the attention scores of a batch take room too.

    Source:
        weights and KV are exact; the compute buffer is the logits of a batch or the widest pair of activations,
        whichever is larger (llama.cpp reserves both for the largest batch), within 25 % of what llama.cpp 0.3.36
        reports from 256 to 4,096 tokens of context.
    """
    n_padded = -(-n_ctx // _PADDED_TO) * _PADDED_TO
    kv = int(n_padded * kv_bytes_per_token(shape, kv_bytes_per_element))
    n_batch = min(n_ubatch, n_ctx)
    compute = _ACTIVATION_BYTES * n_batch * max(shape.vocab_size + shape.n_embd, 2 * shape.n_ff + 2 * shape.n_embd)
    if not is_flash_attention:
        compute += _ACTIVATION_BYTES * n_batch * n_padded * shape.n_heads
    return MemoryNeed(
        weights_bytes=weights_bytes,
        kv_bytes=kv,
        compute_bytes=compute,
        total_bytes=weights_bytes + kv + compute + _OVERHEAD_BYTES,
    )
