"""Memory by arithmetic, held against what llama.cpp reported for synthetic models."""

import pytest

from collector import catalog, physics
from collector.models import layout
from runners.contract import EventType, Job, Workload
from runners.launch import launch

MIB = 1 << 20
PHI, LLAMA = catalog.find("phi-3-mini-4k").shape, catalog.find("llama-2-7b").shape


def test_kv_bytes_per_token() -> None:
    assert physics.kv_bytes_per_token(PHI) == 393_216
    assert physics.kv_bytes_per_token(LLAMA) == 524_288
    assert physics.kv_bytes_per_token(catalog.find("phi-3-medium-4k").shape) == 204_800


def test_the_context_is_padded_to_256() -> None:
    assert physics.memory_bytes(PHI, 0, 96).kv_bytes == 96 * MIB
    assert physics.memory_bytes(PHI, 0, 257).kv_bytes == 192 * MIB


def test_the_total_is_the_sum_and_grows_with_everything() -> None:
    need = physics.memory_bytes(PHI, layout.tensor_bytes(PHI, "q4_0"), 4096)
    assert need.total_bytes > need.weights_bytes + need.kv_bytes + need.compute_bytes
    assert need.kv_bytes == 4096 * 393_216
    assert physics.memory_bytes(PHI, 0, 4096, 64).compute_bytes < need.compute_bytes
    plain = physics.memory_bytes(PHI, 0, 4096, is_flash_attention=False)
    assert plain.compute_bytes > need.compute_bytes


@pytest.mark.parametrize(("n_ctx", "n_ubatch"), [(256, 256), (1024, 512), (4096, 512)])
def test_the_prediction_holds_against_the_engines_own_figures(
    tmp_path_factory: pytest.TempPathFactory, n_ctx: int, n_ubatch: int
) -> None:
    from dataclasses import replace

    from collector import models
    from collector.models.synth_gguf import write_gguf

    shape = replace(PHI, n_layers=1)
    path = tmp_path_factory.getbasetemp() / "one-layer.gguf"
    if not path.exists():
        write_gguf(path, name="one layer", shape=shape, quant="q4_0")
    work = Workload(name="w", n_prompt_tokens=4, n_generated_tokens=1)
    job = Job(
        launch_id="r/1", model=models.from_path(path), engine="llama_cpp", workload=work, n_warmups=0,
        options={"n_ubatch": n_ubatch, "n_ctx": n_ctx},
    )  # fmt: skip
    (loaded,) = [e.data for e in launch(job) if e.type is EventType.LOADED]
    need = physics.memory_bytes(shape, layout.tensor_bytes(shape, "q4_0"), n_ctx, n_ubatch)
    assert need.kv_bytes == loaded["kv_bytes"]
    assert need.weights_bytes == pytest.approx(loaded["weights_bytes"], rel=0.01)
    assert need.compute_bytes == pytest.approx(loaded["compute_bytes"], rel=0.01)


# model, n_ctx, n_ubatch, Flash Attention, MiB of compute that llama.cpp 0.3.36 reported for two or three layers with
# the full vocabulary
RECORDED = [
    ("phi-3-mini-4k", 96, 512, True, 16.29),
    ("phi-3-mini-4k", 256, 512, True, 43.44),
    ("phi-3-mini-4k", 1024, 128, True, 21.91),
    ("phi-3-mini-4k", 1024, 2048, True, 175.28),
    ("phi-3-mini-4k", 4096, 512, True, 90.64),
    ("phi-3-mini-128k", 32768, 512, True, 98.01),
    ("phi-3-mini-4k", 512, 512, False, 79.01),
    ("phi-3-mini-4k", 4096, 512, False, 294.01),
    ("phi-3-medium-4k", 1024, 512, True, 146.01),
    ("phi-3-medium-128k", 32768, 512, True, 167.01),
    ("phi-3-medium-4k", 1024, 512, False, 152.01),
    ("llama-2-7b", 1024, 512, True, 97.51),
    ("llama-2-7b", 4096, 512, False, 320.01),
    ("llama-2-13b", 4096, 512, True, 125.01),
    ("llama-3-8b", 4096, 512, True, 266.5),
    ("llama-3-8b", 4096, 512, False, 308.01),
    ("mistral-7b-v0.3", 32768, 512, True, 148.01),
    ("mistral-7b-v0.3", 1024, 512, False, 122.01),
    ("tinyllama-1.1b", 32768, 512, True, 81.01),
    ("qwen2.5-3b", 1024, 512, True, 304.75),
    ("gemma-2b", 256, 512, True, 254.0),
]


@pytest.mark.parametrize(("model", "n_ctx", "n_ubatch", "is_flash_attention", "mib"), RECORDED)
def test_the_compute_buffer_is_as_near_as_the_docstring_says(
    model: str, n_ctx: int, n_ubatch: int, is_flash_attention: bool, mib: float
) -> None:
    need = physics.memory_bytes(catalog.find(model).shape, 0, n_ctx, n_ubatch, is_flash_attention=is_flash_attention)
    assert need.compute_bytes / MIB == pytest.approx(mib, rel=0.01 if is_flash_attention else 0.11)


@pytest.mark.parametrize(("model", "peak_bytes"), [("phi-3-mini-4k", 2_346_602_496), ("llama-2-7b", 4_026_855_424)])
def test_the_total_is_within_1_percent_of_the_peaks_that_were_measured(model: str, peak_bytes: int) -> None:
    """VmHWM of a worker on x86, Q4_0, 64 prompt tokens and 32 generated, weights read into memory."""
    shape = catalog.find(model).shape
    need = physics.memory_bytes(shape, layout.tensor_bytes(shape, "q4_0"), 96)
    assert need.total_bytes == pytest.approx(peak_bytes, rel=0.01)
