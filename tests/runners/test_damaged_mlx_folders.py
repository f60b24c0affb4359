"""
Every kind of damage that MLX meets: refused, crashed or computed to rubbish, each a typed failure.

The folder goes to the engine in a real worker; nothing here may end the test process, or ours.
"""

import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runners.contract import Event, EventType, Job, ModelRef, Scalar, Workload
from runners.errors import FailureKind
from runners.launch import launch

pytestmark = pytest.mark.mlx

Damage = Callable[[Path], None]
KIND = FailureKind
CHAT = Workload(name="chat", n_prompt_tokens=16, n_generated_tokens=4)


def job(path: Path, timeout_s: float = 60.0, workload: Workload = CHAT, **options: Scalar) -> Job:
    return Job(
        launch_id="r/1",
        model=ModelRef(model="damaged", format="mlx", quant="mlx_4bit_g64", path=str(path), is_synthetic=True),
        engine="mlx",
        options=options,
        workload=workload,
        n_warmups=0,
        timeout_s=timeout_s,
    )


def end_of(events: Iterator[Event]) -> dict[str, Any]:
    """The data of the launch's last event; its kind is "done" when it worked."""
    *_, last = events
    return {"kind": "done"} if last.type is EventType.DONE else dict(last.data)


def config(**values: Any) -> Damage:
    """Keys of config.json changed; None takes one out."""

    def damage(path: Path) -> None:
        found = json.loads((path / "config.json").read_text()) | values
        (path / "config.json").write_text(json.dumps({k: v for k, v in found.items() if v is not None}))

    return damage


def content(name: str, text: str | None) -> Damage:
    def damage(path: Path) -> None:
        if text is None:
            (path / name).unlink()
        else:
            (path / name).write_text(text)

    return damage


def both(*damages: Damage) -> Damage:
    def damage(path: Path) -> None:
        for one in damages:
            one(path)

    return damage


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    data = (path / "model.safetensors").read_bytes()
    n_header = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + n_header]), data[8 + n_header :]


def write(file: Path, header: dict[str, Any], data: bytes) -> None:
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def header(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(path: Path) -> None:
        found, data = header_of(path)
        change(found)
        write(path / "model.safetensors", found, data)

    return damage


def cut(n: int) -> Damage:
    def damage(path: Path) -> None:
        file = path / "model.safetensors"
        os.truncate(file, n if n >= 0 else file.stat().st_size + n)

    return damage


def filled(tensor: str, byte: int) -> Damage:
    def damage(path: Path) -> None:
        found, data = header_of(path)
        begin, end = found[tensor]["data_offsets"]
        write(path / "model.safetensors", found, data[:begin] + bytes([byte]) * (end - begin) + data[end:])

    return damage


def in_two_shards(path: Path) -> None:
    """Every second tensor in another file, without an index: the numbers in the names tell."""
    found, data = header_of(path)
    names = [name for name in found if name != "__metadata__"]
    for index in range(2):
        part: dict[str, Any] = {}
        chosen = b""
        for name in names[index::2]:
            begin, end = found[name]["data_offsets"]
            part[name] = {**found[name], "data_offsets": [len(chosen), len(chosen) + end - begin]}
            chosen += data[begin:end]
        write(path / f"model-0000{index + 1}-of-00002.safetensors", part, chosen)
    (path / "model.safetensors").unlink()
    (path / "model.safetensors.index.json").unlink(missing_ok=True)


def only_half_of_it(path: Path) -> None:
    """A shard that is missing where nothing tells of it: a file of a name of its own."""
    in_two_shards(path)
    (path / "model-00002-of-00002.safetensors").unlink()
    (path / "model-00001-of-00002.safetensors").rename(path / "model-a.safetensors")


def stray(path: Path) -> None:
    found, data = header_of(path)
    renamed = {f"other.{name}": entry for name, entry in found.items() if name != "__metadata__"}
    write(path / "model-old.safetensors", renamed, data)


CASES: dict[str, tuple[Damage, FailureKind | str, str]] = {
    "no config": (content("config.json", None), KIND.MODEL_INVALID, "no config.json"),
    "config no JSON": (content("config.json", "{"), KIND.MODEL_INVALID, "no JSON"),
    "no model_type": (config(model_type=None), KIND.MODEL_INVALID, "model_type"),
    "no hidden_size": (config(hidden_size=None), KIND.MODEL_INVALID, "lacks 'hidden_size'"),
    "unknown model_type": (config(model_type="phi33"), KIND.UNSUPPORTED, "'phi33'; it has 'phi3'"),
    "code of its own": (config(model_file="modeling.py"), KIND.UNSUPPORTED, "is not run"),
    "auto_map that is ignored": (config(auto_map={"AutoModel": "modeling.Phi3"}), "done", ""),
    "no weights": (content("model.safetensors", None), KIND.MODEL_INVALID, "missing"),
    "two whole shards": (in_two_shards, "done", ""),
    "one shard missing": (
        both(in_two_shards, content("model-00002-of-00002.safetensors", None)),
        KIND.MODEL_INVALID,
        "model-00002-of-00002.safetensors is missing",
    ),
    "half of the tensors": (only_half_of_it, KIND.MODEL_INVALID, "its weights lack"),
    "a norm missing": (
        header(lambda h: h.pop("model.norm.weight")), KIND.MODEL_INVALID, "Missing 1 parameters: model.norm.weight"
    ),
    "a stray shard": (stray, KIND.MODEL_INVALID, "parameters not in model"),
    "no scales": (header(lambda h: h.pop("lm_head.scales")), KIND.MODEL_INVALID, "lm_head.biases"),
    "no quantization": (config(quantization=None, quantization_config=None), KIND.MODEL_INVALID, "no quantization"),
    "wrong vocabulary": (config(vocab_size=400), KIND.MODEL_INVALID, "(400, 32)"),
    "wrong shape": (
        header(lambda h: h["model.norm.weight"].update(shape=[999])), KIND.MODEL_INVALID, "do not fit its shape"
    ),
    "cut in the data": (cut(-1000), KIND.MODEL_INVALID, "cut short"),
    "cut by one byte": (cut(-1), KIND.MODEL_INVALID, "cut short"),
    "cut in the header": (cut(100), KIND.MODEL_INVALID, "cut short"),
    "cut below 8 bytes": (cut(5), KIND.MODEL_INVALID, "cut short"),
    "empty": (cut(0), KIND.MODEL_INVALID, "cut short"),
    "text for weights": (content("model.safetensors", "not a model\n" * 999), KIND.MODEL_INVALID, ""),
    "NaN in a scale": (filled("lm_head.scales", 0xFF), KIND.MODEL_INVALID, "not finite"),
    "all scales and biases zero": (
        both(filled("lm_head.scales", 0), filled("lm_head.biases", 0)), KIND.MODEL_INVALID, "all equal"
    ),
    "no tokenizer": (
        both(content("tokenizer.json", None), content("tokenizer_config.json", None)), "done", ""
    ),
    "tokenizer no JSON": (content("tokenizer.json", "{"), "done", ""),
    "index no JSON": (content("model.safetensors.index.json", "{"), KIND.MODEL_INVALID, "no JSON"),
    "wrong bits and group": (config(quantization={"group_size": 32, "bits": 8}), "done", ""),
    "a small phi3small": (config(model_type="phi3small"), KIND.MODEL_INVALID, "100,352"),
    "rope of a newer spelling": (
        config(rope_scaling={"rope_type": "longrope", "factor": 2.0}), KIND.MODEL_INVALID, "rope_scaling"
    ),
    "a size of zero": (config(num_attention_heads=0), KIND.MODEL_INVALID, ""),
    "a size of the wrong type": (config(hidden_size="256"), KIND.MODEL_INVALID, ""),
}  # fmt: skip


@pytest.fixture
def folder(tiny_mlx: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_mlx, tmp_path / "folder"))


