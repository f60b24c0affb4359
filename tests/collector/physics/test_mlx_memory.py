"""What an arm takes on mlx-lm, against what its counters said."""

import dataclasses

import pytest

from collector import catalog, physics
from runners.contract import ModelShape, Scalar, Workload

PHI = catalog.find("phi-3-mini-4k").shape
SMALL = ModelShape(
    architecture="phi3", n_layers=4, n_embd=512, n_ff=1408, n_heads=8, n_kv_heads=8, head_dim=64, vocab_size=4096,
    context_length=4096, is_tied=False, n_params=17_043_968,
)  # fmt: skip
N_BYTES = 2_149_644_288


def need(backend: str, n_ctx: int = 96, n_prefill: int = 64, **options: Scalar) -> physics.MemoryNeed:
    found = physics.memory_of_arm(
        PHI, N_BYTES, n_ctx, options, engine="mlx", backend=backend, n_prefill_tokens=n_prefill
    )
    assert found is not None
    return found


def test_weights_are_those_of_the_file_on_metal_and_wider_on_a_cpu() -> None:
    assert need("metal").weights_bytes == N_BYTES
    assert need("cpu").weights_bytes == pytest.approx(2_388_848_640, rel=0.0005)
    assert need("cpu", compute_dtype="stored").weights_bytes == N_BYTES
    assert need("metal", compute_dtype="float32").weights_bytes == need("cpu").weights_bytes


def test_the_cache_grows_by_256_positions() -> None:
    assert need("metal", n_ctx=256).kv_bytes == 256 * 393_216
    assert need("metal", n_ctx=257).kv_bytes == 512 * 393_216
    assert need("cpu", n_ctx=256).kv_bytes == 2 * 256 * 393_216


def test_a_quantised_cache_has_its_scales_and_biases() -> None:
    assert need("metal", n_ctx=256, kv_bits=8, kv_group_size=32).kv_bytes == 256 * 393_216 // 2 * 1.125
    assert physics.bytes_per_token(PHI, 0, 1, 1.125) == 393_216 / 2 * 1.125


def test_groups_that_nobody_chose_are_those_that_the_engine_chooses() -> None:
    """A head of Phi-3-mini is 96 wide, which 64 does not divide."""
    assert (
        need("metal", n_ctx=256, kv_bits=8).kv_bytes == need("metal", n_ctx=256, kv_bits=8, kv_group_size=32).kv_bytes
    )
    assert physics.kv_bytes_per_token(PHI, 1.0) == 196_608
    chat = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=2)
    plain, packed = (
        physics.bytes_per_token_of_arm(PHI, N_BYTES, "mlx_4bit_g64", chat, options) for options in ({}, {"kv_bits": 8})
    )
    assert plain is not None
    assert packed is not None
    assert plain - packed == 65 * 196_608 * (2 - 1.125)
    wide = ModelShape(**{**dataclasses.asdict(PHI), "n_heads": 48, "n_kv_heads": 48, "head_dim": 64})
    found = physics.memory_of_arm(wide, N_BYTES, 256, {"kv_bits": 8}, engine="mlx", backend="metal")
    assert found is not None
    assert found.kv_bytes == 256 * 196_608 * 1.0625


def test_float_weights_double_on_a_cpu_when_they_are_16_bit() -> None:
    sizes = {
        bits: physics.memory_of_arm(PHI, PHI.n_params * bits // 8, 96, {}, engine="mlx", backend="cpu")
        for bits in (16, 32)
    }
    assert {bits: found.weights_bytes / PHI.n_params for bits, found in sizes.items() if found} == {16: 4, 32: 4}


@pytest.mark.parametrize(("n_tokens", "peak_bytes"), [(256, 29_521_992), (1024, 112_815_817)])
def test_the_peak_that_mlx_counted_is_met(n_tokens: int, peak_bytes: int) -> None:
    found = physics.memory_of_arm(
        SMALL, 9_593_856, n_tokens, {}, engine="mlx", backend="cpu", n_prefill_tokens=n_tokens - 1
    )
    assert found is not None
    assert found.weights_bytes + found.kv_bytes + found.compute_bytes == pytest.approx(peak_bytes, rel=0.03)


def test_other_engines_are_predicted_as_before() -> None:
    assert physics.memory_of_arm(PHI, N_BYTES, 96, {}) == physics.memory_bytes(PHI, N_BYTES, 96)
    assert physics.memory_of_arm(None, N_BYTES, 96, {}, engine="mlx") is None
