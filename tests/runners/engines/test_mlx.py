"""The MLX engine on real, tiny models: what it measures, what it says of itself, what it refuses."""

import dataclasses
import gc
import importlib
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.models.synth_mlx import write_mlx
from runners import measuring, prompt
from runners.contract import EventType, Flag, Granularity, Job, ModelRef, ModelShape, Scalar, Workload, WorkloadKind
from runners.engines.mlx import MlxEngine, binding
from runners.engines.mlx.session import MlxSession
from runners.errors import FailureKind, RunnerError
from runners.launch import launch

pytestmark = pytest.mark.mlx

CHAT = Workload(name="chat", n_prompt_tokens=40, n_generated_tokens=12)
PREFILL = Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=40)
DECODE = Workload(name="tg", kind=WorkloadKind.KERNEL, n_generated_tokens=12)


def shape(architecture: str, **more: int | bool) -> ModelShape:
    return ModelShape(
        **{  # type: ignore[arg-type]
            "architecture": architecture, "n_layers": 2, "n_embd": 256, "n_ff": 512, "n_heads": 4, "n_kv_heads": 4,
            "head_dim": 64, "vocab_size": 512, "context_length": 4096, "is_tied": False, "n_params": 1,
        } | more
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tiny_mlx: Path) -> ModelRef:
    return ref(tiny_mlx)


@pytest.fixture(scope="module")
def session(tiny: ModelRef) -> Iterator[MlxSession]:
    with MlxEngine().open(tiny, {"n_ctx": 256}) as opened:
        yield opened


def ref(path: Path) -> ModelRef:
    return ModelRef(model="tiny", format="mlx", quant="mlx_4bit_g64", path=str(path))


def refusal(model: ModelRef, workload: Workload = CHAT, **options: Scalar) -> RunnerError:
    with pytest.raises(RunnerError) as caught, MlxEngine().open(model, options) as opened:
        opened.generate(workload)
    assert caught.value.message
    assert caught.value.remedy
    return caught.value


def test_a_generation_gives_exactly_the_tokens_asked_for(session: MlxSession) -> None:
    trace = session.generate(CHAT)
    assert len(trace.dt_ns) == CHAT.n_generated_tokens
    assert (trace.granularity, trace.n_tokens) == (Granularity.TOKEN, None)
    assert trace.dt_ns[0] > 0
    assert all(a < b for a, b in itertools.pairwise(trace.dt_ns))
    assert (trace.n_prompt_tokens, trace.n_cached_tokens, trace.finish_reason) == (40, 0, "length")
    assert trace.cpu_time_ns is not None
    assert trace.cpu_time_ns > 0
    assert trace.are_gaps_exact


def test_the_cache_is_a_new_one_each_time_and_holds_what_was_computed(session: MlxSession) -> None:
    """A used cache would go on from where it stands; the last token is sampled and not computed on."""
    for _ in range(2):
        reported = session.generate(CHAT).engine_reported
        assert reported["prompt_cache_offset"] == 40 + 12 - 1
        assert reported["prompt_cache_bytes"] == session.loaded.kv_bytes
        assert reported["peak_memory"] > reported["active_memory"] > reported["prompt_cache_bytes"]


def test_the_peak_is_that_of_one_generation(session: MlxSession) -> None:
    large = session.generate(Workload(name="large", n_prompt_tokens=200, n_generated_tokens=1))
    small = session.generate(Workload(name="small", n_prompt_tokens=1, n_generated_tokens=1))
    assert small.engine_reported["peak_memory"] < large.engine_reported["peak_memory"]


def test_the_same_workload_gives_the_same_tokens_whatever_came_before(session: MlxSession, tiny: ModelRef) -> None:
    first = session.generate(CHAT).token_hash
    session.generate(dataclasses.replace(CHAT, prompt_seed=2))
    session.generate(DECODE)
    assert session.generate(CHAT).token_hash == first
    with MlxEngine().open(tiny, {"n_ctx": 256}) as fresh:
        assert fresh.generate(CHAT).token_hash == first
    assert session.generate(dataclasses.replace(CHAT, prompt_seed=2)).token_hash != first


