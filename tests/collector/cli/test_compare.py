"""Comparing from the command line: the simulator's known truth, through real runs and a real database."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_helpers import Done, envelope, phibench

from collector import models
from collector.cli.compare import exit_code
from collector.compare import Row
from collector.stats import Verdict

MODEL = ["--model", "phi-3-mini-4k"]
FORMATS = ["--engine", "fake", "--quant", "q4_0", "--quant", "q4_k_m", "--blocks", "10"]
FAST = ["--engine", "fake", "--quant", "q4_0", "--blocks", "6"]
SLOW = ["--arm", "engine=fake quant=q4_0 decode_tok_per_s=10.2 prefill_tok_per_s=85", "--blocks", "6"]
TRUE_RATIO = models.size_bytes("phi-3-mini-4k", "q4_0") / models.size_bytes("phi-3-mini-4k", "q4_k_m")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "comparing.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Oldest first: two formats in 10 blocks, as the page has it; the first alone; a slow engine alone."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHIBENCH_CACHE", str(folder / "cache"))
        for words in (FORMATS, FAST, SLOW):
            phibench("run", "quick", *MODEL, *words, "--seed", "1", cwd=folder)
    return folder


@pytest.fixture
def cwd(made: Path, tmp_path: Path) -> Path:
    """A copy of the database, to be changed."""
    shutil.copy(made / "p.db", tmp_path / "p.db")
    return tmp_path


def compare(cwd: Path, *words: str, code: int = 0) -> Done:
    return phibench("compare", *words, cwd=cwd, code=code)


def data(cwd: Path, *words: str, code: int = 0) -> Any:
    return envelope(compare(cwd, *words, "--json", code=code), "comparison")


def rows(pair: Any) -> dict[str, Any]:
    return {row["metric"]: row for row in pair["rows"]}


BOTH = ("last~2", "quant=q4_0", "quant=q4_k_m")


def test_the_truth_of_two_interleaved_arms_is_found(made: Path) -> None:
    (pair,) = data(made, *BOTH)["pairs"]
    assert pair["design"]["is_paired"]
    assert (pair["design"]["n_blocks"], pair["design"]["seeds"]) == (10, [1])
    decode = rows(pair)["decode_tok_per_s"]
    assert decode["ratio"]["low"] < TRUE_RATIO < decode["ratio"]["high"]
    assert (decode["verdict"], rows(pair)["ttft_s"]["verdict"]) == ("slower", "slower")
    assert decode["definition"] == "decode.gap_mean"
    assert rows(pair)["load_s"]["verdict"] is None
    assert len(decode["baseline_launches"]) == 10
    assert pair["differences"] == []
    shown = envelope(phibench("show", "last~2", "--json", cwd=made), "run")["launches"]
    assert {launch["id"] for launch in shown} == {*decode["baseline_launches"], *decode["other_launches"]}


def test_the_finding_comes_first_and_tables_fit_80_columns(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = compare(made, *BOTH).stdout.splitlines()
    names = r"phi-3-mini-4k q4_k_m fake generates 0\.9\d+ × as fast as phi-3-mini-4k q4_0 fake here"
    assert re.fullmatch(rf"{names} \(0\.\d+ – 0\.\d+, 95 %, 10 blocks\): slower\.", lines[0])
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("chat 64+32")) :][:4]
    assert [line.split()[-1] for line in table] == ["verdict", "slower", "slower", table[3].split()[-1]]
    assert all(len(line) <= 80 for line in table)
    text = "\n".join(lines)
    assert "paired: 10 blocks, interleaved, order drawn (seed 1)" in text
    assert "they differ also in: nothing else that is known" in text
    assert "noise floor here: unknown; phibench noise measures it" in text


def test_the_page_shows_what_its_commands_print(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text()
    (shown,) = re.findall(r"<!-- comparison -->\n```\n(.*?)```\n<!-- /comparison -->", page, re.DOTALL)
    assert f"phibench run quick {' '.join(sorted_like_the_page())} --seed 1" in page
    monkeypatch.setenv("COLUMNS", "80")
    printed = compare(made, *BOTH).stdout
    run_id = data(made, *BOTH)["pairs"][0]["baseline"]["runs"][0]
    (page_id,) = set(re.findall(r"run (\w{8})", shown))
    assert plain_lines(printed.replace(run_id, page_id)) == plain_lines(shown)


def sorted_like_the_page() -> list[str]:
    return [*FORMATS[:2], *MODEL, *FORMATS[2:]]


def plain_lines(text: str) -> list[str]:
    """Without what depends on the machine: its doubts, and blanks at the end of a line."""
    return [line.rstrip() for line in text.splitlines() if not line.startswith("doubt on both")]


def test_without_arms_a_run_is_set_against_its_baseline(made: Path) -> None:
    (pair,) = data(made, "last~2")["pairs"]
    assert pair["baseline"]["label"] == "phi-3-mini-4k q4_0 fake"
    done = compare(made, "last", code=2)
    assert "has one arm" in done.stderr


def test_an_arm_without_a_run_is_looked_up_where_both_are(made: Path) -> None:
    (pair,) = data(made, "quant=q4_0", "quant=q4_k_m")["pairs"]
    assert pair["design"]["is_paired"], "the newest run that has both, not the newest of each"
    (pair,) = data(made, "quant=q4_k_m", "run=last")["pairs"]
    assert not pair["design"]["is_paired"]


def test_two_runs_only_look_different(made: Path) -> None:
    done = compare(made, "last~1", "last")
    assert "not paired" in done.stdout
    assert "different runs): looks slower." in done.stdout.splitlines()[0]
    assert "the noise between sessions is unknown" in done.stdout
    (pair,) = data(made, "last", "last~1")["pairs"]
    assert {rows(pair)[m]["verdict"] for m in ("decode_tok_per_s", "ttft_s")} == {"looks faster"}
    options = ["option: decode_tok_per_s", "option: prefill_tok_per_s"]
    assert [difference["field"] for difference in pair["differences"]] == options


def test_arms_of_equal_name_are_compared_between_runs(made: Path) -> None:
    found = envelope(done := compare(made, "last~2", "last~1", "--json"), "comparison")
    (pair,) = found["pairs"]
    assert pair["baseline"]["label"] == pair["other"]["label"]
    assert any("only A has" in warning for warning in json.loads(done.stdout)["warnings"])
    assert {row["verdict"] for row in pair["rows"] if row["is_headline"]} == {"unclear"}


def test_several_runs_of_an_arm_are_several_sessions(made: Path) -> None:
    (pair,) = data(made, "run=last~2+last~1,quant=q4_0", "last")["pairs"]
    assert pair["design"]["n_sessions"] == [2, 1]
    assert pair["design"]["n_launches"] == [16, 6]
    assert not pair["design"]["is_paired"]
    error = compare(made, "run=last+last~1,engine=fake", "last", code=2).stderr
    assert "fits 2 arms" in error


@pytest.mark.parametrize("ref", ["last", "last~2"])
def test_a_run_compared_with_itself_says_that_it_is_the_same(made: Path, ref: str) -> None:
    for pair in data(made, ref, ref)["pairs"]:
        assert {row["verdict"] for row in pair["rows"]} == {"inconclusive", None}
        assert pair["design"]["is_same_launches"]
    assert compare(made, ref, ref).stdout.startswith("A and B are the same launches: nothing is compared.")
    compare(made, ref, ref, "--fail-on", "slower")
    compare(made, ref, ref, "--fail-on", "inconclusive", code=5)


def test_sides_that_share_some_of_their_launches_are_refused(made: Path) -> None:
    error = compare(made, "run=last~2+last~1,quant=q4_0", "run=last~1", code=2).stderr
    assert "share launches, such as" in error


def test_a_run_that_had_an_arm_twice_is_not_set_against_one_of_the_two(cwd: Path) -> None:
    phibench("noise", "--engine", "fake", "--blocks", "6", "--seed", "1", cwd=cwd)
    assert "share launches, such as" in compare(cwd, "last", "run=last,arm=1", code=2).stderr
    (pair,) = data(cwd, "last", "arm=1", "arm=2")["pairs"]
    assert pair["design"]["n_blocks"] == 6


def test_exit_codes_for_a_pipeline(made: Path) -> None:
    compare(made, *BOTH)
    compare(made, *BOTH, "--fail-on", "slower", code=4)
    compare(made, *BOTH, "--fail-on", "inconclusive", code=4)
    compare(made, "last~1", "last", "--fail-on", "slower", code=4)
    compare(made, "last", "last~1", "--fail-on", "slower")
    compare(made, "last~2", "last~1", "--fail-on", "inconclusive", code=5)


@pytest.mark.parametrize(
    ("verdicts", "fail_on", "code"),
    [
        ([Verdict.EQUIVALENT, Verdict.FASTER], "inconclusive", 0),
        ([Verdict.EQUIVALENT, Verdict.UNCLEAR], "inconclusive", 5),
        ([Verdict.EQUIVALENT, None], "inconclusive", 5),
        ([], "inconclusive", 5),
        ([Verdict.UNCLEAR], "slower", 0),
        ([Verdict.LOOKS_SLOWER], "slower", 4),
        ([Verdict.SLOWER, Verdict.INCONCLUSIVE], "inconclusive", 4),
        ([Verdict.SLOWER], None, 0),
    ],
)
def test_the_exit_code_of_verdicts(verdicts: list[Verdict | None], fail_on: str | None, code: int) -> None:
    def row(verdict: Verdict | None) -> Row:
        return Row(
            workload="chat", shape="", metric="ttft_s", unit="s", better="lower", definition="", is_headline=True,
            baseline=None, other=None, verdict=verdict,
        )  # fmt: skip

    assert exit_code(fail_on, map(row, verdicts)) == code


def test_a_baseline_is_a_name_for_a_run(cwd: Path) -> None:
    assert "no run has a name yet" in phibench("baseline", "list", cwd=cwd).stdout
    assert "main is run" in phibench("baseline", "set", "main", "last~1", cwd=cwd).stdout
    (named,) = envelope(phibench("baseline", "list", "--json", cwd=cwd), "baselines")
    assert data(cwd, "main", "last")["pairs"][0]["baseline"]["runs"] == [named["run_id"]]
    assert data(cwd, "run=main,engine=fake", "last")["pairs"][0]["baseline"]["runs"] == [named["run_id"]]
    assert f"it was run {named['run_id']}" in phibench("baseline", "set", "main", cwd=cwd).stdout
    assert "Did you mean 'main'?" in phibench("baseline", "rm", "mian", cwd=cwd, code=2).stderr
    phibench("baseline", "rm", "main", cwd=cwd)
    assert "no run and no baseline 'main'" in compare(cwd, "main", "last", code=2).stderr
    for name in ("last", "a=b", "a,b", "", named["run_id"][:4], "last~1"):
        phibench("baseline", "set", name, "last", cwd=cwd, code=2)


def test_rerun_measures_both_again_and_pairs_them(cwd: Path) -> None:
    done = compare(cwd, "last~1", "last", "--rerun", "--blocks", "2", "--json")
    (pair,) = envelope(done, "comparison")["pairs"]
    assert "2 arms × 1 workload × 2 blocks" in done.stderr
    assert pair["design"]["is_paired"]
    assert pair["baseline"]["runs"] == pair["other"]["runs"]
    newest = envelope(phibench("show", "last", "--json", cwd=cwd), "run")["run"]
    assert (newest["id"], newest["suite"]) == (pair["baseline"]["runs"][0], "rerun")
    assert pair["baseline"]["label"] == "phi-3-mini-4k q4_0 fake"
    done = compare(cwd, "run=last,arm=1", "run=last~2", "--rerun", code=2)
    assert "measure it against itself" in done.stderr


def test_rerun_of_two_workloads_is_refused(cwd: Path) -> None:
    words = ["--engine", "fake", "--quant", "q4_0", "--blocks", "1"]
    phibench("run", "standard", *MODEL, *words, cwd=cwd)
    error = compare(cwd, "run=last,workload=search", "run=last~1,workload=chat", "--rerun", code=2).stderr
    assert "the sides name two" in error


def test_markdown_for_a_pull_request(made: Path) -> None:
    text = compare(made, *BOTH, "--markdown").stdout
    assert text.startswith("**phi-3-mini-4k")
    (row,) = [line for line in text.splitlines() if line.startswith("| chat 64+32 | decode tok/s |")]
    assert row.count("|") == 8
    assert row.endswith("| slower |")
    assert "evidence  phibench show" in text


def test_one_metric_alone_and_all_of_them(made: Path) -> None:
    alone = compare(made, "last~2", "quant=q4_0,metric=load_s", "quant=q4_k_m").stdout
    assert "load s" in alone
    assert "first token s" not in alone
    assert "2 rows tested together" in alone, "what is shown does not change the family"
    everything = compare(made, *BOTH, "--all").stdout
    assert "itl_p50_s" in everything
    assert "itl_p50_s" not in compare(made, *BOTH).stdout


def test_prefill_and_decode_are_not_compared(made: Path) -> None:
    words = ("run=last,metric=prefill_tok_per_s", "run=last~1,metric=decode_tok_per_s")
    error = compare(made, *words, code=2).stderr
    assert "prefill_tok_per_s (prefill.p_over_ttft) and decode_tok_per_s (decode.gap_mean)" in error
    assert "107 tokens/s on an M1" in error


def test_a_chunked_stream_is_refused_inside_the_table(cwd: Path) -> None:
    phibench("run", "quick", *MODEL, "--arm", "engine=fake chunk=4", "--blocks", "3", cwd=cwd)
    (pair,) = data(cwd, "last~1", "last")["pairs"]
    decode = rows(pair)["decode_tok_per_s"]
    assert decode["refusal"] == "definitions differ: decode.gap_mean against decode.gap_chunk1"
    assert (decode["ratio"], decode["verdict"]) == (None, None)
    assert rows(pair)["ttft_s"]["ratio"] is not None
    assert "not compared" in compare(cwd, "last~1", "last").stdout
    compare(cwd, "run=last~1,metric=decode_tok_per_s", "last", "--fail-on", "inconclusive", code=5)


def test_a_shown_run_has_the_ratios_of_its_arms(made: Path) -> None:
    shown = phibench("show", "last~2", cwd=made).stdout
    assert re.search(r"chat decode tok/s +0\.9\d+ \(0\.9\d+–0\.9\d+\) +0\.0039 +slower", shown)
    assert "more, and the noise floor: phibench compare" in shown


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        (["engine=fake"], "one arm alone", "phibench compare"),
        (["a", "b", "c", "d"], "at most RUN, A and B", "phibench compare"),
        (["zz", "last"], "no run and no baseline 'zz'", "phibench list"),
        (["last", "qant=q4_0"], "no field 'qant'", "Did you mean 'quant'?"),
        (["last", "quant=q5_0"], "no arm has quant=q5_0", "quant is one of: q4_0"),
        (["engine=fake,run=last~2", "last"], "fits 2 arms", "arm="),
        (["last~2", "run=last", "last"], "the run is named twice", "phibench compare"),
        (["engine=fake", "last", "last~1"], "is a run, not 'engine=fake'", "phibench compare"),
        (["last~2", "run=last~2,arm=1"], "not clear which to compare", "run=ID"),
        (["last", "last~1", "--json", "--markdown"], "two ways to print the same", "one of them"),
        (["last", "last~1", "--blocks", "3"], "there is no --rerun", "add --rerun"),
        (["run=last,workload=caht", "last~1"], "no workload is called 'caht'", "chat"),
        (["last", "last~1", "--band", "3"], "is no share", "2%"),
        (["last~1", "run=last,metric=kernel_decode_tok_per_s"], "neither side has kernel_decode", "--all"),
        (["last~2", "last~2", "--rerun"], "one arm on either side", "name one arm"),
    ],
)  # fmt: skip
def test_every_mistake_gets_one_message_with_its_remedy(
    made: Path, words: list[str], message: str, remedy: str
) -> None:
    error = compare(made, *words, code=2).stderr
    assert message in error
    assert remedy in error


def test_an_empty_database_says_where_to_begin(tmp_path: Path) -> None:
    assert "phibench quickstart" in compare(tmp_path, code=1).stderr
