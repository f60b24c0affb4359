"""Synthetic files: valid for llama.cpp, marked, reused, written whole or not at all; and files that others give."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector import catalog, models
from collector.errors import PhibenchError, UsageError
from collector.models import disk, layout
from collector.models.gguf_header import read_header
from collector.models.synth_gguf import write_gguf
from runners.contract import EventType, Job, ModelRef, ModelShape, Workload
from runners.errors import FailureKind, ModelError
from runners.launch import launch

TIED = {"gemma": {"n_kv_heads": 1}, "qwen2": {}}


def shape(architecture: str) -> ModelShape:
    common = {
        "n_layers": 2, "n_embd": 256, "n_ff": 512, "n_heads": 4, "n_kv_heads": 4, "head_dim": 64, "vocab_size": 512,
        "context_length": 4096, "is_tied": architecture in TIED, "n_params": 1,
    }  # fmt: skip
    return ModelShape(architecture=architecture, **{**common, **TIED.get(architecture, {})})  # type: ignore[arg-type]


def write(folder: Path, architecture: str = "phi3", quant: str = "q4_0", **more: object) -> Path:
    path = folder / f"{architecture}-{quant}.gguf"
    write_gguf(path, name=f"tiny {architecture}", shape=shape(architecture), quant=quant, **more)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("architecture", layout.ARCHITECTURES)
@pytest.mark.parametrize("quant", layout.QUANTS)
def test_llama_cpp_loads_and_generates_with_finite_logits(tmp_path: Path, architecture: str, quant: str) -> None:
    ref = models.from_path(write(tmp_path, architecture, quant))
    workload = Workload(name="w", n_prompt_tokens=16, n_generated_tokens=8)
    events = list(launch(Job(launch_id="r/1", model=ref, engine="llama_cpp", workload=workload)))
    assert events[-1].type is EventType.DONE, events[-1].data
    (loaded,) = [e.data for e in events if e.type is EventType.LOADED]
    assert loaded["model"]["tensor_bytes"] == layout.tensor_bytes(shape(architecture), quant) == ref.tensor_bytes
    assert loaded["model"]["n_params"] == layout.n_params(shape(architecture))


def test_a_long_context_phi_3_has_its_rope_factors(tmp_path: Path) -> None:
    path = write(tmp_path, rope={"theta": 10000.0, "original_context": 1024})
    names = [t.name for t in read_header(path).tensors]
    assert {"rope_factors_long.weight", "rope_factors_short.weight"} <= set(names)
    workload = Workload(name="w", n_prompt_tokens=16, n_generated_tokens=8)
    *_, last = launch(Job(launch_id="r/1", model=models.from_path(path), engine="llama_cpp", workload=workload))
    assert last.type is EventType.DONE, last.data


def test_metadata_is_read_and_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, "llama", "q4_k_m")
    odd = tmp_path / "called-something-else.gguf"
    path.rename(odd)
    ref = models.from_path(odd)
    assert (ref.model, ref.quant, ref.format) == ("called-something-else", "q4_k_m", "gguf")
    assert (ref.is_synthetic, ref.has_tokenizer) == (True, False)
    assert ref.shape is not None
    assert (ref.shape.architecture, ref.shape.n_layers, ref.shape.vocab_size) == ("llama", 2, 512)
    assert ref.n_bytes == odd.stat().st_size


def test_the_same_seed_writes_the_same_file_and_another_does_not(tmp_path: Path) -> None:
    files = [write(tmp_path / str(i), seed=seed).read_bytes() for i, seed in enumerate((1, 1, 2))]
    assert files[0] == files[1] != files[2]


def test_the_catalogues_model_is_written_once_and_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = catalog.CatalogModel(
        id="tiny", name="Tiny", family="t", hf_repo="x/y", licence="MIT", is_gated=False, shape=shape("llama")
    )
    monkeypatch.setattr(catalog, "models", lambda: {"tiny": tiny})
    told: list[tuple[int, int]] = []
    ref = models.find_or_synthesise("tiny", "q4_0", lambda done, total: told.append((done, total)))
    assert told[-1] == (ref.tensor_bytes, ref.tensor_bytes)
    assert ref.model == "tiny"
    before = Path(str(ref.path)).stat()
    assert models.find_or_synthesise("tiny", "q4_0") == ref
    assert Path(str(ref.path)).stat() == before
    assert [r.model for r in models.local()] == ["tiny"]
    Path(str(ref.path)).write_bytes(b"GGUF cut")
    assert models.find_or_synthesise("tiny", "q4_0").digest == ref.digest
    assert models.remove("tiny") == before.st_size
    with pytest.raises(UsageError, match="no tiny is here"):
        models.remove("tiny")


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(PhibenchError, match="missing on the disk") as caught:
        write(tmp_path)
    assert "PHIBENCH_MODELS" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written_stays(tmp_path: Path, stop: BaseException | type[BaseException]) -> None:
    def interrupt(n_done: int, n_total: int) -> None:
        raise stop

    with pytest.raises((KeyboardInterrupt, PhibenchError)):
        write(tmp_path, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"GG", "has only 2 bytes"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b'{"error": "not found"}', "looks like JSON"),
        (b"just some notes\nof mine", "looks like text"),
        (b"\x00\x01\x02\x03" * 9, "begins with"),
    ],
)
def test_what_a_wrong_file_looks_like_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=says) as caught:
        models.from_path(path)
    assert caught.value.kind is FailureKind.MODEL_INVALID
    assert caught.value.remedy


def test_a_cut_file_says_by_how_much(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"cut: 1,000 bytes are missing|cut: 9\d\d bytes are missing"):
        models.from_path(path)


@pytest.mark.parametrize("at", [8, 16])
@pytest.mark.parametrize("count", [1 << 40, (1 << 63) + 5])
def test_absurd_counts_cost_nothing(tmp_path: Path, at: int, count: int) -> None:
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    data[at : at + 8] = count.to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(ModelError, match="more than the file can hold"):
        models.from_path(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        models.from_path(tmp_path / "none.gguf")
    assert caught.value.kind is FailureKind.MODEL_MISSING
    with pytest.raises(ModelError, match="is a folder"):
        models.from_path(tmp_path)


def test_names_and_formats_that_are_not_there() -> None:
    with pytest.raises(UsageError) as caught:
        models.size_bytes("phi-3-mini-4k", "q4_k")
    assert "q4_k_m" in caught.value.remedy
    with pytest.raises(ModelError, match="cannot be written as GGUF"):
        models.size_bytes("phi-3-small-8k", "q4_0")
    with pytest.raises(ModelError, match="blocksparse"):
        models.resolve("phi-3-small-8k", None, "llama_cpp")


MEASURE = """
import resource, sys
from pathlib import Path
import numpy, gguf
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from collector import catalog
from collector.models.synth_gguf import write_gguf
model = catalog.find("phi-3-mini-4k")
write_gguf(Path(sys.argv[1]), name="full", shape=model.shape, quant=sys.argv[2], rope=model.rope)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("quant", ["q4_0", "q4_k_m"])
def test_a_full_size_model_is_written_in_bounded_memory(tmp_path: Path, quant: str) -> None:
    path = tmp_path / "full.gguf"
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURE, str(path), quant], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300_000_000
    ref = models.from_path(path)
    assert ref.shape is not None
    assert (ref.shape.n_params, ref.tensor_bytes) == (3_821_079_552, layout.tensor_bytes(ref.shape, quant))
    path.unlink()


def test_a_path_is_told_from_a_name() -> None:
    assert models.is_path("x.gguf")
    assert models.is_path("some/folder/model")
    assert not models.is_path("phi-3-mini-4k")
    assert isinstance(ModelRef(model="m", format="gguf", quant="q"), ModelRef)
