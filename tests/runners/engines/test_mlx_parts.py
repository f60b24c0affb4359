"""The parts of the MLX engine that need no MLX: options, loops, folders, faults, platforms, vocabulary."""

import json
import resource
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runners import interpreter
from runners.contract import ModelRef
from runners.engines.mlx import binding, faults, folder, loading, loop, room, settings, vocabulary
from runners.engines.mlx.loading import Trial
from runners.errors import FailureKind, ModelError, RunnerError

KIND = FailureKind
CONFIG: dict[str, Any] = {
    "model_type": "phi3", "vocab_size": 512, "max_position_embeddings": 4096,
    "quantization": {"group_size": 64, "bits": 4},
}  # fmt: skip


def shard(path: Path, tensors: dict[str, int], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file of zeros; tensors by name and number of bytes."""
    header: dict[str, Any] = {"__metadata__": metadata or {"format": "mlx"}}
    at = 0
    for name, n_bytes in tensors.items():
        header[name] = {"dtype": "U8", "shape": [n_bytes], "data_offsets": [at, at + n_bytes]}
        at += n_bytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    shard(path / "model.safetensors", {"a.weight": 64, "a.scales": 8})
    return path


def read(path: Path) -> folder.Folder:
    return folder.read(ModelRef(model="m", format="mlx", quant="mlx_4bit_g64", path=str(path)))


def refused(path: Path) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        read(path)
    assert caught.value.message
    assert caught.value.remedy
    assert str(path.parent) not in caught.value.message
    return caught.value


def test_a_folder_tells_what_its_config_and_shards_say(made: Path) -> None:
    found = read(made)
    assert (found.model_type, found.vocab_size, found.context_length) == ("phi3", 512, 4096)
    assert (found.tensor_bytes, found.n_files, found.is_synthetic) == (72, 1, False)


def test_a_model_of_texts_and_images_keeps_its_numbers_one_level_down(made: Path) -> None:
    inner = {key: CONFIG[key] for key in ("vocab_size", "max_position_embeddings", "quantization")}
    (made / "config.json").write_text(json.dumps({"model_type": "x", "text_config": inner}))
    assert (read(made).vocab_size, read(made).context_length) == (512, 4096)
    (made / "config.json").write_text(json.dumps({"model_type": "x", "quantization": {"bits": 4}}))
    assert (read(made).vocab_size, read(made).context_length) == (None, None)


def test_random_weights_are_known_by_either_mark(made: Path) -> None:
    (made / "config.json").write_text(json.dumps({**CONFIG, "phibench": {"synthetic": True}}))
    assert read(made).is_synthetic
    (made / "config.json").write_text(json.dumps(CONFIG))
    shard(made / "model.safetensors", {"a.weight": 64}, {"phibench.synthetic": "true"})
    assert read(made).is_synthetic


def test_no_folder_or_a_file_in_its_place(tmp_path: Path) -> None:
    assert refused(tmp_path / "none").kind is KIND.MODEL_MISSING
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    found = refused(tmp_path / "x.gguf")
    assert found.kind is KIND.MODEL_INVALID
    assert "--engine llama_cpp" in found.remedy
    with pytest.raises(ModelError) as caught:
        folder.read(ModelRef(model="m", format="mlx", quant="q"))
    assert caught.value.kind is KIND.MODEL_MISSING


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "no config.json"),
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        (json.dumps({"hidden_size": 1}), "no model_type"),
        (json.dumps({**CONFIG, "vocab_size": "many"}), "vocab_size"),
        (json.dumps({**CONFIG, "model_type": "phi3small"}), "100,352"),
        (json.dumps({key: CONFIG[key] for key in CONFIG if key != "quantization"}), "no quantization"),
    ],
)
def test_a_config_that_is_damaged_is_refused_with_the_reason(made: Path, config: str | None, words: str) -> None:
    if config is None:
        (made / "config.json").unlink()
    else:
        (made / "config.json").write_text(config)
    found = refused(made)
    assert found.kind is KIND.MODEL_INVALID
    assert words in found.message


def test_code_that_comes_with_a_model_is_refused(made: Path) -> None:
    (made / "config.json").write_text(json.dumps({**CONFIG, "model_file": "modeling.py"}))
    (made / "modeling.py").write_text("raise SystemExit('run')")
    found = refused(made)
    assert found.kind is KIND.UNSUPPORTED
    assert "'modeling.py'" in found.message


def test_a_shard_that_is_missing_is_named_by_the_index_or_by_the_others_numbers(made: Path) -> None:
    (made / "model.safetensors").rename(made / "model-00001-of-00003.safetensors")
    assert "model-00002-of-00003.safetensors and 1 more is missing" in refused(made).message
    (made / "model-00001-of-00003.safetensors").rename(made / "model.safetensors")
    index = {"weight_map": {"a.weight": "model.safetensors", "b.weight": "model-b.safetensors"}}
    (made / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-b.safetensors is missing" in refused(made).message
    (made / "model.safetensors").unlink()
    assert "weights are missing" in refused(made).message


def test_an_index_that_was_left_over_counts_only_for_tensors_that_are_nowhere(made: Path) -> None:
    old = dict.fromkeys(["a.weight", "a.scales", "a.rotary_emb.inv_freq"], "pytorch-1.safetensors")
    (made / "model.safetensors.index.json").write_text(json.dumps({"weight_map": old}))
    assert read(made).n_files == 1
    (made / "model.safetensors.index.json").write_text(json.dumps({"weight_map": old | {"b.weight": "c.safetensors"}}))
    assert "c.safetensors is missing" in refused(made).message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cut short"),
        (b"\x05\0\0", "cut short"),
        (struct.pack("<Q", 5000) + b"{}", "cut short"),
        (struct.pack("<Q", 2) + b"[]", "header cannot be read"),
        (struct.pack("<Q", 9) + b"not json!", "header cannot be read"),
        (struct.pack("<Q", 1 << 62) + bytes(2 << 20), "header cannot be read"),
    ],
)
def test_a_shard_that_is_none_is_refused(made: Path, content: bytes, words: str) -> None:
    (made / "model.safetensors").write_bytes(content)
    found = refused(made)
    assert found.kind is KIND.MODEL_INVALID
    assert words in found.message


def test_a_shard_that_is_cut_by_one_byte_is_told_by_how_much(made: Path) -> None:
    path = made / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut short: a.scales ends 1 bytes after" in refused(made).message


def test_a_shape_that_does_not_fit_its_bytes_is_refused(made: Path) -> None:
    path = made / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"shape": [64]', b'"shape": [63]'))
    assert "a.weight do not fit its shape [63]" in refused(made).message


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "mlx.md").read_text()
    for name, option in settings.OPTIONS.items():
        assert f"| `{name}` |" in page
        for choice in option.choices:
            assert str(choice) in page


def test_options_come_to_what_they_say() -> None:
    asked = settings.resolve({"n_ctx": 100, "kv_bits": 8})
    assert (asked.n_ctx, asked.loop, asked.prefill_step_size) == (100, "strict", 2048)
    assert (asked.kv_bits, asked.kv_group_size, asked.quantized_kv_start) == (8, None, 0)
    assert settings.resolve({}).n_ctx == 2048


@pytest.mark.parametrize(
    "options",
    [{"n_ctx": -1}, {"loop": "pipelined"}, {"kv_bits": 3}, {"kv_bits": 8, "kv_group_size": 7}, {"threads": 2},
     {"prefill_step_size": 0}, {"kv_group_size": 32}, {"compute_dtype": "int8"},
     {"kv_bits": 4, "quantized_kv_start": -1}],
)  # fmt: skip
def test_values_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RunnerError) as caught:
        settings.resolve(options)
    assert caught.value.kind is KIND.UNSUPPORTED
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("asked", "dims", "group"),
    [(None, {64}, 64), (None, {128}, 64), (None, {96}, 32), (None, {64, 96}, 32), (128, {128}, 128)],
)
def test_the_cache_is_quantised_in_groups_that_fit_the_heads(asked: int | None, dims: set[int], group: int) -> None:
    assert settings.kv_group_size(asked, dims) == group


@pytest.mark.parametrize(
    ("asked", "dims", "words"), [(64, {96}, "kv_group_size=32"), (None, {80}, "leave out kv_bits")]
)
def test_groups_that_cannot_fit_are_refused_before_anything_is_measured(
    asked: int | None, dims: set[int], words: str
) -> None:
    with pytest.raises(RunnerError) as caught:
        settings.kv_group_size(asked, dims)
    assert words in caught.value.remedy


class Engine:
    """Notes every call of a loop; token n is the number of steps so far."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.n_steps = 0
        self._clock = iter(range(100, 100_000, 10))

    def chunk(self, part: Any) -> None:
        self.said.append(f"chunk {part}")

    def step(self, token: Any) -> int:
        self.n_steps += 1
        self.said.append(f"step after {token}")
        return self.n_steps

    def submit(self, token: Any) -> None:
        self.said.append(f"submit {token}")

    def read(self, token: Any) -> int:
        self.said.append(f"read {token}")
        return 1000 + int(token)

    def tidy(self) -> None:
        self.said.append("tidy")

    def clock(self) -> int:
        self.said.append("clock")
        return next(self._clock)


def generated(engine: Engine, kind: str, n: int) -> tuple[int, list[int], list[int]]:
    ids, times = [0] * n, [0] * n
    shared = {"chunk": engine.chunk, "step": engine.step, "read": engine.read, "tidy": engine.tidy}
    where: dict[str, Any] = {
        "clock": engine.clock, "chunks": ("a", "b"), "last": "c", "ids": ids, "times_ns": times,
    }  # fmt: skip
    if kind == "strict":
        return loop.strict(**shared, **where), ids, times
    return loop.hybrid(**shared, submit=engine.submit, **where), ids, times


def test_the_strict_loop_reads_a_token_before_it_builds_the_next_step() -> None:
    engine = Engine()
    assert generated(engine, "strict", 3) == (100, [1001, 1002, 1003], [110, 120, 130])
    assert engine.said == [
        "clock", "chunk a", "chunk b",
        "step after c", "read 1", "clock", "tidy",
        "step after 1", "read 2", "clock",
        "step after 2", "read 3", "clock",
    ]  # fmt: skip


def test_the_hybrid_loop_works_ahead_between_the_first_and_the_last_token() -> None:
    engine = Engine()
    assert generated(engine, "hybrid", 4) == (100, [1001, 1002, 1003, 1004], [110, 120, 130, 140])
    assert engine.said == [
        "clock", "chunk a", "chunk b",
        "step after c", "read 1", "clock", "tidy",
        "step after 1", "submit 2",
        "step after 2", "submit 3", "read 2", "clock",
        "step after 3", "submit 4", "read 3", "clock",
        "read 4", "clock",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["strict", "hybrid"])
@pytest.mark.parametrize("n", [1, 2, 257, 600])
def test_both_loops_give_every_token_once_and_compute_nothing_more(kind: str, n: int) -> None:
    engine = Engine()
    start, ids, times = generated(engine, kind, n)
    assert ids == [1001 + i for i in range(n)]
    assert engine.n_steps == n
    assert [start, *times] == [100 + 10 * i for i in range(n + 1)]
    assert engine.said.count("tidy") == -(-n // loop.TIDY_EVERY)


def test_the_kernel_loops() -> None:
    engine = Engine()
    finish = lambda token: engine.said.append(f"finish {token}")  # noqa: E731
    assert loop.prefill(chunk=engine.chunk, finish=finish, clock=engine.clock, chunks=("a",), last="b") == (100, 110)
    assert engine.said == ["clock", "chunk a", "finish b", "clock"]
    times = [0, 0]
    assert loop.decode_given(finish=finish, clock=engine.clock, tokens=(7, 8), times_ns=times) == 120
    assert times == [130, 140]
    assert engine.said[4:] == ["clock", "finish 7", "clock", "finish 8", "clock"]


MODEL = ModelRef(model="m", format="mlx", quant="q", path="/nowhere/m")


@pytest.mark.parametrize(
    ("exc", "kind", "words"),
    [
        (ValueError("Model type nosuch not supported."), "unsupported", "'nosuch'"),
        (ValueError("Missing 6 parameters: \nmodel.layers.0.x,\nmodel"), "model_invalid", "Missing 6 parameters"),
        (ValueError("Expected shape (400, 32) but received shape (512, 32) for x"), "model_invalid", "(512, 32)"),
        (KeyError("model_type"), "model_invalid", "config.json lacks 'model_type'"),
        (KeyError("lm_head.weight"), "model_invalid", "its weights lack 'lm_head.weight'"),
        (
            TypeError("ModelArgs.__init__() missing 1 required positional argument: 'hidden_size'"),
            "model_invalid",
            "config.json lacks 'hidden_size'",
        ),
        (RuntimeError("[read] Unable to read from file."), "out_of_memory", "no memory for the weights of m"),
        (RuntimeError("[metal::malloc] Attempting to allocate 9 bytes which is greater"), "out_of_memory", "9 bytes"),
        (RuntimeError("[METAL] Command buffer execution failed: Insufficient Memory (8)"), "out_of_memory", "memory"),
        (MemoryError("std::bad_alloc"), "out_of_memory", "bad_alloc"),
        (NotImplementedError("no such kernel"), "unsupported", "no such kernel"),
    ],
)  # fmt: skip
def test_what_the_library_raises_while_loading_is_typed(made: Path, exc: Exception, kind: str, words: str) -> None:
    found = faults.of_load(exc, read(made), MODEL)
    assert (found.kind, words in found.message) == (kind, True), found.message
    assert found.remedy


def test_a_file_that_cannot_be_read_is_a_bad_file_only_if_it_is_bad(made: Path) -> None:
    seen, path = read(made), made / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    found = faults.of_load(RuntimeError("[read] Unable to read from file."), seen, MODEL)
    assert found.kind is KIND.MODEL_INVALID
    assert "changed while it was read" in found.message


def test_folders_and_endless_lists_stay_out_of_messages(made: Path) -> None:
    exc = ValueError(f"Missing parameters in {made}/x.safetensors: " + ", ".join(f"p{i}" for i in range(999)))
    message = faults.of_load(exc, read(made), MODEL).message
    assert str(made) not in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (RuntimeError("[metal::malloc] Resource limit (499000) exceeded."), KIND.OUT_OF_MEMORY),
        (ValueError("[quantize] The last dimension of the matrix needs to be divisible by"), KIND.UNSUPPORTED),
        (NotImplementedError("RotatingKVCache Quantization NYI"), KIND.UNSUPPORTED),
        (RuntimeError("[METAL] Command buffer execution failed: GPU Hang"), KIND.CRASHED),
        (MemoryError(), KIND.OUT_OF_MEMORY),
    ],
)
def test_what_ends_a_generation_is_typed(exc: Exception, kind: FailureKind) -> None:
    assert faults.of_run(exc).kind is kind
    assert faults.of_run(exc).remedy


