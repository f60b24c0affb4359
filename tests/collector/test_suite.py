"""Suites: what ships can be read, and every mistake is answered with file and line."""

from pathlib import Path

import pytest

from collector import suite
from collector.errors import SuiteError
from collector.suite import parse
from runners.contract import Gate, WorkloadKind

GOOD = """
description = "mine"
models = ["phi-3-mini-4k"]
quants = ["q4_0"]
n_blocks = 2

[[workload]]
name = "chat"
n_prompt_tokens = 64
n_generated_tokens = 32
"""


def test_the_shipped_suites_are_these_and_can_be_read() -> None:
    assert suite.shipped() == ("kernels", "quants", "quick", "standard", "sustained")
    assert all(suite.load(name).workloads for name in suite.shipped())


def test_quick_is_what_the_documents_say() -> None:
    quick = suite.load("quick")
    (chat,) = quick.workloads
    assert (quick.n_blocks, chat.n_prompt_tokens, chat.n_generated_tokens) == (3, 64, 32)
    assert quick.models == ("phi-3-mini-4k", "llama-2-7b")


def test_kernels_are_pp512_and_tg128() -> None:
    pp, tg = suite.load("kernels").workloads
    assert (pp.kind, pp.n_prompt_tokens, pp.n_generated_tokens) == (WorkloadKind.KERNEL, 512, 0)
    assert (tg.kind, tg.n_prompt_tokens, tg.n_generated_tokens) == (WorkloadKind.KERNEL, 0, 128)


def test_a_file_is_named_after_itself_and_arms_have_options(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + '[[arm]]\nmodel = "phi-3-mini-4k"\noptions = { threads = 2, repack = false }\n')
    mine = suite.load(str(path))
    assert mine.name == "mine"
    assert mine.arms[0].options == {"threads": 2, "repack": False}


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        (GOOD.replace("n_prompt", "n_promt"), 'x.toml:9: unknown field "n_promt_tokens" in workload', "n_prompt"),
        (GOOD.replace("n_blocks", "blocks"), 'x.toml:5: unknown field "blocks" in the suite', "n_blocks"),
        (GOOD.replace("= 64", '= "64"'), 'x.toml:9: n_prompt_tokens cannot be "64"', "a whole number"),
        (GOOD.replace("= 64", "= true"), "x.toml:9: n_prompt_tokens cannot be True", "a whole number"),
        (GOOD.replace("= 64", "= -1"), 'x.toml:7: workload "chat": token counts cannot be negative', ""),
        (GOOD.replace("= 2", "= 0"), "x.toml:5: n_blocks must be at least 1", ""),
        (GOOD.replace("= 64", "= "), "x.toml:9:", "CONTRIBUTING"),
        (GOOD.replace('name = "chat"\n', ""), "x.toml:7: this workload has no name", ""),
        (GOOD + '[[workload]]\nname = "chat"\nn_prompt_tokens = 1\nn_generated_tokens = 1\n', "two workloads", ""),
        (GOOD.replace('["phi-3-mini-4k"]', '"phi-3-mini-4k"'), "x.toml:3: models must be a list of names", ""),
        (GOOD.replace("[[workload]]", "[workload]"), "workload must be written as [[workload]]", ""),
        (GOOD.split("[[", maxsplit=1)[0], "x.toml:1: the suite has no [[workload]]", "CONTRIBUTING.md"),
        (GOOD.replace('models = ["phi-3-mini-4k"]', ""), "names no models", ""),
        (GOOD.replace("name =", 'kind = "chatty"\nname ='), "x.toml:8: kind is generation or kernel", ""),
        (GOOD.replace("name =", 'kind = "kernel"\nname ='), "exactly one of the two", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_file_line_and_remedy(text: str, message: str, remedy: str) -> None:
    with pytest.raises(SuiteError) as caught:
        suite.parse(text, "x.toml")
    assert message.replace('"', "'") in caught.value.message.replace('"', "'")
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    with pytest.raises(SuiteError) as caught:
        suite.load("qiuck")
    assert caught.value.remedy == "Did you mean 'quick'?"


def test_a_suite_without_a_number_of_blocks_runs_until_it_is_precise() -> None:
    adaptive = parse(GOOD.replace("n_blocks = 2", "precision_frac = 0.01\nmax_blocks = 12\nbudget_s = 600"), "x.toml")
    assert (adaptive.n_blocks, adaptive.precision_frac, adaptive.max_blocks) == (None, 0.01, 12)
    assert adaptive.budget_s == 600


def test_a_suite_may_have_a_gate_of_its_own() -> None:
    suite = parse(f"{GOOD}\n[gate]\nmax_other_cpu_cores = 0.5\nis_mains_power = true\nlongest_wait_s = 120\n", "x.toml")
    assert suite.gate == Gate(max_other_cpu_cores=0.5, is_mains_power=True, longest_wait_s=120)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("\n[gate]\nmax_cores = 0.5\n", 'unknown field "max_cores" in the gate'),
        ("\n[gate]\nis_mains_power = 1\n", "is_mains_power cannot be 1"),
        ("\n[[gate]]\nlongest_wait_s = 1\n", "gate must be written as [gate]"),
    ],
)
def test_a_mistake_in_a_gate_is_named_with_its_line(more: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse(GOOD + more, "x.toml")
    line = len(GOOD.splitlines()) + 2
    assert message in caught.value.message.replace("'", '"')
    assert f"x.toml:{line}" in caught.value.message or f"x.toml:{line + 1}" in caught.value.message


def test_a_precision_is_a_share() -> None:
    with pytest.raises(SuiteError, match="precision_frac is a share"):
        parse(GOOD.replace("n_blocks = 2", "precision_frac = 2.0"), "x.toml")
