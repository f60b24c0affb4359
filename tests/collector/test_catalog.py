"""The catalogue: whole, sourced, and every parameter count recomputed."""

import pytest

from collector import catalog
from collector.errors import ModelNotFound
from collector.models import layout
from runners.errors import FailureKind, ModelError

MODELS = catalog.models()


@pytest.mark.parametrize("model_id", MODELS)
def test_every_model_has_licence_source_and_engines(model_id: str) -> None:
    model = MODELS[model_id]
    assert model.licence
    assert model.sources
    assert {"llama_cpp", "mlx"} <= set(model.engines)
    assert all(s.is_supported or s.reason for s in model.engines.values())


@pytest.mark.parametrize("model_id", [m for m in MODELS if MODELS[m].shape.architecture in layout.ARCHITECTURES])
def test_every_parameter_count_follows_from_the_shape(model_id: str) -> None:
    assert layout.n_params(MODELS[model_id].shape) == MODELS[model_id].shape.n_params


def test_phi_3_small_counts_its_biases() -> None:
    s = MODELS["phi-3-small-8k"].shape
    attention = (s.n_heads + 2 * s.n_kv_heads) * s.head_dim * (s.n_embd + 1) + s.n_embd * (s.n_embd + 1)
    feed_forward = 2 * s.n_ff * (s.n_embd + 1) + s.n_embd * (s.n_ff + 1)
    total = s.vocab_size * s.n_embd + s.n_layers * (attention + feed_forward + 4 * s.n_embd) + 2 * s.n_embd
    assert total == s.n_params == 7_392_272_384


def test_the_models_of_the_mission_are_there() -> None:
    assert {"phi-3-mini-4k", "phi-3-mini-128k", "phi-3.5-mini", "phi-3-medium-4k", "phi-3-small-8k", "llama-2-7b",
            "llama-2-13b"} <= set(MODELS)  # fmt: skip


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(ModelNotFound) as caught:
        catalog.find("phi3-mini-4k")
    assert caught.value.remedy == "Did you mean 'phi-3-mini-4k'?"
    assert caught.value.exit_code == 2


def test_phi_3_small_is_refused_on_llama_cpp_with_who_can() -> None:
    with pytest.raises(ModelError) as caught:
        catalog.refuse("phi-3-small-8k", "llama_cpp")
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert "blocksparse" in caught.value.message
    assert "mlx can run it" in caught.value.remedy
    catalog.refuse("phi-3-mini-4k", "llama_cpp")


PUBLISHED = [
    (model.id, file)
    for model in MODELS.values()
    for file in model.files
    if file.format == "gguf" and file.n_bytes and file.quant
]


@pytest.mark.parametrize(("model_id", "file"), PUBLISHED)
def test_published_sizes_are_those_of_our_layout_and_a_header(model_id: str, file: catalog.PublishedFile) -> None:
    shape = MODELS[model_id].shape
    assert file.n_bytes is not None
    assert file.quant is not None
    tensors = layout.tensor_bytes(shape, file.quant)
    if model_id == "qwen2.5-3b":  # published with the output matrix apart, as its note says
        tensors += shape.vocab_size * shape.n_embd // 32 * 18
    assert 20 < (file.n_bytes - tensors) / shape.vocab_size < 65  # a vocabulary takes so many bytes a token


def test_a_digest_that_is_known_is_whole() -> None:
    digests = [file.sha256 for model in MODELS.values() for file in model.files if file.sha256]
    assert len(digests) >= 2
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)


def test_long_contexts_say_what_they_were_stretched_from() -> None:
    for model_id in ("phi-3-mini-128k", "phi-3.5-mini", "phi-3-medium-128k"):
        assert MODELS[model_id].rope["original_context"] == 4096
        assert MODELS[model_id].shape.context_length == 131_072