@pytest.mark.parametrize("name", CASES)
def test_damage_is_typed_and_explained(name: str, folder: Path) -> None:
    damage, kind, words = CASES[name]
    damage(folder)
    last = end_of(launch(job(folder)))
    assert last["kind"] == kind, last
    if kind != "done":
        assert last["phase"] == "load"
        assert words in last["message"]
        assert last["remedy"]
        assert "Traceback" not in last["message"]
        assert str(folder.parent) not in last["message"] + last.get("detail", "")


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_network(tmp_path: Path) -> None:
    for path in (tmp_path / "none", Path("mlx-community/none")):
        last = end_of(launch(job(path)))
        assert (last["kind"], "there is no folder none" in last["message"]) == (KIND.MODEL_MISSING, True)


def test_heads_that_no_group_fits_are_refused_before_the_first_token(folder: Path) -> None:
    last = end_of(launch(job(folder, kv_bits=8, kv_group_size=128)))
    assert (last["kind"], last["phase"]) == (KIND.UNSUPPORTED, "load")
    assert "64" in last["message"]


@contextmanager
def limited(which: int, limit: int) -> Iterator[None]:
    """The soft limit that a worker started inside inherits."""
    soft, hard = resource.getrlimit(which)
    resource.setrlimit(which, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(which, (soft, hard))


def with_holes(path: Path) -> None:
    """A vocabulary of 16 million tokens, 2.3 GB of it holes in the file, which is whole."""
    config(vocab_size=1 << 24, tie_word_embeddings=True)(path)
    found, data = header_of(path)
    kept = {name: entry for name, entry in found.items() if not name.startswith(("lm_head", "model.embed_tokens"))}
    at = len(data)
    for name, dtype, n_columns, n_bytes in (("weight", "U32", 32, 4), ("scales", "F16", 4, 2), ("biases", "F16", 4, 2)):
        end = at + (1 << 24) * n_columns * n_bytes
        entry = {"dtype": dtype, "shape": [1 << 24, n_columns], "data_offsets": [at, end]}
        kept[f"model.embed_tokens.{name}"] = entry
        at = end
    write(path / "model.safetensors", kept, data)
    with (path / "model.safetensors").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) + at - len(data))


