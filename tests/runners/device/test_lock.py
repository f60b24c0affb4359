"""The machine's lock, with real processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runners.device import lock
from runners.device.lock import Holder, acquire, holder
from runners.errors import FailureKind, RunnerUnavailable

PARENT = """
import subprocess, sys, time
from runners.device.lock import acquire
held = acquire("a test")
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[held.fd])
print(worker.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "phibench.lock"
    monkeypatch.setenv("PHIBENCH_LOCK", str(path))
    return path


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-P", "-c", PARENT], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def is_free_within(seconds: float) -> bool:
    """Processes that were killed give their descriptors back a little later."""
    end = time.monotonic() + seconds
    while holder() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_one_at_a_time(place: Path) -> None:
    assert holder() is None
    with acquire("measuring phi-3-mini-4k") as held:
        assert held.fd >= 0
        found = holder()
        assert found is not None
        assert (found.pid, found.what, found.is_alive) == (os.getpid(), "measuring phi-3-mini-4k", True)
        with pytest.raises(RunnerUnavailable) as caught:
            acquire("another")
    assert caught.value.kind is FailureKind.UNAVAILABLE
    assert f"pid {os.getpid()} (measuring phi-3-mini-4k) since 20" in caught.value.message
    assert f"kill {os.getpid()}" in caught.value.remedy
    assert holder() is None, "what is written in it is stale"
    assert json.loads(place.read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_releasing_twice_is_safe() -> None:
    held = acquire("x")
    held.release()
    held.release()
    with acquire("y"):
        assert str(holder()).startswith(f"pid {os.getpid()} (y)")


def test_a_worker_keeps_the_lock_after_its_parent_was_killed(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    try:
        assert holder() is not None
        parent.kill()
        parent.wait()
        found = holder()
        assert found is not None, "the worker still measures"
        assert not found.is_alive
        with pytest.raises(RunnerUnavailable, match="which has ended while its worker goes on"):
            acquire("a second run")
    finally:
        os.kill(worker, signal.SIGKILL)
    assert is_free_within(5)


def test_waiting_ends_with_the_lock(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    seen: list[Holder] = []

    def on_wait(who: Holder) -> None:
        seen.append(who)
        os.kill(worker, signal.SIGKILL)
        parent.kill()

    with acquire("a second run", wait_s=20, on_wait=on_wait):
        assert [who.pid for who in seen] == [parent.pid]


def test_waiting_in_vain() -> None:
    with acquire("first"), pytest.raises(RunnerUnavailable):
        acquire("second", wait_s=0.5)


def test_looking_never_disturbs() -> None:
    """A look takes the lock for an instant; an acquire at that instant must not fail."""
    code = "from runners.device.lock import holder\nprint(flush=True)\nwhile True: holder()"
    with subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(100):
            acquire("x").release()
        process.kill()


def test_a_file_that_is_removed_while_held_does_not_let_two_in(place: Path) -> None:
    with acquire("first"):
        place.unlink()
        with acquire("second") as other:
            assert lock._is_same_file(other.fd, place)


@pytest.mark.parametrize("content", ["", "rubbish", "[]", "null", '{"pid": "x", "what": 3}', '{"pid": -1}', "\x00\xff"])
def test_rubbish_in_the_file(place: Path, content: str) -> None:
    place.write_text(content, encoding="utf-8")
    assert holder() is None
    with acquire("x"):
        place.write_text(content, encoding="utf-8")
        assert holder() == Holder()


def test_control_characters_of_another_user_do_not_reach_the_screen(place: Path) -> None:
    with acquire("x"):
        place.write_text(json.dumps({"pid": 1, "what": "\x1b[31mred\n"}), encoding="utf-8")
        assert holder() == Holder(pid=1, what="[31mred")


def test_a_symbolic_link_is_refused(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep me", encoding="utf-8")
    place.symlink_to(target)
    with pytest.raises(RunnerUnavailable, match="symbolic link"):
        acquire("x")
    assert holder() is None
    assert target.read_text(encoding="utf-8") == "keep me"


def test_what_is_no_file_is_refused(place: Path) -> None:
    os.mkfifo(place)
    with pytest.raises(RunnerUnavailable, match="no ordinary file"):
        acquire("x")
    place.unlink()
    place.mkdir()
    with pytest.raises(RunnerUnavailable):
        acquire("x")


def test_a_missing_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHIBENCH_LOCK", str(tmp_path / "no/such/lock"))
    with pytest.raises(RunnerUnavailable, match="folder that does not exist") as caught:
        acquire("x")
    assert "PHIBENCH_LOCK" in caught.value.remedy


def test_everybody_may_use_the_file_whatever_our_umask(place: Path) -> None:
    before = os.umask(0o077)
    try:
        acquire("x").release()
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o666


@pytest.mark.parametrize("mode", [0o666, 0o644])
def test_a_file_that_another_user_made_locks_just_the_same(monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """As root we become another user in a sticky folder like /tmp; others find a file that they may only read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        file = Path(folder) / "phibench.lock"
        file.touch()
        file.chmod(mode if os.geteuid() == 0 else mode & 0o444)
        Path(folder).chmod(0o1777)
        monkeypatch.setenv("PHIBENCH_LOCK", str(file))
        assert as_another_user(lambda: acquire("as another user").release()) == "done"
        with acquire("ours"):
            assert "busy measuring" in as_another_user(lambda: acquire("as another user").release())
            assert holder() is not None


def test_a_file_that_nobody_else_may_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        file = Path(folder) / "phibench.lock"
        file.touch()
        file.chmod(0o600 if os.geteuid() == 0 else 0)
        Path(folder).chmod(0o1777)
        monkeypatch.setenv("PHIBENCH_LOCK", str(file))
        assert "Permission denied" in as_another_user(lambda: acquire("as another user").release())


def as_another_user(action: Callable[[], None]) -> str:
    """Fork, give root up if we have it, act; what went wrong, or "done"."""
    import fcntl  # noqa: F401 (loaded here, as the other user may not read our interpreter)

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            action()
            os.write(writing, b"done")
        except BaseException as exc:  # noqa: BLE001 (a forked test must never go on as pytest)
            os.write(writing, str(exc).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()