def test_every_loop_and_part_of_a_prompt_gives_the_tokens_of_the_library_itself(tiny: ModelRef) -> None:
    hashes = {
        (kind, step): _hash(tiny, loop=kind, prefill_step_size=step)
        for kind in ("strict", "hybrid") for step in (1, 7, 64, 2048)
    }  # fmt: skip
    assert set(hashes.values()) == {_hash_of_the_library(tiny)}


def _hash(model: ModelRef, **options: Scalar) -> str | None:
    with MlxEngine().open(model, {"n_ctx": 256, **options}) as opened:
        return opened.generate(CHAT).token_hash


def _hash_of_the_library(model: ModelRef) -> str:
    """Its generator on the same ids, in the number format that we choose on a CPU."""
    from array import array

    api = binding.api()
    network, _ = api.load_model(Path(str(model.path)))
    if api.backend == "cpu":
        network.set_dtype(api.core.float32)
    with MlxEngine().open(model, {}) as opened:
        ids = prompt.tokens(CHAT, opened._vocabulary, model)
    steps = importlib.import_module("mlx_lm.generate").generate_step
    found = [token for token, _ in steps(api.core.array(ids), network, max_tokens=CHAT.n_generated_tokens)]
    return measuring.hash_of(array("i", found))


def test_one_prompt_token_and_one_generated_token(tiny: ModelRef) -> None:
    least = Workload(name="least", n_prompt_tokens=1, n_generated_tokens=1)
    for kind in ("strict", "hybrid"):
        with MlxEngine().open(tiny, {"loop": kind}) as opened:
            assert len(opened.generate(least).dt_ns) == 1


def test_depth_is_context_that_costs_no_time(session: MlxSession) -> None:
    deep = dataclasses.replace(CHAT, n_depth_tokens=100)
    first, second = session.generate(deep), session.generate(deep)
    assert (first.n_prompt_tokens, first.n_cached_tokens) == (40, 100)
    assert first.token_hash == second.token_hash != session.generate(CHAT).token_hash
    assert first.engine_reported["prompt_cache_offset"] == 100 + 40 + 12 - 1
    whole = Workload(name="whole", n_prompt_tokens=140, n_generated_tokens=12)
    assert session.generate(whole).token_hash == first.token_hash, "the same tokens, all of them timed"


def test_kernel_prefill_is_one_time_and_samples_nothing(session: MlxSession) -> None:
    trace = session.generate(PREFILL)
    assert (len(trace.dt_ns), trace.n_tokens, trace.granularity) == (1, (0,), Granularity.TOTAL)
    assert (trace.n_prompt_tokens, trace.token_hash) == (40, None)
    assert trace.engine_reported["prompt_cache_offset"] == 40


def test_kernel_decode_is_one_time_a_token_and_samples_nothing(session: MlxSession) -> None:
    trace = session.generate(DECODE)
    assert (len(trace.dt_ns), trace.granularity) == (12, Granularity.TOKEN)
    assert (trace.n_prompt_tokens, trace.token_hash) == (0, None)
    assert trace.engine_reported["prompt_cache_offset"] == 12


def test_the_hybrid_loop_says_that_its_gaps_are_not_exact(tiny: ModelRef) -> None:
    with MlxEngine().open(tiny, {"loop": "hybrid"}) as opened:
        assert not opened.generate(CHAT).are_gaps_exact
        assert opened.generate(PREFILL).are_gaps_exact, "kernels do not work ahead"
        assert opened.loaded.options["loop"] == "hybrid"


def test_the_librarys_own_figures_are_kept_as_it_says_them(tiny: ModelRef) -> None:
    """Beside ours and from a generation of their own: N tokens over N - 1 gaps."""
    deep = dataclasses.replace(CHAT, n_depth_tokens=30)
    for options in ({}, {"kv_bits": 8}):
        with MlxEngine().open(tiny, options) as plain:
            expected = plain.generate(deep).token_hash
            assert "mlx_lm" not in plain.generate(CHAT).engine_reported
        with MlxEngine().open(tiny, {**options, "library_figures": True}) as opened:
            trace = opened.generate(deep)
            assert trace.token_hash == expected
            figures = trace.engine_reported["mlx_lm"]
            assert (figures["prompt_tokens"], figures["generation_tokens"]) == (40, 12)
            assert min(figures["prompt_tps"], figures["generation_tps"], figures["peak_memory"]) > 0
            assert "mlx_lm" not in opened.generate(DECODE).engine_reported


