"""
Full-size MLX folders with random weights: the tensors, configuration and tokenizer that mlx-lm loads offline.

4 bits in groups of 64, as mlx-lm's converter writes them, 16-bit scales included. The packed bits are random; scales
and biases are chosen, so that every layer keeps its states near unit size and logits come out finite. Written beside,
flushed to the disk and renamed as a whole; memory stays at one pool of random words.
"""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from collector.models import mlx_config, mlx_layout
from collector.models.disk import (
    OnBytes,
    flushing,
    folder_beside,
    ignore,
    put_in_place,
    room_for,
    sync_folder,
)
from collector.models.mlx_layout import Tensor
from collector.models.recipe import Recipe
from runners.contract import ModelShape

MAX_SHARD_BYTES = 5 << 30
"""Where mlx-lm's converter begins another file."""

_POOL_BYTES = 16 << 20
_SLICE_BYTES = 4 << 20
_WORD_BYTES = 4
_HEADER_STEP = 8
_DEVIATION, _MEAN = 4.61, 7.5
"""Of uniform 4-bit numbers: with this mean the bias takes the drift away, with this deviation the scale is set."""


def write_mlx(
    path: Path,
    *,
    name: str,
    shape: ModelShape,
    quant: str = mlx_layout.QUANTS[0],
    seed: int = 1,
    on_progress: OnBytes | None = None,
    rope: Mapping[str, Any] | None = None,
) -> None:
    """
    Write one model of any shape as a folder.

    Args:
        path: the folder; an existing one is replaced only when the new one is whole.
        name: for people.
        shape: hyperparameters; widths are multiples of 64.
        quant: one of ``mlx_layout.QUANTS``.
        seed: of all random bits; the same seed gives the same files.
        on_progress: told bytes written and bytes in all.
        rope: ``theta``, and ``original_context`` for a model with long rope factors.

    Raises:
        PhibenchError: too little room on the disk, or the folder cannot be written.
        ValueError: an architecture or a format that is not known, or a shape that mlx-lm cannot have.
    """
    write_recipe(path, Recipe(name=name, shape=shape, quant=quant, seed=seed, rope=dict(rope or {})), on_progress)


def write_recipe(path: Path, recipe: Recipe, on_progress: OnBytes | None = None) -> None:
    """
    Write one model; any number of processes may write the same one, each beside, and the last to end stays.

    Raises:
        PhibenchError: too little room on the disk, or the folder cannot be written.
    """
    tensors = mlx_layout.tensors(recipe.shape, recipe.quant)
    with room_for(path, sum(t.n_bytes for t in tensors)), folder_beside(path) as partial:
        _write(partial, recipe, tensors, on_progress or ignore)
        sync_folder(partial)
        put_in_place(partial, path)


def shards(tensors: tuple[Tensor, ...], most_bytes: int | None = None) -> list[list[Tensor]]:
    """Tensors by file, in their order; a file is full before it would become larger than the converter makes it."""
    room = MAX_SHARD_BYTES if most_bytes is None else most_bytes
    found: list[list[Tensor]] = [[]]
    n_bytes = 0
    for tensor in tensors:
        if found[-1] and n_bytes + tensor.n_bytes > room:
            found.append([])
            n_bytes = 0
        found[-1].append(tensor)
        n_bytes += tensor.n_bytes
    return found


def _write(folder: Path, recipe: Recipe, tensors: tuple[Tensor, ...], on_progress: OnBytes) -> None:
    files = shards(tensors)
    names = [f"model-{i:05d}-of-{len(files):05d}.safetensors" for i in range(1, len(files) + 1)]
    by_name = dict(zip(names if len(files) > 1 else ["model.safetensors"], files, strict=True))
    content = _Content(recipe, sum(t.n_bytes for t in tensors), on_progress)
    for name, members in by_name.items():
        with (folder / name).open("wb") as file:
            file.write(_header(recipe, members))
            with flushing(file):
                content.write(file, members)
            file.flush()
            os.fsync(file.fileno())
    weight_map = {tensor.name: name for name, members in by_name.items() for tensor in members}
    sizes = {"total_size": content.n_total, "total_parameters": mlx_layout.n_params(recipe.shape)}
    _write_json(folder / "model.safetensors.index.json", {"metadata": sizes, "weight_map": _sorted(weight_map)})
    _write_json(folder / "config.json", mlx_config.config(recipe))
    _write_json(folder / "tokenizer.json", mlx_config.tokenizer(recipe.shape.vocab_size))
    _write_json(folder / "tokenizer_config.json", mlx_config.tokenizer_config())


def _header(recipe: Recipe, tensors: list[Tensor]) -> bytes:
    """Length and JSON header of a safetensors file, padded so that the data are aligned."""
    entries: dict[str, Any] = {"__metadata__": mlx_config.file_metadata(recipe)}
    at = 0
    for tensor in tensors:
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.n_bytes],
        }
        at += tensor.n_bytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _HEADER_STEP)
    return struct.pack("<Q", len(text)) + text


class _Content:
    """What the tensors hold, across all files of one model: one pool, one stream of draws, one count of bytes."""

    def __init__(self, recipe: Recipe, n_total: int, on_progress: OnBytes) -> None:
        import numpy as np

        bits = np.random.Generator(np.random.SFC64([recipe.seed, _POOL_BYTES]))
        self.n_total = n_total
        self._pool = memoryview(bits.bytes(_POOL_BYTES))
        self._draw = np.random.default_rng(recipe.seed)
        self._is_gemma = recipe.shape.architecture == "gemma"
        self._on_progress, self._n_done = on_progress, 0

    def write(self, file: IO[bytes], tensors: list[Tensor]) -> None:
        """The data of one file."""
        for tensor in tensors:
            for piece in self._words(tensor) if tensor.dtype == "U32" else _repeated(self._number(tensor), tensor):
                self._n_done += file.write(piece)
                self._on_progress(self._n_done, self.n_total)

    def _words(self, tensor: Tensor) -> Iterator[memoryview]:
        """Slices of the pool from random words on, until the tensor is full."""
        left = tensor.n_bytes
        while left:
            start = int(self._draw.integers(0, (_POOL_BYTES - _SLICE_BYTES) // _WORD_BYTES)) * _WORD_BYTES
            piece = self._pool[start : start + min(left, _SLICE_BYTES)]
            left -= len(piece)
            yield piece

    def _number(self, tensor: Tensor) -> float:
        """The one value of a tensor that is not packed: norms are one, linear biases zero."""
        if tensor.columns is not None:
            return _scale(tensor.columns) if tensor.name.endswith(".scales") else -_MEAN * _scale(tensor.columns)
        if tensor.name.endswith(".bias"):
            return 0.0
        return 0.0 if self._is_gemma else 1.0  # Gemma's norms multiply by one more than what is stored


def _scale(n_columns: int) -> float:
    """As a 16-bit number, so that the bias is that of the very scale in the file."""
    import numpy as np

    return float(np.float16(1 / (_DEVIATION * n_columns**0.5)))


def _repeated(value: float, tensor: Tensor) -> Iterator[bytes]:
    import numpy as np

    yield np.full(tensor.n_bytes // 2, value, dtype="<f2").tobytes()


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(data, file, indent=1, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _sorted(weight_map: Mapping[str, str]) -> dict[str, str]:
    return {name: weight_map[name] for name in sorted(weight_map)}
