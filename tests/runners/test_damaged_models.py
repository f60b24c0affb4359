"""
Every kind of damage that llama.cpp meets: refused, aborted, hung, crashed or computed to rubbish, each a typed failure.

The file goes to the engine in a real worker; nothing here may end the test process, or ours.
"""

import random
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.models.gguf_header import Header, read_header
from runners.contract import EventType, Job, ModelRef, Scalar, Workload
from runners.errors import FailureKind
from runners.launch import launch

Damage = Callable[[bytearray, Header], bytes]
KIND = FailureKind


def run(path: Path, timeout_s: float = 30.0, **options: Scalar) -> dict[str, str]:
    """The data of the launch's last event; its kind is "done" when it worked."""
    job = Job(
        launch_id="r/1",
        model=ModelRef(model="damaged", format="gguf", quant="q4_0", path=str(path), is_synthetic=True),
        engine="llama_cpp",
        options=options,
        workload=Workload(name="chat", n_prompt_tokens=16, n_generated_tokens=4),
        timeout_s=timeout_s,
    )
    *_, last = launch(job)
    return {"kind": "done"} if last.type is EventType.DONE else dict(last.data)


def put(at: int, form: str, value: int) -> Damage:
    def damage(data: bytearray, header: Header) -> bytes:
        struct.pack_into(form, data, at, value)
        return bytes(data)

    return damage


def value_of(key: str, value: int) -> Damage:
    """Another value for a u32 key of the metadata."""

    def damage(data: bytearray, header: Header) -> bytes:
        at = data.index(struct.pack("<Q", len(key)) + key.encode()) + 8 + len(key) + 4
        struct.pack_into("<I", data, at, value)
        return bytes(data)

    return damage


def renamed(old: str, new: str) -> Damage:
    assert len(old) == len(new)

    def damage(data: bytearray, header: Header) -> bytes:
        at = data.index(old.encode())
        data[at : at + len(old.encode())] = new.encode()
        return bytes(data)

    return damage


def filled(byte: int) -> Damage:
    return lambda data, header: bytes(data[: header.data_start]) + bytes([byte]) * (len(data) - header.data_start)


def filled_at_random(data: bytearray, header: Header) -> bytes:
    return bytes(data[: header.data_start]) + random.Random(1).randbytes(len(data) - header.data_start)


def shifted_by_one_byte(data: bytearray, header: Header) -> bytes:
    return bytes(data[: header.data_start]) + b"\0" + bytes(data[header.data_start : -1])


def one_tensor_fewer(data: bytearray, header: Header) -> bytes:
    struct.pack_into("<Q", data, 8, struct.unpack_from("<Q", data, 8)[0] - 1)
    return bytes(data)


