"""In which format the weights of an MLX folder are, read from the shapes of the tensors as mlx-lm does. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collector.models import mlx_layout
from collector.models.safetensors import Stored
from runners.contract import ModelShape

_FLOATS = {"F16": "f16", "BF16": "bf16", "F32": "f32"}
_SCALES, _WEIGHT = ".scales", ".weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One weight, packed or not: its parameters, the bytes that it takes with its scales, its format."""

    n_elements: int
    n_bytes: int
    quant: str


def quant_of(tensors: Mapping[str, Stored], shape: ModelShape | None, config: Mapping[str, Any]) -> str:
    """
    The format that holds most of the bytes, ``mlx_4bit_g64`` for four bits in groups of 64.

    The configuration's ``bits`` count only where the width of a matrix is not known.
    """
    sizes: dict[str, int] = {}
    for weight in weights_of(tensors, shape, config):
        sizes[weight.quant] = sizes.get(weight.quant, 0) + weight.n_bytes
    return max(sizes, key=lambda kind: sizes[kind]) if sizes else "unknown"


def weights_of(tensors: Mapping[str, Stored], shape: ModelShape | None, config: Mapping[str, Any]) -> list[Weight]:
    """Every parameter of the model once; scales and biases of the packing belong to their weight."""
    quantisation = config.get("quantization")
    said: Mapping[str, Any] = quantisation if isinstance(quantisation, dict) else {}
    widths = _widths(shape)
    return list(_weights(tensors, widths, said))


def _weights(tensors: Mapping[str, Stored], widths: Mapping[str, int], said: Mapping[str, Any]) -> Iterator[Weight]:
    for name, tensor in tensors.items():
        base, dot, end = name.rpartition(".")
        is_packed = f"{base}{_SCALES}" in tensors
        if is_packed and dot and end in {"scales", "biases", "global_scale"}:
            continue
        if not is_packed or end != "weight":
            quant = _FLOATS.get(tensor.dtype, tensor.dtype.lower())
            yield Weight(n_elements=tensor.n_elements, n_bytes=tensor.n_bytes, quant=quant)
            continue
        scales, biases = tensors[f"{base}{_SCALES}"], tensors.get(f"{base}.biases")
        n_bytes = tensor.n_bytes + scales.n_bytes + (biases.n_bytes if biases else 0)
        bits, group = _packing(tensor, scales, widths.get(base), said)
        n_elements = 0 if bits is None else tensor.n_elements * mlx_layout.WORD_BITS // bits
        yield Weight(n_elements=n_elements, n_bytes=n_bytes, quant=_named(bits, group, biases is not None, said))


def _packing(
    weight: Stored, scales: Stored, n_columns: int | None, said: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    """Bits and group: n columns of b bits are n b / 32 words, and n / g scales."""
    n_words, n_groups = weight.shape[-1], scales.shape[-1]
    if n_columns is None:
        bits = said.get("bits")
        if type(bits) is not int or bits < 1:
            return None, None
        n_columns = n_words * mlx_layout.WORD_BITS // bits
    if not n_columns or not n_groups:
        return None, None
    return n_words * mlx_layout.WORD_BITS // n_columns, n_columns // n_groups


def _named(bits: int | None, group: int | None, has_biases: bool, said: Mapping[str, Any]) -> str:  # noqa: FBT001
    if bits is None or group is None:
        return "unknown"
    if has_biases:
        return f"mlx_{bits}bit_g{group}"
    mode = said.get("mode")
    return f"mlx_{mode if isinstance(mode, str) and mode != 'affine' else f'{bits}bit'}_g{group}"


def _widths(shape: ModelShape | None) -> dict[str, int]:
    if shape is None or shape.architecture not in mlx_layout.ARCHITECTURES:
        return {}
    return {matrix.name: matrix.columns for matrix in mlx_layout.matrices(shape)}
