"""Real weights from a hub: fetched whole, gone on with, checked, and never run; every refusal says what to do."""

import fcntl
import hashlib
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hub_server import COMMIT, HubServer, serving
from huggingface_hub import try_to_load_from_cache

from collector import catalog
from collector.catalog import CatalogModel, PublishedFile
from collector.errors import PhibenchError, UsageError
from collector.models import pull, pulled
from collector.models.hub import Hub
from collector.models.synth_gguf import write_gguf
from collector.models.synth_mlx import write_mlx
from runners.contract import EventType, Job, ModelRef, ModelShape, Workload
from runners.errors import FailureKind, ModelError, RunnerError, RunnerUnavailable, ServerError
from runners.launch import launch

SHAPE = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1_574_144,
)  # fmt: skip
GGUF, MLX = "maker/tiny-GGUF", "maker/tiny-4bit"
FILE = "tiny-Q4_K_M.gguf"
AUTO_MAP = {
    "AutoModelForCausalLM": "modeling_tiny.TinyForCausalLM",
    "AutoConfig": "modeling_tiny.Tiny",
    "AutoTokenizer": ["modeling_tiny.Tokenizer", None],
}
TRAP = b"import pathlib\npathlib.Path('it-ran').touch()\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, bytes]]:
    """A GGUF and an MLX folder as others publish them: nothing in them says that they are synthetic."""
    folder = tmp_path_factory.mktemp("published")
    for quant in ("q4_k_m", "q8_0"):
        write_gguf(folder / f"{quant}.gguf", name="tiny", shape=SHAPE, quant=quant)
    whole, large = ((folder / f"{quant}.gguf").read_bytes() for quant in ("q4_k_m", "q8_0"))
    whole, large = (content.replace(b"general.synthetic", b"general.synthesis") for content in (whole, large))
    write_mlx(folder / "mlx", name="tiny", shape=SHAPE)
    mlx = {path.name: path.read_bytes() for path in (folder / "mlx").iterdir()}
    mlx["config.json"] = mlx["config.json"].replace(b'"phibench"', b'"phibenched"')
    mlx["model.safetensors"] = mlx["model.safetensors"].replace(b"phibench.synthetic", b"phibench.synthesis")
    mlx["consolidated.safetensors"] = mlx["original/model.safetensors"] = b"the same once more"
    extra = {"modeling_tiny.py": TRAP, "pytorch_model.bin": b"pickle", "training.pt": b"pickle", "README.md": b"hello"}
    return {GGUF: {FILE: whole, "config.json": b"{}", **extra}, MLX: {**mlx, **extra}, "big": {"tiny-Q8_0.gguf": large}}


@pytest.fixture
def server(files: Mapping[str, Mapping[str, bytes]]) -> Iterator[HubServer]:
    with serving(HubServer(repos={GGUF: dict(files[GGUF]), MLX: dict(files[MLX])})) as running:
        yield running


@pytest.fixture
def at(server: HubServer, tmp_path: Path) -> Hub:
    return Hub(endpoint=server.url, cache=tmp_path / "hub", pause_s=0.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def bring(at: Hub, root: Path, model: str = GGUF, **asked: Any) -> ModelRef:
    chosen = pull.choose(pull.Asked(model=model, **asked), at)
    return pull.bring(chosen, at, root, lambda done, total: None)[1]


def published(files: Mapping[str, Mapping[str, bytes]], **more: Any) -> CatalogModel:
    content = files[GGUF][FILE]
    known: dict[str, Any] = {
        "engine": "llama_cpp", "format": "gguf", "repo": GGUF, "quant": "q4_k_m", "file": FILE, "revision": COMMIT,
        "n_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "is_verified": True,
    }  # fmt: skip
    return CatalogModel(
        id="tiny", name="Tiny", family="t", hf_repo="owner/tiny", licence="Tiny Licence", is_gated=False, shape=SHAPE,
        files=(PublishedFile(**{**known, **more}),), sources=("here",),
    )  # fmt: skip


def know(monkeypatch: pytest.MonkeyPatch, entry: CatalogModel) -> None:
    monkeypatch.setattr(catalog, "models", lambda: {entry.id: entry})


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.glob("**/*.phibench.incomplete") if path.is_file()]


