"""The command line as a person meets it: real processes, real databases, the simulator for an engine."""

import csv
import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from command_helpers import envelope, fake_run, phibench, start

from collector.cli._common import run_guarded


def test_a_run_ends_with_finding_table_and_next_steps(tmp_path: Path) -> None:
    out = fake_run(tmp_path).stdout
    assert out.index("block 1/3") < out.index("generates") < out.index("chat 64+32") < out.index("next ")
    assert re.search(r"phi-3-mini-4k q4_0 fake generates 1\.[78]\d × as fast as llama-2-7b q4_0 fake here", out)
    assert "simulated" in out
    assert "\x1b" not in out, "no control characters in a pipe"
    assert out.count("block ") >= 6


def test_six_blocks_give_an_interval(tmp_path: Path) -> None:
    out = fake_run(tmp_path, "--blocks", "6", "--model", "phi-3-mini-4k").stdout
    assert re.search(r"phi-3-mini-4k q4_0 fake +1[12]\.\d+ ± 0\.\d+", out)
    assert "--blocks 8" not in out


def test_json_is_one_envelope(tmp_path: Path) -> None:
    data = envelope(fake_run(tmp_path, "--json"), "run")
    assert data["outcome"]["n_done"] == 6
    assert {c["arm"]["model"] for c in data["cells"]} == {"phi-3-mini-4k", "llama-2-7b"}
    assert data["cells"][0]["arm"]["python"] is None
    runs = envelope(phibench("list", "--json", cwd=tmp_path), "runs")
    assert [r["id"] for r in runs] == [data["outcome"]["run_id"]]
    shown = envelope(phibench("show", "last", "--json", cwd=tmp_path), "run")
    assert len(shown["launches"]) == 6
    launch = envelope(phibench("show", "last/2", "--json", cwd=tmp_path), "launch")
    assert launch["launch"]["number"] == 2
    assert len(envelope(phibench("suites", "list", "--json", cwd=tmp_path), "suites")) == 5
    assert envelope(phibench("suites", "show", "standard", "--json", cwd=tmp_path), "suite")["forecast"]["is_guess"]
    assert len(envelope(phibench("models", "list", "--json", cwd=tmp_path), "models")) == 17


def test_list_show_note_and_rm(tmp_path: Path) -> None:
    fake_run(tmp_path, "--blocks", "1")
    phibench("note", "last", "window open", cwd=tmp_path)
    assert "window open" in phibench("list", cwd=tmp_path).stdout
    shown = phibench("show", cwd=tmp_path).stdout
    assert "window open" in shown
    assert "simulated: made by a simulator, no model ran" in shown
    assert "decode.gap_mean" in phibench("show", "last/1", cwd=tmp_path).stdout
    phibench("rm", "last", "--yes", cwd=tmp_path)
    assert "holds no runs yet" in phibench("list", cwd=tmp_path).stdout


def test_a_shown_recording_can_be_replayed_with_the_same_metrics(tmp_path: Path) -> None:
    fake_run(tmp_path, "--blocks", "1", "--model", "phi-3-mini-4k")
    (tmp_path / "r.jsonl").write_text(phibench("show", "last/1", "--events", cwd=tmp_path).stdout)
    arm = "engine=replay path=r.jsonl"
    phibench("run", "quick", "--model", "phi-3-mini-4k", "--arm", arm, "--blocks", "1", cwd=tmp_path)
    phibench("export", "csv", "c.csv", cwd=tmp_path)
    with (tmp_path / "c.csv").open(newline="") as file:
        recorded, replayed = csv.DictReader(file)
    for name in ("ttft_s", "decode_tok_per_s", "prefill_tok_per_s", "e2e_s"):
        assert float(replayed[name]) == pytest.approx(float(recorded[name]), rel=1e-9)
    assert "imported" in replayed["flags"]


