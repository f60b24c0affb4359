"""Models of other programs are found where those keep them, shown with a path that can be used, and left alone."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import models
from collector.cli import cli
from collector.models import found
from collector.models.synth_gguf import write_gguf
from collector.models.synth_mlx import write_mlx
from runners.contract import ModelShape

SHAPE = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1_574_144,
)  # fmt: skip
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def gguf(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gguf(path, name="tiny", shape=SHAPE, quant="q4_0")
    return path


def ollama(root: Path, place: str = "registry.example/library/phi3/mini", digest: str = DIGEST) -> Path:
    """As `ollama pull` leaves it."""
    manifest = root / "manifests" / place
    manifest.parent.mkdir(parents=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "cd" * 32, "size": 3},
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": 4},
    ]
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return gguf(root / "blobs" / digest.replace(":", "-"))


def state(root: Path) -> Mapping[Path, tuple[int, int]]:
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in root.glob("**/*")}


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert found.search() == []


def test_the_hubs_cache_is_where_its_library_has_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found.hub_cache() == home / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert found.hub_cache() == Path("/x/huggingface/hub")
    monkeypatch.setenv("HF_HOME", "$HOME/y")
    assert found.hub_cache() == home / "y" / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", "~/z")
    assert found.hub_cache() == home / "z"


def test_a_gguf_and_an_mlx_folder_in_the_hubs_cache(home: Path) -> None:
    repository = home / ".cache/huggingface/hub/models--maker--tiny"
    blob = gguf(repository / "blobs" / ("ef" * 32))
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "tiny-Q4_0.gguf").symlink_to(blob)
    (snapshot / "mmproj-tiny.gguf").symlink_to(blob)
    (snapshot / "gone.gguf").symlink_to(snapshot / "nowhere")
    write_mlx(
        snapshot.parent.parent.parent / "models--maker--tiny-4bit" / "snapshots" / ("1" * 40), name="t", shape=SHAPE
    )
    two, one = found.search()
    assert (one.source, one.name, one.format) == (found.HUB, "maker/tiny-4bit", "mlx")
    assert (two.name, two.format, two.n_bytes) == ("maker/tiny/tiny-Q4_0.gguf", "gguf", blob.stat().st_size)
    assert models.from_path(one.path).format == "mlx"
    assert models.from_path(two.path).quant == "q4_0"
    assert found.search(leave_out=[str(blob)]) == [one]


def test_ollamas_blobs_are_found_by_their_manifests(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = ollama(home / ".ollama/models")
    (one,) = found.search()
    assert (one.source, one.name, one.path) == (found.OLLAMA, "phi3:mini", str(blob))
    assert models.is_path(one.path)
    assert models.from_path(one.path).quant == "q4_0"
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "elsewhere"))
    assert found.search() == []
    ollama(home / "elsewhere", "registry.example/me/mine/7b")
    assert [one.name for one in found.search()] == ["me/mine:7b"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"layers": 3}', '{"layers": [3]}', "\x00", '{"layers": [{}]}'])
def test_a_strange_manifest_finds_nothing(home: Path, text: str) -> None:
    blob = ollama(home / ".ollama/models")
    next((home / ".ollama/models/manifests").glob("*/*/*/*")).write_text(text)
    assert found.search() == []
    assert blob.is_file()


def test_a_configuration_that_is_nested_without_end_is_passed_over(home: Path) -> None:
    folder = home / ".cache/huggingface/hub/models--a--b/snapshots/0"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("[" * 100_000)
    assert found.search() == []


def test_a_manifest_cannot_lead_elsewhere_and_a_blob_must_be_a_gguf(home: Path) -> None:
    gguf(home / "secret.gguf")
    ollama(home / ".ollama/models", digest="../../../secret.gguf")
    assert found.search() == []
    blob = ollama(home / ".ollama/models", "registry.example/library/other/1b")
    blob.write_bytes(b"not a model")
    assert found.search() == []


@pytest.mark.parametrize("place", [".lmstudio/models", ".cache/lm-studio/models"])
def test_lm_studios_folder_of_today_and_of_old(home: Path, place: str) -> None:
    gguf(home / place / "maker" / "tiny-GGUF" / "tiny-Q4_0.gguf")
    write_mlx(home / place / "maker" / "tiny-4bit", name="tiny", shape=SHAPE)
    assert [(one.source, one.name, one.format) for one in found.search()] == [
        (found.LM_STUDIO, "maker/tiny-4bit", "mlx"),
        (found.LM_STUDIO, "maker/tiny-GGUF/tiny-Q4_0.gguf", "gguf"),
    ]


def test_the_list_shows_what_is_found_and_changes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    blob = ollama(home / ".ollama/models")
    folder = home / ".lmstudio/models/maker/tiny-4bit"
    write_mlx(folder, name="tiny", shape=SHAPE)
    before = state(home)
    runner = CliRunner()
    text = runner.invoke(cli, ["models", "list"]).output
    assert f"phi3:mini (Ollama), {blob.stat().st_size / 1024:.2f} KiB: {blob}" in text.replace("\n", " ")
    rows = json.loads(runner.invoke(cli, ["models", "list", "--found", "--json"]).output)
    assert rows["schema"] == "phibench.found/1"
    assert {row["path"] for row in rows["data"]} == {str(blob), str(folder)}
    only = json.loads(runner.invoke(cli, ["models", "list", "--found", "--engine", "mlx", "--json"]).output)
    assert [row["path"] for row in only["data"]] == [str(folder)]
    assert state(home) == before