def test_a_gguf_comes_whole_into_the_cache_that_other_programs_read(at: Hub, root: Path, server: HubServer) -> None:
    heard: list[tuple[int, int]] = []
    chosen = pull.choose(pull.Asked(model=GGUF), at)
    record, ref = pull.bring(chosen, at, root, lambda done, total: heard.append((done, total)))
    content = server.repos[GGUF][FILE]
    assert Path(ref.path or "").read_bytes() == content
    assert (ref.model, ref.quant, ref.is_synthetic, ref.n_bytes) == (GGUF, "q4_k_m", False, len(content))
    assert (record.commit, record.sha256) == (COMMIT, hashlib.sha256(content).hexdigest())
    assert try_to_load_from_cache(GGUF, FILE, cache_dir=at.cache) == ref.path
    assert heard[-1] == (len(content), len(content))
    assert leftovers(at.cache) == []
    assert pulled.find(root, GGUF, "q4_k_m", "llama_cpp") == ref
    assert pulled.find(root, GGUF, None, "mlx") is None


def test_what_is_here_and_right_is_not_fetched_again(at: Hub, root: Path, server: HubServer) -> None:
    first = bring(at, root)
    assert pull.choose(pull.Asked(model=GGUF), at).n_missing_bytes == 0
    assert bring(at, root) == first
    assert len(server.asked(FILE)) == 2  # the question and the storage's answer, once


def test_a_damaged_file_in_the_cache_is_fetched_again(at: Hub, root: Path, server: HubServer) -> None:
    path = Path(bring(at, root).path or "")
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.resolve().write_bytes(damaged)
    bring(at, root)
    assert path.read_bytes() == server.repos[GGUF][FILE]