def of_another_shape(name: str) -> Damage:
    """The first dimension of a tensor halved, in the tensor table (name, count of dimensions, dimensions)."""

    def damage(data: bytearray, header: Header) -> bytes:
        at = data.index(struct.pack("<Q", len(name)) + name.encode()) + 8 + len(name) + 4
        struct.pack_into("<Q", data, at, struct.unpack_from("<Q", data, at)[0] // 2)
        return bytes(data)

    return damage


def cut(n: int) -> Damage:
    return lambda data, header: bytes(data[:-n])


def text(content: bytes) -> Damage:
    return lambda data, header: content


def without_key(key: str) -> Damage:
    return renamed(key, "x" + key[1:])


SPHINX = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
CASES: dict[str, tuple[Damage, FailureKind | str]] = {
    "empty": (text(b""), KIND.MODEL_INVALID),
    "three bytes": (text(b"GGU"), KIND.MODEL_INVALID),
    "wrong magic": (put(0, "<I", 0x21212121), KIND.MODEL_INVALID),
    "a web page": (text(b"<!DOCTYPE html><html><body>404</body></html>" * 20), KIND.MODEL_INVALID),
    "a Git LFS pointer": (text(SPHINX), KIND.MODEL_INVALID),
    "plain text": (text(b"not a model\n" * 100), KIND.MODEL_INVALID),
    "a random megabyte": (lambda d, h: random.Random(2).randbytes(1 << 20), KIND.MODEL_INVALID),
    "cut in the header": (lambda d, h: bytes(d[:20]), KIND.MODEL_INVALID),
    "cut in the metadata": (lambda d, h: bytes(d[:200]), KIND.MODEL_INVALID),
    "cut in the tensor table": (lambda d, h: bytes(d[: h.data_start - 100]), KIND.MODEL_INVALID),
    "cut by one byte": (cut(1), KIND.MODEL_INVALID),
    "cut in the data": (cut(100_000), KIND.MODEL_INVALID),
    "version 1": (put(4, "<I", 1), KIND.MODEL_INVALID),
    "version 99": (put(4, "<I", 99), KIND.MODEL_INVALID),
    "byte-swapped": (put(4, ">I", 3), KIND.MODEL_INVALID),
    "2^62 tensors": (put(8, "<Q", 1 << 62), KIND.MODEL_INVALID),
    "-1 tensors": (put(8, "<q", -1), KIND.MODEL_INVALID),
    "2^40 keys": (put(16, "<Q", 1 << 40), KIND.MODEL_INVALID),
    "a key of 2^63 bytes": (put(24, "<Q", 1 << 63), KIND.MODEL_INVALID),
    "a key of 2^30 bytes": (put(24, "<Q", 1 << 30), KIND.MODEL_INVALID),
    "rubbish in the header": (lambda d, h: bytes(d[:24]) + bytes(range(7, 207)) + bytes(d[224:]), KIND.MODEL_INVALID),
    "unknown architecture": (renamed("phi3", "zhi3"), KIND.UNSUPPORTED),
    "a tensor renamed": (renamed("blk.1.ffn_down.weight", "blk.1.ffn_dowm.weight"), KIND.MODEL_INVALID),
    "a tensor twice": (renamed("blk.1.ffn_down.weight", "blk.0.ffn_down.weight"), KIND.MODEL_INVALID),
    "a tensor missing": (one_tensor_fewer, KIND.MODEL_INVALID),
    "a tensor of wrong shape": (of_another_shape("blk.1.ffn_down.weight"), KIND.MODEL_INVALID),
    "head_count 0": (value_of("phi3.attention.head_count", 0), KIND.MODEL_INVALID),
    "head_count 7": (value_of("phi3.attention.head_count", 7), KIND.MODEL_INVALID),
    "embedding_length 0": (value_of("phi3.embedding_length", 0), KIND.MODEL_INVALID),
    "vocabulary missing": (without_key("tokenizer.ggml.tokens"), KIND.MODEL_INVALID),
    "a special token missing": (renamed("<|endoftext|>", "<|endoftexx|>"), KIND.MODEL_INVALID),
    "a required key missing": (without_key("phi3.block_count"), KIND.MODEL_INVALID),
    "block_count 0": (value_of("phi3.block_count", 0), KIND.ABORTED),
    "block_count 100000": (value_of("phi3.block_count", 100_000), KIND.ABORTED),
    "a token twice": (renamed("▁t000001", "▁t000002"), KIND.ABORTED),
    "rope dimension 1000": (value_of("phi3.rope.dimension_count", 1000), KIND.ABORTED),
    "all 0xff": (filled(0xFF), KIND.MODEL_INVALID),
    "all zero": (filled(0), KIND.MODEL_INVALID),
    "all random": (filled_at_random, KIND.MODEL_INVALID),
    "shifted by one byte": (shifted_by_one_byte, KIND.MODEL_INVALID),
    "begin token out of range": (value_of("tokenizer.ggml.bos_token_id", 99_999), "done"),
    "context_length 0": (value_of("phi3.context_length", 0), "done"),
    "bytes after the end": (lambda d, h: bytes(d) + b"more", "done"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_damage_is_typed_and_explained(name: str, tiny_gguf: Path, tmp_path: Path) -> None:
    damage, kind = CASES[name]
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damage(bytearray(tiny_gguf.read_bytes()), read_header(tiny_gguf)))
    last = run(path)
    assert last["kind"] == kind, last
    if kind != "done":
        assert last["message"]
        assert last["remedy"]
        assert "Traceback" not in last["message"]
        assert str(tmp_path) not in last["message"] + last.get("detail", "")


def test_rope_dimension_0_hangs_and_is_timed_out(tiny_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "hang.gguf"
    data = bytearray(tiny_gguf.read_bytes())
    path.write_bytes(value_of("phi3.rope.dimension_count", 0)(data, read_header(tiny_gguf)))
    assert run(path, timeout_s=3.0)["kind"] == KIND.TIMED_OUT


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    assert run(tmp_path / "none.gguf")["kind"] == KIND.MODEL_MISSING
    assert run(tmp_path)["kind"] in {KIND.MODEL_INVALID, KIND.MODEL_MISSING}


def test_a_mapped_file_that_is_cut_while_it_is_used_crashes_alone(tiny_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "mapped.gguf"
    path.write_bytes(tiny_gguf.read_bytes())
    job = Job(
        launch_id="r/1",
        model=ModelRef(model="m", format="gguf", quant="q4_0", path=str(path)),
        engine="llama_cpp",
        options={"load_mode": "mmap", "repack": False},
        workload=Workload(name="long", n_prompt_tokens=16, n_generated_tokens=3000),
        n_warmups=1,
        n_iterations=3,
        timeout_s=60.0,
    )
    last = None
    for last in launch(job):
        if last.type is EventType.LOADED:
            with path.open("r+b") as file:
                file.truncate(4096)
    assert last is not None
    assert (last.type, last.data.get("kind")) == (EventType.FAILED, KIND.CRASHED)
    assert "SIGBUS" in last.data["message"]


def test_the_undamaged_file_works_in_both_load_modes(tiny_gguf: Path) -> None:
    assert run(tiny_gguf)["kind"] == run(tiny_gguf, load_mode="mmap")["kind"] == "done"


def damaged(tiny_gguf: Path, path: Path, damage: Damage) -> Path:
    path.write_bytes(damage(bytearray(tiny_gguf.read_bytes()), read_header(tiny_gguf)))
    return path


@pytest.mark.parametrize("damage", [cut(1), cut(100_000)], ids=["by one byte", "by a lot"])
def test_a_file_that_is_cut_is_refused_when_mapped_too(tiny_gguf: Path, tmp_path: Path, damage: Damage) -> None:
    last = run(damaged(tiny_gguf, tmp_path / "cut.gguf", damage), load_mode="mmap")
    assert (last["kind"], last["phase"]) == (KIND.MODEL_INVALID, "load")
    assert "cut short" in last["message"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (text(b"<!DOCTYPE html><html></html>"), "an HTML page"),
        (text(SPHINX), "a Git LFS pointer"),
        (text(b""), "empty"),
        (put(4, "<I", 1), "version"),
        (renamed("phi3", "zhi3"), "'zhi3'"),
        (filled(0), "all equal"),
        (filled(0xFF), "not finite"),
    ],
)
def test_the_message_says_what_is_wrong(tiny_gguf: Path, tmp_path: Path, damage: Damage, words: str) -> None:
    assert words in run(damaged(tiny_gguf, tmp_path / "damaged.gguf", damage))["message"]


@pytest.mark.parametrize(("key", "phase"), [("phi3.block_count", "load"), ("phi3.rope.dimension_count", "warmup")])
def test_an_abort_is_told_with_its_stage_and_assertion(tiny_gguf: Path, tmp_path: Path, key: str, phase: str) -> None:
    last = run(damaged(tiny_gguf, tmp_path / "abort.gguf", value_of(key, 100_000 if phase == "load" else 1000)))
    assert (last["kind"], last["phase"]) == (KIND.ABORTED, phase)
    assert "GGML_ASSERT" in last["message"]


def test_tensors_that_are_checked_are_refused_while_loading(tiny_gguf: Path, tmp_path: Path) -> None:
    last = run(damaged(tiny_gguf, tmp_path / "random.gguf", filled_at_random), check_tensors=True)
    assert (last["kind"], last["phase"]) == (KIND.MODEL_INVALID, "load")
    assert "NaN" in last["message"]


def test_a_file_that_was_read_may_be_cut_afterwards(tiny_gguf: Path, tmp_path: Path) -> None:
    path = damaged(tiny_gguf, tmp_path / "read.gguf", lambda data, header: bytes(data))
    job = Job(
        launch_id="r/1",
        model=ModelRef(model="m", format="gguf", quant="q4_0", path=str(path)),
        engine="llama_cpp",
        workload=Workload(name="chat", n_prompt_tokens=16, n_generated_tokens=200),
        timeout_s=60.0,
    )
    for event in launch(job):
        if event.type is EventType.LOADED:
            with path.open("r+b") as file:
                file.truncate(4096)
        assert event.type is not EventType.FAILED, event.data


def test_a_context_without_memory_is_out_of_memory(tiny_gguf: Path, tmp_path: Path) -> None:
    path = damaged(tiny_gguf, tmp_path / "wide.gguf", value_of("phi3.context_length", 2_000_000_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    job = Job(
        launch_id="r/1",
        model=ModelRef(model="m", format="gguf", quant="q4_0", path=str(path)),
        engine="llama_cpp",
        options={"n_ctx": 100_000_000, "threads": 1},
        workload=Workload(name="chat", n_prompt_tokens=16, n_generated_tokens=4),
        timeout_s=60.0,
    )
    events = launch(job)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, hard))  # the worker inherits it
    try:
        next(events)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    *_, last = events
    assert (last.type, last.data.get("kind")) == (EventType.FAILED, KIND.OUT_OF_MEMORY), last.data
    assert "100,000,000" in last.data["message"]
    assert last.data["remedy"]
