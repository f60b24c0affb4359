"""
Reading what a GGUF file says of itself: metadata and tensor table, never the weights.

A reader of our own, because every count and length in a damaged file may be absurd: each is checked against the size of
the file and against a bound before anything is read or allocated. Long arrays are passed over, all but the tokens.
Whether the values make a model is asked in ``gguf_check``.
"""

import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from collector.models.gguf_types import TYPES
from runners.errors import FailureKind, ModelError

TOKENS = "tokenizer.ggml.tokens"
REFETCH = "fetch or write the file again; phibench models synth MODEL writes one"

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MAX_NAME = 1 << 16
_MAX_KEYS, _MAX_TENSORS, _MAX_STRINGS = 1 << 16, 1 << 17, 1 << 22
_MAX_KEPT_TEXT, _MAX_KEPT_ARRAY = 1 << 20, 16
_MAX_DIMENSIONS = 4
_MAX_ELEMENTS = 1 << 48
_MAX_ALIGNMENT = 1 << 20
_LEAST_KEY_BYTES, _LEAST_TENSOR_BYTES = 13, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One row of the tensor table; ``n_bytes`` None for a type that is not known here."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    n_bytes: int | None

    @property
    def n_elements(self) -> int:
        """Product of the shape."""
        return _product(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """
    Metadata, tensors, and the lengths that a digest or a check needs.

    ``metadata`` has None for arrays longer than 16 and texts longer than 1 MiB; ``array_lengths`` has the length of
    every array; ``tokens`` the vocabulary.
    """

    metadata: Mapping[str, Any]
    array_lengths: Mapping[str, int]
    tokens: tuple[bytes, ...]
    tensors: tuple[TensorInfo, ...]
    data_start: int
    alignment: int
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
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise invalid(f"{path} is a folder, not a GGUF file", "give the .gguf file in it")
        if not stat.S_ISREG(status.st_mode):  # a pipe would block for ever
            raise invalid(f"{path} is no regular file", "give the path of a .gguf file")
        with path.open("rb") as file:
            return _Reader(file, status.st_size, path.name).header()
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(FailureKind.MODEL_MISSING, f"there is no file {path}", "phibench models list") from None
    except PermissionError:
        raise ModelError(FailureKind.MODEL_MISSING, f"{path} may not be read", f"chmod u+r {path}") from None
    except OSError as exc:
        message = f"{path} cannot be read: {exc.strerror or exc}"
        raise ModelError(FailureKind.MODEL_MISSING, message, "check the path and the disk") from exc


def invalid(message: str, remedy: str = REFETCH) -> ModelError:
    """The file is there and is no whole model."""
    return ModelError(FailureKind.MODEL_INVALID, message, remedy)


class _Reader:
    """Reads forward and refuses whatever points beyond the file."""

    def __init__(self, file: BinaryIO, n_bytes: int, name: str) -> None:
        self._file, self._left, self._n_bytes, self._name = file, n_bytes, n_bytes, name
        self._array_lengths: dict[str, int] = {}
        self._tokens: tuple[bytes, ...] = ()

    def header(self) -> Header:
        """The whole header, in the order of the file."""
        self._check_magic()
        n_tensors = self._count(_LEAST_TENSOR_BYTES, _MAX_TENSORS, "tensors")
        n_keys = self._count(_LEAST_KEY_BYTES, _MAX_KEYS, "keys")
        metadata: dict[str, Any] = {}
        for _ in range(n_keys):
            key = self._name_text()
            if not key or key in metadata:
                raise self._damaged(f"has the key {key!r} twice" if key else "has a key without a name")
            metadata[key] = self._value(key, self._number("<I"))
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        return Header(
            metadata=metadata,
            array_lengths=self._array_lengths,
            tokens=self._tokens,
            tensors=tensors,
            alignment=(alignment := self._alignment(metadata)),
            data_start=_padded(self._n_bytes - self._left, alignment),
            n_file_bytes=self._n_bytes,
        )

    def _check_magic(self) -> None:
        start = self._file.read(512)
        self._file.seek(0)
        if start[:4] != b"GGUF":
            raise invalid(f"{self._name} is no GGUF file: {_looks_like(start)}")
        self._take(4)
        version = self._number("<I")
        if version and not version & 0xFFFF:
            raise invalid(f"{self._name} was written for a big-endian machine", "fetch the little-endian file")
        if version not in {2, 3}:
            what = "too old, written in 2023" if version == 1 else "newer than what is known here"
            raise invalid(f"{self._name} has GGUF version {version}: {what}", "fetch a file of version 2 or 3")

    def _value(self, key: str, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            return self._array(key)
        return self._number(self._format(kind))

    def _array(self, key: str) -> Any:
        kind = self._number("<I")
        if kind == _STRING:
            n = self._array_lengths[key] = self._count(8, _MAX_STRINGS, f"entries in {key}")
            texts = self._texts(n, is_kept=key == TOKENS or n <= _MAX_KEPT_ARRAY)
            if key == TOKENS:
                self._tokens = tuple(texts)
            return [text.decode("utf-8", errors="replace") for text in texts] if n <= _MAX_KEPT_ARRAY else None
        size = struct.calcsize(self._format(kind))
        n = self._array_lengths[key] = self._count(size, self._n_bytes, f"entries in {key}")
        if n <= _MAX_KEPT_ARRAY:
            return [self._number(self._format(kind)) for _ in range(n)]
        self._skip(n * size)
        return None

    def _texts(self, n: int, *, is_kept: bool) -> list[bytes]:
        kept = []
        for _ in range(n):
            length = self._number("<Q")
            if length > _MAX_NAME:
                raise self._damaged(f"claims an entry of {length:,} bytes in a list of texts")
            text = self._take(length)
            if is_kept:
                kept.append(text)
        return kept

    def _tensor(self) -> TensorInfo:
        name = self._name_text()
        n_dimensions = self._number("<I")
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            raise self._damaged(f"has a tensor {name!r} of {n_dimensions} dimensions")
        shape = tuple(self._number("<Q") for _ in range(n_dimensions))
        if not all(shape) or _product(shape) > _MAX_ELEMENTS:
            raise self._damaged(f"has a tensor {name!r} of absurd shape {list(shape)}")
        kind, offset = self._number("<I"), self._number("<Q")
        type_name, n_elements, block_bytes = TYPES.get(kind, (f"type {kind}", 0, 0))
        if n_elements and shape[0] % n_elements:
            raise self._damaged(f"has rows of {shape[0]} values in {name!r}, which {type_name} cannot hold")
        n_bytes = _product(shape) // n_elements * block_bytes if n_elements else None
        return TensorInfo(name=name, shape=shape, type=type_name, offset=offset, n_bytes=n_bytes)

    def _alignment(self, metadata: Mapping[str, Any]) -> int:
        alignment = metadata.get("general.alignment", 32)
        is_power_of_two = type(alignment) is int and alignment > 0 and alignment & (alignment - 1) == 0
        if not is_power_of_two or alignment > _MAX_ALIGNMENT:
            raise self._damaged(f"has an absurd alignment, {alignment!r}")
        return int(alignment)

    def _count(self, least_bytes: int, most: int, what: str) -> int:
        n = int(self._number("<Q"))
        if n > most or n * least_bytes > self._left:
            raise self._damaged(f"claims {n:,} {what}, more than the file can hold")
        return n

    def _name_text(self) -> str:
        n = self._number("<Q")
        if n > min(_MAX_NAME, self._left):
            raise self._damaged(f"claims a name of {n:,} bytes, more than it can hold")
        return self._take(n).decode("utf-8", errors="replace")

    def _text(self) -> str | None:
        n = self._number("<Q")
        if n > self._left:
            raise self._damaged(f"claims a text of {n:,} bytes, more than it can hold")
        if n > _MAX_KEPT_TEXT:
            self._skip(n)
            return None
        return self._take(n).decode("utf-8", errors="replace")

    def _format(self, kind: int) -> str:
        if kind not in _SCALARS:
            raise self._damaged(f"has a value of unknown type {kind} in its metadata")
        return _SCALARS[kind]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, n: int) -> bytes:
        data = self._file.read(n) if n <= self._left else b""
        if len(data) != n:
            raise self._damaged("is cut inside its header")
        self._left -= n
        return data

    def _skip(self, n: int) -> None:
        if n > self._left:
            raise self._damaged("is cut inside its header")
        self._file.seek(n, 1)
        self._left -= n

    def _damaged(self, what: str) -> ModelError:
        return invalid(f"{self._name} {what}")


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
        is_text = all(c.isprintable() or c.isspace() for c in start[:-3].decode("utf-8", errors="strict"))
    except UnicodeDecodeError:
        is_text = False
    return "it looks like text" if is_text else f"it begins with {start[:4]!r} instead of b'GGUF'"


def _padded(n: int, alignment: int) -> int:
    return -(-n // alignment) * alignment


def _product(shape: tuple[int, ...]) -> int:
    n = 1
    for dimension in shape:
        n *= dimension
    return n
