"""The tiny models that engines are tried with: two layers of random weights, one in each format."""

from pathlib import Path

from runners import registry
from runners.contract import ModelRef, ModelShape

_SHAPE = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=512, is_tied=False, n_params=1_574_144,
)  # fmt: skip


def model_for(engine: str, folder: Path) -> ModelRef:
    """A model that this engine can load, written into a folder; one without a file where it needs none."""
    formats = registry.load(engine).formats
    if "gguf" in formats:
        return _gguf(folder / "tiny.gguf")
    if "mlx" in formats:
        return _mlx(folder / "tiny")
    return ModelRef(model="tiny", format="none", quant="none")


def _gguf(path: Path) -> ModelRef:
    from collector.models.synth_gguf import write_gguf

    write_gguf(path, name="tiny", shape=_SHAPE, quant="q4_0")
    return ModelRef(
        model="tiny", format="gguf", quant="q4_0", path=str(path), n_bytes=path.stat().st_size, is_synthetic=True,
        shape=_SHAPE,
    )  # fmt: skip


def _mlx(folder: Path) -> ModelRef:
    from collector import models
    from collector.models.synth_mlx import write_mlx

    write_mlx(folder, name="tiny", shape=_SHAPE)
    return models.from_path(folder)
