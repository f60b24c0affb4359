"""Exact sizes of MLX models, from shapes alone."""

from dataclasses import replace

import pytest

from collector import catalog
from collector.models import formats, mlx_layout
from collector.models.recipe import Recipe
from runners.contract import ModelShape

SIZES = {
    "phi-3-mini-4k": (455, 2_149_644_288),
    "phi-3-mini-128k": (455, 2_149_644_288),
    "phi-3-small-8k": (645, 4_160_897_024),
    "llama-2-7b": (743, 3_790_741_504),
}
SHAPE = ModelShape(
    architecture="phi3", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1,
)  # fmt: skip


@pytest.mark.parametrize("model", SIZES)
def test_tensors_and_bytes_are_those_of_the_real_model(model: str) -> None:
    shape = catalog.find(model).shape
    assert (len(mlx_layout.tensors(shape)), mlx_layout.tensor_bytes(shape)) == SIZES[model]


@pytest.mark.parametrize("model", catalog.models())
def test_every_model_of_the_catalogue_can_be_written_and_has_its_number_of_parameters(model: str) -> None:
    shape = catalog.find(model).shape
    assert formats.is_writable(shape, "mlx_4bit_g64")
    assert mlx_layout.n_params(shape) == shape.n_params


def test_phi_3_minis_tensors_have_the_published_shapes() -> None:
    shapes = {t.name: (t.dtype, t.shape) for t in mlx_layout.tensors(catalog.find("phi-3-mini-4k").shape)}
    at = "model.layers.31."
    assert shapes["model.embed_tokens.weight"] == shapes["lm_head.weight"] == ("U32", (32064, 384))
    assert shapes["model.embed_tokens.scales"] == ("F16", (32064, 48))
    assert shapes[f"{at}self_attn.qkv_proj.weight"] == ("U32", (9216, 384))
    assert shapes[f"{at}self_attn.o_proj.weight"] == ("U32", (3072, 384))
    assert shapes[f"{at}mlp.gate_up_proj.weight"] == ("U32", (16384, 384))
    assert shapes[f"{at}mlp.down_proj.weight"] == ("U32", (3072, 1024))
    assert shapes[f"{at}mlp.down_proj.biases"] == ("F16", (3072, 128))
    assert shapes["model.norm.weight"] == ("F16", (3072,))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": "mamba"}, "not known"),
        ({"n_ff": 500}, "no multiple of 64"),
        ({"head_dim": 128}, "as wide as the model"),
        ({"architecture": "phi3small"}, "100,352"),
    ],
)
def test_what_mlx_lm_cannot_have_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        mlx_layout.tensors(replace(SHAPE, **change))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=says):
        Recipe(name="x", shape=replace(SHAPE, **change), quant="mlx_4bit_g64")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not known"):
        mlx_layout.tensors(SHAPE, "q4_0")