def test_loaded_says_what_is_in_effect(session: MlxSession, tiny_mlx: Path) -> None:
    loaded = session.loaded
    is_cpu = loaded.backend == "cpu"
    assert loaded.backend == binding.api().backend
    assert loaded.n_threads == (1 if is_cpu else None)
    assert loaded.options["n_ctx"] == 256
    assert loaded.options["loop"] == "strict"
    assert loaded.options["compute_dtype"] == ("float32" if is_cpu else "float16")
    assert loaded.options["kv_bits"] is None
    assert loaded.options["kv_group_size"] is None
    assert (loaded.options["wired_limit_bytes"] is None) == is_cpu
    # two layers of K and V, 4 heads of 64 values
    assert loaded.kv_bytes == 2 * 2 * 256 * 4 * 64 * (4 if is_cpu else 2)
    assert loaded.model["tensor_bytes"] == 887_296
    assert loaded.model["n_params"] == 1_574_144
    assert (loaded.model["bits"], loaded.model["group_size"], loaded.model["vocab_size"]) == (4, 64, 512)
    assert loaded.load_s is not None
    assert 0 < loaded.load_s < 30
    assert Flag.SYNTHETIC in loaded.flags
    assert loaded.weights_bytes is not None
    assert loaded.engine_reported["peak_memory"] >= loaded.engine_reported["active_memory"] >= loaded.weights_bytes


def test_a_mac_on_which_the_cpu_does_the_work_is_flagged(tiny: ModelRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "IS_MAC", True)
    with MlxEngine().open(tiny, {}) as opened:
        assert (Flag.CPU_FALLBACK in opened.loaded.flags) == (opened.loaded.backend == "cpu")


