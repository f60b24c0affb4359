"""The parts of the llama.cpp engine that need no library: log, faults, prompt, loops, options."""

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from runners import device
from runners.contract import ModelRef
from runners.engines.llama_cpp import binding, evidence, faults, loading, loop, settings
from runners.errors import FailureKind, RunnerUnavailable

MODEL = ModelRef(model="m", format="gguf", quant="q4_0", path="/nowhere/m.gguf")
LOG = [
    (2, "load_tensors: loading model tensors, this can take a while... (load_mode = mmap)\n"),
    (1, "repack: repack tensor blk.0.attn_qkv.weight with q4_0_8x8\n"),
    (5, "repack: repack tensor blk.1.attn_qkv.weight with q4_0_8x8\n"),
    (2, "load_tensors:   CPU_Mapped model buffer size =  2034.16 MiB\n"),
    (2, "load_tensors:   CPU_REPACK model buffer size =  1944.00 MiB\n"),
    (3, "a warning\n"),
    (3, "a warning\n"),
    (2, "llama_context: flash_attn            = auto\n"),
    (2, "llama_context:        CPU  output buffer size =     0.12 MiB\n"),
    (2, "llama_kv_cache:        CPU KV buffer size =    96.00 MiB\n"),
    (2, "llama_kv_cache: size = 96.00 MiB (256 cells, 32 layers, 1/1 seqs), K (f16): 48.00 MiB, V (q8_0): 48.00 MiB\n"),
    (2, "resolve_fused_ops: Flash Attention enabled\n"),
    (2, "resolve_fused_ops: fused DeepSeek V4 HC pre enabled\n"),
    (2, "sched_reserve:        CPU compute buffer size =    22.51 MiB\n"),
    (2, "sched_reserve: graph: nodes = 354, splits = 1, input objects = 4, input tensors = 6\n"),
]  # fmt: skip
MIB = 1 << 20


def test_evidence_is_what_the_log_says() -> None:
    seen = evidence.read(LOG)
    assert (seen.load_mode, seen.is_flash_attn_on, seen.backend) == ("mmap", True, "cpu")
    assert (seen.kv_type_k, seen.kv_type_v) == ("f16", "q8_0")
    assert (seen.repack_kinds, seen.n_repacked_tensors, seen.n_graph_splits) == (("q4_0_8x8",), 2, 1)
    assert seen.n_bytes("model") == round(2034.16 * MIB) + 1944 * MIB
    assert seen.n_bytes("KV") == 96 * MIB
    assert seen.n_bytes("compute") == round(22.51 * MIB)
    assert seen.n_bytes("output") == round(0.12 * MIB)
    assert seen.warnings == ("a warning",)


@pytest.mark.parametrize(
    ("said", "mode"),
    [("mmap = true, direct_io = false", "mmap"), ("mmap = false, direct_io = false", "none"),
     ("mmap = false, direct_io = true", "dio"), ("mmap = true", "mmap")],
)  # fmt: skip
def test_the_load_mode_of_an_older_version_is_read_from_its_switches(said: str, mode: str) -> None:
    seen = evidence.read([(2, f"load_tensors: loading model tensors, this can take a while... ({said})\n")])
    assert seen.load_mode == mode


@pytest.mark.parametrize(
    ("asked", "told", "in_effect"),
    [("none", "none", "none"), ("mlock", "mlock", "mlock"), ("mlock", "none", None), ("mmap+mlock", "mmap", None),
     ("mmap", "none", "none"), ("none", None, None)],
)  # fmt: skip
def test_a_lock_that_is_not_told_is_unknown(asked: str, told: str | None, in_effect: str | None) -> None:
    assert loading.load_mode_in_effect(asked, told) == in_effect


class OfOlderVersion(ctypes.Structure):
    _fields_: ClassVar = [(name, ctypes.c_bool) for name in ("use_mmap", "use_mlock", "use_direct_io")]


@pytest.mark.parametrize(
    ("mode", "switched_on"),
    [("none", set()), ("mmap", {"use_mmap"}), ("mlock", {"use_mlock"}), ("mmap+mlock", {"use_mmap", "use_mlock"}),
     ("dio", {"use_direct_io"})],
)  # fmt: skip
def test_a_load_mode_is_three_switches_in_an_older_version(mode: str, switched_on: set[str]) -> None:
    params = OfOlderVersion(use_mmap=True)
    binding.set_fields(params, **loading.load_fields(params, mode))
    assert {name for name, _ in params._fields_ if getattr(params, name)} == switched_on


