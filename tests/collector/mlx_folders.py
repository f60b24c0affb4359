"""Small MLX folders for tests, and ways to damage them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collector.models.synth_mlx import write_mlx
from runners.contract import ModelShape

TIED = {"gemma": {"n_kv_heads": 1}, "qwen2": {"n_kv_heads": 2}, "phi3small": {"n_kv_heads": 2, "vocab_size": 100_352}}


def shape(architecture: str = "phi3", **change: Any) -> ModelShape:
    common = {
        "n_layers": 2, "n_embd": 256, "n_ff": 512, "n_heads": 4, "n_kv_heads": 4, "head_dim": 64, "vocab_size": 512,
        "context_length": 4096, "is_tied": architecture in TIED, "n_params": 1,
    }  # fmt: skip
    return ModelShape(architecture=architecture, **{**common, **TIED.get(architecture, {}), **change})


def write(path: Path, architecture: str = "phi3", **more: Any) -> Path:
    write_mlx(path, name=f"tiny {architecture}", shape=shape(architecture), **more)
    return path


def configure(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Another config.json."""
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def header(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    return dict(json.loads(data[8 : 8 + length]))


def rewrite(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Another header before the same data."""
    data = file.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    entries = json.loads(data[8 : 8 + length])
    change(entries)
    text = json.dumps(entries).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def real(folder: Path) -> Path:
    """The same folder without the marks of a synthetic one, as a converter would have written it."""
    configure(folder, lambda config: config.pop("phibench"))
    for file in folder.glob("model*.safetensors"):
        rewrite(file, lambda entries: entries.update({"__metadata__": {"format": "mlx"}}))
    return folder
