"""A tiny model for commands that need a real one."""

from pathlib import Path

import pytest

from collector.models.synth_gguf import write_gguf
from runners.contract import ModelShape


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of 1.6 million parameters."""
    path = tmp_path_factory.mktemp("models") / "tiny-llama.gguf"
    shape = ModelShape(
        architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
        context_length=4096, is_tied=False, n_params=1_574_144,
    )  # fmt: skip
    write_gguf(path, name="tiny", shape=shape, quant="q4_0")
    return path