def test_an_mlx_folder_comes_without_code_and_pickles_and_nothing_of_it_runs(
    at: Hub, root: Path, server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads(server.repos[MLX]["config.json"]) | {"auto_map": AUTO_MAP}
    server.repos[MLX]["config.json"] = json.dumps(config).encode()
    monkeypatch.chdir(tmp_path)
    ref = bring(at, root, MLX)
    there = {path.name for path in at.cache.glob("**/snapshots/*/*")}
    expected = {name for name in server.repos[MLX] if name.endswith(".json")} | {"model.safetensors"}
    assert there == expected
    assert (ref.format, ref.quant, ref.is_synthetic, ref.model) == ("mlx", "mlx_4bit_g64", False, MLX)
    asked = {request.path.rpartition("/")[2] for request in server.requests}
    assert not asked & {"modeling_tiny.py", "pytorch_model.bin", "training.pt", "README.md"}
    assert not list(tmp_path.glob("**/it-ran"))
    assert pulled.find(root, MLX, None, "mlx") == ref


def test_a_model_that_needs_code_of_its_own_is_refused_before_its_weights_come(
    at: Hub, root: Path, server: HubServer
) -> None:
    said = json.loads(server.repos[MLX]["config.json"]) | {"model_file": "modeling_tiny.py"}
    server.repos[MLX]["config.json"] = json.dumps(said).encode()
    with pytest.raises(ModelError, match="code of its own"):
        bring(at, root, MLX)
    assert server.asked(".safetensors") == []
    assert list(pulled.records(root)) == []


@pytest.mark.mlx
def test_code_beside_a_model_does_not_run_when_its_engine_loads_it(
    at: Hub, root: Path, server: HubServer, tmp_path: Path
) -> None:
    """Even where another program has put the code into the folder."""
    ran = tmp_path / "it-ran"
    for name in ("config.json", "tokenizer_config.json"):
        said = json.loads(server.repos[MLX][name]) | {"auto_map": AUTO_MAP}
        server.repos[MLX][name] = json.dumps(said).encode()
    ref = bring(at, root, MLX)
    Path(ref.path or "", "modeling_tiny.py").write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n")
    workload = Workload(name="w", n_prompt_tokens=4, n_generated_tokens=2)
    *_, last = launch(Job(launch_id="r/1", model=ref, engine="mlx", workload=workload))
    assert last.type is EventType.DONE, last.data
    assert not ran.exists()


def test_no_program_of_ours_trusts_code_that_comes_with_a_model() -> None:
    here = Path(pull.__file__).parents[2]
    sources = [path for room in ("runners", "collector", "dashboard") for path in (here / room).glob("**/*.py")]
    assert len(sources) > 100
    assert [path.name for path in sources if "trust_remote_code=True" in path.read_text(encoding="utf-8")] == []


def test_a_body_that_is_cut_once_goes_on_within_the_same_pull(at: Hub, root: Path, server: HubServer) -> None:
    server.cuts = [100_000]
    assert Path(bring(at, root).path or "").read_bytes() == server.repos[GGUF][FILE]
    assert [request.range for request in server.asked(FILE) if request.is_storage] == [None, "bytes=100000-"]


def test_a_second_pull_goes_on_where_the_first_one_broke_off(at: Hub, root: Path, server: HubServer) -> None:
    server.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ServerError, match="broke off") as caught:
        bring(at, root)
    assert "goes on where it stopped" in caught.value.remedy
    assert [path.stat().st_size for path in leftovers(at.cache)] == [100_000]
    assert list(at.cache.glob("**/snapshots/*/*")) == []
    server.requests.clear()
    chosen = pull.choose(pull.Asked(model=GGUF), at)
    assert chosen.n_bytes - chosen.n_missing_bytes == 100_000
    assert Path(bring(at, root).path or "").read_bytes() == server.repos[GGUF][FILE]
    assert [request.range for request in server.asked(FILE) if request.is_storage] == ["bytes=100000-"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_pull_that_is_stopped_goes_on_where_it_was(server: HubServer, tmp_path: Path, number: signal.Signals) -> None:
    over = threading.Event()
    server.cuts, server.stalls = [200_000], [over]
    with started(server, tmp_path, GGUF) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in leftovers(tmp_path)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    over.set()
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    assert "Traceback" not in err
    assert list(tmp_path.glob("**/snapshots/*/*")) == []
    (kept,) = (path.stat().st_size for path in leftovers(tmp_path))
    server.requests.clear()
    done = cli(server, tmp_path, GGUF)
    assert done.returncode == 0, done.stderr
    assert [request.range for request in server.asked(FILE) if request.is_storage] == [f"bytes={kept}-"]


def test_two_processes_do_not_write_into_one_file(at: Hub, root: Path, server: HubServer) -> None:
    server.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ServerError):
        bring(at, root)
    with leftovers(at.cache)[0].open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PhibenchError, match=f"another process is fetching {FILE}"):
            bring(at, root)
    bring(at, root)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_was_finished_between_opening_and_locking_is_left_alone(
    *, at: Hub, root: Path, server: HubServer, monkeypatch: pytest.MonkeyPatch, is_replaced: bool
) -> None:
    server.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ServerError):
        bring(at, root)
    (partial,) = leftovers(at.cache)
    lock = fcntl.flock

    def late(file: Any, how: int) -> None:
        partial.rename(partial.with_suffix(""))  # what the other process does last
        if is_replaced:
            partial.touch()
        lock(file, how)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", late)
        with pytest.raises(PhibenchError, match=f"another process is fetching {FILE}"):
            bring(at, root)
    assert bring(at, root).quant == "q4_k_m"


@pytest.mark.parametrize("endpoint", ["", "me:secret@hub.example", "ftp://hub.example", "https://"])
def test_an_endpoint_that_is_no_address_is_told_as_such(server: HubServer, tmp_path: Path, endpoint: str) -> None:
    done = cli(server, tmp_path, GGUF, HF_ENDPOINT=endpoint)
    assert (done.returncode, done.stdout) == (2, "")
    assert "HF_ENDPOINT is set and no address" in done.stderr
    assert "Try: unset HF_ENDPOINT\n" in done.stderr
    assert "secret" not in done.stderr


def test_a_storage_that_ignores_ranges_sends_all_of_it_again(at: Hub, root: Path, server: HubServer) -> None:
    server.cuts, server.ignores_ranges = [100_000], True
    assert Path(bring(at, root).path or "").read_bytes() == server.repos[GGUF][FILE]


def test_what_arrives_damaged_is_removed_and_never_used(at: Hub, root: Path, server: HubServer) -> None:
    server.corrupted = {FILE}
    with pytest.raises(ModelError, match=r"arrived damaged and was removed.*sha256") as caught:
        bring(at, root)
    assert caught.value.kind is FailureKind.MODEL_INVALID
    assert leftovers(at.cache) == list(at.cache.glob("**/snapshots/*/*")) == list(pulled.records(root)) == []
    server.corrupted = set()
    bring(at, root)


def test_a_damaged_small_file_is_told_by_gits_own_digest(at: Hub, root: Path, server: HubServer) -> None:
    server.corrupted = {"config.json"}
    with pytest.raises(ModelError, match=r"config\.json arrived damaged"):
        bring(at, root, MLX)