def test_without_the_calls_for_it_there_is_no_pool_of_threads() -> None:
    with loading.thread_pool(SimpleNamespace(_lib=SimpleNamespace()), None, 1) as has_pool:
        assert not has_pool


def test_a_pool_of_threads_is_attached_and_freed_after_it_was_detached() -> None:
    calls: list[tuple[Any, ...]] = []

    def noted(name: str, result: int | None = None) -> Any:
        def call(*given: Any) -> int | None:
            calls.append((name, *(value for value in given if isinstance(value, int | str | None))))
            return result

        return call

    pools = {"ggml_threadpool_params_init": None, "ggml_threadpool_new": 7, "ggml_threadpool_free": None}
    names = {**pools, "llama_attach_threadpool": None, "llama_detach_threadpool": None}
    library = SimpleNamespace(**{name: noted(name, result) for name, result in names.items()})
    with loading.thread_pool(SimpleNamespace(_lib=library), "context", 3) as has_pool:
        assert has_pool
        assert calls == [
            ("ggml_threadpool_params_init", 3),
            ("ggml_threadpool_new",),
            ("llama_attach_threadpool", "context", 7, None),
        ]
    assert calls[3:] == [("llama_detach_threadpool", "context"), ("ggml_threadpool_free", 7)]


def test_every_call_is_in_the_list_that_is_checked_when_the_binding_is_loaded() -> None:
    sources = Path(binding.__file__).parent.glob("*.py")
    called = {name for path in sources for name in re.findall(r"(?:api|module)\.(llama_\w+)", path.read_text())}
    assert called == set(binding.CALLED)


def test_what_the_log_does_not_say_is_unknown() -> None:
    seen = evidence.read([])
    assert seen.n_bytes("model") is None
    assert (seen.backend, seen.is_flash_attn_on, seen.load_mode, seen.n_gpu_layers) == (None, None, None, None)


@pytest.mark.parametrize(
    ("lines", "is_on"),
    [
        (["llama_context: flash_attn            = enabled"], True),
        (["llama_context: flash_attn            = disabled"], False),
        (["llama_context: flash_attn            = auto"], None),
        (
            [
                "llama_context: flash_attn            = auto",
                "resolve_fused_ops: Flash Attention not supported, set to disabled",
            ],
            False,
        ),
        (
            [
                "llama_context: flash_attn            = auto",
                "llama_context: Flash Attention was auto, set to enabled",
            ],
            True,
        ),
    ],
)
def test_flash_attention_in_effect(lines: list[str], is_on: bool | None) -> None:
    assert evidence.read([(2, line) for line in lines]).is_flash_attn_on is is_on


@pytest.mark.parametrize(
    ("buffers", "backend"),
    [
        (["CPU"], "cpu"),
        (["CPU_Mapped", "CPU_REPACK"], "cpu"),
        (["AMX"], "cpu"),
        (["CPU_Mapped", "CUDA0"], "cuda"),
        (["CPU", "CUDA_Host"], "cpu"),
        (["Metal_Mapped"], "metal"),
        (["MTL0"], "metal"),
        (["Vulkan0"], "vulkan"),
        (["Hexagon"], "hexagon"),
    ],
)
def test_the_backend_is_where_weights_lie(buffers: list[str], backend: str) -> None:
    log = [(2, f"load_tensors: {name:>12} model buffer size =   10.00 MiB") for name in buffers]
    assert evidence.read(log).backend == backend


def test_layers_on_the_gpu() -> None:
    assert evidence.read([(2, "load_tensors: offloaded 33/33 layers to GPU")]).n_gpu_layers == 33


def test_the_first_error_is_the_cause() -> None:
    log = [(3, "careful"), (4, "the cause\n"), (4, "llama_model_load_from_file_impl: failed to load model\n")]
    assert evidence.first_error(log) == "the cause"
    assert evidence.first_error([(2, "fine")]) is None


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("gguf_init_from_file: failed to open GGUF file 'x' (No such file or directory)", "model_missing", "opened"),
        ("gguf_init: failed to read tensor info", "model_invalid", "cut short in its header"),
        (
            "tensor 'a' data is not within the file bounds, model is corrupted or incomplete",
            "model_invalid",
            "cut short",
        ),
        ("gguf: GGUFv1 is no longer supported. please use a more up-to-date version", "model_invalid", "version"),
        ("llama_model_load: error loading model: unknown model architecture: 'zhi3'", "unsupported", "zhi3"),
        ("llama_model_load: error loading model vocabulary: unordered_map::at", "model_invalid", "vocabulary"),
        ("tensor 'token_embd.weight' has invalid data", "model_invalid", "NaN"),
        ("check_tensor_dims: tensor 'x' not found", "model_invalid", "'x' not found"),
        ("alloc_tensor_range: failed to allocate CPU buffer of size 99", "out_of_memory", "memory"),
        (None, "model_invalid", "no reason"),
    ],
)
def test_faults_of_a_load(line: str | None, kind: str, words: str) -> None:
    fault = faults.of_load(line, MODEL)
    assert fault.kind == kind
    assert words in fault.message
    assert fault.remedy