def test_room_that_a_process_cannot_have_is_out_of_memory() -> None:
    room.check(0, "nothing")
    room.check(1 << 20, "a little")
    with pytest.raises(ModelError) as caught:
        room.check(1 << 60, "the weights of m")
    assert caught.value.kind is KIND.OUT_OF_MEMORY
    assert "the weights of m" in caught.value.message


@pytest.mark.parametrize(("n", "n_bytes"), [(1, 1000), (256, 1000), (257, 2000), (4096, 16_000)])
def test_a_cache_grows_by_whole_steps(n: int, n_bytes: int) -> None:
    trial = Trial(fault=None, compute_dtype="float32", kv_group_size=None, kv_bytes=1000, n_kv_positions=256)
    assert trial.kv_bytes_for(n) == n_bytes


def test_what_layers_keep_that_is_no_plain_cache_is_unknown() -> None:
    trial = Trial(fault=None, compute_dtype="float32", kv_group_size=None, kv_bytes=None, n_kv_positions=None)
    assert trial.kv_bytes_for(100) is None


def test_more_positions_than_the_model_has_are_refused() -> None:
    loading.check_room(4096, 4096)
    loading.check_room(99, None)
    with pytest.raises(RunnerError) as caught:
        loading.check_room(4097, 4096)
    assert caught.value.kind is KIND.UNSUPPORTED
    assert "4,097" in caught.value.message
    assert "4,096" in caught.value.message


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (binding._wrong_mac("x86_64", "14.5"), "Apple silicon"),
        (binding._wrong_mac("arm64", "13.6.1"), "macOS 14"),
        (binding._wrong_mac("arm64", "14.0"), None),
        (binding._wrong_mac("arm64", "26.1"), None),
        (binding._wrong_linux("x86_64", ("glibc", "2.31"), has_mlx=False), "glibc 2.35"),
        (binding._wrong_linux("x86_64", ("glibc", "2.31"), has_mlx=True), None),
        (binding._wrong_linux("aarch64", ("glibc", "2.36"), has_mlx=False), None),
        (binding._wrong_linux("riscv64", ("glibc", "2.36"), has_mlx=False), "riscv64"),
    ],
)
def test_where_mlx_runs(found: str | None, words: str | None) -> None:
    assert (found is None) if words is None else (words in str(found))


