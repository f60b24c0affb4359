"""A worker seen from outside: what it says, how it ends, what is left of it."""

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from runners import ending
from runners.contract import Event, EventType, Job, ModelRef, Phase, Scalar, Workload
from runners.errors import FailureKind
from runners.launch import launch
from runners.wire import canonical


def job(**options: Scalar) -> Job:
    return Job(
        launch_id="run/3",
        model=ModelRef(model="m", format="none", quant="none"),
        engine="fake",
        options=options,
        workload=Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=32),
        timeout_s=30.0,
    )


def types(events: list[Event]) -> list[str]:
    return [str(e.type) for e in events]


def test_a_good_launch_tells_everything_in_order() -> None:
    events = list(launch(job()))
    assert types(events) == [
        "hello", "starting", "loaded", "starting", "iteration", "starting", "iteration", "reading", "done",
    ]  # fmt: skip
    assert [e.seq for e in events] == list(range(9))
    assert len({e.boot for e in events}) == 1
    assert [e.data["phase"] for e in events if e.type is EventType.STARTING] == ["load", "warmup", "iteration"]
    assert [e.data["is_warmup"] for e in events if e.type is EventType.ITERATION] == [True, False]
    assert all(a.t_ns <= b.t_ns for a, b in pairwise(events[1:]))


def test_a_duration_is_that_of_the_traces() -> None:
    """A simulator's minute passes at once; a generation that has begun is finished."""
    events = list(launch(dataclasses.replace(job(), duration_s=60.0)))
    traces = [e.data["trace"] for e in events if e.type is EventType.ITERATION and not e.data["is_warmup"]]
    ends_s = [(t["t0_ns"] + t["dt_ns"][-1] - traces[0]["t0_ns"]) / 1e9 for t in traces]
    assert ends_s[-2] < 60.0 <= ends_s[-1]
    assert [e.data["index"] for e in events if e.type is EventType.ITERATION] == [0, *range(len(traces))]


def test_a_duration_comes_with_readings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from runners import launch as module

    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.05)
    long = dataclasses.replace(job(is_realtime=True, decode_tok_per_s=500.0, prefill_tok_per_s=1e5), duration_s=0.5)
    events = list(launch(long))
    begun = next(i for i, e in enumerate(events) if e.data.get("phase") == Phase.ITERATION)
    looks = [i for i, e in enumerate(events) if e.type is EventType.READING and not e.data.get("is_final")]
    assert len(looks) >= 3
    assert min(looks) > begun, "none while it loads or warms up"
    assert all(events[i].data["phase"] == Phase.ITERATION for i in looks)
    assert all("free_memory_bytes" in events[i].data["reading"] for i in looks)
    times = [e.t_ns for e in events if e.type is EventType.READING]
    assert min(b - a for a, b in pairwise(times[:-1])) >= 50_000_000
    assert events[-1].data["n_events"] == len(events)


def test_an_ordinary_launch_is_not_looked_at_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    from runners import launch as module

    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    events = list(launch(dataclasses.replace(job(), n_iterations=5)))
    assert types(events).count("reading") == 1


def test_the_last_event_seals_the_others() -> None:
    *before, last = launch(job())
    digest = hashlib.sha256(b"".join(canonical(e) + b"\n" for e in before)).hexdigest()
    assert last.data == {"n_events": len(before) + 1, "events_sha256": digest}


def test_hello_says_which_device_engine_and_python() -> None:
    hello = next(iter(launch(job())))
    assert hello.data["engine"]["engine"] == "fake"
    assert hello.data["device"]["n_logical_cores"] >= 1
    assert hello.data["python_version"].startswith("3.")


def test_the_final_reading_accounts_the_whole_process() -> None:
    reading = next(e for e in launch(job()) if e.type is EventType.READING).data
    assert reading["is_final"]
    assert reading["reading"]["cpu_user_s"] > 0
    assert reading["reading"]["n_minor_faults"] > 100


@pytest.mark.parametrize(
    ("die", "kind"),
    [
        ("SIGSEGV", FailureKind.CRASHED),
        ("SIGILL", FailureKind.CRASHED),
        ("SIGBUS", FailureKind.CRASHED),
        ("SIGKILL", FailureKind.CRASHED),
        ("SIGABRT", FailureKind.ABORTED),
        ("raise", FailureKind.CRASHED),
        ("exit", FailureKind.CRASHED),
    ],
)
@pytest.mark.parametrize("phase", [Phase.LOAD, Phase.ITERATION])
def test_every_way_to_die_is_typed(die: str, kind: FailureKind, phase: Phase) -> None:
    last = list(launch(job(die=die, phase=str(phase))))[-1]
    assert last.type is EventType.FAILED
    assert last.data["kind"] == kind
    assert last.data["phase"] == phase
    if die.startswith("SIG"):
        assert die in last.data["message"]
        assert last.data["remedy"]


@pytest.mark.parametrize(("engine", "remedy"), [("llama_cpp", "--reinstall-package"), ("mlx", "phibench doctor tells")])
def test_only_an_engine_that_was_compiled_here_can_be_compiled_again(engine: str, remedy: str) -> None:
    how = ending.autopsy(-signal.SIGILL, "", Phase.LOAD, was_memory_short=False, engine=engine)
    assert (how.kind, remedy in how.remedy) == (FailureKind.CRASHED, True)


