"""Damaged files: each row of damage that the header shows ends in a clear message, at once and in little memory."""

import os
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from collector import models
from collector.models import gguf_header
from collector.models.gguf_header import read_header
from collector.models.gguf_types import FILE_TYPES, TYPES
from collector.models.synth_gguf import write_gguf
from runners.contract import ModelShape
from runners.errors import FailureKind, ModelError

SHAPE = ModelShape(
    architecture="phi3", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1,
)  # fmt: skip
UINT32, STRING, ARRAY = 4, 8, 9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "tiny.gguf"
    write_gguf(path, name="Phi-3 tiny", shape=SHAPE, quant="q4_0")
    return path.read_bytes()


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[[bytes], ModelError]:
    """What is said of a file with this content, in under a second."""

    def read(content: bytes) -> ModelError:
        path = tmp_path / "x.gguf"
        path.write_bytes(content)
        began = time.monotonic()
        with pytest.raises(ModelError) as caught:
            models.from_path(path)
        assert time.monotonic() - began < 5
        assert caught.value.remedy
        return caught.value

    return read


def value_at(content: bytes, key: str) -> int:
    """Where the value of a key begins."""
    name = struct.pack("<Q", len(key)) + key.encode()
    return content.index(name) + len(name) + 4


def with_number(content: bytes, key: str, value: int) -> bytes:
    at = value_at(content, key)
    return content[:at] + struct.pack("<I", value) + content[at + 4 :]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def file_of(keys: bytes = b"", n_keys: int = 0, tensors: bytes = b"", n_tensors: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_keys) + keys + tensors


