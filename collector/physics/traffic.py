"""
What a token costs in bytes moved and in arithmetic, and how fast physics lets it be. Pure.

Decode of one sequence reads every weight that it uses, and the keys and values of the whole context, once a token; no
engine can be faster than the memory that delivers them. Prefill computes on many tokens at once and is bound by
arithmetic instead.
"""

from collections.abc import Mapping

from collector.physics.memory import kv_bytes_per_element, kv_bytes_per_token
from runners.contract import ModelShape, Scalar, Workload

TOLERANCE_FRAC = 0.10
"""
How far a decode rate may lie above its ceiling before it is called implausible.

A bandwidth probe repeats within 5 % on a quiet machine and reads low while others use the memory; the bytes of a token
are known within about 3 % for a file whose embedding's format is not known. Real mistakes (prefill called decode, the
wrong weights, several sequences at once) are off by far more.
"""

LEAST_STREAMED_BYTES = 512e6
"""
Streams smaller than this are not judged: caches serve a part of them.

A cache of C bytes can keep up to C / S of a stream of S bytes from one token to the next and so lift the rate by as
much; within the tolerance that is S of at least 11 C, here caches of up to 46 MB. A larger cache needs a larger limit:
the buffer of the bandwidth probe, which is chosen by the cache, is one.
"""

_ELEMENT_BYTES = {
    "q4_0": 18 / 32, "q4_k_m": 144 / 256, "q8_0": 34 / 32, "f16": 2.0, "bf16": 2.0, "f32": 4.0,
    "mlx_4bit_g64": 0.5 + 4 / 64,
}  # fmt: skip
"""Of the embedding table when it is not the output as well; Q4_K_M keeps it in Q4_K."""
_Q5_0_BYTES = 22 / 32  # what Q4_K becomes where the width is no multiple of its block of 256
_Q4_K_BLOCK = 256


def embedding_bytes(shape: ModelShape, quant: str, tensor_bytes: float) -> float:
    """
    Bytes of the embedding table.

    Exact for the formats that are known here, otherwise at the file's mean bits a weight: for a 4-bit file that is
    wrong by at most a third of the table, 1 % of the whole for Phi-3-mini.

    Source:
        llama.cpp's quantiser and mlx-lm's ``quantize``; checked against ``models.layout`` by a test.
    """
    n_elements = shape.vocab_size * shape.n_embd
    if quant == "q4_k_m" and shape.n_embd % _Q4_K_BLOCK:
        return n_elements * _Q5_0_BYTES
    return n_elements * _ELEMENT_BYTES.get(quant, tensor_bytes / shape.n_params)


def streamed_bytes(shape: ModelShape, tensor_bytes: float, quant: str) -> float:
    """
    Weight bytes that one decode step reads.

    All tensors, the output matrix among them. Of an embedding table of its own one row is read, so the rest of it is
    left out: 2.3 to 2.6 % of a 4-bit Phi-3-mini. A tied table is the output matrix and counts whole.

    Args:
        tensor_bytes: of all tensors of the file.
        quant: as in ``ModelRef``.
    """
    if shape.is_tied:
        return tensor_bytes
    table = embedding_bytes(shape, quant, tensor_bytes)
    return tensor_bytes - table + table / shape.vocab_size


def mean_context_tokens(n_prompt_tokens: int, n_generated_tokens: int, n_depth_tokens: int = 0) -> float:
    """
    Mean length of the context over the decode steps that a decode rate is made of: depth + P + N / 2.

    The steps that yield tokens 2 to N see depth + P + 1 to depth + P + N - 1 tokens, of which this is the mean.
    """
    return n_depth_tokens + n_prompt_tokens + n_generated_tokens / 2


def bytes_per_token(
    shape: ModelShape, weights_bytes: float, context_tokens: float, kv_bytes_per_element: float = 2.0
) -> float:
    """
    Bytes that a decode step reads: weights, keys and values.

    Llama.cpp attends to the whole context in models with a sliding window such as Phi-3 too (it keeps that switched
    off), so none is heeded here.

    Args:
        weights_bytes: of ``streamed_bytes``.
        context_tokens: of ``mean_context_tokens``.
        kv_bytes_per_element: 2 for F16.
    """
    return weights_bytes + context_tokens * kv_bytes_per_token(shape, kv_bytes_per_element)


def bytes_per_token_of_arm(
    shape: ModelShape | None,
    tensor_bytes: float | None,
    quant: str,
    workload: Workload,
    options: Mapping[str, Scalar],
) -> float | None:
    """
    The bytes of a decode step of an arm under a workload, its options heeded.

    Returns:
        None when shape or size is unknown, or when nothing is decoded.
    """
    if shape is None or tensor_bytes is None or workload.n_generated_tokens == 0:
        return None
    context = mean_context_tokens(workload.n_prompt_tokens, workload.n_generated_tokens, workload.n_depth_tokens)
    kv_bytes = kv_bytes_per_element(options, shape.head_dim)
    return bytes_per_token(shape, streamed_bytes(shape, tensor_bytes, quant), context, kv_bytes)


