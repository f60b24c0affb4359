"""The llama.cpp engine on a real, tiny model: what it measures, what it says of itself, what it refuses."""

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runners import device, registry
from runners.contract import Flag, Granularity, ModelRef, ModelShape, Scalar, Trace, Workload, WorkloadKind
from runners.engines.llama_cpp import LlamaCppEngine, binding
from runners.engines.llama_cpp.session import LlamaCppSession
from runners.errors import FailureKind, RunnerError

CHAT = Workload(name="chat", n_prompt_tokens=40, n_generated_tokens=12)
PREFILL = Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=40)
DECODE = Workload(name="tg", kind=WorkloadKind.KERNEL, n_generated_tokens=12)


@pytest.fixture(scope="module")
def tiny(tiny_gguf: Path) -> ModelRef:
    return ModelRef(model="tiny", format="gguf", quant="q4_0", path=str(tiny_gguf), is_synthetic=True)


@pytest.fixture(scope="module")
def session(tiny: ModelRef) -> Iterator[LlamaCppSession]:
    with LlamaCppEngine().open(tiny, {"n_ctx": 256, "threads": 1, "n_batch": 16, "n_ubatch": 16}) as opened:
        yield opened


def refusal(model: ModelRef, workload: Workload = CHAT, **options: Scalar) -> RunnerError:
    with pytest.raises(RunnerError) as caught, LlamaCppEngine().open(model, options) as opened:
        opened.generate(workload)
    assert caught.value.message
    assert caught.value.remedy
    return caught.value


def test_a_generation_gives_exactly_the_tokens_asked_for(session: LlamaCppSession) -> None:
    trace = session.generate(CHAT)
    assert len(trace.dt_ns) == CHAT.n_generated_tokens
    assert trace.granularity is Granularity.TOKEN
    assert trace.n_tokens is None
    assert trace.dt_ns[0] > 0
    assert all(a < b for a, b in itertools.pairwise(trace.dt_ns))
    assert (trace.n_prompt_tokens, trace.n_cached_tokens, trace.finish_reason) == (40, 0, "length")
    assert trace.cpu_time_ns is not None
    assert trace.cpu_time_ns > 0
    assert trace.are_gaps_exact


def test_the_engines_own_counters_agree_with_what_was_asked(session: LlamaCppSession) -> None:
    reported = session.generate(CHAT).engine_reported
    # the last token is sampled and never decoded; the last of the prompt's batches of 16, 16, 8 is no single token
    assert (reported["n_p_eval"], reported["n_eval"], reported["n_sample"]) == (40, 11, 12)
    assert reported["t_eval_ms"] > 0


def test_the_same_workload_gives_the_same_tokens_whatever_came_before(session: LlamaCppSession, tiny: ModelRef) -> None:
    first = session.generate(CHAT).token_hash
    session.generate(dataclasses.replace(CHAT, prompt_seed=2))
    session.generate(DECODE)
    assert session.generate(CHAT).token_hash == first
    with LlamaCppEngine().open(tiny, {"n_ctx": 256, "threads": 1, "n_batch": 16, "n_ubatch": 16}) as fresh:
        assert fresh.generate(CHAT).token_hash == first
    assert session.generate(dataclasses.replace(CHAT, prompt_seed=2)).token_hash != first


def test_one_prompt_token_and_one_generated_token(session: LlamaCppSession) -> None:
    trace = session.generate(Workload(name="least", n_prompt_tokens=1, n_generated_tokens=1))
    assert len(trace.dt_ns) == 1
    assert trace.engine_reported["n_sample"] == 1


def test_depth_is_context_that_costs_no_time_and_is_kept(session: LlamaCppSession) -> None:
    deep = dataclasses.replace(CHAT, n_depth_tokens=100)
    first, second = session.generate(deep), session.generate(deep)
    assert (first.n_prompt_tokens, first.n_cached_tokens) == (40, 100)
    assert first.token_hash == second.token_hash != session.generate(CHAT).token_hash
    assert first.engine_reported["n_p_eval"] == second.engine_reported["n_p_eval"] == 40  # the depth is not timed
    assert session.generate(deep).token_hash == first.token_hash


def test_kernel_prefill_is_one_time_and_samples_nothing(session: LlamaCppSession) -> None:
    trace = session.generate(PREFILL)
    assert (len(trace.dt_ns), trace.n_tokens, trace.granularity) == (1, (0,), Granularity.TOTAL)
    assert (trace.n_prompt_tokens, trace.token_hash) == (40, None)
    assert trace.engine_reported["n_sample"] == 0


def test_kernel_decode_is_one_time_a_token_and_samples_nothing(session: LlamaCppSession) -> None:
    trace = session.generate(DECODE)
    assert (len(trace.dt_ns), trace.granularity) == (12, Granularity.TOKEN)
    assert (trace.n_prompt_tokens, trace.token_hash) == (0, None)
    assert (trace.engine_reported["n_eval"], trace.engine_reported["n_sample"]) == (12, 0)


