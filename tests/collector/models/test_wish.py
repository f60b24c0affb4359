"""Which engine gets which model in which format; nothing that was asked for is left out silently."""

from pathlib import Path

import mlx_folders
import pytest

from collector import models, suite
from collector.errors import UsageError
from collector.models.formats import ENGINES, backend_here
from collector.plan import arm_specs
from collector.suite import ArmSpec
from runners import registry

QUICK = suite.load("quick")
PHI = "phi-3-mini-4k"
MLX = "mlx_4bit_g64"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(mlx_folders.write(tmp_path / "m"))


@pytest.fixture
def gguf(tmp_path: Path) -> str:
    (tmp_path / "x.gguf").touch()
    return str(tmp_path / "x.gguf")


def chosen(*specs: ArmSpec) -> list[tuple[str, str | None]]:
    return [(spec.engine, spec.quant) for spec in specs]


@pytest.mark.parametrize("name", [name for name in ENGINES if name in registry.ENGINES])
def test_the_formats_of_the_engines_are_those_that_they_name_themselves(name: str) -> None:
    assert registry.load(name).formats == (ENGINES[name],)


def test_a_suites_4_bits_are_each_engines_own() -> None:
    specs = arm_specs(QUICK, model_names=[PHI], engines=["llama_cpp", "mlx"])
    assert chosen(*specs) == [("llama_cpp", "q4_0"), ("mlx", None)]
    assert models.default_quant("mlx") == MLX
    assert [spec.engine for spec in arm_specs(QUICK, engines=["mlx"])] == ["mlx", "mlx"]


def test_formats_that_are_asked_for_go_to_their_engines() -> None:
    specs = arm_specs(QUICK, model_names=[PHI], engines=["llama_cpp", "mlx"], quants=["q8_0", MLX])
    assert chosen(*specs) == [("llama_cpp", "q8_0"), ("mlx", MLX)]


@pytest.mark.parametrize(
    ("engines", "quants", "says", "remedy"),
    [
        (["mlx"], ["q4_0"], "mlx runs no q4_0", "--engine llama_cpp, or --quant mlx_4bit_g64"),
        (["llama_cpp"], [MLX], "llama_cpp runs no mlx_4bit_g64", "--engine mlx"),
        (["llama_cpp", "mlx"], ["q8_0"], "mlx runs no q8_0", "--quant mlx_4bit_g64"),
        (["mlx"], [MLX, "q8_0"], "mlx runs no q8_0", "--engine llama_cpp"),
        (["mlx"], ["4bit"], "there is no format '4bit'", MLX),
        (["llama_cpp"], ["q4_0", "q4_1"], "there is no format 'q4_1'", "q4_0"),
    ],
)
def test_a_format_that_no_engine_of_the_plan_runs_is_refused(
    engines: list[str], quants: list[str], says: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as caught:
        arm_specs(QUICK, model_names=[PHI], engines=engines, quants=quants)
    assert says in caught.value.message
    assert remedy in caught.value.remedy


def test_a_suite_of_8_bits_is_not_run_in_4(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="mlx runs no q8_0"):
        arm_specs(replace(QUICK, quants=("q8_0",)), engines=["mlx"])


def test_a_file_goes_to_the_engine_that_reads_it(folder: str, gguf: str) -> None:
    assert chosen(*arm_specs(QUICK, model_names=[folder])) == [("mlx", None)]
    assert chosen(*arm_specs(QUICK, model_names=[gguf])) == [("llama_cpp", None)]
    both = arm_specs(QUICK, model_names=[folder, gguf], engines=["llama_cpp", "mlx"])
    assert [(spec.engine, spec.model) for spec in both] == [("mlx", folder), ("llama_cpp", gguf)]
    with pytest.raises(UsageError, match="llama_cpp reads none of the files"):
        arm_specs(QUICK, model_names=[folder], engines=["llama_cpp", "mlx"])


def test_arms_as_text_get_their_engines_format(folder: str) -> None:
    texts = ["engine=mlx", "engine=llama_cpp quant=q8_0", f"model={folder}"]
    specs = arm_specs(QUICK, model_names=[PHI], arms=texts)
    assert chosen(*specs) == [("mlx", None), ("llama_cpp", "q8_0"), ("mlx", None)]
    with pytest.raises(UsageError, match="mlx runs no q4_0"):
        arm_specs(QUICK, model_names=[PHI], arms=["engine=mlx quant=q4_0"])
    mixed = arm_specs(QUICK, model_names=[PHI], quants=["q8_0"], arms=["engine=llama_cpp", f"engine=mlx quant={MLX}"])
    assert chosen(*mixed) == [("llama_cpp", "q8_0"), ("mlx", MLX)]


def test_a_simulated_engine_takes_every_format() -> None:
    specs = arm_specs(QUICK, model_names=[PHI], engines=["fake"], quants=["q4_0", MLX, "made-up"])
    assert [spec.quant for spec in specs] == ["q4_0", MLX, "made-up"]


def test_only_mlx_asks_for_the_backend_that_is_here() -> None:
    assert backend_here("mlx") in {"cpu", "metal"}
    assert backend_here("llama_cpp") is None
