"""The report: what it holds, what it leaves out, and how it judges; a Mac's from what its commands print."""

import json
import platform
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector.doctor import machine, report
from collector.doctor.finding import Group, ok
from collector.doctor.report import answers, checks, holding, trials
from collector.doctor.report.scrub import Scrubber
from runners import device
from runners.contract import DeviceSnapshot, Event, EventType, Reading
from runners.device import files, macos
from runners.device.macos import commands, facts

TREES = Path(__file__).parents[2] / "runners" / "device" / "trees"
MIB = 1 << 20
HELD = holding.Held(
    before=Reading(footprint_bytes=8 * MIB, rss_bytes=8 * MIB),
    during=Reading(footprint_bytes=265 * MIB, rss_bytes=265 * MIB, cpu_user_s=0.28, cpu_system_s=0.04),
    after=Reading(footprint_bytes=9 * MIB, peak_footprint_bytes=265 * MIB),
    told_cpu_s=0.31,
)


def recorded(name: str) -> dict[str, str]:
    """What the commands of a recorded Mac print."""
    parts = (TREES / f"{name}.txt").read_text(encoding="utf-8").split("\n=== ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def evidence_of(name: str, **changes: Any) -> checks.Evidence:
    printed = recorded(name)
    snapshot = macos.snapshot(files.parse_fields(printed["facts"]), printed.get, lambda: None)
    reading = macos.machine_reading(printed.get, other_cpu_cores=0.1)
    found = {
        "snapshot": snapshot, "before": reading, "after": replace(reading, free_memory_bytes=1 << 30),
        "answers": answers.all_of(snapshot, printed.get), "held": HELD,
        "trials": (trials.Trial(engine="llama_cpp", loaded={"backend": "metal"}),),
    }  # fmt: skip
    return checks.Evidence(**{**found, **changes})


def outcomes(evidence: checks.Evidence) -> dict[str, str]:
    return {check.name: str(check.outcome) for check in checks.of(evidence)}


def test_an_m1_that_is_read_rightly_passes_everything() -> None:
    found = outcomes(evidence_of("m1_air"))
    assert set(found.values()) == {"pass"}, found
    assert {"GPU cores", "thermal pressure", "footprint grows", "footprint peak stays", "llama_cpp on Metal"} <= set(
        found
    )


def test_what_is_not_told_is_unknown_and_not_passed() -> None:
    found = outcomes(evidence_of("intel_mac", held=holding.Held(), trials=()))
    unknown = {name for name, outcome in found.items() if outcome == "unknown"}
    assert unknown >= {"GPU cores", "kinds of cores", "thermal pressure", "low-power mode", "footprint grows"}
    assert found["macOS"] == "pass", "an old one is no fault where MLX does not run anyway"


def test_a_macos_that_is_too_old_for_mlx_fails() -> None:
    old = evidence_of("m1_air")
    assert outcomes(replace(old, snapshot=replace(old.snapshot, os_version="13.6")))["macOS"] == "fail"
    assert outcomes(replace(old, snapshot=replace(old.snapshot, os_version=None)))["macOS"] == "unknown"


def held(**of: Any) -> holding.Held:
    return replace(HELD, **of)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("footprint grows", {"held": held(during=Reading(footprint_bytes=9 * MIB))}),
        ("footprint peak stays", {"held": held(after=Reading(footprint_bytes=9 * MIB, peak_footprint_bytes=9 * MIB))}),
        ("processor time", {"held": held(told_cpu_s=12.9)}),
        ("llama_cpp", {"trials": (trials.Trial(engine="llama_cpp", failure={"message": "crashed"}),)}),
        ("llama_cpp on Metal", {"trials": (trials.Trial(engine="llama_cpp", loaded={"backend": "cpu"}),)}),
        ("processor time of others", {"after": Reading(other_cpu_cores=9.0)}),
        ("free memory", {"after": Reading(free_memory_bytes=0)}),
    ],
)
def test_what_contradicts_fails(name: str, changes: dict[str, Any]) -> None:
    """A footprint read at a wrong offset, ticks taken for nanoseconds, a GPU that was not used."""
    assert outcomes(evidence_of("m1_air", **changes))[name] == "fail"