def test_the_whole_file_is_read(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(whole)
    ref = models.from_path(path)
    assert ref.shape is not None
    assert (ref.shape.n_layers, ref.shape.n_ff, ref.shape.head_dim, ref.shape.context_length) == (2, 512, 64, 4096)
    assert ref.n_bytes == len(whole)


def test_trailing_bytes_are_accepted(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(whole + b"\0" * 100)
    assert models.from_path(path).n_bytes == len(whole) + 100


def test_our_reader_agrees_with_the_gguf_package(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(whole)
    theirs, ours = gguf.GGUFReader(path), read_header(path)
    assert [(t.name, tuple(map(int, t.shape)), t.n_bytes) for t in theirs.tensors] == [
        (t.name, t.shape, t.n_bytes) for t in ours.tensors
    ]
    assert ours.data_start == theirs.data_offset
    names = {name for name in theirs.fields if not name.startswith("GGUF.")}
    assert names == set(ours.metadata)
    assert len(ours.tokens) == len(set(ours.tokens)) == SHAPE.vocab_size


def test_the_types_are_those_of_the_gguf_package() -> None:
    sizes = {int(kind): (kind.name.lower(), *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert sizes == TYPES
    named = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_").lower() for kind in gguf.LlamaFileType}
    named.pop(int(gguf.LlamaFileType.GUESSED))
    assert named == FILE_TYPES


@pytest.mark.parametrize("fraction", [0.0003, 0.001, 0.02, 0.2, 0.5, 0.999])
def test_a_cut_anywhere_is_seen(whole: bytes, refusal: Callable[[bytes], ModelError], fraction: float) -> None:
    caught = refusal(whole[: int(len(whole) * fraction)])
    assert caught.kind is FailureKind.MODEL_INVALID


def test_one_missing_byte_is_seen(whole: bytes, refusal: Callable[[bytes], ModelError]) -> None:
    assert "1 bytes are missing" in refusal(whole[:-1]).message


@pytest.mark.parametrize(
    ("version", "words"),
    [(1, "version 1: too old"), (99, "version 99: newer"), (0x03000000, "big-endian"), (0x02000000, "big-endian")],
)
def test_other_versions(whole: bytes, refusal: Callable[[bytes], ModelError], version: int, words: str) -> None:
    assert words in refusal(whole[:4] + struct.pack("<I", version) + whole[8:]).message


def test_random_bytes_in_the_header_never_pass_for_a_model_or_crash(
    whole: bytes, refusal: Callable[[bytes], ModelError]
) -> None:
    draw = random.Random(1)
    for _ in range(20):
        assert refusal(whole[:8] + draw.randbytes(200) + whole[208:]).kind is FailureKind.MODEL_INVALID
    assert refusal(draw.randbytes(1 << 20)).kind is FailureKind.MODEL_INVALID


@pytest.mark.parametrize("at", [8, 16])
@pytest.mark.parametrize("count", [1 << 62, (1 << 64) - 1, 1 << 40, 1 << 20])
def test_absurd_counts(whole: bytes, refusal: Callable[[bytes], ModelError], at: int, count: int) -> None:
    assert "more than the file can hold" in refusal(whole[:at] + struct.pack("<Q", count) + whole[at + 8 :]).message


@pytest.mark.parametrize("length", [1 << 63, 1 << 30])
def test_absurd_lengths_of_a_key(whole: bytes, refusal: Callable[[bytes], ModelError], length: int) -> None:
    assert "a name of" in refusal(whole[:24] + struct.pack("<Q", length) + whole[32:]).message


ONE_TENSOR = text("t") + struct.pack("<IQIQ", 1, 32, 0, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (file_of(text("a") + struct.pack("<IQ", STRING, 1 << 62), 1), "a text of"),
        (file_of(text("a") + struct.pack("<II", 77, 0), 1), "unknown type 77"),
        (file_of(text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + bytes(9), 1), "unknown type 9"),
        (file_of(text("a") + struct.pack("<IIQ", ARRAY, STRING, 1 << 60), 1), "more than the file can hold"),
        (file_of(text("a") + struct.pack("<IIQ", ARRAY, STRING, 1) + struct.pack("<Q", 1 << 40), 1), "an entry of"),
        (file_of(text("a") + struct.pack("<IIQ", ARRAY, UINT32, 1 << 60), 1), "more than the file can hold"),
        (file_of((text("a") + struct.pack("<II", UINT32, 1)) * 2, 2), "the key 'a' twice"),
        (file_of(text("") + struct.pack("<IIQ", UINT32, 1, 0), 1), "without a name"),
        (file_of(text("general.alignment") + struct.pack("<II", UINT32, 0), 1), "alignment"),
        (file_of(text("general.alignment") + struct.pack("<II", UINT32, 24), 1), "alignment"),
        (file_of(tensors=text("t") + struct.pack("<I", 0) + bytes(16), n_tensors=1), "0 dimensions"),
        (file_of(tensors=text("t") + struct.pack("<I", 5) + bytes(16), n_tensors=1), "5 dimensions"),
        (file_of(tensors=text("t") + struct.pack("<IQIQ", 1, 0, 0, 0), n_tensors=1), "absurd shape"),
        (file_of(tensors=text("t") + struct.pack("<IQQIQ", 2, 1 << 40, 1 << 40, 0, 0), n_tensors=1), "absurd shape"),
        (file_of(tensors=text("t") + struct.pack("<IQIQ", 1, 33, 2, 0), n_tensors=1), "rows of 33 values"),
        (file_of(tensors=ONE_TENSOR * 2, n_tensors=2) + bytes(500), "'t' twice"),
        (file_of(tensors=text("t") + struct.pack("<IQIQ", 1, 32, 0, 64), n_tensors=1) + bytes(500), "expected 0"),
        (file_of(tensors=ONE_TENSOR, n_tensors=1) + bytes(500), "does not say its architecture"),
        (file_of() + bytes(64), "does not say its architecture"),
    ],
)
def test_every_field_is_bounded(refusal: Callable[[bytes], ModelError], content: bytes, words: str) -> None:
    assert words in refusal(content).message


def test_long_texts_and_lists_are_passed_over(tmp_path: Path) -> None:
    long = text("x" * ((1 << 20) + 1))
    keys = text("a") + struct.pack("<I", STRING) + long
    keys += text("b") + struct.pack("<IIQ", ARRAY, UINT32, 1000) + bytes(4000)
    keys += text("c") + struct.pack("<IIQ", ARRAY, STRING, 17) + text("y") * 17
    keys += text("d") + struct.pack("<IIQ", ARRAY, UINT32, 2) + struct.pack("<II", 5, 6)
    keys += text("e") + struct.pack("<IIQ", ARRAY, STRING, 1) + text("z")
    path = tmp_path / "x.gguf"
    path.write_bytes(file_of(keys, 5))
    header = read_header(path)
    assert header.metadata == {"a": None, "b": None, "c": None, "d": [5, 6], "e": ["z"]}
    assert header.array_lengths == {"b": 1000, "c": 17, "d": 2, "e": 1}


def test_a_file_of_zeros_of_any_size_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 1, 60000))
        file.truncate(1 << 34)
    with pytest.raises(ModelError, match="without a name"):
        models.from_path(path)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError, match="no regular file"):
        models.from_path(tmp_path / "pipe.gguf")
    (tmp_path / "loop.gguf").symlink_to(tmp_path / "loop.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        models.from_path(tmp_path / "loop.gguf")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="there is no file") as caught:
        models.from_path(tmp_path / "file" / "x.gguf")
    assert caught.value.kind is FailureKind.MODEL_MISSING
    with pytest.raises(ModelError, match="cannot be read"):
        models.from_path(tmp_path / ("x" * 300 + ".gguf"))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF")

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(gguf_header.Path, "open", refuse)  # root may read everything
    with pytest.raises(ModelError, match="may not be read") as caught:
        models.from_path(path)
    assert "chmod u+r" in caught.value.remedy
