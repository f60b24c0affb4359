"""
Which tensors a model has in GGUF, and which type each gets under a format. Pure; sizes are exact.

Source:
    llama.cpp's loader (names, shapes) and its quantiser (types), both checked by writing and loading files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from runners.contract import ModelShape

QUANTS = ("q4_0", "q4_k_m", "q8_0", "f16")

BLOCK_BYTES = {
    "F32": (1, 4), "F16": (1, 2), "Q4_0": (32, 18), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34),
    "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
}  # fmt: skip
"""Elements and bytes of one block."""

MIXTURES = {
    "q4_0": "all matrices Q4_0, output Q6_K",
    "q4_k_m": "Q4_K; output Q6_K; attn_v and ffn_down Q6_K in half of the layers",
    "q8_0": "all matrices Q8_0",
    "f16": "all matrices F16",
}
PHI3_MIXTURE = "Q4_K; output Q6_K; attn_qkv Q5_K; ffn_down Q6_K in half of the layers (as the official file of 2024)"

ARCHITECTURES = ("phi3", "llama", "gemma", "qwen2")
_FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """
    One tensor.

    ``shape`` is in GGUF's order, the input dimension first; ``type`` one of ``BLOCK_BYTES``.
    """

    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def n_elements(self) -> int:
        """Product of the shape."""
        n = 1
        for dimension in self.shape:
            n *= dimension
        return n

    @property
    def n_bytes(self) -> int:
        """Bytes in the file, without padding."""
        elements, n_bytes = BLOCK_BYTES[self.type]
        return self.n_elements // elements * n_bytes


def tensors(shape: ModelShape, quant: str) -> tuple[Tensor, ...]:
    """
    Every tensor of a model with its type, in the order in which they are written.

    Raises:
        ValueError: an architecture or a format that is not known here.
    """
    if shape.architecture not in ARCHITECTURES:
        raise ValueError(f"architecture {shape.architecture!r} is not known")
    if quant not in QUANTS:
        raise ValueError(f"format {quant!r} is not known")
    return tuple(_typed(name, dims, shape, quant) for name, dims in _names(shape))


def tensor_bytes(shape: ModelShape, quant: str) -> int:
    """Bytes of all tensors together."""
    return sum(t.n_bytes for t in tensors(shape, quant))


def n_params(shape: ModelShape) -> int:
    """Parameters, counted over the tensors; rope factors are none."""
    return sum(t.n_elements for t in tensors(shape, "f16") if not t.name.startswith("rope_"))


def mixture(shape: ModelShape, quant: str) -> str:
    """What the format means for this model, in words."""
    return PHI3_MIXTURE if (shape.architecture, quant) == ("phi3", "q4_k_m") else MIXTURES[quant]


def has_more_bits(layer: int, n_layers: int) -> bool:
    """Whether the quantiser gives a layer's sensitive tensors more bits (llama.cpp, ``use_more_bits``)."""
    return layer < n_layers // 8 or layer >= 7 * n_layers // 8 or (layer - n_layers // 8) % 3 == 2


def _names(shape: ModelShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    n_embd, n_ff = shape.n_embd, shape.n_ff
    if not shape.is_tied:
        yield "output.weight", (n_embd, shape.vocab_size)
    yield "output_norm.weight", (n_embd,)
    yield "token_embd.weight", (n_embd, shape.vocab_size)
    q_rows, kv_rows = shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim
    for layer in range(shape.n_layers):
        at = f"blk.{layer}."
        yield f"{at}attn_norm.weight", (n_embd,)
        yield f"{at}ffn_norm.weight", (n_embd,)
        yield f"{at}attn_output.weight", (q_rows, n_embd)
        if shape.architecture == "phi3":
            yield f"{at}attn_qkv.weight", (n_embd, q_rows + 2 * kv_rows)
            yield f"{at}ffn_up.weight", (n_embd, 2 * n_ff)
        else:
            for name, rows in (("q", q_rows), ("k", kv_rows), ("v", kv_rows)):
                yield f"{at}attn_{name}.weight", (n_embd, rows)
                if shape.architecture == "qwen2":
                    yield f"{at}attn_{name}.bias", (rows,)
            yield f"{at}ffn_gate.weight", (n_embd, n_ff)
            yield f"{at}ffn_up.weight", (n_embd, n_ff)
        yield f"{at}ffn_down.weight", (n_ff, n_embd)


def _typed(name: str, dims: tuple[int, ...], shape: ModelShape, quant: str) -> Tensor:
    kind = "F32" if len(dims) == 1 else _type(name, shape, quant)
    if dims[0] % BLOCK_BYTES[kind][0]:
        kind = _FALLBACK.get(kind, "F16")
    return Tensor(name, dims, kind)


def _type(name: str, shape: ModelShape, quant: str) -> str:
    is_output = name == ("token_embd.weight" if shape.is_tied else "output.weight")
    if quant in {"q8_0", "f16"}:
        return quant.upper()
    if is_output:
        return "Q6_K"
    return "Q4_0" if quant == "q4_0" else _type_q4_k_m(name, shape)


def _type_q4_k_m(name: str, shape: ModelShape) -> str:
    part = name.rpartition(".weight")[0].rpartition(".")[2]
    if part == "attn_qkv":
        return "Q5_K"
    if part in {"attn_v", "ffn_down"} and has_more_bits(int(name.split(".")[1]), shape.n_layers):
        return "Q6_K"
    return "Q4_K"
