"""Synthetic MLX folders: what is in them, marked, reused, written whole or not at all; and mlx-lm loads them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlx_folders
import pytest

from collector import catalog, models
from collector.errors import PhibenchError, UsageError
from collector.models import disk, mlx_layout, synth_mlx
from collector.models.disk import sweep
from collector.models.safetensors import read_shard
from runners.errors import ModelError

MLX = "mlx_4bit_g64"
FILES = ["config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json"]

WRITER = """
import sys, time
from pathlib import Path
from collector.models.synth_mlx import write_mlx
from runners.contract import ModelShape
shape = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1,
)
def tell(done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]))
write_mlx(Path(sys.argv[1]), name="tiny", shape=shape, on_progress=tell)
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    entry = catalog.CatalogModel(
        id="tiny", name="Tiny", family="t", hf_repo="x/y", licence="MIT", is_gated=False, shape=mlx_folders.shape()
    )
    monkeypatch.setattr(catalog, "models", lambda: {"tiny": entry})
    return "tiny"


@pytest.mark.parametrize("architecture", mlx_layout.ARCHITECTURES)
def test_the_folder_holds_the_tensors_of_the_layout_and_nothing_else(tmp_path: Path, architecture: str) -> None:
    folder = mlx_folders.write(tmp_path / "m", architecture)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    shard = read_shard(folder / "model.safetensors")
    wanted = mlx_layout.tensors(mlx_folders.shape(architecture))
    assert {(t.name, t.dtype, t.shape) for t in shard.tensors} == {(t.name, t.dtype, t.shape) for t in wanted}
    index = json.loads((folder / FILES[2]).read_text())
    assert index["metadata"]["total_size"] == sum(t.n_bytes for t in wanted)
    assert list(index["weight_map"]) == sorted(t.name for t in wanted)
    assert len((folder / "model.safetensors").read_bytes()) % 2 == 0


def test_the_configuration_says_what_it_is_and_that_it_is_synthetic(tmp_path: Path) -> None:
    rope = {"theta": 5000.0, "original_context": 1024}
    config = json.loads((mlx_folders.write(tmp_path / "m", rope=rope) / "config.json").read_text())
    assert config["quantization"] == config["quantization_config"] == {"group_size": 64, "bits": 4, "mode": "affine"}
    assert (config["model_type"], config["rope_theta"], config["pad_token_id"]) == ("phi3", 5000.0, 0)
    assert config["tie_word_embeddings"] is False
    assert config["original_max_position_embeddings"] == 1024
    assert config["rope_scaling"]["type"] == "longrope"
    assert [len(config["rope_scaling"][key]) for key in ("short_factor", "long_factor")] == [32, 32]
    assert config["phibench"]["synthetic"] is True
    assert mlx_folders.header(tmp_path / "m" / "model.safetensors")["__metadata__"]["phibench.synthetic"] == "true"


