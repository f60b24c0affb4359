"""
Full-size GGUF files with random weights: the right tensors, types and hyperparameters, valid for llama.cpp.

The speed of a dense model does not depend on what its weights are, only on shape and format. Such a file says of itself
that it is synthetic (``general.synthetic``), and no quality is ever claimed of it. Written beside, flushed to the disk
and renamed, so a half-written model cannot be taken for one; memory stays at one pool of random blocks a tensor type.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from collector.models import layout
from collector.models.disk import (
    OnBytes,
    beside,
    flushing,
    ignore,
    room_for,
)
from collector.models.layout import Tensor
from collector.models.recipe import Recipe
from collector.models.synth_metadata import add_metadata, rope_factors
from runners.contract import ModelShape

_SLICE_BYTES = 4 << 20


def write_gguf(
    path: Path,
    *,
    name: str,
    shape: ModelShape,
    quant: str,
    seed: int = 1,
    on_progress: OnBytes | None = None,
    rope: Mapping[str, Any] | None = None,
) -> None:
    """
    Write one model of any shape.

    Args:
        path: where; an existing file is replaced only when the new one is whole.
        name: ``general.name``.
        shape: hyperparameters; small ones for tests work too.
        quant: one of ``layout.QUANTS``.
        seed: of all random bits; the same seed gives the same file.
        on_progress: told bytes written and bytes in all.
        rope: ``theta``, and ``original_context`` for a model with long rope factors.

    Raises:
        PhibenchError: too little room on the disk, or the folder cannot be written.
        ValueError: an architecture or a format that is not known, a vocabulary that is too small.
    """
    write_recipe(path, Recipe(name=name, shape=shape, quant=quant, seed=seed, rope=dict(rope or {})), on_progress)


def write_recipe(path: Path, recipe: Recipe, on_progress: OnBytes | None = None) -> None:
    """
    Write one model; any number of processes may write the same one, each beside, and the last to end stays.

    Raises:
        PhibenchError: too little room on the disk, or the folder cannot be written.
    """
    tensors = layout.tensors(recipe.shape, recipe.quant)
    with room_for(path, sum(t.n_bytes for t in tensors)), beside(path) as partial:
        _write(partial, recipe, tensors, on_progress or ignore)
        partial.replace(path)


def _write(path: Path, recipe: Recipe, tensors: tuple[Tensor, ...], on_progress: OnBytes) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, recipe.shape.architecture)
    add_metadata(writer, recipe)
    factors = rope_factors(recipe)
    for factor_name, values in factors.items():
        writer.add_tensor_info(factor_name, values.shape, values.dtype, values.nbytes)
    for tensor in tensors:
        _add_info(writer, tensor)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        file: IO[bytes] = cast("list[IO[bytes]]", writer.fout)[0]
        writer.write_padding(file, file.tell())
        for values in factors.values():
            file.write(values.tobytes())
            writer.write_padding(file, values.nbytes)
        with flushing(file):
            _write_tensors(file, writer, tensors, recipe.seed, on_progress)
        file.flush()
        os.fsync(file.fileno())
    finally:
        with contextlib.suppress(OSError):  # a full disk is told once, by the write that hit it
            writer.close()


def _write_tensors(file: IO[bytes], writer: Any, tensors: tuple[Tensor, ...], seed: int, on_progress: OnBytes) -> None:
    import numpy as np

    from collector.models import blocks

    pools: dict[tuple[str, int], memoryview] = {}
    draw = np.random.default_rng(seed)
    n_done, n_total = 0, sum(t.n_bytes for t in tensors)
    for tensor in tensors:
        if len(tensor.shape) == 1:
            n_done += file.write(_vector(tensor))
        else:
            key = (tensor.type, tensor.shape[0])
            if key not in pools:
                pools[key] = blocks.pool(*key, seed).data.cast("B")
            for piece in _pieces(pools[key], tensor, draw):
                n_done += file.write(piece)
                on_progress(n_done, n_total)
        writer.write_padding(file, tensor.n_bytes)
    on_progress(n_done, n_total)


def _pieces(pool: memoryview, tensor: Tensor, draw: Any) -> Iterator[memoryview]:
    """Slices of the pool from random blocks on, until the tensor is full."""
    block = layout.BLOCK_BYTES[tensor.type][1]
    left = tensor.n_bytes
    while left:
        start = int(draw.integers(0, max(1, (len(pool) - _SLICE_BYTES) // block))) * block
        piece = pool[start : start + min(left, _SLICE_BYTES // block * block)]
        left -= len(piece)
        yield piece


def _vector(tensor: Tensor) -> bytes:
    """Norms are one; biases are zero."""
    import numpy as np

    values = np.zeros if tensor.name.endswith(".bias") else np.ones
    return values(tensor.shape[0], dtype="<f4").tobytes()


def _add_info(writer: Any, tensor: Tensor) -> None:
    import gguf
    import numpy as np

    kind = gguf.GGMLQuantizationType[tensor.type]
    rows = tensor.shape[::-1]
    if tensor.type in {"F32", "F16"}:
        dtype = np.dtype(np.float32 if tensor.type == "F32" else np.float16)
        writer.add_tensor_info(tensor.name, rows, dtype, tensor.n_bytes)
    else:
        byte_shape = gguf.quant_shape_to_byte_shape(rows, kind)
        writer.add_tensor_info(tensor.name, byte_shape, np.dtype(np.uint8), tensor.n_bytes, raw_dtype=kind)