def test_exports(tmp_path: Path) -> None:
    fake_run(tmp_path, "--blocks", "2")
    assert "wrote 2 rows to c.csv" in phibench("export", "csv", "c.csv", cwd=tmp_path).stdout
    assert phibench("export", "csv", "-", "--samples", cwd=tmp_path).stdout.count("\n") == 1 + 2 * 2 * 2
    assert "decode.gap_mean" in phibench("export", "csv", "-", "--long", "--run", "last", cwd=tmp_path).stdout
    phibench("export", "csv", "-", "--long", "--samples", cwd=tmp_path, code=2)


def test_arms_with_options_and_failures_in_one_plan(tmp_path: Path) -> None:
    words = ["--arm", "engine=fake decode_tok_per_s=24", "--arm", "engine=fake die=SIGSEGV"]
    done = phibench("run", "quick", "--model", "phi-3-mini-4k", *words, cwd=tmp_path, code=3)
    assert "crashed: the engine crashed with SIGSEGV while generating" in done.stdout
    assert "2 of 5 launches failed" in done.stdout
    assert phibench("run", "quick", "--engine", "fake", "--arm", "engine=fake fail=model_invalid", cwd=tmp_path, code=1)


@pytest.mark.parametrize(
    ("words", "code", "message", "remedy"),
    [
        (["run", "qick"], 2, "there is no suite 'qick'", "Did you mean 'quick'?"),
        (["run", "quick", "--model", "phi3-mini-4k"], 2, "there is no model", "Did you mean 'phi-3-mini-4k'?"),
        (["run", "quick", "--engine", "lama_cpp"], 2, "there is no engine", "Did you mean 'llama_cpp'?"),
        (["run", "quick", "--quant", "q4_k"], 2, "there is no format 'q4_k'", "Did you mean 'q4_k_m'?"),
        (["run", "quick", "--arm", "engine=fake sed=3"], 2, "no option 'sed'", "Did you mean 'seed'?"),
        (["run", "quick", "--arm", "engine=llama_cpp threads=99"], 2, "threads of llama_cpp", "9 times slower"),
        (["run", "quick", "--arm", "engine=fake seed=x"], 2, "takes a whole number", ""),
        (["run", "quick", "--arm", 'engine="fake'], 2, "cannot be read: No closing quotation", "engine=llama_cpp"),
        (["run", "quick", "--arm", "engine=fake python=no/python"], 1, "there is no Python", ""),
        (["run", "quick", "--arm", "engine=llama_cpp threads=0"], 2, "cannot be 0", "threads=1 or more"),
        (["run", "--seed", "99999999999999999999"], 2, "is not in the range", ""),
        (["run", "--timeout", "0s"], 2, "is too short", ""),
        (["run", "--model", "", "--engine", "fake"], 2, "a model needs a name", "phibench models list"),
        (["run", "--arm", ""], 2, "--arm was given nothing", "engine=llama_cpp"),
        (["run", "absent.toml"], 2, "there is no file absent.toml", "quick"),
        (["run", "--model", "phi-3-min"], 2, "there is no model", "Did you mean 'phi-3-mini-4k'?"),
        (["list", "--db", "."], 1, "is a folder", "--db FOLDER/phibench.db"),
        (["run", "none.toml"], 2, "names no engine", ""),
        (["run", "quick", "--arm", "fake"], 2, "is no name=value", "engine=llama_cpp"),
        (["run", "quick", "--model", "phi-3-small-8k"], 1, "blocksparse", "phibench models list --engine llama_cpp"),
        (["run", "quick", "--model", "none.gguf"], 1, "there is no file", "phibench models list"),
        (["run", "bad.toml"], 2, "bad.toml:3: unknown field 'n_promt_tokens'", "n_prompt_tokens"),
        (["run", "long.toml", "--engine", "llama_cpp"], 1, "has room for 4,096", "longer context"),
        (["run", "quick", "--model", "text.gguf"], 1, "it looks like text", "synth"),
        (["models", "synth", "phi-3-small-8k"], 1, "cannot be written as GGUF", ""),
        (["models", "rm", "phi-3-medium-4k", "--yes"], 2, "no phi-3-medium-4k is here", ""),
        (["show", "zzz"], 1, "no results yet", "phibench quickstart"),
        (["doctr"], 2, "there is no command 'doctr'", "Did you mean 'doctor'?"),
        (["run", "--timeout", "soon"], 2, "is no time", "15m"),
        (["list", "--db", "text.gguf"], 1, "is not a database", "--db"),
        (["list", "--db", "nonsense://x"], 1, "", ""),
    ],
)  # fmt: skip
def test_every_mistake_gets_one_message_with_its_remedy(
    tmp_path: Path, words: list[str], code: int, message: str, remedy: str
) -> None:
    (tmp_path / "text.gguf").write_text("some notes\n" * 200)
    head = 'models = ["phi-3-mini-4k"]\n[[workload]]\n'
    (tmp_path / "bad.toml").write_text(f"{head}n_promt_tokens = 5\nname = 'x'\n")
    good = "[[workload]]\nname = 'x'\nn_prompt_tokens = 4\nn_generated_tokens = 2\n"
    (tmp_path / "none.toml").write_text(f"models = ['phi-3-mini-4k']\nengines = []\n{good}")
    (tmp_path / "long.toml").write_text(f"{head}name = 'x'\nn_prompt_tokens = 4000\nn_generated_tokens = 200\n")
    done = phibench(*words, cwd=tmp_path, code=code)
    assert message in done.stderr
    assert remedy in done.stderr
    assert len(done.stderr.splitlines()) <= 6


