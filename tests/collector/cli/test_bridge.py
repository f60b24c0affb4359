"""`phibench bridge` as a person and a program use it: the real command in a process of its own, a phone on loopback."""

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from phone import Phone

TIMEOUT_S = 60


def environment(folder: Path) -> dict[str, str]:
    other = {name: value for name, value in os.environ.items() if name != "PHIBENCH_BRIDGE"}
    return {**other, "PHIBENCH_DB": str(folder / "phi.db"), "COLUMNS": "120", "PYTHONUNBUFFERED": "1"}


def arguments(*args: str) -> list[str]:
    return [sys.executable, "-P", "-c", "from collector.cli import main; main()", "bridge", *args]


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(*args), env=environment(folder), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


class Process:
    """A command that goes on; its lines are read as they come, and it is ended with the test."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.process = subprocess.Popen(
            arguments(*args), env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._watchdog = threading.Timer(TIMEOUT_S, self.process.kill)
        self._watchdog.start()

    def line_with(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line.strip()
        raise AssertionError(f"no line with {text!r}; {self.process.stderr and self.process.stderr.read()}")

    def ended(self, signum: signal.Signals | None = None) -> tuple[int, str, str]:
        if signum is not None:
            self.process.send_signal(signum)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, err

    def close(self) -> None:
        self._watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=TIMEOUT_S)


@contextmanager
def started(folder: Path, *args: str) -> Iterator[Process]:
    process = Process(folder, *args)
    try:
        yield process
    finally:
        process.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Process, dict[str, Any]]]:
    """A bridge on a free port, and what it says of itself."""
    with started(tmp_path, "serve", "--port", "0", "--json") as process:
        data = json.loads(process.line_with("phibench.bridge/1"))["data"]
        yield process, data


def paired(folder: Path, data: dict[str, Any], name: str = "iPhone") -> Phone:
    phone = Phone(data["host"], data["port"], name=name)
    with started(folder, "pair") as pairing:
        assert phone.pair(pairing.line_with("phibench://").split(" ")[-1]).status == 200
        assert pairing.line_with("paired:") == f"paired: {name}"
        assert pairing.ended()[0] == 0
    return phone


def devices(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(folder, "devices", "--json").stdout)["data"]
    return found


def test_a_phone_is_paired_listed_and_revoked(tmp_path: Path, served: tuple[Process, dict[str, Any]]) -> None:
    phone = paired(tmp_path, served[1])
    assert phone.poll().status == 204
    (row,) = devices(tmp_path)
    assert (row["name"], row["id"], row["state"]) == ("iPhone", phone.device_id, "paired")
    header, line = run(tmp_path, "devices").stdout.splitlines()  # each device in one line of a usual terminal
    assert line.startswith("iPhone")
    assert line.split()[-1] == phone.device_id[:8]
    assert len(header.rstrip()) <= 80
    assert run(tmp_path, "revoke", "iPhone").stdout == "iPhone is revoked\n"
    assert phone.poll().code == "revoked"
    assert devices(tmp_path)[0]["state"] == "revoked"
    assert run(tmp_path, "revoke", phone.device_id[:8]).stdout == "iPhone was revoked before\n"


def test_the_keys_lie_where_it_says_and_are_its_owners(tmp_path: Path, served: tuple[Process, dict[str, Any]]) -> None:
    phone = paired(tmp_path, served[1])
    key = Path(served[1]["folder"]) / "keys" / phone.device_id
    assert key.read_bytes() == phone.key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    database = b"".join(path.read_bytes() for path in tmp_path.glob("phi.db*"))
    assert phone.key not in database


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_while_a_phone_waits(
    tmp_path: Path, served: tuple[Process, dict[str, Any]], signum: signal.Signals
) -> None:
    process, data = served
    phone = paired(tmp_path, data)
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(phone.poll(wait_s=25).status))
    waiting.start()
    for _ in range(10):
        assert phone.send("GET", "/v1/jobs/r1/0").status == 404
    code, _, err = process.ended(signum)
    waiting.join(TIMEOUT_S)
    assert code == 0
    assert "Traceback" not in err
    assert found == [204]
    assert not (Path(data["folder"]) / "server.json").exists()


def test_a_second_bridge_is_refused_with_the_address_of_the_first(
    tmp_path: Path, served: tuple[Process, dict[str, Any]]
) -> None:
    second = run(tmp_path, "serve", "--port", "0")
    assert second.returncode == 1
    assert served[1]["url"] in second.stderr
    assert str(served[0].process.pid) in second.stderr


def test_a_port_that_is_taken_has_a_remedy(tmp_path: Path, served: tuple[Process, dict[str, Any]]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    refused = run(other, "serve", "--port", str(served[1]["port"]))
    assert refused.returncode == 1
    assert "--port 0" in refused.stderr


def test_a_folder_that_cannot_be_made_is_not_taken_for_an_address(tmp_path: Path) -> None:
    (tmp_path / "bridge").write_text("in the way")
    found = run(tmp_path, "serve", "--port", "0")
    assert found.returncode == 1
    assert "cannot use its folder" in found.stderr
    assert "PHIBENCH_BRIDGE=" in found.stderr


def test_a_bridge_that_was_killed_leaves_nothing_in_the_way(
    tmp_path: Path, served: tuple[Process, dict[str, Any]]
) -> None:
    process, data = served
    phone = paired(tmp_path, data)
    process.ended(signal.SIGKILL)
    assert run(tmp_path, "pair").returncode == 1
    with started(tmp_path, "serve", "--port", "0", "--json") as again:
        phone.port = json.loads(again.line_with("phibench.bridge/1"))["data"]["port"]
        assert phone.poll().status == 204


def test_pairing_needs_a_bridge_and_says_which_command_starts_it(tmp_path: Path) -> None:
    refused = run(tmp_path, "pair")
    assert refused.returncode == 1
    assert "phibench bridge serve" in refused.stderr
    assert not (tmp_path / "bridge").exists()


def test_leaving_by_hand_closes_the_window(tmp_path: Path, served: tuple[Process, dict[str, Any]]) -> None:
    with started(tmp_path, "pair") as pairing:
        link = pairing.line_with("phibench://").split(" ")[-1]
        pairing.line_with("scan it")
        assert pairing.ended(signal.SIGINT)[0] == 130
    assert Phone(served[1]["host"], served[1]["port"]).pair(link).code == "no_pairing_open"


def test_a_bridge_on_the_network_says_what_can_be_read(tmp_path: Path) -> None:
    with started(tmp_path, "serve", "--port", "0", "--host", "0.0.0.0", "--pair") as process:
        process.line_with("prompts and results are readable by anyone on this network")
        link = process.line_with("phibench://").split(" ")[-1]
        assert "h=0.0.0.0" not in link
        port = int(link.split("p=")[1].split("&")[0])
        assert Phone("127.0.0.1", port, name="mine").pair(link).status == 200
        assert process.line_with("paired mine")


def test_quiet_says_where_it_answers_and_nothing_else(tmp_path: Path) -> None:
    with started(tmp_path, "serve", "--port", "0", "--quiet") as process:
        process.line_with("the bridge answers at http://127.0.0.1:")
        code, out, err = process.ended(signal.SIGTERM)
    assert (code, out, err) == (0, "", "")


@pytest.mark.parametrize("ref", ["iPhon", "x"])
def test_an_unknown_device_is_named(tmp_path: Path, served: tuple[Process, dict[str, Any]], ref: str) -> None:
    paired(tmp_path, served[1])
    refused = run(tmp_path, "revoke", ref)
    assert refused.returncode == 2
    assert "iPhone" in refused.stderr


def test_two_devices_of_one_name_are_told_apart_by_id(tmp_path: Path, served: tuple[Process, dict[str, Any]]) -> None:
    one, two = paired(tmp_path, served[1]), paired(tmp_path, served[1])
    refused = run(tmp_path, "revoke", "iPhone")
    assert refused.returncode == 2
    assert one.device_id in refused.stderr
    assert two.device_id in refused.stderr
    assert run(tmp_path, "revoke", one.device_id).returncode == 0
    assert two.poll().status == 204


def test_no_device_is_said_so(tmp_path: Path) -> None:
    assert "phibench bridge pair" in run(tmp_path, "devices").stdout
    assert run(tmp_path, "revoke", "x").returncode == 2


def test_the_code_is_drawn_in_half_blocks_that_fit_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector.cli import _pairing

    link = f"phibench://pair?v=1&h=192.168.100.200&p=65535&s={'0' * 32}&id={'f' * 32}"
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    lines = _pairing._drawn(link).splitlines()
    assert 15 <= len(lines) <= 30
    assert any("\u2580" in line or "\u2584" in line for line in lines)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert max(map(len, plain)) <= 80
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert _pairing._drawn(link) == ""