def test_loaded_says_what_is_in_effect(session: LlamaCppSession) -> None:
    loaded = session.loaded
    assert (loaded.backend, loaded.n_threads) == ("cpu", 1)
    assert loaded.options["n_batch"] == loaded.options["n_ubatch"] == 16
    assert loaded.options["n_ctx"] == 256
    assert loaded.options["load_mode"] == "none"
    assert loaded.options["kv_type"] == "f16"
    assert loaded.options["flash_attn"] == "on"  # asked was auto
    assert loaded.options["n_gpu_layers"] == 0  # asked were all
    assert loaded.options["thread_pool"] == "kept"
    # two layers of K and V, 4 heads of 64 values, 2 bytes each
    assert loaded.kv_bytes == 2 * 2 * 256 * 4 * 64 * 2
    tensor_bytes = loaded.model["tensor_bytes"]
    assert isinstance(tensor_bytes, int)
    assert loaded.weights_bytes == pytest.approx(tensor_bytes, abs=20_000)
    assert loaded.compute_bytes is not None
    assert loaded.compute_bytes > 0
    assert loaded.load_s is not None
    assert 0 < loaded.load_s < 30
    assert Flag.SYNTHETIC in loaded.flags
    assert Flag.CPU_FALLBACK not in loaded.flags


@pytest.mark.parametrize("mode", ["none", "mmap", "mlock", "mmap+mlock", "dio"])
def test_every_load_mode_is_what_the_library_says_it_did(tiny: ModelRef, mode: str) -> None:
    with LlamaCppEngine().open(tiny, {"n_ctx": 64, "threads": 1, "load_mode": mode}) as opened:
        assert opened.loaded.options["load_mode"] == mode


def test_options_change_what_is_in_effect(tiny: ModelRef) -> None:
    options: dict[str, Scalar] = {
        "n_ctx": 64,
        "threads": 1,
        "flash_attn": "off",
        "repack": False,
        "check_tensors": True,
    }
    with LlamaCppEngine().open(tiny, options) as opened:
        assert opened.loaded.options["flash_attn"] == "off"
        assert opened.loaded.options["repack"] is False
        assert opened.loaded.options["repack_kinds"] == ""
        assert opened.loaded.options["check_tensors"] is True
    with LlamaCppEngine().open(tiny, {"n_ctx": 64, "threads": 1, "kv_type": "q8_0"}) as opened:
        assert opened.loaded.options["kv_type"] == "q8_0"
        assert opened.loaded.options["flash_attn"] == "on"


def test_a_gpu_that_is_not_there_is_flagged(tiny: ModelRef) -> None:
    expected = set() if LlamaCppEngine().facts().build["has_gpu"] else {Flag.CPU_FALLBACK}
    with LlamaCppEngine().open(tiny, {"n_ctx": 64, "threads": 1, "n_gpu_layers": 99}) as opened:
        assert {Flag.CPU_FALLBACK} & set(opened.loaded.flags) == expected


def test_facts_tell_the_build_apart() -> None:
    facts = LlamaCppEngine().facts()
    assert facts.version == facts.packages["llama-cpp-python"]
    assert len(str(facts.build["libllama_sha256"])) == 64
    assert "CPU" in str(facts.build["system_info"])
    assert isinstance(facts.build["is_openmp"], bool)
    assert facts.build["build_commit"]
    assert "CPU" in str(facts.build["devices"])


