"""
Reading what a safetensors file says of itself: names, types, shapes and places of its tensors, never the weights.

A reader of our own, because a damaged header may claim anything: its length is checked against the file and against a
bound before it is read, and each tensor's place against its shape and against the file.
"""

import json
import math
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.models.gguf_header import invalid
from runners.errors import FailureKind, ModelError

_LENGTH = struct.Struct("<Q")
_MAX_HEADER = 100_000_000
"""The format's own limit."""
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One tensor of a file: its type, its shape (rows first), the bytes that it takes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int

    @property
    def n_elements(self) -> int:
        """Product of the shape."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file; ``metadata`` are texts."""

    path: Path
    n_file_bytes: int
    metadata: Mapping[str, str]
    tensors: tuple[Stored, ...]


def read_shard(path: Path) -> Shard:
    """
    What the file says of itself.

    Raises:
        ModelError: model_missing, or model_invalid with what is wrong.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would block for ever
            raise invalid(f"{path} is no regular file", "fetch or write the model again")
        with path.open("rb") as file:
            length = _length(file.read(_LENGTH.size), status.st_size, path.name)
            text = file.read(length)
    except OSError as exc:
        message = f"{path} cannot be read: {exc.strerror or exc}"
        raise ModelError(FailureKind.MODEL_MISSING, message, "check the path, its permissions and the disk") from exc
    entries = _entries(text, path.name)
    metadata = entries.pop("__metadata__", {})
    tensors = tuple(_whole(entries, status.st_size - _LENGTH.size - length, path.name))
    kept = {key: value for key, value in metadata.items() if isinstance(value, str)} if _is_map(metadata) else {}
    return Shard(path=path, n_file_bytes=status.st_size, metadata=kept, tensors=tensors)


def _length(first: bytes, n_file_bytes: int, name: str) -> int:
    if n_file_bytes == 0:
        raise invalid(f"{name} is empty")
    if n_file_bytes < _LENGTH.size:
        raise invalid(f"{name} has only {n_file_bytes} bytes, no safetensors file")
    if _POINTER.startswith(first):
        raise invalid(f"{name} is a Git LFS pointer, not the weights", "git lfs pull, or fetch the model again")
    (length,) = _LENGTH.unpack(first)
    if length > _MAX_HEADER:
        raise invalid(f"{name} is no safetensors file: its header would be {length:,} bytes long")
    if length > n_file_bytes - _LENGTH.size:
        missing = length + _LENGTH.size - n_file_bytes
        raise invalid(f"{name} is cut in its header: {missing:,} bytes of it and all of the weights are missing")
    return int(length)


def _entries(text: bytes, name: str) -> dict[str, Any]:
    try:
        entries = json.loads(text, object_pairs_hook=_unique)
    except _TwiceError as exc:
        raise invalid(f"{name} holds the tensor {exc.args[0]!r} twice") from None
    except (ValueError, RecursionError):
        raise invalid(f"{name} is no safetensors file: its header is not JSON") from None
    if not isinstance(entries, dict):
        raise invalid(f"{name} is no safetensors file: its header is no table of tensors")
    return entries


class _TwiceError(Exception):
    """A key stands twice in one object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _TwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _whole(entries: Mapping[str, Any], n_data_bytes: int, name: str) -> list[Stored]:
    """The tensors, once each lies where its shape says and all of them fill the file."""
    placed = sorted((_placed(key, entry, name) for key, entry in entries.items()), key=lambda item: item[0])
    end = 0
    for begin, tensor in placed:
        if begin != end:
            raise invalid(f"{name}: tensor {tensor.name!r} begins at byte {begin:,} of the data, expected {end:,}")
        end = begin + tensor.n_bytes
    if end > n_data_bytes:
        raise invalid(f"{name} is cut: {end - n_data_bytes:,} bytes are missing at its end")
    if end < n_data_bytes:
        raise invalid(f"{name} has {n_data_bytes - end:,} bytes at its end that belong to no tensor")
    return [tensor for _, tensor in placed]


def _placed(key: str, entry: Any, name: str) -> tuple[int, Stored]:
    said: dict[str, Any] = entry if _is_map(entry) else {}
    shape, offsets, dtype = _counts(said.get("shape")), _counts(said.get("data_offsets")), said.get("dtype")
    if shape is None or offsets is None or len(offsets) != 2:
        raise invalid(f"{name}: tensor {key!r} has no shape or no place")
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise invalid(f"{name}: tensor {key!r} is of type {dtype!r}, which is not known")
    n_bytes, taken = -(-math.prod(shape) * _BITS[dtype] // 8), offsets[1] - offsets[0]
    if taken != n_bytes:
        message = f"{name}: tensor {key!r} takes {taken:,} bytes, its shape {list(shape)} in {dtype} needs {n_bytes:,}"
        raise invalid(message)
    return offsets[0], Stored(name=key, dtype=dtype, shape=shape, n_bytes=n_bytes)


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _counts(value: Any) -> tuple[int, ...] | None:
    is_sound = isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
    return tuple(value) if is_sound else None
