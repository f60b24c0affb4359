"""Bytes of a token, ceilings and arithmetic, held against exact layouts and published numbers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import catalog, physics
from collector.models import layout
from runners.contract import ModelShape, Workload, WorkloadKind

PHI, LLAMA = catalog.find("phi-3-mini-4k").shape, catalog.find("llama-2-7b").shape
PHI_Q4_0 = layout.tensor_bytes(PHI, "q4_0")
GB = 1e9
KNOWN = [m for m in catalog.models().values() if m.shape.architecture in layout.ARCHITECTURES]


@pytest.mark.parametrize("quant", layout.QUANTS)
@pytest.mark.parametrize("model", KNOWN, ids=[m.id for m in KNOWN])
def test_streamed_weights_are_exact_for_every_layout(model: catalog.CatalogModel, quant: str) -> None:
    table = {t.name: t for t in layout.tensors(model.shape, quant)}["token_embd.weight"]
    row = table.n_bytes // model.shape.vocab_size
    left_out = 0 if model.shape.is_tied else table.n_bytes - row
    total = layout.tensor_bytes(model.shape, quant)
    assert physics.streamed_bytes(model.shape, total, quant) == pytest.approx(total - left_out, abs=1e-3)


def test_the_embedding_of_phi_3_mini_is_2_3_to_2_6_percent() -> None:
    for quant in ("q4_0", "q4_k_m"):
        total = layout.tensor_bytes(PHI, quant)
        assert 0.023 < 1 - physics.streamed_bytes(PHI, total, quant) / total < 0.026


@pytest.mark.parametrize("quant", ["q4_0", "q4_k_m"])
def test_an_unknown_format_is_within_1_percent(quant: str) -> None:
    total = layout.tensor_bytes(PHI, quant)
    assert physics.streamed_bytes(PHI, total, "unknown") == pytest.approx(
        physics.streamed_bytes(PHI, total, quant), rel=0.01
    )


@given(n_prompt=st.integers(0, 5000), n_generated=st.integers(2, 500), n_depth=st.integers(0, 5000))
def test_the_mean_context_is_that_of_the_steps_after_the_first_token(
    n_prompt: int, n_generated: int, n_depth: int
) -> None:
    seen = [n_depth + n_prompt + k for k in range(1, n_generated)]
    assert physics.mean_context_tokens(n_prompt, n_generated, n_depth) == pytest.approx(sum(seen) / len(seen))


# tokens of context and tokens/s of an M1 (68.25 GB/s), computed apart from this code over the whole file
@pytest.mark.parametrize(
    ("shape", "n_bytes", "ceilings"),
    [
        (PHI, 2.149e9, {0: 31.8, 512: 29.0, 1024: 26.7, 2048: 23.1, 4096: 18.2}),
        (PHI, 2.175e9, {0: 31.4, 512: 28.7, 1024: 26.5, 2048: 22.9, 4096: 18.0}),
        (PHI, 2.393e9, {0: 28.5, 512: 26.3, 1024: 24.4, 2048: 21.3, 4096: 17.0}),
        (LLAMA, 3.826e9, {0: 17.8, 512: 16.7, 1024: 15.6, 2048: 13.9, 4096: 11.4}),
    ],
)
def test_ceilings_fall_with_the_context(shape: ModelShape, n_bytes: float, ceilings: dict[int, float]) -> None:
    for context, expected in ceilings.items():
        bytes_of_token = physics.bytes_per_token(shape, n_bytes, context)
        assert physics.decode_ceiling_tok_per_s(68.25 * GB, bytes_of_token) == pytest.approx(expected, abs=0.06)


def test_a_smaller_cache_type_moves_fewer_bytes() -> None:
    half = physics.bytes_per_token(PHI, 0, 2048, 34 / 32)
    assert physics.bytes_per_token(PHI, 0, 2048) / half == pytest.approx(64 / 34)


def test_bytes_of_an_arm_heed_depth_and_cache_type_and_are_none_when_unknown() -> None:
    work = Workload(name="w", n_prompt_tokens=100, n_generated_tokens=50, n_depth_tokens=1000)
    weights = physics.streamed_bytes(PHI, PHI_Q4_0, "q4_0")
    plain = physics.bytes_per_token_of_arm(PHI, PHI_Q4_0, "q4_0", work, {})
    small = physics.bytes_per_token_of_arm(PHI, PHI_Q4_0, "q4_0", work, {"kv_type": "q8_0"})
    assert plain == weights + 1125 * 393_216
    assert small == pytest.approx(weights + 1125 * 393_216 * 17 / 32)
    assert physics.bytes_per_token_of_arm(None, PHI_Q4_0, "q4_0", work, {}) is None
    assert physics.bytes_per_token_of_arm(PHI, None, "q4_0", work, {}) is None
    prefill = Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=512)
    assert physics.bytes_per_token_of_arm(PHI, PHI_Q4_0, "q4_0", prefill, {}) is None


def test_utilisation_is_the_rate_over_the_ceiling() -> None:
    ceiling = physics.decode_ceiling_tok_per_s(68.25 * GB, 3.826e9)
    assert physics.bandwidth_utilisation(14.19, 3.826e9, 68.25 * GB) == pytest.approx(14.19 / ceiling)
    assert physics.bandwidth_utilisation(14.19, 3.826e9, 68.25 * GB) == pytest.approx(0.795, abs=0.001)


def test_the_m1_claim_of_107_is_implausible_and_the_real_14_is_not() -> None:
    assert physics.bandwidth_utilisation(107, 3.826e9, 68.25 * GB) == pytest.approx(6.0, abs=0.01)
    assert physics.is_implausible(107, 3.826e9, 68.25 * GB)
    assert not physics.is_implausible(14.19, 3.826e9, 68.25 * GB)


def test_the_tolerance_is_where_the_docstring_puts_it() -> None:
    ceiling = physics.decode_ceiling_tok_per_s(50 * GB, 2e9)
    assert not physics.is_implausible(ceiling * 1.09, 2e9, 50 * GB)
    assert physics.is_implausible(ceiling * 1.11, 2e9, 50 * GB)
    assert physics.is_implausible(ceiling * 1.01, 2e9, 50 * GB, tolerance_frac=0.0)


def test_what_fits_into_caches_is_not_judged() -> None:
    assert not physics.is_implausible(1e6, 2e6, 10 * GB)
    assert not physics.is_implausible(1e6, 500e6, 10 * GB)
    assert physics.is_implausible(1e6, 513e6, 10 * GB)
    assert not physics.is_implausible(1e6, 513e6, 10 * GB, least_bytes=2e9)


def test_attention_adds_to_a_prefill_what_was_derived_by_hand() -> None:
    for n_prompt, share in ((512, 0.013), (4096, 0.105)):
        layers_alone = physics.prefill_flop(replace(PHI, n_heads=1, n_kv_heads=1, head_dim=1), n_prompt)
        assert physics.prefill_flop(PHI, n_prompt) / layers_alone - 1 == pytest.approx(share, rel=0.08)


def test_prefill_counts_the_output_matrix_once_and_the_embedding_never() -> None:
    table = PHI.vocab_size * PHI.n_embd
    one = physics.prefill_flop(PHI, 1)
    assert one == pytest.approx(2 * (PHI.n_params - table), rel=1e-3)
    assert physics.prefill_flop(PHI, 100) == pytest.approx(100 * one - 99 * 2 * table, rel=5e-3)
    tied = catalog.find("llama-3.2-1b").shape
    assert physics.prefill_flop(tied, 1) == pytest.approx(2 * tied.n_params, rel=1e-3)


def test_depth_adds_pairs_of_every_prompt_token_with_what_stands_before() -> None:
    split = physics.prefill_flop(PHI, 1000) + physics.prefill_flop(PHI, 1000, 1000)
    assert split == pytest.approx(physics.prefill_flop(PHI, 2000) + 2 * PHI.vocab_size * PHI.n_embd, rel=1e-9)


def test_the_m1s_prefill_of_107_is_1_4_tflop_per_s() -> None:
    assert physics.prefill_flop_per_s(LLAMA, 512, 107.81) == pytest.approx(1.41e12, rel=0.01)


@given(n_prompt=st.integers(1, 4000), n_depth=st.integers(0, 4000))
def test_a_prefill_is_the_decode_steps_of_its_tokens_without_their_logits(n_prompt: int, n_depth: int) -> None:
    steps = sum(physics.decode_flop(PHI, n_depth + i + 0.5) for i in range(n_prompt))
    logits = 2 * (n_prompt - 1) * PHI.vocab_size * PHI.n_embd
    assert physics.prefill_flop(PHI, n_prompt, n_depth) == pytest.approx(steps - logits, rel=1e-9)


def test_a_decode_step_of_a_4_bit_phi_3_mini_does_about_3_operations_a_byte_and_fewer_in_a_long_context() -> None:
    weights = physics.streamed_bytes(PHI, PHI_Q4_0, "q4_0")
    found = [physics.decode_flop(PHI, c) / physics.bytes_per_token(PHI, weights, c) for c in (0, 64, 512, 2048)]
    assert found == sorted(found, reverse=True)
    assert 3.4 < found[0] < 3.6
    assert found[-1] > 2.5


def test_a_prefill_moves_every_weight_and_its_own_keys_and_values_at_least_once() -> None:
    assert physics.prefill_bytes(PHI, 2e9, 100, 50) == 2e9 + 150 * 393_216
    assert physics.prefill_bytes(PHI, 2e9, 100, 0, 1.0) == 2e9 + 100 * 393_216 / 2
