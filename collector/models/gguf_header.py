"""
Reading what a GGUF file says of itself: metadata and tensor table, never the weights.

A reader of our own, because every count and length in a damaged file may be absurd: each is checked against the size of
the file before anything is read or allocated. Long arrays (the vocabulary) are passed over.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from runners.errors import FailureKind, ModelError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_NAME = 1 << 16
_KEPT_ARRAY = 16
_LEAST_KEY_BYTES, _LEAST_TENSOR_BYTES = 13, 24
_TYPES = {
    0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20), 6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110), 12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176), 14: ("q6_k", 256, 210), 20: ("iq4_nl", 32, 18), 23: ("iq4_xs", 256, 136),
    30: ("bf16", 1, 2),
}  # fmt: skip
_REFETCH = "fetch or write the file again; phibench models synth MODEL writes one"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One row of the tensor table; ``n_bytes`` None for a type that is not known here."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    n_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Metadata (long arrays as their length alone), tensors, and the lengths that a digest or a check needs."""

    metadata: Mapping[str, Any]
    array_lengths: Mapping[str, int]
    tensors: tuple[TensorInfo, ...]
    data_start: int
    n_file_bytes: int

    @property
    def tensor_bytes(self) -> int | None:
        """Bytes of all tensors; None when a type is not known."""
        sizes = [t.n_bytes for t in self.tensors]
        return None if any(s is None for s in sizes) else sum(s for s in sizes if s is not None)


def read_header(path: Path) -> Header:
    """
    What the file says of itself.

    Raises:
        ModelError: model_missing, or model_invalid with what the file looks like and what is wrong.
    """
    try:
        n_bytes = path.stat().st_size
        with path.open("rb") as file:
            header = _Reader(file, n_bytes, path.name).header()
    except FileNotFoundError:
        raise ModelError(FailureKind.MODEL_MISSING, f"there is no file {path}", "phibench models list") from None
    except IsADirectoryError:
        raise _invalid(f"{path} is a folder, not a GGUF file", "give the .gguf file in it") from None
    except PermissionError:
        raise ModelError(FailureKind.MODEL_MISSING, f"{path} may not be read", f"chmod u+r {path}") from None
    _check_whole(header, path.name)
    return header


def _check_whole(header: Header, name: str) -> None:
    ends = [t.offset + t.n_bytes for t in header.tensors if t.n_bytes is not None]
    missing = header.data_start + max(ends, default=0) - header.n_file_bytes
    if missing > 0:
        raise _invalid(f"{name} is cut: {missing:,} bytes are missing at its end", _REFETCH)


