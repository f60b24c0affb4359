"""An MLX folder by path: what is read of it, and every kind of damage with its words and its remedy."""

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx_folders
import pytest

from collector import models
from collector.models import synth_mlx
from runners.errors import FailureKind, ModelError

WEIGHTS = "model.safetensors"
Damage = Callable[[Path], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mlx_folders.write(tmp_path / "m")


def test_the_artifact_says_what_the_files_say(folder: Path) -> None:
    ref = models.from_path(folder)
    assert (ref.model, ref.format, ref.quant, ref.path) == ("m", "mlx", "mlx_4bit_g64", str(folder))
    assert ref.n_bytes == (folder / WEIGHTS).stat().st_size
    assert (ref.is_synthetic, ref.has_tokenizer) == (True, False)
    assert ref.shape is not None
    assert (ref.shape.n_params, ref.shape.vocab_size, ref.shape.is_tied) == (1_574_144, 512, False)


def test_real_weights_are_not_called_synthetic_and_have_a_tokenizer(folder: Path) -> None:
    ref = models.from_path(mlx_folders.real(folder))
    assert (ref.is_synthetic, ref.has_tokenizer) == (False, True)
    (folder / "tokenizer.json").unlink()
    assert not models.from_path(folder).has_tokenizer


def test_one_mark_of_two_is_enough(folder: Path) -> None:
    mlx_folders.configure(folder, lambda config: config.pop("phibench"))
    assert models.from_path(folder).is_synthetic


def test_bits_and_groups_follow_from_the_tensors_not_from_the_configuration(folder: Path) -> None:
    mlx_folders.configure(folder, lambda config: config["quantization"].update({"bits": 8, "group_size": 32}))
    assert models.from_path(folder).quant == "mlx_4bit_g64"


def test_float_weights_are_named_by_their_type(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    shape = mlx_folders.shape("llama")
    from collector.models import mlx_layout

    sizes = {f"{m.name}.weight": [m.rows, m.columns] for m in mlx_layout.matrices(shape)}
    sizes |= {name: [n] for name, n in mlx_layout.vectors(shape)}
    entries: dict[str, Any] = {}
    at = 0
    for name, dims in sizes.items():
        n_bytes = 2 * dims[0] * (dims[1] if len(dims) == 2 else 1)
        entries[name] = {"dtype": "BF16", "shape": dims, "data_offsets": [at, at + n_bytes]}
        at += n_bytes
    text = json.dumps(entries).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    config = json.loads((mlx_folders.write(tmp_path / "m", "llama") / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if "quant" not in k}))
    mlx_folders.configure(folder, lambda c: c.pop("phibench"))
    ref = models.from_path(folder)
    assert (ref.quant, ref.shape and ref.shape.n_params) == ("bf16", 1_574_144)


def test_the_digest_tells_weights_and_configurations_apart(folder: Path, tmp_path: Path) -> None:
    first = models.from_path(folder).digest
    assert models.from_path(mlx_folders.write(tmp_path / "again")).digest == first
    assert models.from_path(mlx_folders.write(tmp_path / "seed", seed=2)).digest != first
    mlx_folders.configure(folder, lambda config: config.update(rope_theta=1.0))
    assert models.from_path(folder).digest != first


def test_a_model_in_the_hubs_cache_is_called_after_its_repository(tmp_path: Path) -> None:
    place = tmp_path / "models--mlx-community--Phi-3-mini-4k-instruct-4bit" / "snapshots" / "0123abc"
    assert models.from_path(mlx_folders.real(mlx_folders.write(place))).model == "Phi-3-mini-4k-instruct-4bit"


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.update(model_type="qwen9", num_experts=8),
        lambda config: config.update(model_type="qwen9", hidden_size=None),
    ],
)
def test_an_architecture_that_is_not_known_here_is_left_to_the_engine(
    folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    mlx_folders.configure(folder, change)
    ref = models.from_path(folder)
    assert (ref.shape, ref.quant) == (None, "mlx_4bit_g64")


def test_weights_that_another_method_quantised_are_named_by_it(folder: Path) -> None:
    def foreign(config: dict[str, Any]) -> None:
        config.pop("quantization")
        config["quantization_config"] = {"quant_method": "awq", "bits": 4}

    mlx_folders.configure(folder, foreign)
    assert (models.from_path(folder).quant, models.from_path(folder).shape) == ("awq", None)


def config(change: Callable[[dict[str, Any]], Any]) -> Damage:
    return lambda folder: mlx_folders.configure(folder, change)


def entry(change: Callable[[dict[str, Any]], Any]) -> Damage:
    return lambda folder: mlx_folders.rewrite(folder / WEIGHTS, change)


def content(data: bytes) -> Damage:
    return lambda folder: (folder / WEIGHTS).write_bytes(data)


def cut(n_bytes: int) -> Damage:
    return lambda folder: os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - n_bytes)


