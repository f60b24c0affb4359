"""One conformance test over the whole registry, and: listing engines imports no framework."""

import subprocess
import sys
import time

import pytest

from runners import registry
from runners.contract import Option
from runners.errors import RunnerUnavailable

FRAMEWORKS = {"mlx", "mlx_lm", "llama_cpp", "coremltools", "numpy", "transformers", "psutil"}


def test_every_engine_is_here() -> None:
    assert tuple(registry.ENGINES) == ("llama_cpp", "mlx", "fake", "replay")


@pytest.mark.parametrize("name", registry.ENGINES)
def test_listing_an_engine_does_not_import_its_framework(name: str) -> None:
    code = f"import sys; from runners.registry import load; load({name!r}).unavailable_because(); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert not FRAMEWORKS & set(result.stdout.split())


@pytest.mark.parametrize("name", registry.ENGINES)
def test_an_engine_keeps_the_contract(name: str) -> None:
    engine = registry.load(name)
    assert engine.name == name
    assert engine.formats
    assert "n_ctx" in engine.options, "the worker fills it in for every engine"
    for option_name, option in engine.options.items():
        assert isinstance(option, Option)
        assert option.help, option_name
        if option.default is not None:
            registry.check_options(engine, {option_name: option.default})


@pytest.mark.parametrize("name", registry.ENGINES)
def test_asking_whether_an_engine_can_be_used_is_quick_and_never_raises(name: str) -> None:
    begun = time.perf_counter()
    reason = registry.load(name).unavailable_because()
    assert reason is None or (isinstance(reason, str) and reason)
    assert time.perf_counter() - begun < 1.0


def test_an_engine_that_is_missing_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = registry.load("llama_cpp")
    monkeypatch.setattr(type(engine), "unavailable_because", lambda _self: "the package llama-cpp-python is missing")
    with pytest.raises(RunnerUnavailable) as caught:
        registry.check_available(engine)
    assert caught.value.message == "llama_cpp cannot be used here: the package llama-cpp-python is missing"
    assert caught.value.remedy == "uv sync (or pip install llama-cpp-python)"
    registry.check_available(registry.load("fake"))


def test_an_engine_that_comes_with_a_group_of_its_own_is_installed_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = registry.load("mlx")
    monkeypatch.setattr(type(engine), "unavailable_because", lambda _self: "the package mlx-cpu is missing")
    with pytest.raises(RunnerUnavailable) as caught:
        registry.check_available(engine)
    assert caught.value.message == "mlx cannot be used here: the package mlx-cpu is missing"
    assert caught.value.remedy == 'uv sync --group mlx-cpu\npip install "mlx-lm[cpu]"'


@pytest.mark.parametrize("name", registry.ENGINES)
def test_an_engine_that_is_not_simulated_says_what_installs_it(name: str) -> None:
    engine = registry.load(name)
    assert engine.is_simulated == (engine.distribution is None)


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RunnerUnavailable) as caught:
        registry.load("llamacpp")
    assert caught.value.remedy == "Did you mean 'llama_cpp'?"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sed": 1}, "no option 'sed'"),
        ({"seed": "1"}, "takes a whole number"),
        ({"seed": True}, "takes a whole number"),
        ({"is_realtime": 1}, "takes true or false"),
        ({"die": "SIGNAL"}, "cannot be 'SIGNAL'"),
    ],
)
def test_options_are_checked_before_anything_runs(options: dict[str, str | int], message: str) -> None:
    with pytest.raises(RunnerUnavailable, match=message):
        registry.check_options(registry.load("fake"), options)


def test_a_whole_number_does_for_a_number() -> None:
    registry.check_options(registry.load("fake"), {"decode_tok_per_s": 12})
