"""
Which tensors a model has as mlx-lm names them, and what each holds in 4 bits. Pure; sizes are exact.

A quantised matrix is a triple: ``X.weight`` of packed words, ``X.scales`` and ``X.biases`` of 16 bits for each group of
64 columns. Every matrix is quantised, embedding and output too; norms and linear biases stay 16-bit.

Source:
    mlx-lm 0.32.2 (``models/*.py`` for names and shapes, ``quantize``), checked by writing and loading folders.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from runners.contract import ModelShape

QUANTS = ("mlx_4bit_g64",)
BITS, GROUP, WORD_BITS = 4, 64, 32
ARCHITECTURES = ("phi3", "llama", "gemma", "qwen2", "phi3small")
DTYPE_BYTES = {"U32": 4, "F16": 2}

PHI3SMALL_VOCABULARY = 100_352
"""mlx-lm writes to its last ids whatever the vocabulary: a smaller one corrupts the heap."""
_ALWAYS_TIED = ("gemma", "phi3small")
_FIXED_HEAD_DIM = ("phi3", "qwen2", "phi3small")
"""Architectures whose configuration has no head width of its own: it is the width over the number of heads."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A linear layer or an embedding: ``rows`` outputs of ``columns`` inputs; ``name`` without its ending."""

    name: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; ``dtype`` one of ``DTYPE_BYTES``, ``columns`` the inputs of its matrix, None of a vector."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    columns: int | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes in the file."""
        return math.prod(self.shape) * DTYPE_BYTES[self.dtype]


def tensors(shape: ModelShape, quant: str = QUANTS[0]) -> tuple[Tensor, ...]:
    """
    Every tensor of a model, in the order in which they are written.

    Raises:
        ValueError: an architecture or a format that is not known here, or a shape that mlx-lm cannot have.
    """
    if shape.architecture not in ARCHITECTURES:
        raise ValueError(f"architecture {shape.architecture!r} is not known")
    if quant not in QUANTS:
        raise ValueError(f"format {quant!r} is not known")
    _check(shape)
    packed = (tensor for matrix in matrices(shape) for tensor in _triple(matrix))
    return (*packed, *(Tensor(name, (n,), "F16") for name, n in vectors(shape)))


def tensor_bytes(shape: ModelShape, quant: str = QUANTS[0]) -> int:
    """Bytes of all tensors together."""
    return sum(t.n_bytes for t in tensors(shape, quant))


def n_params(shape: ModelShape) -> int:
    """Parameters: elements of the matrices and vectors, not of their scales."""
    return sum(m.rows * m.columns for m in matrices(shape)) + sum(n for _, n in vectors(shape))


def matrices(shape: ModelShape) -> Iterator[Matrix]:
    """Every linear layer and the embedding."""
    yield Matrix("model.embed_tokens", shape.vocab_size, shape.n_embd)
    for layer in range(shape.n_layers):
        for name, rows, columns in _matrices_of_layer(shape):
            yield Matrix(f"model.layers.{layer}.{name}", rows, columns)
    if not is_tied(shape):
        yield Matrix("lm_head", shape.vocab_size, shape.n_embd)


def vectors(shape: ModelShape) -> Iterator[tuple[str, int]]:
    """Norms and linear biases: name and length."""
    parts = ("weight", "bias") if shape.architecture == "phi3small" else ("weight",)
    for layer in range(shape.n_layers):
        at = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield from ((f"{at}{norm}.{part}", shape.n_embd) for part in parts)
        for name, rows, _ in _matrices_of_layer(shape):
            if _has_bias(shape.architecture, name):
                yield f"{at}{name}.bias", rows
    last = "final_layernorm" if shape.architecture == "phi3small" else "norm"
    yield from ((f"model.{last}.{part}", shape.n_embd) for part in parts)


def is_tied(shape: ModelShape) -> bool:
    """Whether the output is the embedding; for some architectures mlx-lm knows nothing else."""
    return shape.is_tied or shape.architecture in _ALWAYS_TIED


def _matrices_of_layer(shape: ModelShape) -> tuple[tuple[str, int, int], ...]:
    n_embd, n_ff = shape.n_embd, shape.n_ff
    q_rows, kv_rows = shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
    if shape.architecture == "phi3":
        return (
            ("self_attn.qkv_proj", q_rows + 2 * kv_rows, n_embd),
            ("self_attn.o_proj", n_embd, q_rows),
            ("mlp.gate_up_proj", 2 * n_ff, n_embd),
            ("mlp.down_proj", n_embd, n_ff),
        )
    if shape.architecture == "phi3small":
        return (
            ("self_attn.query_key_value", q_rows + 2 * kv_rows, n_embd),
            ("self_attn.dense", n_embd, q_rows),
            ("mlp.up_proj", 2 * n_ff, n_embd),
            ("mlp.down_proj", n_embd, n_ff),
        )
    return (
        ("self_attn.q_proj", q_rows, n_embd),
        ("self_attn.k_proj", kv_rows, n_embd),
        ("self_attn.v_proj", kv_rows, n_embd),
        ("self_attn.o_proj", n_embd, q_rows),
        ("mlp.gate_proj", n_ff, n_embd),
        ("mlp.up_proj", n_ff, n_embd),
        ("mlp.down_proj", n_embd, n_ff),
    )


def _has_bias(architecture: str, name: str) -> bool:
    is_qkv = name.startswith("self_attn.") and not name.endswith("o_proj")
    return architecture == "phi3small" or (architecture == "qwen2" and is_qkv)


def _triple(matrix: Matrix) -> tuple[Tensor, ...]:
    n_groups = matrix.columns // GROUP
    return (
        Tensor(f"{matrix.name}.weight", (matrix.rows, matrix.columns * BITS // WORD_BITS), "U32", matrix.columns),
        Tensor(f"{matrix.name}.scales", (matrix.rows, n_groups), "F16", matrix.columns),
        Tensor(f"{matrix.name}.biases", (matrix.rows, n_groups), "F16", matrix.columns),
    )


def _check(shape: ModelShape) -> None:
    name = shape.architecture
    odd = next((m for m in matrices(shape) if m.columns % GROUP), None)
    if odd is not None:
        raise ValueError(f"{odd.name} has {odd.columns} columns, which is no multiple of {GROUP}")
    if name in _FIXED_HEAD_DIM and shape.n_heads * shape.head_dim != shape.n_embd:
        raise ValueError(f"the heads of a {name} are together as wide as the model in mlx-lm")
    if name == "phi3small" and shape.vocab_size != PHI3SMALL_VOCABULARY:
        raise ValueError(f"a phi3small has a vocabulary of {PHI3SMALL_VOCABULARY:,} in mlx-lm")
