"""The pages as a process: on the loopback address, for this machine's names alone, reading only, ending when told."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from dashboard_helpers import open_page, texts

from collector.store import Store
from dashboard import views

MAIN = [sys.executable, "-P", "-c", "from collector.cli import main; main()", "dashboard"]
UPGRADE = (
    "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@contextmanager
def serving(db: str, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command as a person starts it, and its port; a process that is left is killed."""
    command = [*MAIN, "--db", db, *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("dashboard  http://127.0.0.1:"), process.communicate(timeout=60)[1]
        port = int(line.split()[1].rpartition(":")[2])
        wait_until_healthy(process, port)
        yield process, port
    finally:
        process.kill()
        process.communicate(timeout=60)


def wait_until_healthy(process: subprocess.Popen[str], port: int) -> None:
    """Ask until it answers; pytest's own patience is the only limit."""
    while True:
        assert process.poll() is None, process.communicate()[1]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=30) as answer:
                assert answer.read() == b"ok"
                return
        except urllib.error.URLError:
            signal.sigtimedwait([], 0.1)


def upgraded(port: int, host: str) -> str:
    """The status line with which it answers a browser that was led here under a name."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(UPGRADE.format(host=host).encode())
        return connection.recv(200).decode().partition("\r\n")[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(str(tmp_path_factory.mktemp("none") / "none.db"), "--no-browser") as (_, port):
        yield port


def test_it_answers_to_this_machines_names_and_to_no_other(server: int) -> None:
    assert "101" in upgraded(server, f"127.0.0.1:{server}")
    assert "101" in upgraded(server, f"localhost:{server}")
    assert "403" in upgraded(server, f"evil.example:{server}")
    assert "403" in upgraded(server, "evil.example")


def test_it_listens_on_the_loopback_address_alone(server: int) -> None:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    found = {line.split()[1] for line in lines if line.split()[3] == "0A"}
    own = {address for address in found if address.endswith(f":{server:04X}")}
    assert own == {f"0100007F:{server:04X}"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_ends_when_it_is_told_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with serving(str(tmp_path / "none.db"), "--no-browser") as (process, port):
        process.send_signal(number)
        more, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "http://" not in more, "the address is told once"
        assert "Traceback" not in errors
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not list(tmp_path.iterdir()), "looking makes no database"


def test_a_port_that_is_taken_is_said(server: int, tmp_path: Path) -> None:
    command = [*MAIN, "--db", str(tmp_path / "none.db"), "--no-browser", "--port", str(server)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert f"port {server} is taken" in done.stderr
    assert "Try: phibench dashboard" in done.stderr


def test_looking_changes_nothing(database: Callable[[str], str]) -> None:
    path = Path(database("one row"))
    before = path.read_bytes()
    with serving(str(path), "--no-browser") as (process, port):
        assert "101" in upgraded(port, f"127.0.0.1:{port}")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert path.read_bytes() == before


def test_without_a_browser_it_serves_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", str(tmp_path / "no-such-browser"))
    monkeypatch.setenv("PATH", os.defpath)
    with serving(str(tmp_path / "none.db")) as (process, _):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0


def newer(path: Path) -> str:
    """A database as a later phibench would leave it."""
    Store.open(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    return str(path)


def test_what_cannot_be_shown_is_said_before_anything_is_served(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, " * 100)
    for db, words in ((newer(tmp_path / "newer.db"), "newer phibench"), (str(tmp_path / "text.db"), "not a database")):
        done = subprocess.run([*MAIN, "--db", db, "--no-browser"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", [page.file for page in views.PAGES])
def test_a_database_that_becomes_another_ones_is_explained_on_each_page(page: str, tmp_path: Path) -> None:
    at = open_page(page, newer(tmp_path / "newer.db"))
    assert "newer phibench" in texts(at).replace("\\", "")