def test_a_beginning_that_was_spoiled_on_the_disk_is_found_at_the_end(at: Hub, root: Path, server: HubServer) -> None:
    server.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ServerError):
        bring(at, root)
    leftovers(at.cache)[0].write_bytes(bytes(100_000))
    with pytest.raises(ModelError, match="arrived damaged"):
        bring(at, root)
    assert Path(bring(at, root).path or "").read_bytes() == server.repos[GGUF][FILE]


def test_a_mirror_whose_list_has_names_only_is_asked_for_each_file(at: Hub, root: Path, server: HubServer) -> None:
    server.hides_metadata = True
    assert bring(at, root).quant == "q4_k_m"
    assert bring(at, root, MLX).format == "mlx"


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said", "remedy"),
    [
        (401, {"X-Error-Code": "GatedRepo"}, FailureKind.SERVER_ERROR, "gated", "accept it at .*hf auth login"),
        (403, {"X-Error-Code": "GatedRepo"}, FailureKind.SERVER_ERROR, "gated", "HF_TOKEN"),
        (401, {}, FailureKind.MODEL_MISSING, "no model", "hf auth login"),
        (403, {}, FailureKind.SERVER_ERROR, "forbids", "HF_TOKEN"),
        (404, {"X-Error-Code": "RepoNotFound"}, FailureKind.MODEL_MISSING, "no model", "check the name"),
        (429, {"Retry-After": "90"}, FailureKind.SERVER_ERROR, "429", "again in 1 min 30 s"),
        (429, {"RateLimit": '"api";r=0;t=55'}, FailureKind.SERVER_ERROR, "429", "again in 55"),
        (429, {}, FailureKind.SERVER_ERROR, "429", "again later"),
        (503, {}, FailureKind.SERVER_ERROR, "503", "later"),
    ],
)
def test_every_refusal_says_what_to_do(
    *, at: Hub, server: HubServer, status: int, headers: dict[str, str], kind: FailureKind, said: str, remedy: str
) -> None:
    server.refusal[GGUF] = (status, headers)
    with pytest.raises(RunnerError, match=said) as caught:
        pull.choose(pull.Asked(model=GGUF), at)
    assert caught.value.kind is kind
    assert re.search(remedy, caught.value.remedy), caught.value.remedy
    assert len(server.requests) == 1  # nothing is asked twice behind a person's back


def test_a_refusal_in_the_middle_of_a_pull_keeps_what_has_come(at: Hub, root: Path, server: HubServer) -> None:
    chosen = pull.choose(pull.Asked(model=GGUF), at)
    server.refusal[GGUF] = (429, {"Retry-After": "7"})
    with pytest.raises(ServerError, match="429") as caught:
        pull.bring(chosen, at, root, lambda done, total: None)
    assert "again in 7" in caught.value.remedy


def test_an_unknown_revision_and_a_page_that_is_no_hub(at: Hub, server: HubServer) -> None:
    with pytest.raises(ModelError, match="no revision 'old'"):
        pull.choose(pull.Asked(model=GGUF, revision="old"), at)
    server.is_nonsense = True
    with pytest.raises(ServerError, match="does not answer as a model hub does"):
        pull.choose(pull.Asked(model=GGUF), at)


def test_names_from_a_hub_cannot_lead_out_of_the_cache(at: Hub, server: HubServer) -> None:
    server.repos[GGUF] = {"../../../evil-Q4_0.gguf": b"x"}
    with pytest.raises(ServerError, match="does not answer"):
        pull.choose(pull.Asked(model=GGUF), at)
    server.repos[GGUF] = {FILE: b"x"}
    server.commit = "../../elsewhere"
    with pytest.raises(ServerError, match="does not answer"):
        pull.choose(pull.Asked(model=GGUF), at)


def test_offline_says_so_and_offers_what_needs_no_network(tmp_path: Path) -> None:
    nowhere = Hub(endpoint="http://127.0.0.1:9", cache=tmp_path)
    with pytest.raises(RunnerUnavailable, match=r"127\.0\.0\.1:9 cannot be reached") as caught:
        pull.choose(pull.Asked(model=GGUF), nowhere)
    assert "phibench models synth" in caught.value.remedy


