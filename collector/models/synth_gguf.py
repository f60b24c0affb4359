"""
Full-size GGUF files with random weights: the right tensors, types and hyperparameters, valid for llama.cpp.

The speed of a dense model does not depend on what its weights are, only on shape and format. Such a file says of itself
that it is synthetic (``general.synthetic``), and no quality is ever claimed of it. Written beside, flushed to the disk
and renamed, so a half-written model cannot be taken for one; memory stays at one pool of random blocks a tensor type.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from collector.errors import PhibenchError
from collector.models import layout
from collector.models.layout import Tensor
from collector.models.recipe import Recipe
from collector.models.synth_metadata import add_metadata, rope_factors
from runners.contract import ModelShape

OnBytes = Callable[[int, int], None]
_SLICE_BYTES = 4 << 20
_HEADER_ROOM = 16 << 20
_PARTIAL = ".partial"
_FLUSH_EVERY_S = 0.25
_SURELY_LOCKED_AFTER_S = 60.0


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        _check_room(path, sum(t.n_bytes for t in tensors))
        with _beside(path) as partial:
            _write(partial, recipe, tensors, on_progress or _ignore)
            partial.replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        raise _disk_error(exc, path) from exc


def sweep(folder: Path, prefix: str = "") -> int:
    """Remove what writers left that were killed; bytes that were freed. A living writer holds a lock on its file."""
    freed = 0
    for path in folder.glob(f".{prefix}*{_PARTIAL}"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            status = os.fstat(file.fileno())
            if time.time() - status.st_mtime < _SURELY_LOCKED_AFTER_S:
                continue  # just created: its writer may not have locked it yet
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            freed += status.st_size
    return freed


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A locked new file in the same folder, gone at the end unless it was renamed."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{_PARTIAL}")
    with partial.open("xb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield partial
        finally:
            partial.unlink(missing_ok=True)


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
        with _flushing(file):
            _write_tensors(file, writer, tensors, recipe.seed, on_progress)
        file.flush()
        os.fsync(file.fileno())
    finally:
        with contextlib.suppress(OSError):  # a full disk is told once, by the write that hit it
            writer.close()


@contextmanager
def _flushing(file: IO[bytes]) -> Iterator[None]:
    """
    Let the disk work while we write: a fifth faster, and progress does not stand at its end.

    The kernel would keep gigabytes back until the last flush. It tells a fault of the disk only once, to whichever
    flush comes first, so a fault here is kept and raised.
    """
    is_over, faults = threading.Event(), list[OSError]()

    def flush() -> None:
        while not faults and not is_over.wait(_FLUSH_EVERY_S):
            try:
                os.fsync(file.fileno())
            except OSError as exc:
                faults.append(exc)

    thread = threading.Thread(target=flush, name="flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    if faults:
        raise faults[0]


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


def _check_room(path: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < n_bytes + _HEADER_ROOM:
        missing = (n_bytes + _HEADER_ROOM - free) / (1 << 30)
        raise PhibenchError(
            f"{path.name} takes {n_bytes / (1 << 30):.2f} GiB and {missing:.2f} GiB of that are missing on the disk",
            "free some room (phibench models rm MODEL), or set PHIBENCH_MODELS to a folder on another disk",
        )


def _sync_folder(folder: Path) -> None:
    """So that the new name, too, outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(exc: OSError, path: Path) -> PhibenchError:
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        message = f"the disk filled up while {path.name} was written; what was written is removed again"
        return PhibenchError(message, "free some room, or set PHIBENCH_MODELS to a folder on another disk")
    reason = exc.strerror or str(exc)
    return PhibenchError(f"{path} cannot be written: {reason}", "set PHIBENCH_MODELS to a folder you may write")


def _ignore(n_done: int, n_total: int) -> None:
    """Nobody wants to know."""
