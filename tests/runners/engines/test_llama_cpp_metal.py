"""
llama.cpp on a Mac, from what its library would say there: published logs, put together; unverified on a Mac.

What is in effect is read from the log and from the library's calls, here those of the stand-in.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import stand_in_llama_cpp

from runners import device
from runners.contract import Flag, Loaded
from runners.engines import llama_cpp as engine
from runners.engines.llama_cpp import LlamaCppEngine, binding, evidence, faults, loading, settings

METAL = """\
ggml_metal_device_init: GPU name:   MTL0 (Apple M1)
llama_prepare_model_devices: using device MTL0 (Apple M1) (unknown id) - 10922 MiB free
load_tensors: loading model tensors, this can take a while... (load_mode = none)
load_tensors: offloading output layer to GPU
load_tensors: offloading 31 repeating layers to GPU
load_tensors: offloaded 33/33 layers to GPU
load_tensors:          CPU model buffer size =    52.84 MiB
load_tensors:         MTL0 model buffer size =  2021.84 MiB
llama_context: flash_attn            = auto
llama_context: Flash Attention was auto, set to enabled
llama_kv_cache:       MTL0 KV buffer size =    96.00 MiB
llama_kv_cache: size =   96.00 MiB (   256 cells,  32 layers,  1/1 seqs), K (f16):   48.00 MiB, V (f16):   48.00 MiB
sched_reserve:       MTL0 compute buffer size =    83.01 MiB
sched_reserve:        CPU compute buffer size =     6.51 MiB
"""
NO_DEVICE = """\
load_tensors: loading model tensors, this can take a while... (load_mode = none)
load_tensors: offloaded 33/33 layers to GPU
load_tensors:          CPU model buffer size =  2074.68 MiB
load_tensors:         MTL0 model buffer size =     0.00 MiB
llama_kv_cache:        CPU KV buffer size =    96.00 MiB
"""
MAPPED = (
    "load_tensors:  MTL0_Mapped model buffer size =  2021.84 MiB\nload_tensors: CPU_Mapped model buffer size = 52.8 MiB"
)
MIB = 1 << 20


class Library:
    """The stand-in, with a GPU backend or without."""

    def __init__(self, *, has_gpu: bool) -> None:
        self._has_gpu = has_gpu

    def __getattr__(self, name: str) -> Any:
        return (lambda: self._has_gpu) if name == "llama_supports_gpu_offload" else getattr(stand_in_llama_cpp, name)


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    yield
    binding.start_log()


def loaded(log: str, *, has_gpu: bool, **options: int) -> Loaded:
    """What the engine reads back after a load with this log."""
    binding.LOG[:] = [(2, line + "\n") for line in log.splitlines()]
    context = stand_in_llama_cpp.llama_context_params(n_ctx=256, n_threads=4, n_threads_batch=4)
    asked = settings.resolve({"threads": 1, **options})
    return loading.read_back(Library(has_gpu=has_gpu), SimpleNamespace(), context, asked, load_s=1.0, has_pool=True)


def mac(monkeypatch: pytest.MonkeyPatch, *, is_apple_silicon: bool = True) -> None:
    monkeypatch.setattr(device, "expects_gpu", lambda: is_apple_silicon)


def test_all_layers_go_to_metal_unless_the_arm_says_otherwise() -> None:
    assert settings.resolve({}).n_gpu_layers == -1
    assert settings.resolve({"n_gpu_layers": 0}).n_gpu_layers == 0
    assert "Metal" in LlamaCppEngine.options["n_gpu_layers"].help


@pytest.mark.parametrize("log", [METAL, MAPPED])
def test_metal_in_effect(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mac(monkeypatch)
    found = loaded(log, has_gpu=True)
    assert (found.backend, found.flags) == ("metal", ())


def test_what_the_library_says_of_a_load_on_metal() -> None:
    found = loaded(METAL, has_gpu=True)
    assert found.options["n_gpu_layers"] == 33
    assert found.options["flash_attn"] == "on"
    assert found.kv_bytes == 96 * MIB
    assert found.weights_bytes == pytest.approx(2074.68 * MIB, abs=MIB / 100)
    names = {(buffer["name"], buffer["kind"]) for buffer in found.engine_reported["buffers"]}
    assert {("MTL0", "model"), ("CPU", "model"), ("MTL0", "compute")} <= names


def test_a_fall_back_to_the_cpu_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says 33 of 33 layers, and the GPU's buffer is empty."""
    mac(monkeypatch)
    found = loaded(NO_DEVICE, has_gpu=True)
    assert (found.backend, found.flags) == ("cpu", (Flag.CPU_FALLBACK,))
    assert found.options["n_gpu_layers"] == 0, "as in effect, not as the line repeats it"


def test_a_library_without_metal_on_apple_silicon_is_a_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    mac(monkeypatch)
    without_metal = NO_DEVICE.replace("load_tensors: offloaded 33/33 layers to GPU\n", "")
    assert loaded(without_metal, has_gpu=False).flags == (Flag.CPU_FALLBACK,)
    mac(monkeypatch, is_apple_silicon=False)
    assert loaded(without_metal, has_gpu=False).flags == (), "a PC or an Intel Mac is not expected to have a GPU"
    assert loaded(without_metal, has_gpu=False, n_gpu_layers=8).flags == (Flag.CPU_FALLBACK,), "unless it was asked for"


def test_the_cpu_on_purpose_is_no_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    mac(monkeypatch)
    assert loaded(NO_DEVICE, has_gpu=True, n_gpu_layers=0).flags == ()


def test_a_log_that_says_nothing_is_not_taken_for_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    mac(monkeypatch)
    found = loaded("", has_gpu=True)
    assert (found.backend, found.flags) == (None, (Flag.CPU_FALLBACK,))


def test_a_gpu_without_memory_is_typed_as_memory() -> None:
    log = [
        (4, "ggml_metal_synchronize: error: command buffer 0 failed with status 5\n"),
        (4, "error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)\n"),
        (4, "graph_compute: ggml_backend_sched_graph_compute_async failed with error -1\n"),
    ]
    fault = faults.of_decode(-3, evidence.first_error(log))
    assert fault.kind == "out_of_memory"
    assert "Insufficient Memory" in fault.message
    assert faults.of_decode(-3, evidence.first_error(log[:1])).kind == "crashed"


def test_the_library_that_computes_on_metal_is_part_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two builds that differ in their Metal kernels alone are two builds; elsewhere nothing is said of it."""
    for name in ("libllama.dylib", "libggml-cpu.dylib", "libggml-metal.dylib"):
        (tmp_path / name).write_bytes(name.encode())
    api = Library(has_gpu=True)
    lib = SimpleNamespace(**{**vars(stand_in_llama_cpp._lib), "_name": str(tmp_path / "libllama.dylib")})
    monkeypatch.setattr(stand_in_llama_cpp, "_lib", lib)
    build = engine._build.__wrapped__(api)
    assert build["libggml_metal_bytes"] == len("libggml-metal.dylib")
    assert (build["has_gpu"], build["is_library_overridden"]) == (True, False)
    (tmp_path / "libggml-metal.dylib").unlink()
    assert "libggml_metal_sha256" not in engine._build.__wrapped__(api)
