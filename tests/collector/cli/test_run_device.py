"""`phibench run --device`: a phone stands in every table like any other device."""

import csv
import io
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from command_helpers import envelope, phibench
from evidence_helpers import make_trace
from phones import BusyPhone, Phone, phone_events, simulated

from collector.queries import Reader
from collector.store import Store
from runners.bridge import folder
from runners.bridge.folder import Running
from runners.bridging import LeasedJob


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "p.db")) as opened:
        yield opened


@contextmanager
def serving(cwd: Path, database: str = "") -> Iterator[None]:
    """The bridge of this database is there, as far as a command can tell."""
    with folder.held(cwd / "bridge"):
        running = Running(pid=1, host="127.0.0.1", port=1, link_host="127.0.0.1", started_at_utc="", database=database)
        folder.announce(cwd / "bridge", running)
        yield


def at_pace(phone: Phone, leased: LeasedJob) -> None:
    """A second arm is slower; one number differs a little from launch to launch."""
    number = int(leased.job.launch_id.rpartition("/")[2])
    gap_ns = (100_000_000 if leased.job.options.get("phone_only") == 1 else 130_000_000) + number * 10_000
    trace = make_trace(gap_ns=gap_ns, cpu_time_ns=None)
    phone.measure(leased, traces=(trace, trace), device=_device(phone))


def _device(phone: Phone):  # type: ignore[no-untyped-def]  # noqa: ANN202
    found = phone.store.devices.find(phone.device_id)
    assert found is not None
    assert found.hello is not None
    return found.hello.device


TWO_ARMS = ("--arm", "engine=echo model=m phone_only=1", "--arm", "engine=echo model=m phone_only=2")


def test_a_suite_of_two_arms_on_a_phone_is_compared_exported_and_shown(store: Store, tmp_path: Path) -> None:
    phone = Phone(store, hello=simulated())
    with serving(tmp_path), BusyPhone(phone, at_pace) as busy:
        out = phibench("run", "--device", "My iPhone", *TWO_ARMS, "--blocks", "7", cwd=tmp_path).stdout
    assert len(busy.launch_ids) == 14
    assert "device  My iPhone: iPhone 14 Pro" in out
    assert "the model loaded anew each" in out
    shown = envelope(phibench("show", "last", "--json", cwd=tmp_path), "run")
    assert shown["run"]["stop_reason"] == "all blocks done"
    for launch in shown["launches"]:
        assert launch["state"] == "done"
        assert {"simulated", "reload"} <= set(launch["flags"])
        assert "ungated" not in launch["flags"]
    compared = phibench("compare", cwd=tmp_path).stdout
    assert "slower" in compared
    assert "slower" in phibench("compare", "phone_only=1", "phone_only=2", cwd=tmp_path).stdout
    assert "iPhone 14 Pro" in phibench("list", cwd=tmp_path).stdout + phibench("show", "last", cwd=tmp_path).stdout
    exported = phibench("export", "csv", "-", "--long", cwd=tmp_path).stdout
    rows = list(csv.DictReader(io.StringIO(exported)))
    assert {row["device"] for row in rows} == {"iPhone 14 Pro"}
    assert all("simulated" in row["flags"] for row in rows)


def test_a_run_that_was_cut_goes_on_on_its_phone(store: Store, tmp_path: Path) -> None:
    phone = Phone(store, hello=simulated())
    quick = files("collector") / "suites" / "quick.toml"
    (tmp_path / "mine.toml").write_text(quick.read_text())

    def breaks(phone: Phone, leased: LeasedJob) -> None:
        if leased.job.launch_id.endswith("/3"):
            events = phone_events(leased.job, failure={"kind": "cancelled", "message": "by hand, on the phone"})
            phone.post(leased.job.launch_id, events)
        else:
            at_pace(phone, leased)

    with serving(tmp_path):
        with BusyPhone(phone, breaks):
            words = ("run", "mine.toml", "--device", "My iPhone", *TWO_ARMS, "--blocks", "2")
            phibench(*words, cwd=tmp_path, code=130)
        with BusyPhone(phone, at_pace):
            found = phibench("run", "--resume", cwd=tmp_path)
    resumed = found.stdout
    assert "are not used" not in found.stdout + found.stderr  # none was given
    (step,) = re.findall(r"next +phibench (.+?) +enough for intervals", resumed)
    assert step == shlex.join(("run", "mine.toml", "--device", "My iPhone", *TWO_ARMS, "--blocks", "8"))
    assert "here" not in resumed.partition("next ")[2]  # what a suite would take on this computer is not asked
    with Reader.open(str(tmp_path / "p.db")) as reader:
        launches = reader.launches(reader.resolve_run("last"))
        assert [(one.block, one.is_orphaned) for one in launches] == [
            (0, False), (0, False), (1, True), (1, False), (1, False),
        ]  # fmt: skip


