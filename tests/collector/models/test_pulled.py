"""Weights that were pulled go before synthetic ones, and everything that plans or lists a model knows of them."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector import catalog, models, plan, suite
from collector.catalog import CatalogModel
from collector.cli import cli
from collector.models import pulled
from collector.models.pulled import Pulled
from collector.models.synth_gguf import write_gguf
from collector.models.wish import Wish
from collector.suite import ArmSpec
from runners.contract import ModelShape
from runners.errors import ModelError

SHAPE = ModelShape(
    architecture="llama", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1_574_144,
)  # fmt: skip


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    entry = CatalogModel(
        id="tiny", name="Tiny", family="t", hf_repo="x/y", licence="MIT", is_gated=False, shape=SHAPE, sources=("here",)
    )
    monkeypatch.setattr(catalog, "models", lambda: {"tiny": entry})
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def remembered(root: Path, quant: str = "q4_k_m", n: int = 1) -> Pulled:
    """A record of a real file; a later ``n`` is a later pull."""
    path = root.parent / "hub" / f"tiny-{quant}.gguf"
    path.parent.mkdir(exist_ok=True)
    write_gguf(path, name="tiny", shape=SHAPE, quant=quant)
    path.write_bytes(path.read_bytes().replace(b"general.synthetic", b"general.synthesis"))
    record = Pulled(
        model="tiny", format="gguf", quant=quant, repo="x/y", commit="0" * 40, files=(path.name,), path=str(path),
        n_bytes=path.stat().st_size,
    )  # fmt: skip
    pulled.remember(root, record)
    os.utime(root / "pulled" / f"tiny-{quant}.gguf.json", ns=(n, n))
    return record


def test_real_weights_go_before_synthetic_ones(root: Path) -> None:
    synthetic = models.resolve("tiny", None, "llama_cpp")
    assert synthetic.is_synthetic
    record = remembered(root)
    found = models.resolve("tiny", None, "llama_cpp")
    assert (found.model, found.quant, found.path, found.is_synthetic) == ("tiny", "q4_k_m", record.path, False)
    assert models.resolve("tiny", "q4_0", "llama_cpp") == synthetic  # what a person names is not replaced
    assert models.resolve(str(synthetic.path), None, "llama_cpp") == synthetic  # by path as ever
    assert models.resolve("tiny", None, "mlx").format == "mlx"


def test_without_a_format_the_usual_one_is_taken_then_the_newest_of_4_bits(root: Path) -> None:
    remembered(root, "q8_0", n=3)
    assert models.resolve("tiny", None, "llama_cpp").is_synthetic  # nobody asked for 8 bits
    assert models.resolve("tiny", "q8_0", "llama_cpp").is_synthetic is False
    remembered(root, "q4_k_m", n=4)
    assert models.resolve("tiny", None, "llama_cpp").quant == "q4_k_m"
    remembered(root, "q4_0", n=1)
    assert models.resolve("tiny", None, "llama_cpp").quant == "q4_0"


def test_a_record_whose_file_is_gone_or_that_cannot_be_read_counts_for_nothing(root: Path) -> None:
    Path(remembered(root).path).unlink()
    (root / "pulled" / "broken.json").write_text("{")
    (root / "pulled" / "strange.json").write_text('{"model": 3}')
    assert models.resolve("tiny", None, "llama_cpp").is_synthetic
    assert list(pulled.records(root)) == []


def test_damaged_weights_are_an_error_and_not_replaced_in_silence(root: Path) -> None:
    path = Path(remembered(root).path)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ModelError, match="is cut"):
        models.resolve("tiny", None, "llama_cpp")


def test_a_suites_4_bits_are_those_that_were_pulled(root: Path) -> None:
    wish = Wish(engines=("llama_cpp",), quants=("q4_0",))
    assert wish.quants_for("tiny", "llama_cpp") == ["q4_0"]
    remembered(root)
    assert wish.quants_for("tiny", "llama_cpp") == ["q4_k_m"]
    assert replace(wish, are_quants_asked=True).quants_for("tiny", "llama_cpp") == ["q4_0"]
    assert replace(wish, quants=("q4_0", "q4_k_m")).quants_for("tiny", "llama_cpp") == ["q4_0", "q4_k_m"]
    assert replace(wish, quants=("q8_0",)).quants_for("tiny", "llama_cpp") == ["q8_0"]


def test_a_format_that_cannot_be_written_can_be_pulled_and_planned(root: Path) -> None:
    record = remembered(root)
    pulled.remember(root, replace(record, quant="q5_k_m"))
    wish = Wish(engines=("llama_cpp",), quants=("q5_k_m",), are_quants_asked=True)
    assert wish.quants_for("tiny", "llama_cpp") == ["q5_k_m"]
    spec = ArmSpec(model="tiny", engine="llama_cpp", quant="q5_k_m")
    plan.check_spec(spec, suite.load("quick").workloads)
    assert plan.unwritten(spec).model.path == record.path


def test_a_plan_says_which_weights_are_real_and_the_list_shows_them(root: Path, tmp_path: Path) -> None:
    record = remembered(root)
    words = ["run", "quick", "--model", "tiny", "--blocks", "1", "--no-gate", "--db", str(tmp_path / "x.db")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("weights ")]
    assert line.startswith("weights tiny q4_k_m")
    assert line.endswith(f"real, {record.path}")
    assert "synthetic" not in done.output
    shown = CliRunner().invoke(cli, ["models", "show", "tiny"]).output
    assert f"here: {record.path} (real)" in shown
    models.find_or_synthesise("tiny", "q4_k_m")
    pulled.remember(root, replace(record, quant="q5_k_m"))
    shown = CliRunner().invoke(cli, ["models", "show", "tiny"]).output
    assert f"(real); here: {models.path_of('tiny', 'q4_k_m')} (random weights)" in shown
