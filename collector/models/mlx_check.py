"""
Whether the tensors of an MLX folder make the model that its configuration describes, before an engine is asked.

mlx-lm refuses most of this itself, in lists of names; some of it it computes with. What only the engine can know (an
architecture that it does not have, tensors too many) is left to it.
"""

from collections.abc import Mapping

from collector.models import mlx_layout
from collector.models.gguf_header import invalid
from collector.models.mlx_layout import Matrix
from collector.models.safetensors import Stored
from runners.contract import ModelShape

_BITS = (2, 3, 4, 5, 6, 8)


def check_tensors(there: Mapping[str, Stored], shape: ModelShape, name: str) -> None:
    """
    Refuse a model of a known architecture whose tensors do not follow from its shape.

    Args:
        there: tensors by name.
        name: of the folder, for the message.

    Raises:
        ModelError: model_invalid: a tensor is missing or of another shape.
    """
    if shape.architecture not in mlx_layout.ARCHITECTURES:
        return
    if shape.n_heads % shape.n_kv_heads:
        raise invalid(f"{name}: {shape.n_heads} heads cannot share {shape.n_kv_heads} of keys and values")
    for matrix in mlx_layout.matrices(shape):
        _check_matrix(there, matrix, name)
    for vector, n in mlx_layout.vectors(shape):
        _check_shape(_needed(there, vector, name), (n,), name)


def _check_matrix(there: Mapping[str, Stored], matrix: Matrix, name: str) -> None:
    weight = _needed(there, f"{matrix.name}.weight", name)
    if weight.dtype != "U32":
        _check_shape(weight, (matrix.rows, matrix.columns), name)
        return
    scales = _needed(there, f"{matrix.name}.scales", name)
    if len(weight.shape) != 2 or weight.shape[0] != matrix.rows:
        raise invalid(f"{name}: tensor {weight.name!r} is {list(weight.shape)}, config.json implies {matrix.rows} rows")
    bits = weight.shape[1] * mlx_layout.WORD_BITS / matrix.columns
    n_groups = scales.shape[1] if len(scales.shape) == 2 and scales.shape[0] == matrix.rows else 0
    if bits not in _BITS or not n_groups or matrix.columns % n_groups:
        packed = f"{matrix.name} is packed as {list(weight.shape)} with scales {list(scales.shape)}"
        raise invalid(f"{name}: {packed}, which are no {matrix.rows} rows of {matrix.columns} columns")
    biases = there.get(f"{matrix.name}.biases")
    if biases is not None:
        _check_shape(biases, scales.shape, name)


def _needed(there: Mapping[str, Stored], tensor: str, name: str) -> Stored:
    found = there.get(tensor)
    if found is None:
        raise invalid(f"{name} lacks the tensor {tensor!r}")
    return found


def _check_shape(tensor: Stored, expected: tuple[int, ...], name: str) -> None:
    if tensor.shape != expected:
        found = f"tensor {tensor.name!r} is {list(tensor.shape)}"
        raise invalid(f"{name}: {found}, config.json implies {list(expected)}")