class _Reader:
    """Reads forward and refuses whatever points beyond the file."""

    def __init__(self, file: BinaryIO, n_bytes: int, name: str) -> None:
        self._file, self._left, self._n_bytes, self._name = file, n_bytes, n_bytes, name
        self._array_lengths: dict[str, int] = {}

    def header(self) -> Header:
        """The whole header, in the order of the file."""
        self._check_magic()
        n_tensors, n_keys = self._count(_LEAST_TENSOR_BYTES, "tensors"), self._count(_LEAST_KEY_BYTES, "keys")
        metadata = {}
        for _ in range(n_keys):
            key = self._text(_MAX_NAME)
            metadata[key] = self._value(key, int(self._number("I")))
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment > 1 << 20:
            raise _invalid(f"{self._name}: absurd alignment {alignment!r}", _REFETCH)
        here = self._n_bytes - self._left
        return Header(
            metadata=metadata,
            array_lengths=self._array_lengths,
            tensors=tensors,
            data_start=-(-here // alignment) * alignment,
            n_file_bytes=self._n_bytes,
        )

    def _check_magic(self) -> None:
        start = self._file.read(512)
        self._file.seek(0)
        if start[:4] != b"GGUF":
            raise _invalid(f"{self._name} is no GGUF file: {_looks_like(start)}", _REFETCH)
        self._take(4)
        version = int(self._number("I"))
        if version in {0x02000000, 0x03000000}:
            raise _invalid(f"{self._name} was written for a big-endian machine", "fetch the little-endian file")
        if version not in {2, 3}:
            what = "too old, written in 2023" if version == 1 else "newer than what is known here"
            raise _invalid(f"{self._name} has GGUF version {version}: {what}", "fetch a file of version 2 or 3")

    def _value(self, key: str, kind: int) -> Any:
        if kind == _STRING:
            return self._text(self._left)
        if kind == _ARRAY:
            return self._array(key)
        return self._number(self._format(kind))

    def _array(self, key: str) -> Any:
        kind = int(self._number("I"))
        size = 8 if kind == _STRING else struct.calcsize(self._format(kind))
        n = self._count(size, f"entries in {key}")
        self._array_lengths[key] = n
        if n > _KEPT_ARRAY and kind != _STRING:
            self._skip(n * size)
            return None
        values = [self._text(self._left) if kind == _STRING else self._number(self._format(kind)) for _ in range(n)]
        return values if n <= _KEPT_ARRAY else None

    def _tensor(self) -> TensorInfo:
        name = self._text(_MAX_NAME)
        n_dimensions = int(self._number("I"))
        if not 1 <= n_dimensions <= 4:
            raise _invalid(f"{self._name}: tensor {name!r} has {n_dimensions} dimensions", _REFETCH)
        shape = tuple(int(self._number("Q")) for _ in range(n_dimensions))
        kind, offset = int(self._number("I")), int(self._number("Q"))
        type_name, elements, block_bytes = _TYPES.get(kind, (f"type {kind}", 0, 0))
        n_elements = 1
        for dimension in shape:
            n_elements *= dimension
        n_bytes = n_elements // elements * block_bytes if elements else None
        return TensorInfo(name=name, shape=shape, type=type_name, offset=offset, n_bytes=n_bytes)

    def _count(self, least_bytes: int, what: str) -> int:
        n = int(self._number("Q"))
        if n * least_bytes > self._left:
            raise _invalid(f"{self._name} claims {n:,} {what}, more than the file can hold", _REFETCH)
        return n

    def _text(self, longest: int) -> str:
        n = int(self._number("Q"))
        if n > longest:
            raise _invalid(f"{self._name} claims a text of {n:,} bytes, more than it can hold", _REFETCH)
        return self._take(n).decode("utf-8", errors="replace")

    def _format(self, kind: int) -> str:
        if kind not in _SCALARS:
            raise _invalid(f"{self._name}: unknown value type {kind} in its metadata", _REFETCH)
        return f"<{_SCALARS[kind]}"

    def _number(self, form: str) -> Any:
        form = form if form.startswith("<") else f"<{form}"
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, n: int) -> bytes:
        data = self._file.read(n) if n <= self._left else b""
        if len(data) != n:
            raise _invalid(f"{self._name} is cut inside its header", _REFETCH)
        self._left -= n
        return data

    def _skip(self, n: int) -> None:
        if n > self._left:
            raise _invalid(f"{self._name} is cut inside its header", _REFETCH)
        self._file.seek(n, 1)
        self._left -= n


def _looks_like(start: bytes) -> str:
    text = start.lstrip().lower()
    if not start:
        return "it is empty"
    if text.startswith((b"<!doctype", b"<html")):
        return "it is a web page, probably the error page of a download"
    if text.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; the model itself was not fetched (git lfs pull)"
    if text.startswith((b"{", b"[")):
        return "it looks like JSON"
    if len(start) < 4:
        return f"it has only {len(start)} bytes"
    try:
        printable = start.decode("utf-8").isprintable() or b"\n" in start
    except UnicodeDecodeError:
        printable = False
    return "it looks like text" if printable else f"it begins with {start[:4]!r} instead of b'GGUF'"


def _invalid(message: str, remedy: str) -> ModelError:
    return ModelError(FailureKind.MODEL_INVALID, message, remedy)
