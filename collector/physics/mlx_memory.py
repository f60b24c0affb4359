"""Memory that a model takes on mlx-lm: weights as they are computed with, keys and values, temporaries. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from runners.contract import ModelShape, Scalar

_CACHE_STEP = 256
_PREFILL_STEP = 2048
_GROUPS = (64, 32)
_OVERHEAD_BYTES = 100 << 20
"""Interpreter, mlx, mlx-lm and numpy: 92 to 103 MiB (peak of the worker less what mlx counts)."""
_LEAST_OF_16_BITS = 1.5
"""Bytes a parameter: 8 bits in groups of 32 are 1.125."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MlxNeed:
    """Predicted bytes by part."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    overhead_bytes: int = _OVERHEAD_BYTES


def is_float32(options: Mapping[str, Scalar], backend: str | None) -> bool:
    """Whether scales, activations and cache are 32-bit: the engine's default on a CPU, where 16 bits crawl."""
    asked = options.get("compute_dtype", "auto")
    return asked == "float32" or (asked == "auto" and backend == "cpu")


def kv_bytes_per_element(options: Mapping[str, Scalar], backend: str | None, head_dim: int | None = None) -> float:
    """
    Bytes of one number of the cache; a quantised one has a scale and a bias of the computing type a group.

    Args:
        options: of the arm.
        backend: "cpu", "metal" or unknown.
        head_dim: decides the groups where the arm does not, as in the engine: 64, or 32 where 64 does not divide it.
    """
    plain = 4.0 if is_float32(options, backend) else 2.0
    bits = options.get("kv_bits")
    if not isinstance(bits, int) or not bits:
        return plain
    fitting = (group for group in _GROUPS if head_dim is None or head_dim % group == 0)
    return bits / 8 + 2 * plain / float(options.get("kv_group_size") or next(fitting, _GROUPS[0]))


def weights_bytes(tensor_bytes: int, n_params: int) -> int:
    """
    Bytes of the weights once everything but packed bits is 32-bit.

    Packed ones gain four bytes a group of 64, a scale and a bias; 16-bit ones double; 32-bit ones stay.
    """
    if tensor_bytes >= 3 * n_params:
        return tensor_bytes
    return 2 * tensor_bytes if tensor_bytes >= _LEAST_OF_16_BITS * n_params else tensor_bytes + n_params // 16


def need(
    shape: ModelShape,
    tensor_bytes: int,
    n_ctx: int,
    options: Mapping[str, Scalar],
    *,
    backend: str | None,
    n_prefill_tokens: int | None = None,
) -> MlxNeed:
    """
    What an arm takes.

    The cache is exact: it grows by 256 positions. Weights are those of the file; on a CPU what is 16-bit becomes
    32-bit, which adds a sixteenth of a byte a packed parameter (within 0.02 % for Phi-3-mini). The temporaries of a
    prefill are fitted on the CPU, where attention scores are kept whole; elsewhere the kernel keeps none, and the same
    count in 16 bits is not verified.

    Args:
        shape: hyperparameters.
        tensor_bytes: of the file.
        n_ctx: tokens of context.
        options: of the arm.
        backend: "cpu", "metal" or unknown.
        n_prefill_tokens: prompt and what stands before it; None = the whole context may be.

    Source:
        mlx-lm 0.32.2, peaks of ``mx.get_peak_memory`` for shapes of 512 and 1,024 wide at 256 and 1,024 tokens.
    """
    is_wide = is_float32(options, backend)
    n_padded = -(-n_ctx // _CACHE_STEP) * _CACHE_STEP
    n_per_token = 2 * shape.n_layers * shape.n_kv_heads * shape.head_dim
    per_token = n_per_token * kv_bytes_per_element(options, backend, shape.head_dim)
    n_batch = min(int(options.get("prefill_step_size", _PREFILL_STEP)), n_prefill_tokens or n_ctx, n_ctx)
    return MlxNeed(
        weights_bytes=weights_bytes(tensor_bytes, shape.n_params) if is_wide else tensor_bytes,
        kv_bytes=int(n_padded * per_token),
        compute_bytes=(4 if is_wide else 2) * n_batch * _floats_per_token(shape, n_ctx, has_scores=backend == "cpu"),
    )


def _floats_per_token(shape: ModelShape, n_ctx: int, *, has_scores: bool) -> int:
    """Temporaries of a token: nine states, and the wider of feed-forward and attention scores, which are kept twice."""
    scores = 2 * shape.n_heads * n_ctx if has_scores else 0
    return 9 * shape.n_embd + max(7 * shape.n_ff, scores)