def test_two_commands_that_disagree_fail() -> None:
    printed = recorded("m1_air") | {"gpu": '"gpu-core-count" = 8'}
    snapshot = evidence_of("m1_air").snapshot
    assert outcomes(evidence_of("m1_air", answers=answers.all_of(snapshot, printed.get)))["GPU cores"] == "fail"


def test_an_engine_that_is_missing_is_unknown() -> None:
    missing = trials.Trial(engine="mlx", unavailable_because="the package mlx-lm is missing")
    found = outcomes(evidence_of("m1_air", trials=(missing,)))
    assert found["mlx"] == "unknown"
    assert "mlx on Metal" not in found


def test_what_commands_print_is_kept_without_what_tells_on_the_owner() -> None:
    printed = recorded("m1_air")
    found = {answer.name: answer for answer in answers.all_of(evidence_of("m1_air").snapshot, printed.get)}
    text = json.dumps([answer.printed for answer in found.values()])
    for secret in ("fd626d62", "22806627", "Music", "somebody", "Some Editor", "fLastSubmissionPID"):
        assert secret in "".join(printed.values()), "the record has it"
        assert secret not in text
    assert found["gpu"].printed is not None
    assert '"gpu-core-count" = 7' in found["gpu"].printed
    assert "sppci_cores" in (found["displays"].printed or "")
    assert "lowpowermode         0" in (found["settings"].printed or "")
    assert found["supply"].parsed == {"is_on_battery": False, "battery_frac": 0.95}
    assert found["processes"].parsed["n_processes"] == 6
    assert found["thermal"].command == "/usr/bin/notifyutil -g com.apple.system.thermalpressurelevel"


def test_commands_that_are_missing_are_told_as_such() -> None:
    found = answers.all_of(evidence_of("m1_air").snapshot, lambda _: None)
    assert len(found) == len(commands.COMMANDS)
    assert all(answer.printed is None for answer in found)


def test_rubbish_from_a_command_is_not_sent() -> None:
    found = answers.all_of(evidence_of("m1_air").snapshot, lambda _: "serial 12345")
    shown = next(answer.printed for answer in found if answer.name == "displays")
    assert "12345" not in str(shown)


def test_another_system_is_not_asked_for_a_macs_commands() -> None:
    assert answers.all_of(DeviceSnapshot(fingerprint="0", name="PC", kind="pc", os_name="Linux")) == ()


ANNA = Scrubber(home="/Users/anna", users=frozenset({"anna"}), hosts=frozenset({"Annas-Air.local", "Annas-Air"}))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/Users/anna/models/x.gguf", "~/models/x.gguf"),
        ("/Users/annabel/x", "~/x"),
        ("/home/bob/.cache: full", "~/.cache: full"),
        ("held by anna on Annas-Air.local", "held by (user) on (host)"),
        ("a savanna", "a savanna"),
        ("postgresql://me:secret@db/x", "postgresql://me:***@db/x"),
        ("HF_TOKEN=hf_abcdefghijklmnop", "HF_TOKEN=hf_***"),
        ("/usr/lib/libSystem.B.dylib", "/usr/lib/libSystem.B.dylib"),
    ],
)
def test_names_and_secrets_are_taken_out(text: str, clean: str) -> None:
    assert ANNA.clean({"a": [text]}) == {"a": [clean]}


def test_numbers_and_the_unknown_stay_what_they_are() -> None:
    found = ANNA.clean({"reading": Reading(rss_bytes=1), "is": True, "n": 1.5})
    assert found["reading"]["rss_bytes"] == 1
    assert found["reading"]["footprint_bytes"] is None
    assert (found["is"], found["n"]) == (True, 1.5)


def test_names_that_tell_nothing_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "root")
    home = "/var/root"
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(platform, "node", lambda: "box.example")
    found = Scrubber.of_this_machine().clean(f"root of all, {home}/models on box.example, in a box")
    assert found == "root of all, ~/models on (host), in a (host)"