NORM = "model.norm.weight"
INVALID = [
    ("no config", lambda folder: (folder / "config.json").unlink(), "is a folder without config.json"),
    ("config no JSON", lambda folder: (folder / "config.json").write_text("{"), "config.json is not JSON"),
    ("config a list", lambda folder: (folder / "config.json").write_text("[]"), "no table"),
    ("config deep", lambda folder: (folder / "config.json").write_text("[" * 100_000), "is not JSON"),
    ("no model_type", config(lambda c: c.pop("model_type")), "does not say the model_type"),
    ("no width", config(lambda c: c.pop("hidden_size")), "lacks hidden_size"),
    ("odd width", config(lambda c: c.update(hidden_size="x")), "hidden_size is 'x'"),
    ("no heads", config(lambda c: c.update(num_attention_heads=0)), "num_attention_heads is 0"),
    ("other vocabulary", config(lambda c: c.update(vocab_size=400)), "config.json implies 400 rows"),
    ("other width", config(lambda c: c.update(hidden_size=320)), "which are no"),
    ("one layer more", config(lambda c: c.update(num_hidden_layers=3)), "lacks the tensor 'model.layers.2"),
    ("no quantization", config(lambda c: (c.pop("quantization"), c.pop("quantization_config"))), "has no quantization"),
    ("no weights", lambda folder: (folder / WEIGHTS).unlink(), "has no weights"),
    ("empty", content(b""), "is empty"),
    ("7 bytes", content(b"1234567"), "only 7 bytes"),
    ("LFS pointer", content(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
    ("garbage", content(b"\xff" * 1000), "its header would be"),
    ("header not JSON", content(struct.pack("<Q", 4) + b"abcd"), "header is not JSON"),
    ("header a list", content(struct.pack("<Q", 2) + b"[]"), "no table of tensors"),
    ("nothing in it", content(struct.pack("<Q", 2) + b"{}"), "holds no weights"),
    ("cut", cut(1000), "is cut: 1,000 bytes are missing"),
    ("cut in its header", lambda folder: os.truncate(folder / WEIGHTS, 100), "cut in its header"),
    ("too long", lambda folder: os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size + 9), "9 bytes at its"),
    ("heads", config(lambda c: c.update(num_key_value_heads=3)), "4 heads cannot share 3"),
    ("no scales", entry(lambda e: e.pop("lm_head.scales")), "expected"),
    ("other type", entry(lambda e: e[NORM].update(dtype="Q3")), "'Q3', which is not known"),
    ("type of other size", entry(lambda e: e[NORM].update(dtype="F32")), "takes 512 bytes"),
    ("shape", entry(lambda e: e[NORM].update(shape=[2, 128])), "config.json implies [256]"),
    ("negative", entry(lambda e: e[NORM].update(shape=[-256])), "no shape or no place"),
    ("huge", entry(lambda e: e[NORM].update(shape=[1 << 62, 1 << 62])), "takes 512 bytes"),
    ("renamed", entry(lambda e: e.update({"other": e.pop(NORM)})), f"lacks the tensor '{NORM}'"),
    ("scales renamed", entry(lambda e: e.update({"lm_head.x": e.pop("lm_head.scales")})), "'lm_head.scales'"),
]


@pytest.mark.parametrize(("damage", "says"), [(d, s) for _, d, s in INVALID], ids=[name for name, _, _ in INVALID])
def test_damage_is_said_and_has_a_remedy(folder: Path, damage: Damage, says: str) -> None:
    damage(folder)
    with pytest.raises(ModelError) as caught:
        models.from_path(folder)
    assert says in caught.value.message
    assert caught.value.kind is FailureKind.MODEL_INVALID
    assert caught.value.remedy


def test_a_tensor_twice_in_one_header_is_refused(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    text = data[8 : 8 + length].replace(b'"model.norm.weight"', b'"lm_head.biases"')
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    with pytest.raises(ModelError, match=r"'lm_head\.biases' twice"):
        models.from_path(folder)


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(synth_mlx, "MAX_SHARD_BYTES", 300_000)
    return mlx_folders.write(tmp_path / "cut")


def test_a_shard_that_is_missing_is_named(shards: Path) -> None:
    (shards / "model-00002-of-00004.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks model-00002-of-00004\.safetensors, which its index names"):
        models.from_path(shards)
    (shards / "model.safetensors.index.json").unlink()
    with pytest.raises(ModelError, match="lacks the tensor"):
        models.from_path(shards)


def test_a_shard_of_another_model_is_named(shards: Path) -> None:
    first, second = (shards / f"model-0000{i}-of-00004.safetensors" for i in (1, 2))
    second.write_bytes(first.read_bytes())
    with pytest.raises(ModelError, match=r"twice, in model-00001-of-00004\.safetensors and model-00002"):
        models.from_path(shards)


def test_an_index_that_was_left_over_is_passed_over_when_all_its_tensors_are_there(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    names = json.loads(index.read_text())["weight_map"]
    old = {**dict.fromkeys(names, "pytorch-1.safetensors"), "a.rotary_emb.inv_freq": "pytorch-1.safetensors"}
    index.write_text(json.dumps({"weight_map": old}))
    assert models.from_path(folder).quant == "mlx_4bit_g64"


@pytest.mark.parametrize("mode", [0o644, 0o311, 0])
def test_a_folder_that_may_not_be_read_is_told_as_such(mode: int) -> None:
    """Root may read everything, so the test goes on as nobody where it is root."""
    place = Path(tempfile.mkdtemp(prefix="phibench-test-"))  # pytest's own folders are closed to others
    closed = mlx_folders.write(place / "closed")
    own = os.geteuid()
    try:
        place.chmod(0o755)
        closed.chmod(mode)
        os.seteuid(own or 65534)
        with pytest.raises(ModelError, match="may not be read") as caught:
            models.from_path(closed)
        assert (caught.value.kind, caught.value.remedy) == (FailureKind.MODEL_MISSING, "check the folder's permissions")
    finally:
        os.seteuid(own)
        closed.chmod(0o755)
        shutil.rmtree(place)


def test_code_that_comes_with_a_model_is_never_run(folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit('it ran')")
    mlx_folders.configure(folder, lambda c: c.update(model_file="evil.py"))
    with pytest.raises(ModelError, match="code of its own") as caught:
        models.from_path(folder)
    assert caught.value.kind is FailureKind.UNSUPPORTED


def test_what_is_no_mlx_folder_says_what_to_give_instead(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="one file of an MLX model") as caught:
        models.from_path(folder / WEIGHTS)
    assert str(folder) in caught.value.remedy
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.gguf").touch()
    with pytest.raises(ModelError, match=r"without config\.json") as caught:
        models.from_path(tmp_path / "x")
    assert "a.gguf" in caught.value.remedy
    with pytest.raises(ModelError) as caught:
        models.from_path(tmp_path / "nothing")
    assert caught.value.kind is FailureKind.MODEL_MISSING
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match=r"only pytorch_model\.bin") as caught:
        models.from_path(folder)
    assert "mlx_lm.convert" in caught.value.remedy


def test_a_pipe_among_the_shards_does_not_block(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    with pytest.raises(ModelError, match="no regular file"):
        models.from_path(folder)


def test_a_file_goes_to_the_engine_that_reads_it(folder: Path) -> None:
    assert models.resolve(str(folder), None, "mlx").format == "mlx"
    with pytest.raises(ModelError, match="llama_cpp cannot run") as caught:
        models.resolve(str(folder), None, "llama_cpp")
    assert (caught.value.kind, caught.value.remedy) == (FailureKind.UNSUPPORTED, "--engine mlx")