def test_a_full_disk_is_seen_before_anything_is_fetched(
    at: Hub, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = pull.shutil.disk_usage(at.cache.parent)._replace(free=1 << 20)
    monkeypatch.setattr(pull.shutil, "disk_usage", lambda _: free)
    with pytest.raises(PhibenchError, match=r"takes 965\.91 KiB more.*1\.00 MiB are free.*missing") as caught:
        pull.choose(pull.Asked(model=GGUF), at)
    assert "HF_HUB_CACHE" in caught.value.remedy
    assert server.asked(FILE) == []


def test_a_disk_that_fills_up_leaves_nothing_that_is_used(server: HubServer, tmp_path: Path) -> None:
    """A limit of the system on the size of files stands for the full disk: the write itself fails."""
    code = (
        "import errno, sys, pathlib, signal\n"
        "from collector.errors import PhibenchError\n"
        "from collector.models import pull, fetch\n"
        "from collector.models.hub import Hub\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "errno.EDQUOT = errno.EFBIG\n"
        "at = Hub(endpoint=sys.argv[1], cache=pathlib.Path(sys.argv[2]), pause_s=0.0)\n"
        f"chosen = pull.choose(pull.Asked(model={GGUF!r}), at)\n"
        "try:\n"
        "    pull.bring(chosen, at, at.cache, lambda done, total: None)\n"
        "except PhibenchError as exc:\n"
        "    print(exc.message, exc.remedy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, server.url, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "the disk filled up" in done.stdout, done.stderr
    assert list(tmp_path.glob("**/snapshots/*/*")) == []
    assert [path.stat().st_size for path in leftovers(tmp_path)] == [65_536]


def test_a_cache_that_cannot_be_written_names_the_setting(at: Hub, root: Path) -> None:
    at.cache.write_text("a file where the folder should be")
    with pytest.raises(PhibenchError, match="cannot be written") as caught:
        bring(at, root)
    assert "HF_HUB_CACHE" in caught.value.remedy


def test_several_formats_are_listed_and_one_can_be_named(
    at: Hub, root: Path, server: HubServer, files: Mapping[str, Mapping[str, bytes]]
) -> None:
    server.repos[GGUF]["tiny-Q8_0.gguf"] = files["big"]["tiny-Q8_0.gguf"]
    with pytest.raises(UsageError, match=r"several files: Q4_K_M \(.*\), Q8_0 \(") as caught:
        bring(at, root)
    assert caught.value.remedy == f"phibench models pull {GGUF} --quant Q4_K_M"
    assert bring(at, root, quant="q8_0").quant == "q8_0"
    with pytest.raises(UsageError, match="no q5_k_m: Q4_K_M"):
        bring(at, root, quant="q5_k_m")
    assert pulled.quants(root, GGUF, "llama_cpp") == ["q8_0"]


def test_an_engine_whose_files_are_not_there_is_refused(at: Hub, server: HubServer) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json with model\*\.safetensors") as caught:
        pull.choose(pull.Asked(model=GGUF, engine="mlx"), at)
    assert caught.value.remedy == f"phibench models pull {GGUF} --engine llama_cpp"
    with pytest.raises(ModelError, match="holds no GGUF"):
        pull.choose(pull.Asked(model=MLX, engine="llama_cpp"), at)
    server.repos[MLX] = {"pytorch_model.bin": b"pickle", "config.json": b"{}"}
    with pytest.raises(ModelError, match="neither a GGUF nor an MLX model"):
        pull.choose(pull.Asked(model=MLX), at)
    with pytest.raises(UsageError, match="no weights are pulled for 'fake'"):
        pull.choose(pull.Asked(model=MLX, engine="fake"), at)


def test_parts_of_a_gguf_are_refused_before_they_are_fetched(at: Hub, server: HubServer) -> None:
    server.repos[GGUF] = {f"tiny-Q4_K_M-0000{n}-of-00002.gguf": b"x" for n in (1, 2)}
    with pytest.raises(ModelError, match="no GGUF in one piece"):
        pull.choose(pull.Asked(model=GGUF), at)


def test_a_catalogue_model_comes_pinned_and_under_its_own_name(
    at: Hub, root: Path, server: HubServer, files: Mapping[str, Mapping[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, published(files))
    ref = bring(at, root, "tiny")
    assert (ref.model, ref.quant, ref.is_synthetic) == ("tiny", "q4_k_m", False)
    assert f"/api/models/{GGUF}/revision/{COMMIT}" in [request.path for request in server.requests]
    assert pulled.find(root, "tiny", None, "llama_cpp") == ref


@pytest.mark.parametrize(("field", "value"), [("n_bytes", 7), ("sha256", "0" * 64)])
def test_a_file_that_the_catalogue_does_not_know_is_refused_before_it_is_fetched(
    *, at: Hub, server: HubServer, files: Mapping[str, Mapping[str, bytes]], monkeypatch: pytest.MonkeyPatch,
    field: str, value: object,
) -> None:  # fmt: skip
    know(monkeypatch, published(files, revision=None, **{field: value}))
    with pytest.raises(ModelError, match="not the file that the catalogue knows") as caught:
        pull.choose(pull.Asked(model="tiny"), at)
    assert server.asked(FILE) == []
    server.repos[GGUF]["tiny-Q8_0.gguf"] = b"another format, so that the repository alone does not tell which"
    words = shlex.split(caught.value.remedy.partition(": phibench models pull ")[2])
    asked = pull.Asked(model=words[0], **{name.removeprefix("--"): value for name, value in batched(words[1:])})
    assert [file.name for file in pull.choose(asked, at).files] == [FILE]
    assert asked.revision == COMMIT


def batched(words: list[str]) -> list[tuple[str, str]]:
    """Options of a command line, in pairs."""
    return list(zip(words[::2], words[1::2], strict=True))


def test_another_model_under_the_name_of_one_is_refused(
    at: Hub, root: Path, files: Mapping[str, Mapping[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published(files)
    know(monkeypatch, replace(entry, shape=replace(SHAPE, n_layers=3)))
    with pytest.raises(ModelError, match="another model than tiny: n_layers is 2, not 3"):
        bring(at, root, "tiny")
    know(monkeypatch, replace(entry, shape=replace(SHAPE, context_length=131_072)))
    with pytest.raises(ModelError, match="context_length is 4096, not 131072") as caught:
        bring(at, root, "tiny")
    command = f"phibench models pull {GGUF} --engine llama_cpp --quant {FILE}"
    assert caught.value.remedy == f"use it under its own name: {command}"
    assert list(pulled.records(root)) == []


def test_what_the_catalogue_does_not_offer(at: Hub, files: Mapping[str, Mapping[str, bytes]]) -> None:
    with pytest.raises(UsageError, match="no published file of phi-3-small-8k") as caught:
        pull.choose(pull.Asked(model="phi-3-small-8k"), at)
    assert "ORGANISATION/NAME" in caught.value.remedy
    with pytest.raises(UsageError, match="published for llama_cpp as q4_0, q4_k_m, q8_0"):
        pull.choose(pull.Asked(model="llama-2-7b", engine="llama_cpp"), at)
    with pytest.raises(UsageError, match="it knows q4_k_m") as caught:
        pull.choose(pull.Asked(model="phi-3-mini-4k", quant="q4_0"), at)
    with pytest.raises(UsageError, match="mlx runs no q4_0"):
        pull.choose(pull.Asked(model="phi-3-mini-4k", engine="mlx", quant="q4_0"), at)
    with pytest.raises(UsageError, match="it knows mlx_4bit_g64") as caught:
        pull.choose(pull.Asked(model="phi-3-mini-4k", engine="mlx", quant="mlx_8bit_g64"), at)
    assert caught.value.remedy == "phibench models pull phi-3-mini-4k --engine mlx --quant mlx_4bit_g64"
    with pytest.raises(ModelError, match="cannot run on llama_cpp"):
        pull.choose(pull.Asked(model="phi-3-small-8k", engine="llama_cpp"), at)


def test_a_format_names_its_engine(
    at: Hub, files: Mapping[str, Mapping[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published(files)
    mlx = replace(entry.files[0], engine="mlx", format="mlx", repo=MLX, quant="mlx_4bit_g64", file=None, n_bytes=None)
    know(monkeypatch, replace(entry, files=(*entry.files, replace(mlx, sha256=None))))
    assert pull.choose(pull.Asked(model="tiny", quant="mlx_4bit_g64"), at).repository.id == MLX
    assert pull.choose(pull.Asked(model="tiny"), at).repository.id == GGUF


def test_another_format_of_an_mlx_model_than_it_has_is_refused_before_its_weights_come(
    at: Hub, root: Path, server: HubServer
) -> None:
    with pytest.raises(UsageError, match="q4_0 is a format of GGUF files"):
        bring(at, root, MLX, quant="q4_0")
    with pytest.raises(ModelError, match="is mlx_4bit_g64, not mlx_8bit_g64") as caught:
        bring(at, root, MLX, quant="mlx_8bit_g64")
    assert caught.value.remedy == f"phibench models pull {MLX} --engine mlx"
    assert server.asked(".safetensors") == []
    assert bring(at, root, MLX, quant="mlx_4bit_g64").quant == "mlx_4bit_g64"


def test_a_gated_model_names_the_page_of_its_licence(at: Hub, server: HubServer) -> None:
    said = pull.explain_licence(pull.Asked(model="llama-2-7b"), at) or ""
    assert said.endswith(f"{server.url}/meta-llama/Llama-2-7b-chat-hf")
    assert pull.explain_licence(pull.Asked(model="phi-3-mini-4k"), at) is None


def cli(server: HubServer, home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command itself, in a home of its own, to its end."""
    with started(server, home, *words, **more) as process:
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def started(server: HubServer, home: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    env = {
        **os.environ, "HOME": str(home), "HF_HOME": str(home / "hf"), "HF_ENDPOINT": server.url,
        "PHIBENCH_MODELS": str(home / "models"), **more,
    }  # fmt: skip
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        if name not in more:
            env.pop(name, None)
    code = "import sys; from collector.cli import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", code, "models", "pull", *words]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_honours_endpoint_cache_and_token_and_shows_none(server: HubServer, tmp_path: Path) -> None:
    secret = "hf_secretsecretsecret"
    done = cli(server, tmp_path, GGUF, HF_TOKEN=secret, HF_HUB_CACHE=str(tmp_path / "mine"), HF_DEBUG="1")
    assert done.returncode == 0, done.stderr
    assert f"commit {COMMIT}" in done.stdout
    assert "phibench run quick --engine llama_cpp --model /" in done.stdout
    assert list((tmp_path / "mine").glob(f"**/snapshots/{COMMIT}/{FILE}"))
    assert {r.token for r in server.requests if not r.is_storage} == {f"Bearer {secret}"}
    assert {r.token for r in server.requests if r.is_storage} == {None}
    assert secret not in done.stdout + done.stderr
    written = [path for path in tmp_path.glob("**/*") if path.is_file() and path.suffix != ".gguf"]
    assert not [path for path in written if secret.encode() in path.read_bytes()]


def test_the_command_sends_nothing_about_this_machine(server: HubServer, tmp_path: Path) -> None:
    done = cli(server, tmp_path, GGUF, "--json", AI_AGENT="somebody")
    answer = json.loads(done.stdout)
    assert answer["schema"] == "phibench.pulled/1"
    assert answer["data"]["model_ref"]["is_synthetic"] is False
    assert answer["data"]["pulled"]["commit"] == COMMIT
    assert {r.path.split("/")[1] for r in server.requests} <= {"api", *GGUF.split("/")}
    assert [r.path for r in server.requests if "telemetry" in r.path or "harness" in r.path] == []
    assert all("agent/" not in r.agent and "torch/" not in r.agent for r in server.requests)


def test_the_command_explains_what_is_gated_and_exits_1(server: HubServer, tmp_path: Path) -> None:
    server.refusal["meta/gated"] = (403, {"X-Error-Code": "GatedRepo"})
    done = cli(server, tmp_path, "meta/gated")
    assert done.returncode == 1
    assert f"{server.url}/meta/gated" in done.stderr
    assert "hf auth login" in done.stderr
    assert "Traceback" not in done.stderr


def test_offline_mode_is_said_at_once(server: HubServer, tmp_path: Path) -> None:
    done = cli(server, tmp_path, GGUF, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "offline mode is on" in done.stderr
    assert "unset HF_HUB_OFFLINE" in done.stderr
    assert "phibench models synth" in done.stderr
    assert server.requests == []


def test_offline_names_what_was_pulled_before(server: HubServer, tmp_path: Path) -> None:
    cli(server, tmp_path, GGUF)
    done = cli(server, tmp_path, GGUF, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "pulled before and is here: phibench run quick --engine llama_cpp --model /" in done.stderr
    assert "pulled before" not in cli(server, tmp_path, GGUF, "--quant", "q8_0", HF_HUB_OFFLINE="1").stderr
