"""A tiny GGUF and a tiny MLX folder, written once a session."""

from pathlib import Path

import pytest

from collector.models.synth_gguf import write_gguf
from collector.models.synth_mlx import write_mlx
from runners.contract import ModelShape


def tiny_shape(architecture: str = "phi3", **more: int | bool) -> ModelShape:
    """About 1.5 million parameters, loaded in milliseconds."""
    return ModelShape(
        **{  # type: ignore[arg-type]
            "architecture": architecture, "n_layers": 2, "n_embd": 256, "n_ff": 512, "n_heads": 4, "n_kv_heads": 4,
            "head_dim": 64, "vocab_size": 512, "context_length": 4096, "is_tied": False, "n_params": 1_574_144,
        } | more
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phi3 of 1.6 million parameters in Q4_0; tests damage copies of it."""
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_gguf(path, name="tiny phi-3", shape=tiny_shape(), quant="q4_0")
    return path


@pytest.fixture(scope="session")
def tiny_mlx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shape as an MLX folder in 4 bits; tests damage copies of it."""
    path = tmp_path_factory.mktemp("models") / "tiny-mlx"
    write_mlx(path, name="tiny phi-3", shape=tiny_shape())
    return path