def test_a_run_on_a_phone_is_repeated_there(store: Store, tmp_path: Path) -> None:
    phone = Phone(store, hello=simulated())
    with serving(tmp_path), BusyPhone(phone, at_pace) as busy:
        phibench("run", "--device", phone.device_id[:6], *TWO_ARMS, "--blocks", "1", cwd=tmp_path)
        phibench("run", "--like", "last", cwd=tmp_path)
    assert len(busy.launch_ids) == 4


def test_a_failed_launch_of_a_phone_shows_its_reason(store: Store, tmp_path: Path) -> None:
    def fails(phone: Phone, leased: LeasedJob) -> None:
        failure = {"kind": "out_of_memory", "message": "the system\x1b[2J ended the app"}
        failure |= {"suspected": True, "phase": "load"}
        phone.measure(leased, failure=failure)

    with serving(tmp_path), BusyPhone(Phone(store), fails):
        out = phibench("run", "--device", "My iPhone", "--blocks", "1", cwd=tmp_path, code=1).stdout
    assert "out_of_memory: the system[2J ended the app" in out
    shown = phibench("show", "last", cwd=tmp_path).stdout
    assert "out_of_memory" in shown
    assert "\x1b" not in out + shown


def test_models_that_the_phone_lacks_are_named(store: Store, tmp_path: Path) -> None:
    with serving(tmp_path), BusyPhone(Phone(store)):
        done = phibench("run", "--device", "My iPhone", "--blocks", "1", cwd=tmp_path)
    assert "My iPhone does not have llama-2-7b, which the suite names; it is left out" in done.stderr
    assert "phi-3-mini-4k q4f16_1 mlc" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--device", "Mine"], 2, ("no paired device 'Mine'", "phibench bridge devices")),
        (["--device", "My iPhone"], 1, ("no bridge runs", "phibench bridge serve")),
        (["--device", "My iPhone", "--like", "last"], 2, ("--like repeats a run exactly", "phibench run --like last")),
    ],
)
def test_what_cannot_be_asked_of_a_phone_says_why(
    store: Store, tmp_path: Path, words: list[str], code: int, said: tuple[str, str]
) -> None:
    Phone(store)
    done = phibench("run", *words, cwd=tmp_path, code=code)
    assert said[0] in done.stderr
    assert said[1] in done.stderr


def test_without_any_device_the_command_that_pairs_one_is_named(tmp_path: Path) -> None:
    assert "phibench bridge pair" in phibench("run", "--device", "x", cwd=tmp_path, code=2).stderr


def test_two_phones_of_one_name_are_two_devices(store: Store, tmp_path: Path) -> None:
    first = Phone(store, hello=simulated())
    hello = simulated()
    second = Phone(store, device_id="ab" * 16, hello=replace(hello, device=replace(hello.device, fingerprint="cafe2")))
    with serving(tmp_path):
        for phone in (first, second):
            with BusyPhone(phone, at_pace):
                words = ("run", "--device", phone.device_id, *TWO_ARMS, "--blocks", "1")
                phibench(*words, cwd=tmp_path)
        done = phibench("run", "--device", "My iPhone", cwd=tmp_path, code=2)
    assert "2 paired devices are called 'My iPhone'" in done.stderr
    with Reader.open(str(tmp_path / "p.db")) as reader:
        assert {one.machine.fingerprint for one in reader.cells() if one.machine} == {"cafe", "cafe2"}


def test_a_bridge_of_another_database_in_the_same_folder_is_none_of_this(store: Store, tmp_path: Path) -> None:
    Phone(store)
    with serving(tmp_path, str(tmp_path / "other.db")):
        done = phibench("run", "--device", "My iPhone", cwd=tmp_path, code=1)
    assert "serves another database, other.db" in done.stderr
    assert "phibench bridge serve --db" in done.stderr