WITHOUT_LOOKING_AHEAD = """
import runners.engines.mlx.room as room
room.check = lambda *_: None
"""


@pytest.mark.parametrize("site", ["", WITHOUT_LOOKING_AHEAD], ids=["looked at before", "met while loading"])
def test_too_little_address_space_for_the_weights_is_no_bad_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    """The library says that it cannot read the file, which is as whole as before."""
    with_holes(folder)
    use_site(tmp_path, monkeypatch, site)
    events = launch(job(folder))
    with limited(resource.RLIMIT_AS, 2 << 30):
        first = next(events)
    assert first.type is EventType.HELLO, first.data
    last = end_of(events)
    assert (last["kind"], last["phase"]) == (KIND.OUT_OF_MEMORY, "load"), last
    assert "no memory for the weights" in last["message"]
    assert ("Unable to read" in last["message"]) == bool(site)
    assert last["remedy"]


def test_a_context_without_memory_is_out_of_memory(folder: Path) -> None:
    """The library does not look whether it got memory on the CPU: it would end with SIGSEGV."""
    config(max_position_embeddings=2_000_000_000)(folder)
    long = Workload(name="long", n_prompt_tokens=2, n_generated_tokens=2_000_000)
    events = launch(job(folder, workload=long))
    with limited(resource.RLIMIT_AS, 6 << 30):
        next(events)
    last = end_of(events)
    assert last["kind"] == KIND.OUT_OF_MEMORY, last
    assert "2,000,002" in last["message"]
    assert last["remedy"]


def use_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Code that a worker runs before its own."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(site))


CRASHING = """
import runners.engines.mlx.session as session
session.MlxSession._check_tokens = lambda *_: None
session.prompt.tokens = lambda *_: [1_000_000_000] * 16
"""


def test_an_id_that_gets_past_us_ends_the_worker_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With our check taken out: what the library does with such an id, and how it is told."""
    use_site(tmp_path, monkeypatch, CRASHING)
    last = end_of(launch(job(folder)))
    assert last["kind"] == KIND.CRASHED, last
    assert "SIGSEGV" in last["message"]
    assert last["remedy"]


def test_a_library_that_cannot_be_imported_is_unavailable(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_site(tmp_path, monkeypatch, "import sys; sys.modules['mlx.core'] = None")
    last = end_of(launch(job(folder)))
    assert last["kind"] == KIND.UNAVAILABLE, last
    assert "mlx-lm cannot be imported" in last["message"]
    assert "install" in last["remedy"] or "uv sync" in last["remedy"]


def long_job(folder: Path, timeout_s: float) -> Job:
    """One evaluation of many seconds: a prompt in one piece, in the number format that crawls on a CPU."""
    config(max_position_embeddings=1_000_000)(folder)
    workload = Workload(name="long", n_prompt_tokens=20_000, n_generated_tokens=1)
    return job(folder, timeout_s, workload, prefill_step_size=20_000, compute_dtype="stored")


def test_a_long_evaluation_is_timed_out(folder: Path) -> None:
    last = end_of(launch(long_job(folder, timeout_s=6.0)))
    assert last["kind"] == KIND.TIMED_OUT, last
    assert "while generating" in last["message"]


def test_ctrl_c_ends_a_long_evaluation_at_once(folder: Path) -> None:
    """The library hears of a signal when its evaluation is over; so the parent ends the process."""
    cancel = threading.Event()
    asked = None
    last = None
    for last in launch(long_job(folder, timeout_s=120.0), cancel=cancel):
        if last.type is EventType.STARTING and last.data["phase"] == "iteration":
            cancel.set()
            asked = time.monotonic()
    assert asked is not None
    assert last is not None
    assert last.data["kind"] == KIND.CANCELLED
    assert time.monotonic() - asked < 15, "not when the evaluation is over"


def test_a_hard_limit_of_files_below_the_librarys_does_not_matter(folder: Path) -> None:
    """mlx_lm wants (2048, 4096) when it is imported, and fails where that is not allowed."""
    script = textwrap.dedent("""
        import json, resource, sys
        from runners.contract import Job, from_wire
        from runners.launch import launch
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))
        *_, last = launch(from_wire(Job, json.loads(sys.stdin.read())))
        print(last.type, dict(last.data))
    """)
    from runners.wire import to_wire

    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        input=json.dumps(to_wire(dataclasses.replace(job(folder), n_warmups=0))),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith("done"), done.stdout + done.stderr


def test_a_folder_that_is_cut_while_it_is_used_does_not_matter(folder: Path) -> None:
    """The weights are read into memory, not mapped."""
    cut_at = None
    last = None
    for last in launch(job(folder, workload=dataclasses.replace(CHAT, n_generated_tokens=50))):
        if last.type is EventType.LOADED:
            cut(100)(folder)
            cut_at = last.seq
    assert cut_at is not None
    assert last is not None
    assert last.type is EventType.DONE, last.data