def decode_ceiling_tok_per_s(bandwidth_byte_per_s: float, bytes_of_token: float) -> float:
    """The rate of one sequence that would use the whole bandwidth and wait for nothing else."""
    return bandwidth_byte_per_s / bytes_of_token


def bandwidth_utilisation(decode_tok_per_s: float, bytes_of_token: float, bandwidth_byte_per_s: float) -> float:
    """
    Share of the bandwidth that a decode rate uses; above 1 the rate, the bytes or the bandwidth is wrong.

    Source:
        "model bandwidth utilization", MosaicML, LLM inference performance engineering (2023).
    """
    return decode_tok_per_s * bytes_of_token / bandwidth_byte_per_s


def is_implausible(
    decode_tok_per_s: float,
    bytes_of_token: float,
    bandwidth_byte_per_s: float,
    *,
    tolerance_frac: float = TOLERANCE_FRAC,
    least_bytes: float = LEAST_STREAMED_BYTES,
) -> bool:
    """
    Whether a decode rate lies above what the memory can deliver: then it is no decode of one sequence.

    Args:
        least_bytes: a token of fewer bytes is never judged, because caches serve a part of it.
    """
    if bytes_of_token < least_bytes:
        return False
    return decode_tok_per_s > (1 + tolerance_frac) * decode_ceiling_tok_per_s(bandwidth_byte_per_s, bytes_of_token)


def prefill_flop(shape: ModelShape, n_prompt_tokens: int, n_depth_tokens: int = 0) -> float:
    """
    Floating-point operations of a prefill that computes the logits of its last token alone.

    2 a weight of the layers and token, 2 a weight of the output matrix, and 4 L d a pair of tokens that attend to each
    other: P^2 / 2 pairs within the prompt (causal), P times the depth before it. Norms count as weights, which adds
    less than 0.01 %; softmax and activations are left out.

    Source:
        2 x weights x tokens + 2 L d P^2, the usual count of a transformer's forward pass (Kaplan et al. 2020, 2.1).
    """
    table = shape.vocab_size * shape.n_embd
    n_pairs = n_prompt_tokens**2 / 2 + n_prompt_tokens * n_depth_tokens
    return _weight_flop(shape) * n_prompt_tokens + 2.0 * table + 4.0 * _attention_width(shape) * n_pairs


def prefill_bytes(
    shape: ModelShape,
    weights_bytes: float,
    n_prompt_tokens: int,
    n_depth_tokens: int = 0,
    kv_bytes_per_element: float = 2.0,
) -> float:
    """
    The least bytes that a prefill moves: every weight once, keys and values of what stands before and of the prompt.

    An engine that works in batches reads the weights again for each, so the arithmetic a byte that follows from this is
    the most that there can be.

    Args:
        weights_bytes: of ``streamed_bytes``.
        kv_bytes_per_element: 2 for F16.
    """
    return weights_bytes + (n_depth_tokens + n_prompt_tokens) * kv_bytes_per_token(shape, kv_bytes_per_element)


def decode_flop(shape: ModelShape, context_tokens: float) -> float:
    """
    Floating-point operations of one decode step: 2 a weight that is used, and 4 L d a token of the context.

    Args:
        context_tokens: of ``mean_context_tokens``.

    Source:
        as ``prefill_flop``, for one token that attends to the whole context.
    """
    return _weight_flop(shape) + 2.0 * shape.vocab_size * shape.n_embd + 4.0 * _attention_width(shape) * context_tokens


def prefill_flop_per_s(
    shape: ModelShape, n_prompt_tokens: int, prefill_tok_per_s: float, n_depth_tokens: int = 0
) -> float:
    """
    Arithmetic that a prefill achieved, from its rate.

    With ``prefill_tok_per_s`` (P over the time to the first token) it is low by the share of the first sampling; with
    ``kernel_prefill_tok_per_s`` there is none. Without a trusted peak of the device it stands for itself.
    """
    return prefill_flop(shape, n_prompt_tokens, n_depth_tokens) * prefill_tok_per_s / n_prompt_tokens


def _weight_flop(shape: ModelShape) -> float:
    """Operations a token in the matrices of the layers."""
    table = shape.vocab_size * shape.n_embd
    return 2.0 * (shape.n_params - table * (1 if shape.is_tied else 2))


def _attention_width(shape: ModelShape) -> int:
    return shape.n_layers * shape.n_heads * shape.head_dim
