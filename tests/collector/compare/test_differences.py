"""Every other field in which two arms differ, and the ones that go without saying."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from compare_helpers import CHAT, DECODE, cell, side

from collector.compare import Side, compare
from runners.contract import ModelShape

VALUES = {DECODE: [10.0] * 3}


def told(first: Side, second: Side, *about: str) -> dict[str, tuple[str, str]]:
    (pair,) = compare([(first, second)], about=about).pairs
    return {d.field: (d.baseline, d.other) for d in pair.differences}


def other(**more: Any) -> Side:
    return side(cell(VALUES, arm_index=1, **more))


ONE = side(cell(VALUES))
Q4_K_M = {"quant": "q4_k_m", "n_bytes": 12, "tensor_bytes": 11, "digest": "bb"}


def test_two_formats_differ_in_nothing_else() -> None:
    assert told(ONE, other(arm=Q4_K_M)) == {}
    assert told(ONE, other(arm=Q4_K_M), "quant") == {}


def test_a_second_difference_is_told_and_then_all_are() -> None:
    found = told(ONE, other(arm=Q4_K_M | {"model": "llama-2-7b"}))
    assert found["model"] == ("phi-3-mini-4k", "llama-2-7b")
    assert found["quant"] == ("q4_0", "q4_k_m")
    assert found["tensor bytes"] == ("9", "11")
    named = told(ONE, other(arm=Q4_K_M | {"options": {"threads": 1}}, options_in_effect={"threads": 1}), "quant")
    assert named == {"option: threads": ("2", "1")}


def test_two_shapes_are_told_in_words() -> None:
    phi = ModelShape(
        architecture="phi3", n_layers=32, n_embd=3072, n_ff=8192, n_heads=32, n_kv_heads=32, head_dim=96,
        vocab_size=32064, context_length=4096, is_tied=False, n_params=3_821_079_552,
    )  # fmt: skip
    wider = replace(phi, n_ff=11008)
    found = told(side(cell(VALUES, arm={"shape": phi})), other(arm={"shape": wider}))
    words = (
        "phi3, 32 layers of width 3072 and {}, 32 heads of 96 (32 for keys), vocabulary 32064, context 4096, "
        "3,821,079,552 parameters"
    )
    assert found["shape"] == (words.format(8192), words.format(11008))


def test_two_engines_differ_in_engine_format_and_quant_and_in_what_both_say() -> None:
    arm = {"engine": "mlx", "format": "mlx", "quant": "mlx_4bit_g64", "n_bytes": 12, "options": {"loop": "hybrid"}}
    in_effect = {"loop": "hybrid", "prefill_step_size": 2048, "threads": 1}
    found = told(ONE, other(arm=arm, options_in_effect=in_effect, engine_build={"backend": "cpu"}, backend="metal"))
    assert found["engine"] == ("llama_cpp", "mlx")
    assert found["format"] == ("gguf", "mlx")
    assert found["quant"] == ("q4_0", "mlx_4bit_g64")
    assert found["option: threads"] == ("2", "1")
    assert found["option: loop"] == ("unknown", "hybrid")  # asked for, so it is what the arm is
    assert not {"option: prefill_step_size", "engine build: backend"} & set(found)


def test_an_option_that_was_in_effect_anyhow_is_no_difference() -> None:
    assert told(ONE, other(arm={"options": {"threads": 2}})) == {}
    unsaid = other(arm={"options": {"threads": 4, "x": 1}}, options_in_effect={})
    assert told(ONE, unsaid) == {"option: threads": ("2", "4"), "option: x": ("unknown", "1")}


def test_one_format_and_two_files_is_told() -> None:
    assert told(ONE, other(arm={"digest": "bb"})) == {"digest": ("aa", "bb")}


@pytest.mark.parametrize(
    ("more", "field", "values"),
    [
        ({"machine": {"device": "M1"}}, "device", ("this machine", "M1")),
        ({"machine": {"os_version": "6.2"}}, "system", ("Linux 6.1", "Linux 6.2")),
        ({"machine": {"engine_version": "0.3.37"}}, "engine version", ("0.3.36", "0.3.37")),
        ({"machine": {"memory_bytes": 16 << 30}}, "memory bytes", ("8,589,934,592", "17,179,869,184")),
        ({"machine": {"python_version": "3.12"}}, "Python version", ("3.11.7", "3.12")),
        ({"engine_build": {"compiler": "gcc 13"}}, "engine build: compiler", ("unknown", "gcc 13")),
        ({"backend": "metal"}, "backend", ("cpu", "metal")),
        ({"n_threads": 4}, "threads in effect", ("2", "4")),
        ({"options_in_effect": {"threads": 2, "flash": True}}, "option: flash", ("unknown", "yes")),
        ({"flags": ("hot", "synthetic")}, "doubts", ("synthetic", "hot, synthetic")),
        ({"arm": {"is_synthetic": False}}, "random weights", ("yes", "no")),
        ({"suite": "standard"}, "suite", ("quick", "standard")),
        ({"git_commit": "abc"}, "commit", ("unknown", "abc")),
        ({"workload": replace(CHAT, prompt_seed=7)}, "workload chat: prompt seed", ("1", "7")),
    ],
)
def test_each_field_is_told(more: Mapping[str, Any], field: str, values: tuple[str, str]) -> None:
    assert told(ONE, other(**more)) == {field: values}


def test_an_option_that_the_comparison_is_about_is_not_told_again() -> None:
    first = side(cell(VALUES, arm={"options": {"threads": 1}}, n_threads=1, options_in_effect={"threads": 1}))
    second = other(arm={"options": {"threads": 2}}, n_threads=2, options_in_effect={"threads": 2})
    assert told(first, second, "threads") == {}
    assert told(first, second) == {}, "it is the only field of the labels that differs"


def test_what_explains_most_comes_first() -> None:
    machine = {"device": "M1", "os_name": "macOS", "engine_version": "0.3.37", "python_version": "3.12"}
    found = list(told(ONE, other(machine=machine, backend="metal", n_threads=4, flags=())))
    assert found == ["device", "system", "engine version", "backend", "threads in effect", "doubts", "Python version"]


def test_how_the_runs_were_asked_for_is_told() -> None:
    first = side(cell(VALUES, run_id="r1"), plans={"r1": {"n_iterations": 1, "duration_s": None, "gate": {"a": 1}}})
    second = side(cell(VALUES, run_id="r2"), plans={"r2": {"n_iterations": 3, "duration_s": 60.0, "gate": None}})
    found = told(first, second)
    assert found["n_iterations"] == ("1", "3")
    assert found["duration_s"] == ("unknown", "60")
    assert found["gate"] == ("a 1", "unknown")


def test_a_machine_that_is_unknown_differs() -> None:
    nowhere = replace(cell(VALUES, arm_index=1), machine=None)
    assert told(ONE, side(nowhere))["device"] == ("this machine", "unknown")