@pytest.mark.parametrize(
    ("missing", "words"), [("mlx_lm", "package mlx-lm is missing"), ("mlx", "package mlx is missing")]
)
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, missing: str, words: str) -> None:
    monkeypatch.setattr(binding, "_wrong_platform", lambda: None)
    monkeypatch.setattr(binding, "_is_installed", lambda package: package != missing)
    assert words in str(binding.unavailable_because())


def test_mlx_without_the_library_that_computes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain mlx installs on Linux and cannot be imported there."""
    monkeypatch.setattr(binding, "_wrong_platform", lambda: None)
    monkeypatch.setattr(binding, "_is_installed", lambda package: True)
    monkeypatch.setattr(binding, "library_path", lambda: None)
    monkeypatch.setattr(binding, "IS_MAC", False)
    assert "mlx-cpu is missing" in str(binding.unavailable_because())
    assert binding.how_to_install() == 'uv sync --group mlx-cpu\npip install "mlx-lm[cpu]"'
    monkeypatch.setattr(interpreter, "is_handed_over", lambda: True)
    assert "uv pip install --python" in binding.how_to_install()
    assert "'mlx-lm[cpu]'" in binding.how_to_install()


def test_where_nothing_can_be_installed_another_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "_wrong_platform", lambda: "MLX needs Apple silicon")
    assert "llama_cpp" in binding.how_to_install()
    assert binding.unavailable_because() == "MLX needs Apple silicon"


@pytest.fixture
def limit_of_files() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_an_import_cannot_lower_the_number_of_open_files(limit_of_files: tuple[int, int]) -> None:
    hard = limit_of_files[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    with binding._limit_of_files_kept():
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 20))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (2048, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (299, hard))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (299, hard), "the call works again"


def of_folder(path: Path, n_tokens: int = 512) -> Any:
    return vocabulary.of_folder(read(path), n_tokens)


def test_control_tokens_and_the_begin_token_come_from_the_tokenizers_files(made: Path) -> None:
    assert (of_folder(made).bos, of_folder(made).is_special(2)) == (None, False)
    (made / "config.json").write_text(json.dumps({**CONFIG, "bos_token_id": 1, "eos_token_id": [2, 7]}))
    tokens = [{"id": 3, "special": True}, {"id": 4, "special": False}]
    (made / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    found = of_folder(made)
    assert [found.is_special(i) for i in (2, 3, 4, 7, 9)] == [True, True, False, True, False]
    assert found.bos is None, "nobody says that a text begins with it"
    (made / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": True}))
    assert of_folder(made).bos == 1
    assert of_folder(made, n_tokens=1).bos is None, "outside the vocabulary"
