"""Exact sizes, known from files and from llama.cpp's quantiser."""

import pytest

from collector import catalog
from collector.models import layout
from runners.contract import ModelShape

SIZES = {
    ("phi-3-mini-4k", "f16"): 7_642_558_464,
    ("phi-3-mini-4k", "q8_0"): 4_060_483_584,
    ("phi-3-mini-4k", "q4_0"): 2_175_438_336,
    ("phi-3-mini-4k", "q4_k_m"): 2_392_493_568,
    ("llama-2-7b", "f16"): 13_477_363_712,
    ("llama-2-7b", "q8_0"): 7_160_348_672,
    ("llama-2-7b", "q4_0"): 3_825_065_984,
    ("llama-2-7b", "q4_k_m"): 4_080_263_168,
}


@pytest.mark.parametrize(("model", "quant"), SIZES)
def test_tensor_bytes_are_exact(model: str, quant: str) -> None:
    assert layout.tensor_bytes(catalog.find(model).shape, quant) == SIZES[model, quant]


def test_phi_3_mini_has_exactly_so_many_parameters() -> None:
    assert layout.n_params(catalog.find("phi-3-mini-4k").shape) == 3_821_079_552


def test_the_sensitive_layers_of_32() -> None:
    assert [i for i in range(32) if layout.has_more_bits(i, 32)] == [
        0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31,
    ]  # fmt: skip


def test_the_phi_3_mixture_is_that_of_the_official_file() -> None:
    shape = catalog.find("phi-3-mini-4k").shape
    kinds = {t.name: t.type for t in layout.tensors(shape, "q4_k_m")}
    assert {kinds[f"blk.{i}.attn_qkv.weight"] for i in range(32)} == {"Q5_K"}
    assert (kinds["blk.0.ffn_down.weight"], kinds["blk.4.ffn_down.weight"]) == ("Q6_K", "Q4_K")
    assert (kinds["output.weight"], kinds["token_embd.weight"]) == ("Q6_K", "Q4_K")
    assert "official" in layout.mixture(shape, "q4_k_m")


def test_a_width_that_no_256_divides_falls_back() -> None:
    shape = ModelShape(
        architecture="llama", n_layers=1, n_embd=96, n_ff=160, n_heads=3, n_kv_heads=3, head_dim=32, vocab_size=300,
        context_length=64, is_tied=False, n_params=1,
    )  # fmt: skip
    assert {t.type for t in layout.tensors(shape, "q4_k_m")} == {"F32", "Q5_0", "Q8_0"}


@pytest.mark.parametrize(("architecture", "quant"), [("phi3small", "q4_0"), ("phi3", "q9")])
def test_what_is_not_known_is_refused(architecture: str, quant: str) -> None:
    shape = catalog.find("phi-3-small-8k" if architecture == "phi3small" else "phi-3-mini-4k").shape
    with pytest.raises(ValueError, match="not known"):
        layout.tensors(shape, quant)