def test_messages_hold_no_folders() -> None:
    fault = faults.of_load("f: failed to open GGUF file '/home/zelda/models/m.gguf' (Permission denied)", MODEL)
    assert "zelda" not in fault.message
    assert "m.gguf" in fault.message


def test_faults_of_a_context_and_of_a_decode() -> None:
    assert faults.of_context("failed to initialize the context: std::bad_alloc", 9).kind is FailureKind.OUT_OF_MEMORY
    assert faults.of_context("quantized V cache requires flash_attn", 9).kind is FailureKind.UNSUPPORTED
    assert faults.of_decode(1, None).kind is FailureKind.UNSUPPORTED
    assert faults.of_decode(-2, None).kind is FailureKind.OUT_OF_MEMORY
    assert faults.of_decode(-3, "ggml: compute failed").message.endswith("compute failed")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ([0.0, 1.0], None),
        ([1.0, 1.0], "all equal"),
        ([0.0, float("nan")], "not finite"),
        ([0.0, float("-inf")], "not finite"),
    ],
)
def test_rubbish_logits(row: list[float], fault: str | None) -> None:
    assert loading.fault_of_logits(row) == fault


def ticks() -> Iterator[int]:
    yield from range(100, 10_000, 10)


def test_the_generation_loop_takes_a_tokens_time_when_its_id_is_there() -> None:
    clock, calls = ticks(), list[Any]()
    samples = iter([11, 12, 13])

    def decode(context: Any, batch: Any) -> int:
        calls.append((batch, slot[0]))
        return 0

    slot, ids, times = [0], [0, 0, 0], [0, 0, 0]
    start, code = loop.generate(
        decode=decode, sample=lambda *_: next(samples), clock=lambda: next(clock), context="c", sampler="s",
        prompt=["p1", "p2"], batch="one", slot=slot, ids=ids, times_ns=times,
    )  # fmt: skip
    assert (start, code, ids, times) == (100, 0, [11, 12, 13], [110, 120, 130])
    assert calls == [("p1", 0), ("p2", 0), ("one", 11), ("one", 12)]


@pytest.mark.parametrize(("fails_at", "n_sampled"), [(0, 0), (1, 1), (2, 2)])
def test_nothing_is_sampled_after_a_failed_decode(fails_at: int, n_sampled: int) -> None:
    codes, n_samples = iter([0] * fails_at + [-3] * 9), list[int]()
    _, code = loop.generate(
        decode=lambda *_: next(codes), sample=lambda *_: n_samples.append(1) or 5, clock=lambda: 0, context=None,
        sampler=None, prompt=["p"], batch=None, slot=[0], ids=[0] * 9, times_ns=[0] * 9,
    )  # fmt: skip
    assert (code, len(n_samples)) == (-3, n_sampled)


def test_the_kernel_loops() -> None:
    clock, seen = ticks(), list[Any]()
    result = loop.prefill(
        decode=lambda _, batch: seen.append(batch) or 0, synchronize=lambda _: seen.append("sync"),
        clock=lambda: next(clock), context=None, batches=["a", "b"],
    )  # fmt: skip
    assert (result, seen) == ((100, 110, 0), ["a", "b", "sync"])
    slot, times = [0], [0, 0]
    start, code = loop.decode_given(
        decode=lambda *_: seen.append(slot[0]) or 0, synchronize=lambda _: seen.append("sync"),
        clock=lambda: next(clock), context=None, batch=None, slot=slot, tokens=[7, 8], times_ns=times,
    )  # fmt: skip
    assert (start, code, times) == (120, 0, [130, 140])
    assert seen[3:] == [7, "sync", 8, "sync"]


def test_threads_default_to_the_physical_cores_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "default_threads", lambda: 3)
    assert settings.resolve({}).threads == 3
    assert settings.resolve({"threads": 1}).threads == 1


@pytest.mark.parametrize(
    "options",
    [{"n_ctx": -1}, {"n_ubatch": 0}, {"threads": -2}, {"load_mode": "fast"}, {"n_gpu_layers": -2}, {"flash_attn": 1}],
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RunnerUnavailable) as caught:
        settings.resolve(options)
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert caught.value.remedy