def test_a_model_that_does_not_fit_says_by_how_much(tmp_path: Path) -> None:
    code = (
        "from runners import device; device.available_memory_bytes = lambda: 900_000_000\n"
        "from collector import plan; from collector.suite import Arm; from runners.contract import *\n"
        "from collector import catalog, models\n"
        "ref = ModelRef(model='phi-3-mini-4k', format='gguf', quant='q4_0', tensor_bytes=2175438336,\n"
        "               shape=catalog.find('phi-3-mini-4k').shape)\n"
        "w = Workload(name='chat', n_prompt_tokens=64, n_generated_tokens=32)\n"
        "try: plan.check_cell(Arm(model=ref, engine='llama_cpp'), w)\n"
        "except Exception as exc: print(exc.kind, exc.message)\n"
    )
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("model_too_large phi-3-mini-4k q4_0 needs 2.2 GiB, 0.8 GiB are free, 1.3 GiB too little")


def test_a_read_only_database_folder_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = fake_run(tmp_path, "--db", str(tmp_path / "file" / "x.db"), code=1)
    assert "cannot be made" in done.stderr
    assert "--db" in done.stderr


def test_resume_with_nothing_to_resume_says_so_and_starts(tmp_path: Path) -> None:
    done = fake_run(tmp_path, "--resume", "--blocks", "1")
    assert "nothing to resume; starting the run" in done.stderr
    assert "generates" in done.stdout


REAL_TIME = [
    "--arm",
    "engine=fake is_realtime=true decode_tok_per_s=40 prefill_tok_per_s=400",
    "--model",
    "phi-3-mini-4k",
]