@pytest.mark.parametrize(("dtype", "n_scale_bytes"), [("stored", 2), ("float32", 4)])
def test_the_number_format_of_scales_is_what_is_asked_for(tiny: ModelRef, dtype: str, n_scale_bytes: int) -> None:
    with MlxEngine().open(tiny, {"compute_dtype": dtype}) as opened:
        assert opened.loaded.options["compute_dtype"] == {"stored": "float16"}.get(dtype, dtype)
        packed = 1_572_864 // 2
        others = (1_572_864 // 32 + 5 * 256) * n_scale_bytes
        assert opened.loaded.weights_bytes == pytest.approx(packed + others, abs=64)


def test_a_quantised_cache_is_smaller_and_in_effect_from_the_first_token(tiny: ModelRef) -> None:
    sizes = {}
    for bits in (4, 8):
        with MlxEngine().open(tiny, {"n_ctx": 256, "kv_bits": bits}) as opened:
            trace = opened.generate(CHAT)
            assert opened.loaded.options["kv_bits"] == bits
            assert opened.loaded.options["kv_group_size"] == 64
            assert opened.loaded.options["quantized_kv_start"] == 0
            assert trace.engine_reported["prompt_cache_bytes"] == opened.loaded.kv_bytes
            sizes[bits] = opened.loaded.kv_bytes
    with MlxEngine().open(tiny, {"n_ctx": 256}) as opened:
        plain = opened.loaded.kv_bytes
    assert sizes[4] is not None
    assert sizes[8] is not None
    assert plain is not None
    assert sizes[4] < sizes[8] < plain


def test_heads_of_phi_3_mini_take_groups_of_32(tmp_path: Path) -> None:
    write_mlx(tmp_path / "m", name="m", shape=shape("phi3", n_embd=192, n_heads=2, n_kv_heads=2, head_dim=96))
    with MlxEngine().open(ref(tmp_path / "m"), {"kv_bits": 8}) as opened:
        assert opened.loaded.options["kv_group_size"] == 32
        assert opened.generate(CHAT).token_hash
    found = refusal(ref(tmp_path / "m"), kv_bits=8, kv_group_size=64)
    assert found.kind is FailureKind.UNSUPPORTED
    assert "96" in found.message


@pytest.mark.parametrize(
    ("architecture", "more"),
    [
        ("llama", {"n_kv_heads": 2}),
        ("gemma", {}),
        ("qwen2", {}),
        ("phi3small", {"vocab_size": 100_352, "is_tied": True}),
    ],
)
def test_other_architectures(tmp_path: Path, architecture: str, more: dict[str, int]) -> None:
    write_mlx(tmp_path / "m", name="m", shape=shape(architecture, **more))
    with MlxEngine().open(ref(tmp_path / "m"), {}) as opened:
        assert opened.loaded.model["model_type"] == architecture
        assert len(opened.generate(CHAT).dt_ns) == 12


SMALL: dict[str, dict[str, Any]] = {
    "gemma3_text": {
        "num_hidden_layers": 2, "intermediate_size": 128, "num_attention_heads": 2, "head_dim": 64,
        "sliding_window": 64, "sliding_window_pattern": 2, "num_key_value_heads": 1,
    },
    "mamba": {
        "intermediate_size": 128, "state_size": 16, "num_hidden_layers": 2, "conv_kernel": 4, "use_bias": False,
        "use_conv_bias": True, "time_step_rank": 64,
    },
}  # fmt: skip


def write_by_the_library(path: Path, model_type: str) -> None:
    """A model of a type that we cannot synthesise, quantised and saved as mlx-lm's converter does it."""
    api = binding.api()
    core, nn = api.core, importlib.import_module("mlx.nn")
    flat = importlib.import_module("mlx.utils").tree_flatten
    said = {"model_type": model_type, "hidden_size": 64, "vocab_size": 512, "max_position_embeddings": 4096}
    module = importlib.import_module(f"mlx_lm.models.{model_type}")
    said |= SMALL[model_type]
    network = module.Model(module.ModelArgs.from_dict(said))
    nn.quantize(network, group_size=64, bits=4)
    core.eval(network.parameters())
    path.mkdir()
    core.save_safetensors(str(path / "model.safetensors"), dict(flat(network.parameters())), {"format": "mlx"})
    (path / "config.json").write_text(json.dumps({**said, "quantization": {"group_size": 64, "bits": 4}}))


@pytest.mark.parametrize("model_type", SMALL)
def test_what_keeps_something_else_than_all_keys_and_values(tmp_path: Path, model_type: str) -> None:
    """A window of the newest, or a state of fixed size: how much it will be is unknown, and it is not quantised."""
    write_by_the_library(tmp_path / "m", model_type)
    long = Workload(name="long", n_prompt_tokens=100, n_generated_tokens=12, n_depth_tokens=30)
    with MlxEngine().open(ref(tmp_path / "m"), {"n_ctx": 256}) as opened:
        assert opened.loaded.kv_bytes is None
        assert opened.loaded.model["n_layers"] == 2
        trace = opened.generate(long)
        assert len(trace.dt_ns) == 12
        assert trace.engine_reported["prompt_cache_bytes"] > 0
    found = refusal(ref(tmp_path / "m"), kv_bits=8)
    assert (found.kind, found.remedy) == (FailureKind.UNSUPPORTED, "leave out kv_bits")


def test_facts_tell_the_build_apart() -> None:
    facts = MlxEngine().facts()
    assert facts.version == facts.packages["mlx-lm"]
    assert facts.packages["mlx"]
    assert len(str(facts.build["libmlx_sha256"])) == 64
    assert facts.build["backend"] in {"cpu", "metal"}
    assert isinstance(facts.build["has_compiler"], bool)


def test_the_tokens_of_a_seed_are_those_that_every_engine_draws(session: MlxSession) -> None:
    plan = session._planned(CHAT)
    fed = [int(token) for part in (*plan.chunks, plan.last) for token in part.tolist()]
    same = dataclasses.replace(session._vocabulary, tokenize=lambda text: [])
    assert fed == prompt.drawn(same, 40, CHAT.prompt_seed)


def test_more_positions_than_the_model_has_are_refused(tiny: ModelRef) -> None:
    """The library would compute on, without a word."""
    found = refusal(tiny, n_ctx=4097)
    assert found.kind is FailureKind.UNSUPPORTED
    assert "4,097" in found.message
    assert "4,096" in found.message


def test_a_workload_longer_than_the_context_is_refused_with_numbers(tiny: ModelRef) -> None:
    long = Workload(name="long", n_prompt_tokens=300, n_generated_tokens=20, n_depth_tokens=1000)
    found = refusal(tiny, long, n_ctx=256)
    assert found.kind is FailureKind.UNSUPPORTED
    for number in ("300", "20", "1,000", "1,320", "256"):
        assert number in found.message


def copy_of(tiny_mlx: Path, path: Path) -> Path:
    shutil.copytree(tiny_mlx, path)
    return path


def with_text(model: ModelRef, path: Path, text: str) -> tuple[ModelRef, Workload]:
    path.write_text(text)
    real = dataclasses.replace(model, has_tokenizer=True)
    return real, dataclasses.replace(CHAT, prompt_path=str(path))


def test_a_text_is_cut_or_repeated_to_the_length(tiny: ModelRef, tmp_path: Path) -> None:
    real, asked = with_text(tiny, tmp_path / "text.txt", "three words here")
    with MlxEngine().open(real, {}) as opened:
        by_text = opened.generate(asked)
        assert by_text.engine_reported["prompt_cache_offset"] == 40 + 12 - 1
        assert by_text.token_hash != opened.generate(CHAT).token_hash


def test_a_text_needs_a_tokenizer(tiny: ModelRef, tiny_mlx: Path, tmp_path: Path) -> None:
    real, asked = with_text(tiny, tmp_path / "text.txt", "hello")
    assert "no real tokenizer" in refusal(tiny, asked).message
    path = copy_of(tiny_mlx, tmp_path / "m")
    (path / "tokenizer.json").write_text("{")
    assert "cannot be used" in refusal(dataclasses.replace(real, path=str(path)), asked).message
    (path / "tokenizer.json").unlink()
    assert "no tokenizer.json" in refusal(dataclasses.replace(real, path=str(path)), asked).message


def test_ids_outside_the_vocabulary_never_reach_the_engine(tiny: ModelRef, tiny_mlx: Path, tmp_path: Path) -> None:
    """It would read past the end of the embedding: garbage, or the end of the process."""
    path = copy_of(tiny_mlx, tmp_path / "m")
    tokenizer: dict[str, Any] = json.loads((path / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["a"] = 1_000_000
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    real, asked = with_text(dataclasses.replace(tiny, path=str(path)), tmp_path / "text.txt", "banana")
    found = refusal(real, asked)
    assert found.kind is FailureKind.UNSUPPORTED
    assert "1000000" in found.message
    assert "512" in found.message


def test_the_memory_is_given_back_after_a_failure_too(tiny: ModelRef) -> None:
    core = binding.api().core
    gc.collect()  # what earlier tests left in reference cycles
    before = core.get_active_memory()
    refusal(tiny, Workload(name="long", n_prompt_tokens=100, n_generated_tokens=2000), n_ctx=64)
    gc.collect()
    assert core.get_active_memory() <= before


def test_no_shard_of_random_numbers_makes_sense_of_nan(tiny_mlx: Path, tmp_path: Path) -> None:
    """NaN in the scales: the library computes on, and greedy sampling takes token 0 for ever."""
    path = copy_of(tiny_mlx, tmp_path / "m")
    data = bytearray((path / "model.safetensors").read_bytes())
    n_header = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n_header])
    begin, end = header["lm_head.scales"]["data_offsets"]
    data[8 + n_header + begin : 8 + n_header + end] = b"\xff" * (end - begin)
    (path / "model.safetensors").write_bytes(data)
    found = refusal(ref(path))
    assert found.kind is FailureKind.MODEL_INVALID
    assert "not finite" in found.message


def test_phi_3_mini_at_full_size_loads_and_generates(tmp_path: Path) -> None:
    """Whether it works at all: on a CPU a token takes seconds, and no speed is claimed."""
    mini = shape("phi3", n_layers=32, n_embd=3072, n_ff=8192, n_heads=32, n_kv_heads=32, head_dim=96, vocab_size=32064)
    write_mlx(tmp_path / "mini", name="mini", shape=mini)
    job = Job(
        launch_id="r/1",
        model=ref(tmp_path / "mini"),
        engine="mlx",
        workload=Workload(name="smoke", n_prompt_tokens=4, n_generated_tokens=3),
        n_warmups=0,
        timeout_s=600.0,
    )
    events = list(launch(job))
    shutil.rmtree(tmp_path / "mini")
    assert events[-1].type is EventType.DONE, events[-1].data
    loaded, iteration = (next(e.data for e in events if e.type is t) for t in (EventType.LOADED, EventType.ITERATION))
    assert loaded["model"]["tensor_bytes"] == 2_149_644_288
    assert len(iteration["trace"]["dt_ns"]) == 3