def test_a_child_that_holds_memory_is_read_from_outside() -> None:
    found = holding.watch()
    assert found.before is not None
    assert found.during is not None
    assert found.after is not None
    assert (found.during.rss_bytes or 0) - (found.before.rss_bytes or 0) >= 0.95 * found.n_bytes
    assert (found.after.peak_rss_bytes or 0) > 0.95 * found.n_bytes > (found.after.rss_bytes or 0)
    assert found.told_cpu_s is not None


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('ready', flush=True)", "import os; os.abort()"])
def test_a_child_that_ends_early_leaves_its_readings_unknown(code: str) -> None:
    found = holding.watch(code=code)
    assert found.during is None
    assert found.told_cpu_s is None


def test_what_a_launch_said_of_its_engine() -> None:
    def event(seq: int, of: EventType, **data: Any) -> Event:
        return Event(boot="b", seq=seq, t_ns=seq, type=of, data=data)

    events = [
        event(0, EventType.HELLO, engine={"engine": "mlx", "version": "1"}),
        event(1, EventType.LOADED, backend="metal"),
        event(2, EventType.READING, reading={"peak_footprint_bytes": 5}, is_final=True),
        event(3, EventType.FAILED, kind="crashed", message="gone"),
    ]
    found = trials.of_events("mlx", events, 1.0)
    assert (found.backend, found.final, found.facts) == (
        "metal", {"peak_footprint_bytes": 5}, {"engine": "mlx", "version": "1"},
    )  # fmt: skip
    assert found.failure is not None


def test_the_whole_report_of_this_machine() -> None:
    finding = ok(Group.MACHINE, f"models in {Path.home()}/models")
    engine = trials.Trial(engine="llama_cpp", loaded={"backend": "cpu"}, failure=None)
    data = report.collect(report.rows([finding]), busy_s=0.0, look_s=0.0, try_all=lambda: [engine])
    assert data["findings"][0]["message"] == "models in ~/models"
    assert data["device"]["cpu_model"]
    assert len(data["readings"]) == 2
    assert data["held"]["n_bytes"] == holding.HELD_BYTES
    found = {check["name"]: check["outcome"] for check in data["checks"]}
    assert found["rss grows"] == found["rss peak stays"] == found["llama_cpp"] == "pass"
    assert json.loads(json.dumps(data)) == data
    assert report.summary(data).startswith("checks: ")
    assert "unknown (" in report.summary(data), "the CPU use of others was not watched"


def test_the_report_is_put_in_place_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "report.json"
    report.write(path, "first")
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]

    def fail(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        report.write(path, "second")
    assert path.read_text(encoding="utf-8") == "first"
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_the_whole_report_of_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way that a Mac takes but libSystem's: commands are asked as on one, and print what was recorded."""
    printed = {commands.COMMANDS[name]: text for name, text in recorded("m1_air").items()}

    def run(command: tuple[str, ...], **_how: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, 0, stdout=printed[command].encode())

    monkeypatch.setattr(device, "_IS_MAC", True)
    monkeypatch.setattr(subprocess, "run", run)
    device.snapshot.cache_clear()
    facts.read.cache_clear()
    try:
        findings = [*machine.cpu(device.snapshot(), device.default_threads()), *machine.power(device.machine_reading())]
        data = report.collect(report.rows(findings), busy_s=0.0, look_s=0.01, try_all=list)
    finally:
        device.snapshot.cache_clear()
        facts.read.cache_clear()
    assert data["device"]["n_gpu_cores"] == 7
    assert [command["name"] for command in data["commands"]] == list(commands.COMMANDS)
    assert data["readings"]["before"]["thermal_pressure"] == "nominal"
    assert any("7 GPU cores" in finding["message"] for finding in data["findings"])
    found = {check["name"]: check["outcome"] for check in data["checks"]}
    assert found.pop("free memory") in {"pass", "fail"}, "what is free is this machine's, the memory is the record's"
    of_the_child = {"footprint grows", "footprint peak stays", "processor time"}
    assert {name for name, outcome in found.items() if outcome == "unknown"} == of_the_child, (
        "there is no libSystem here"
    )
    assert set(found.values()) == {"pass", "unknown"}
    assert not [secret for secret in ("fd626d62", "22806627", "somebody", "Some Editor") if secret in json.dumps(data)]