def test_waiting_policies_that_are_set_are_recorded() -> None:
    code = "from runners.engines.llama_cpp import LlamaCppEngine as E; print(E().facts().build['env_OMP_WAIT_POLICY'])"
    env = {"OMP_WAIT_POLICY": "passive", "PATH": "/usr/bin"}
    shown = subprocess.run([sys.executable, "-P", "-c", code], env=env, check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "passive"


def test_only_the_low_level_module_is_imported() -> None:
    code = (
        "import sys; from runners.engines.llama_cpp import LlamaCppEngine as E; e = E(); e.facts(); "
        "assert e.unavailable_because() is None; print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    modules = set(shown.stdout.split())
    assert "llama_cpp.llama_cpp" in modules
    assert not {"numpy", "jinja2", "diskcache", "llama_cpp.llama", "psutil"} & modules
    assert shown.stderr == ""  # the library logs to us


def test_a_library_that_comes_from_elsewhere_is_told(tmp_path: Path) -> None:
    path = binding.library_path(binding.api(), "ggml-cpu")
    assert path is not None
    (tmp_path / "libggml-cpu.so.0").write_bytes(path.read_bytes() + b"changed")
    imports = "import json; from runners.engines.llama_cpp import LlamaCppEngine"
    code = f"{imports}; print(json.dumps(dict(LlamaCppEngine().facts().build)))"
    digests = {}
    for name, env in (("own", {"LD_LIBRARY_PATH": ""}), ("other", {"LD_LIBRARY_PATH": str(tmp_path)})):
        command = [sys.executable, "-P", "-c", code]
        done = subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True, text=True)
        build = json.loads(done.stdout)
        digests[name] = build["libggml_cpu_sha256"]
        assert build["is_library_overridden"] is (name == "other")
    assert digests["own"] != digests["other"]


def test_a_parameter_that_the_library_no_longer_has_is_an_error() -> None:
    params = binding.api().llama_model_default_params()
    with pytest.raises(RunnerError, match=r"llama_model_params\.use_mmap") as caught:
        binding.set_fields(params, use_mmap=False)
    assert caught.value.kind is FailureKind.UNAVAILABLE
    binding.set_fields(params, load_mode=0)
    assert params.load_mode == 0


def test_options_pass_the_registrys_check() -> None:
    engine = registry.load("llama_cpp")
    with pytest.raises(RunnerError, match="no option 'thread'") as caught:
        registry.check_options(engine, {"thread": 1})
    assert caught.value.remedy == "Did you mean 'threads'?"


def test_more_threads_than_cpus_are_refused_with_the_reason() -> None:
    allowed = device.allowed_logical_cpus()
    engine = registry.load("llama_cpp")
    registry.check_options(engine, {"threads": allowed})
    with pytest.raises(RunnerError, match=f"cannot be {allowed + 1}: {allowed} is the most here") as caught:
        registry.check_options(engine, {"threads": allowed + 1})
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert "9 times slower" in caught.value.message


def test_what_cannot_work_is_refused_before_loading(tiny: ModelRef) -> None:
    assert refusal(tiny, threads=0).kind is FailureKind.UNSUPPORTED
    assert refusal(tiny, n_batch=0).kind is FailureKind.UNSUPPORTED
    assert refusal(tiny, use_mmap=True).kind is FailureKind.UNSUPPORTED
    quantised = refusal(tiny, kv_type="q4_0", flash_attn="off")
    assert "Flash Attention" in quantised.message


def test_a_prompt_longer_than_the_context_is_refused_with_numbers(tiny: ModelRef) -> None:
    long = Workload(name="long", n_prompt_tokens=300, n_generated_tokens=20, n_depth_tokens=1000)
    caught = refusal(tiny, long, n_ctx=256, threads=1)
    assert caught.kind is FailureKind.UNSUPPORTED
    for number in ("300", "20", "1,000", "1,320", "256"):
        assert number in caught.message


def test_a_context_longer_than_the_model_was_made_for_is_refused(tiny: ModelRef) -> None:
    caught = refusal(tiny, n_ctx=4097)
    assert caught.kind is FailureKind.UNSUPPORTED
    assert "4,097" in caught.message
    assert "4,096" in caught.message
    shape = ModelShape(
        architecture="phi3", n_layers=1, n_embd=1, n_ff=1, n_heads=1, n_kv_heads=1, head_dim=1, vocab_size=1,
        context_length=128, is_tied=False, n_params=1,
    )  # fmt: skip
    assert "128" in refusal(dataclasses.replace(tiny, shape=shape), n_ctx=129).message


def test_a_text_needs_a_real_tokenizer(tiny: ModelRef, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("hello")
    asked = dataclasses.replace(CHAT, prompt_path=str(path))
    assert "no real tokenizer" in refusal(tiny, asked, n_ctx=64, threads=1).message


def test_a_text_is_cut_or_repeated_to_the_length(tiny: ModelRef, tmp_path: Path) -> None:
    real = dataclasses.replace(tiny, is_synthetic=False, has_tokenizer=True)
    path = tmp_path / "text.txt"
    path.write_text("three words here")
    asked = dataclasses.replace(CHAT, prompt_path=str(path))
    with LlamaCppEngine().open(real, {"n_ctx": 128, "threads": 1}) as opened:
        by_text: Trace = opened.generate(asked)
        assert by_text.engine_reported["n_p_eval"] == 40
        assert by_text.token_hash != opened.generate(CHAT).token_hash
        path.write_text("other words")
        other = dataclasses.replace(asked, name="other")
        assert opened.generate(other).engine_reported["n_p_eval"] == 40


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"", "empty"), (b"  \n", "empty"), (b"\xff\xfe", "no UTF-8")]
)
def test_a_prompt_file_that_is_no_text_is_refused(
    tiny: ModelRef, tmp_path: Path, content: bytes | None, words: str
) -> None:
    real = dataclasses.replace(tiny, is_synthetic=False, has_tokenizer=True)
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    caught = refusal(real, dataclasses.replace(CHAT, prompt_path=str(path)), n_ctx=64, threads=1)
    assert words in caught.message
    assert str(tmp_path) not in caught.message


def test_resources_are_freed_after_a_failure(tiny: ModelRef) -> None:
    api, freed = binding.api(), list[str]()

    def watched(name: str) -> Callable[[object], None]:
        real = getattr(api, name)
        return lambda handle: (freed.append(name), real(handle))[1]

    names = ("llama_sampler_free", "llama_free", "llama_model_free")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(api, name, watched(name))
        long = Workload(name="long", n_prompt_tokens=100, n_generated_tokens=2000)
        refusal(tiny, long, n_ctx=64, threads=1)
    assert tuple(freed) == names
    with LlamaCppEngine().open(tiny, {"n_ctx": 64, "threads": 1}) as opened:
        assert opened.generate(CHAT).token_hash