def test_scales_and_biases_give_weights_of_unit_outputs_without_a_drift(tmp_path: Path) -> None:
    import numpy as np

    folder = mlx_folders.write(tmp_path / "m")
    entries = mlx_folders.header(folder / "model.safetensors")
    data = (folder / "model.safetensors").read_bytes()
    start = len(data) - max(entry["data_offsets"][1] for key, entry in entries.items() if key != "__metadata__")

    def read(name: str, dtype: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        begin, end = entries[name]["data_offsets"]
        return np.frombuffer(data[start + begin : start + end], dtype).reshape(entries[name]["shape"])

    at = "model.layers.1.mlp.down_proj"
    words = read(f"{at}.weight", "<u4")
    q = np.stack([(words >> (4 * k)) & 15 for k in range(8)], axis=-1).reshape(256, 512)
    scales, biases = (read(f"{at}.{part}", "<f2").astype(float) for part in ("scales", "biases"))
    values = q * np.repeat(scales, 64, axis=1) + np.repeat(biases, 64, axis=1)
    assert values.std() * 512**0.5 == pytest.approx(1.0, abs=0.02)
    assert abs(values.mean()) * 512 < 0.3
    assert set(read("model.norm.weight", "<f2").tolist()) == {1.0}


def test_the_same_seed_writes_the_same_files_and_another_does_not(tmp_path: Path) -> None:
    folders = [mlx_folders.write(tmp_path / str(i), seed=seed) for i, seed in enumerate((1, 1, 2))]
    read = [{name: (folder / name).read_bytes() for name in FILES} for folder in folders]
    assert read[0] == read[1]
    assert read[0]["model.safetensors"] != read[2]["model.safetensors"]


def test_a_large_model_is_written_in_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = models.from_path(mlx_folders.write(tmp_path / "whole"))
    monkeypatch.setattr(synth_mlx, "MAX_SHARD_BYTES", 300_000)
    ref = models.from_path(mlx_folders.write(tmp_path / "cut"))
    files = sorted((tmp_path / "cut").glob("*.safetensors"))
    assert [file.name for file in files] == [f"model-0000{i}-of-00004.safetensors" for i in range(1, 5)]
    assert max(read_shard(file).n_file_bytes for file in files) < 310_000
    assert ref.tensor_bytes == whole.tensor_bytes == mlx_layout.tensor_bytes(mlx_folders.shape())
    assert ref.n_bytes == sum(file.stat().st_size for file in files)


def test_the_tokenizer_has_a_word_for_every_id(tmp_path: Path) -> None:
    vocab = json.loads((mlx_folders.write(tmp_path / "m") / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocab.values()) == list(range(512))
    assert vocab["Ġ"] == 3 + 32  # the space, the 33rd byte


def test_the_catalogues_model_is_written_once_and_used_again(tiny: str) -> None:
    told: list[tuple[int, int]] = []
    ref = models.find_or_synthesise(tiny, MLX, lambda done, total: told.append((done, total)))
    assert told[-1] == (ref.tensor_bytes, ref.tensor_bytes)
    assert (ref.model, ref.format, ref.quant, ref.is_synthetic) == ("tiny", "mlx", MLX, True)
    folder = models.path_of(tiny, MLX)
    before = folder.stat().st_ino
    assert models.find_or_synthesise(tiny, MLX) == ref
    assert folder.stat().st_ino == before
    assert models.find_or_synthesise(tiny, MLX, is_forced=True).digest == ref.digest
    assert folder.stat().st_ino != before
    gguf = models.find_or_synthesise(tiny, "q4_0")
    assert [(r.format, r.quant) for r in models.local()] == [("mlx", MLX), ("gguf", "q4_0")]
    assert models.remove(tiny, MLX) > (ref.n_bytes or 0)
    assert models.local() == [gguf]


@pytest.mark.parametrize("damage", ["cut", "recipe", "config", "no tokenizer"])
def test_a_folder_that_is_damaged_or_of_another_recipe_is_written_anew(tiny: str, damage: str) -> None:
    ref = models.find_or_synthesise(tiny, MLX)
    folder = models.path_of(tiny, MLX)
    if damage == "cut":
        os.truncate(folder / "model.safetensors", 1000)
    elif damage == "recipe":
        mlx_folders.rewrite(
            folder / "model.safetensors", lambda entries: entries["__metadata__"].update({"phibench.recipe": "0"})
        )
    elif damage == "config":
        mlx_folders.configure(folder, lambda config: config["phibench"].update({"recipe": "0"}))
    else:
        (folder / "tokenizer.json").unlink()
    assert models.find_or_synthesise(tiny, MLX).digest == ref.digest
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = disk.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(PhibenchError, match="missing on the disk"):
        mlx_folders.write(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written_stays_and_the_old_one_does(
    tmp_path: Path, stop: BaseException | type[BaseException]
) -> None:
    before = models.from_path(mlx_folders.write(tmp_path / "m"))

    def interrupt(n_done: int, n_total: int) -> None:
        raise stop

    with pytest.raises((KeyboardInterrupt, PhibenchError)):
        mlx_folders.write(tmp_path / "m", seed=2, on_progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert models.from_path(tmp_path / "m") == before


def start_writer(path: Path, pause_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", WRITER, str(path), str(pause_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_what_a_killed_writer_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    with start_writer(tmp_path / "x", 60) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    (left,) = tmp_path.glob(".*.partial")
    assert sweep(tmp_path) == 0  # young: perhaps a writer that has not locked it yet
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    assert sweep(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_living_writer_is_never_swept(tmp_path: Path) -> None:
    with start_writer(tmp_path / "x", 0.02) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        (partial,) = tmp_path.glob(".*.partial")
        os.utime(partial, (0, 0))
        assert sweep(tmp_path) == 0
        writer.stdout.read()
    assert writer.returncode == 0
    assert models.from_path(tmp_path / "x").quant == MLX


def test_writers_at_the_same_time_leave_one_whole_folder(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path / "x", 0.002) for _ in range(3)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert models.from_path(tmp_path / "x").quant == MLX
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_formats_and_engines_that_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="mlx runs no q4_0") as caught:
        models.resolve("phi-3-mini-4k", "q4_0", "mlx")
    assert "--engine llama_cpp" in caught.value.remedy
    with pytest.raises(UsageError, match="llama_cpp runs no mlx_4bit_g64"):
        models.resolve("phi-3-mini-4k", MLX, "llama_cpp")
    with pytest.raises(UsageError) as caught:
        models.size_bytes("phi-3-mini-4k", "4bit")
    assert MLX in caught.value.remedy
    with pytest.raises(ModelError) as refused:
        models.size_bytes("phi-3-small-8k", "q4_0")
    assert "phibench models synth phi-3-small-8k --engine mlx" in refused.value.remedy


MEASURE = """
import resource, sys
from pathlib import Path
import numpy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from collector import catalog
from collector.models.synth_mlx import write_mlx
model = catalog.find("phi-3-mini-4k")
write_mlx(Path(sys.argv[1]), name="full", shape=model.shape, rope=model.rope)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
def test_a_full_size_model_is_written_in_bounded_memory(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    command = [sys.executable, "-P", "-c", MEASURE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300_000_000
    ref = models.from_path(folder)
    assert ref.shape is not None
    assert (ref.shape.n_params, ref.tensor_bytes, ref.quant) == (3_821_079_552, 2_149_644_288, MLX)
    disk.remove(folder)


LOAD = """
import sys
import mlx.core as mx
import mlx_lm
model, tokenizer = mlx_lm.load(sys.argv[1])
model.set_dtype(mx.float32)
logits = model(mx.arange(3, 203)[None])[0]
known = logits if sys.argv[2] != "phi3small" else logits[:, :100_000]
assert bool(mx.isfinite(known).all()), "logits that are not finite"
assert float(known.std()) > 0.05, float(known.std())
assert float(mx.abs(known).max()) < 20, float(mx.abs(known).max())
assert tokenizer.decode(tokenizer.encode("Hello, wörld")) == "Hello, wörld"
"""


@pytest.mark.mlx
@pytest.mark.parametrize("architecture", [*mlx_layout.ARCHITECTURES, "longrope"])
def test_mlx_lm_loads_it_offline_with_finite_logits(tmp_path: Path, architecture: str) -> None:
    if architecture == "longrope":
        mlx_folders.write(tmp_path / "m", rope={"theta": 1e4, "original_context": 1024})
    else:
        mlx_folders.write(tmp_path / "m", architecture)
    command = [sys.executable, "-P", "-c", LOAD, str(tmp_path / "m"), architecture]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "MLX_DISABLE_COMPILE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