def test_a_hang_is_timed_out() -> None:
    begun = time.monotonic()
    last = list(launch(dataclasses.replace(job(die="hang"), timeout_s=1.0)))[-1]
    assert last.data["kind"] == FailureKind.TIMED_OUT
    assert "while generating" in last.data["message"]
    assert time.monotonic() - begun < 20


def test_a_reported_failure_keeps_its_kind() -> None:
    last = list(launch(job(fail="model_too_large", phase="load")))[-1]
    assert (last.data["kind"], last.data["phase"]) == ("model_too_large", "load")


def test_an_unknown_engine_or_option_is_a_typed_failure() -> None:
    unknown = list(launch(dataclasses.replace(job(), engine="lama_cpp")))[-1]
    assert (unknown.data["kind"], unknown.data["remedy"]) == ("unavailable", "Did you mean 'llama_cpp'?")
    option = list(launch(job(decode_tok_per_ss=2.0)))[-1]
    assert (option.data["kind"], option.data["remedy"]) == ("unsupported", "Did you mean 'decode_tok_per_s'?")


def test_cancelling_ends_the_worker_within_a_second() -> None:
    cancel = threading.Event()
    events = launch(job(die="hang"), cancel=cancel)
    seen = []
    for event in events:
        seen.append(event)
        if event.type is EventType.STARTING and event.data["phase"] == "iteration":
            cancel.set()
            asked = time.monotonic()
    assert seen[-1].data["kind"] == FailureKind.CANCELLED
    assert time.monotonic() - asked < 2.0


def test_leaving_the_loop_early_ends_the_worker() -> None:
    events = launch(job(die="hang"))
    next(events)
    pid = _only_child()
    events.close()
    assert not _is_alive(pid)


HOLDING_ENGINE = """
import time
from contextlib import contextmanager
import numpy
from runners.contract import *

class Session:
    loaded = Loaded(n_threads=1)
    def __init__(self): self.weights = numpy.ones(25_000_000)
    def generate(self, workload):
        t0 = time.perf_counter_ns()
        time.sleep(0.1)
        return Trace(t0_ns=t0, dt_ns=(100_000_000,), token_hash="ab")

class HoldingEngine:
    name, distribution, formats, is_simulated = "holding", None, ("none",), True
    options = {"n_ctx": Option(type=int, default=1, help="x")}
    def unavailable_because(self): return None
    def facts(self): return EngineFacts(engine="holding")
    @contextmanager
    def open(self, model, options):
        yield Session()
"""


def test_memory_is_sampled_however_quickly_events_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "holding_engine.py").write_text(HOLDING_ENGINE)
    line = "import runners.registry as r; r.ENGINES = {**r.ENGINES, 'holding': 'holding_engine:HoldingEngine'}"
    (tmp_path / "sitecustomize.py").write_text(line)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    events = list(launch(dataclasses.replace(job(), engine="holding", n_iterations=15)))
    assert events[-1].type is EventType.DONE, events[-1].data
    final = next(e.data["reading"] for e in events if e.type is EventType.READING)
    assert final["peak_anon_bytes"] > 200_000_000
    assert final["peak_rss_bytes"] >= final["peak_anon_bytes"]


def test_the_last_reading_tells_the_state_of_the_machine_too() -> None:
    reading = next(e for e in launch(job()) if e.type is EventType.READING).data["reading"]
    assert reading["free_memory_bytes"] > 0


def test_a_worker_ends_soon_after_its_parent_was_killed() -> None:
    script = textwrap.dedent("""
        import sys
        from runners.contract import *
        from runners.launch import launch
        job = Job(launch_id="r/1", model=ModelRef(model="m", format="none", quant="none"), engine="fake",
                  options={"die": "hang"}, workload=Workload(name="w", n_prompt_tokens=1, n_generated_tokens=1))
        for event in launch(job):
            print(event.type, flush=True)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert [parent.stdout.readline().strip() for _ in range(2)] == ["hello", "starting"]
    worker = _only_child(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while _is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(worker)


def test_a_folder_named_runners_where_the_user_stands_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "runners"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise SystemExit('the wrong runners')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert types(list(launch(job())))[-1] == "done"


def test_another_python_gets_runners_alone(tmp_path: Path) -> None:
    site = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(site)], check=True)
    other = dataclasses.replace(job(), python=str(site / "bin" / "python"))
    events = list(launch(other, cache=tmp_path / "cache"))
    assert types(events)[-1] == "done"
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".zip"]


@pytest.mark.parametrize("python", ["no/such/python", "/bin/cat"])
def test_a_wrong_python_is_a_typed_failure(python: str) -> None:
    events = list(launch(dataclasses.replace(job(), python=python)))
    assert types(events) == ["hello", "failed"]
    assert events[-1].data["kind"] == FailureKind.UNAVAILABLE


def test_slow_waiting_policies_do_not_reach_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from runners import launch as module

    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("GOMP_SPINCOUNT", "0")
    _, environment = module._command(job(), None)
    assert not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(environment)


def _only_child(parent: int | None = None) -> int:
    parent = parent or os.getpid()
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