def test_ctrl_c_stops_cleanly_and_resume_goes_on(tmp_path: Path) -> None:
    run = start(tmp_path, "run", "quick", "--blocks", "3", *REAL_TIME)
    assert run.stdout is not None
    while "block 1/3" not in run.stdout.readline():
        pass
    time.sleep(0.7)  # into the second launch, which takes about two seconds
    begun = time.monotonic()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert run.returncode == 130
    assert "Traceback" not in err
    assert "phibench run --resume" in out
    resumed = phibench("run", "--resume", cwd=tmp_path)
    assert "block 2 of 3" in resumed.stdout
    assert "·n=3" in resumed.stdout
    (shown,) = envelope(phibench("show", "--json", cwd=tmp_path), "run")["cells"]
    assert (shown["n_launches"], shown["n_orphaned"]) == (3, 1)


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [(KeyboardInterrupt, 130, "Error: stopped by hand\n"), (click.Abort, 1, "Error: nothing was changed\n")],
)
def test_ctrl_c_and_a_refused_question_end_any_command_differently(
    raised: type[BaseException],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def command() -> None:
        raise raised

    monkeypatch.setattr("sys.argv", ["phibench"])
    assert run_guarded(command) == code
    assert capsys.readouterr().err.lstrip("\n") == message


@pytest.mark.parametrize(("number", "remedy"), [(errno.EROFS, "PHIBENCH_CACHE"), (errno.ENOSPC, "models rm")])
def test_a_file_that_cannot_be_written_has_a_remedy(
    number: int, remedy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def command() -> None:
        raise OSError(number, os.strerror(number), "runs/7f3a")

    monkeypatch.setattr("sys.argv", ["phibench"])
    assert run_guarded(command) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"Error: {os.strerror(number)}: runs/7f3a"
    assert remedy in second


def test_a_run_that_still_goes_on_cannot_be_resumed(tmp_path: Path) -> None:
    run = start(tmp_path, "run", "quick", "--blocks", "2", *REAL_TIME)
    assert run.stdout is not None
    while "block 1/2" not in run.stdout.readline():
        pass
    done = phibench("run", "--resume", cwd=tmp_path, code=1)
    assert "is still going on in another process" in done.stderr
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 0
    assert "·n=2" in out


def test_a_home_folder_in_the_databases_name_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fake_run(tmp_path, "--blocks", "1", "--db", "~/x.db")
    assert (tmp_path / "x.db").is_file()
    assert "1 run" in phibench("doctor", "--db", "~/x.db", cwd=tmp_path).stdout


def test_two_files_of_one_name_are_told_apart(tmp_path: Path, tiny_model: Path) -> None:
    for name, more in (("old", b""), ("new", b"more")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.gguf").write_bytes(tiny_model.read_bytes() + more)
    words = ["--model", "old/m.gguf", "--model", "new/m.gguf", "--blocks", "1", "--json"]
    cells = envelope(phibench("run", "quick", *words, cwd=tmp_path), "run")["cells"]
    assert [cell["arm"]["model"] for cell in cells] == ["old/m", "new/m"]
    phibench("run", "quick", "--model", "old/m.gguf", "--model", "old/m.gguf", "--blocks", "1", cwd=tmp_path)


def test_a_folder_named_runners_where_the_user_stands_changes_nothing(tmp_path: Path) -> None:
    for room in ("runners", "collector"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise SystemExit('the wrong one')")
    script = Path(sys.executable).with_name("phibench")
    env = {**os.environ, "PHIBENCH_DB": str(tmp_path / "p.db")}
    command = [str(script), "run", "quick", "--engine", "fake", "--blocks", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


HOLD = """
import sys
from runners.device import lock
held = lock.acquire("phibench run standard")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_run_says_who_is_measuring_and_leaves(tmp_path: Path, tiny_model: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    done = phibench("run", "quick", "--model", str(tiny_model), cwd=tmp_path, code=1)
    assert "phibench run standard" in done.stderr
    assert str(holder.pid) in done.stderr
    holder.communicate("")
    phibench("run", "quick", "--model", str(tiny_model), "--blocks", "1", "--wait", "10s", cwd=tmp_path)


def test_help_names_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom collector.cli import main\nsys.argv = ['phibench', '--help']\n"
        "try: main()\nexcept SystemExit: pass\nprint('|', *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    text, _, modules = out.partition("|")
    for name in ("quickstart", "doctor", "models", "suites", "run", "list", "show", "note", "rm", "export"):
        assert re.search(rf"^  {name} ", text, re.MULTILINE), name
    heavy = {"numpy", "sqlalchemy", "rich", "streamlit", "llama_cpp", "alembic", "gguf", "psutil"}
    assert not heavy & set(modules.split())


@pytest.mark.slow
def test_quickstart_measures_two_models_and_ends_with_the_table(tmp_path: Path) -> None:
    done = phibench("quickstart", "--small", "--blocks", "1", cwd=tmp_path)
    assert "tinyllama-1.1b q4_0 generates" in done.stdout
    assert "synthetic" in done.stdout
    assert "peak GiB" in done.stdout
    assert "next    phibench quickstart --small --blocks 8 " in done.stdout
