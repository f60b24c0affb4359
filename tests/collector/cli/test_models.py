"""`phibench models`, as a person and as a program reads it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector import catalog, models
from collector.cli import cli
from collector.models.synth_gguf import write_gguf
from runners import device
from runners.contract import ModelShape
from runners.errors import ModelError

GIB = 1 << 30
TINY = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1_574_144,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue of one tiny model."""
    entry = catalog.CatalogModel(
        id="tiny", name="Tiny", family="t", hf_repo="x/y", licence="MIT", is_gated=False, shape=TINY, sources=("here",)
    )
    monkeypatch.setattr(catalog, "models", lambda: {"tiny": entry})
    return


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["models", *words], input=answer)


def test_the_list_fits_80_columns_and_marks_what_does_not_fit_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "available_memory_bytes", lambda: 6 * GIB)
    lines = run("list").output.splitlines()
    rows = {line.split()[0]: line for line in lines if line}
    assert len([line for line in rows.values() if " B " in line]) == 17
    assert max(len(line) for line in lines if " B " in line) <= 80
    assert rows["phi-3-mini-4k"].split()[3:7] == ["2.03", "2.23", "3.78", "(7.12)"]
    assert "(" not in rows["tinyllama-1.1b"]
    assert "—" in rows["phi-3-small-8k"]


def test_a_machine_that_does_not_tell_its_memory_brackets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "available_memory_bytes", lambda: None)
    rows = json.loads(run("list", "--json").output)["data"]
    assert {fit for row in rows for fit in row["fits"].values()} == {None}


def test_the_engine_filter_leaves_out_what_it_cannot_run() -> None:
    shown = {engine: json.loads(run("list", "--json", "--engine", engine).output) for engine in ("llama_cpp", "mlx")}
    ids = {engine: {row["id"] for row in answer["data"]} for engine, answer in shown.items()}
    assert ids["mlx"] - ids["llama_cpp"] == {"phi-3-small-8k", "phi-3-small-128k"}
    assert shown["mlx"]["schema"] == "phibench.models/1"
    assert shown["mlx"]["warnings"] == []
    wrong = run("list", "--engine", "lama_cpp").exception
    assert "Did you mean 'llama_cpp'?" in getattr(wrong, "remedy", "")


def test_synth_show_list_and_rm_of_one_model(tiny: None, tmp_path: Path) -> None:
    written = run("synth", "tiny", "--quant", "q8_0", "--json")
    ref = json.loads(written.stdout)["data"]
    assert written.exit_code == 0
    assert (ref["model"], ref["quant"], ref["is_synthetic"]) == ("tiny", "q8_0", True)
    assert Path(ref["path"]).stat().st_size == ref["n_bytes"]
    (row,) = json.loads(run("list", "--json").output)["data"]
    assert row["present"] == ["q8_0"]
    assert "here: " in run("show", "tiny").output
    by_path = run("show", ref["path"]).output
    assert "random weights" in by_path
    assert "1,574,144 parameters" in by_path
    assert run("rm", "tiny", answer="n\n").exit_code == 1
    assert Path(ref["path"]).exists()
    removed = run("rm", "tiny", "--quant", "q8_0", "--yes")
    assert removed.output.startswith("freed ")
    assert not Path(ref["path"]).exists()
    assert "no tiny is here" in str(run("rm", "tiny", "--yes").exception)


def test_synth_uses_what_is_there_unless_forced(tiny: None) -> None:
    run("synth", "tiny")
    path = models.path_of("tiny", "q4_0")
    before = path.stat().st_ino
    run("synth", "tiny")
    assert path.stat().st_ino == before
    run("synth", "tiny", "--force")
    assert path.stat().st_ino != before


def test_show_of_the_catalogue_says_licence_engines_sizes_and_files() -> None:
    text = run("show", "phi-3-mini-4k").output
    for words in ("licence: MIT", "3,821,079,552 parameters", "llama_cpp: yes", "393,216 bytes a token", "2.03 GiB",
                  "Phi-3-mini-4k-instruct-q4.gguf", "source: "):  # fmt: skip
        assert words in text
    assert "asks you to accept it first" in run("show", "llama-2-7b").output
    assert "blocksparse attention is not implemented" in run("show", "phi-3-small-8k").output
    assert json.loads(run("show", "phi-3-mini-4k", "--json").output)["data"]["shape"]["n_layers"] == 32


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "phi3-mini-4k"), "there is no model"),
        (("rm", "phi3-mini-4k"), "there is no model"),
        (("synth", "phi-3-mini-4k", "--quant", "q4_1"), "there is no format"),
        (("rm", "phi-3-mini-4k", "--quant", "q4_1", "--yes"), "there is no format"),
        (("rm", "phi-3-mini-4k", "--quant", "q4_1"), "there is no format"),
        (("synth", "phi-3-small-8k"), "cannot be written as GGUF"),
    ],
)
def test_a_wrong_name_is_answered_before_anything_happens(words: tuple[str, ...], message: str) -> None:
    failed = run(*words)
    assert message in str(failed.exception)
    assert getattr(failed.exception, "remedy", "")


def test_a_damaged_file_is_said_by_show_and_left_out_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "models" / "x.gguf"
    write_gguf(path, name="tiny", shape=TINY, quant="q4_0")
    assert [ref.model for ref in models.local()] == ["x"]
    path.write_bytes(path.read_bytes()[:-5])
    failed = run("show", str(path)).exception
    assert isinstance(failed, ModelError)
    assert "5 bytes are missing" in failed.message
    assert models.local() == []
