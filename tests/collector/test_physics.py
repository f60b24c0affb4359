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
    assert need.compute_bytes == pytest.approx(loaded["compute_bytes"], rel=0.25)
