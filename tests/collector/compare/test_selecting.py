"""Naming an arm: fields, values, and one clear message for every mistake."""

import pytest
from compare_helpers import DECODE, cell

from collector.compare.selecting import about, by_arm, fitting, parse, why_none
from collector.errors import UsageError
from collector.queries import CellResult

VALUES = {DECODE: [10.0] * 3}


def cells() -> list[CellResult]:
    return [
        cell(VALUES),
        cell(VALUES, arm_index=1, arm={"quant": "q4_k_m"}),
        cell(VALUES, arm_index=2, arm={"options": {"threads": 1}}, n_threads=1, options_in_effect={"threads": 1}),
        cell(VALUES, arm_index=3, arm={"engine": "fake", "options": {"is_realtime": True, "noise_frac": 0.02}}),
        cell(VALUES, arm_index=4, arm={"python": "~/work/new/.venv/bin/python"}, machine={"engine_version": "0.3.37"}),
    ]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("quant=q4_k_m", [1]),
        ("quant=Q4_K_M", [1]),
        ("engine=fake", [3]),
        ("threads=1", [2]),
        ("threads=2", [0, 1, 3, 4]),
        ("threads=2,quant=q4_0,engine=llama_cpp,python=here", [0]),
        ("is_realtime=true", [3]),
        ("noise_frac=0.020", [3]),
        ("python=work/new", [4]),
        ("python=~/work/new/.venv/bin/python", [4]),
        ("engine_version=0.3.37", [4]),
        ("device=this", [0, 1, 2, 3, 4]),
        ("device=f1", [0, 1, 2, 3, 4]),
        ("arm=2", [1]),
        ("backend=cpu, model=phi-3-mini-4k", [0, 1, 2, 3, 4]),
        ("model=llama-2-7b", []),
    ],
)
def test_fields_pick_arms(text: str, places: list[int]) -> None:
    found = fitting(cells(), parse(text))
    assert [one.arm_index for one in found] == places


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("qant=q4_0", "there is no field 'qant'", "Did you mean 'quant'?"),
        ("xyzzy=1", "there is no field 'xyzzy'", "engine_version"),
        ("quant=q4_0,", "'' is no field=value", "phibench compare"),
        ("quant=", "'quant=' is no field=value", "phibench compare"),
        ("quant=a,quant=b", "names quant twice", "once"),
        ("metric=decode", "there is no metric 'decode'", "decode_tok_per_s"),
        ("metric=zzz", "there is no metric 'zzz'", "There are"),
    ],
)
def test_mistakes_in_the_text(text: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_word_without_a_field_is_a_run() -> None:
    assert parse("last~1").runs == ("last~1",)
    assert parse("last~1").is_whole_run
    assert parse("a1+b2").runs == ("a1", "b2")
    found = parse("run=a1+b2,quant=q4_0,workload=chat,metric=ttft_s")
    assert (found.runs, found.workload, found.metric, dict(found.wanted)) == (
        ("a1", "b2"), "chat", "ttft_s", {"quant": "q4_0"},
    )  # fmt: skip
    assert not found.is_whole_run
    assert parse("run=a1,workload=chat").is_whole_run


def test_what_fits_nothing_says_what_there_is() -> None:
    for text, message, remedy in (
        ("quant=q8_0", "no arm has quant=q8_0", "q4_k_m"),
        ("quant=q4_k", "no arm has quant=q4_k", "quant is one of: q4_0, q4_k_m"),
        ("quant=q4_k_m,threads=1", "no arm fits all of", "phi-3-mini-4k q4_k_m; phi-3-mini-4k q4_0 threads=1"),
        ("workload=caht", "no workload is called 'caht'", "workloads are: chat"),
        ("chunk=2", "no arm has chunk=2", "unknown of every arm"),
    ):
        error = why_none(cells(), parse(text))
        assert message in error.message, text
        assert remedy in error.remedy, text
    assert "no launch succeeded" in why_none([cell({})], parse("quant=q4_0")).message
    assert "no run to look in" in why_none([], parse("quant=q4_0")).message


def test_a_comparison_is_about_the_fields_that_both_sides_name() -> None:
    assert about(parse("quant=q4_0,engine=fake"), parse("quant=q8_0,engine=fake,threads=1")) == {"quant"}
    assert about(parse("last"), parse("quant=q8_0")) == frozenset()


def test_arms_come_in_the_order_of_the_plan() -> None:
    found = by_arm(reversed(cells()))
    assert [group[0].arm_index for group in found] == [0, 1, 2, 3, 4]
