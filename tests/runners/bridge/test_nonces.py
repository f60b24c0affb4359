"""A signed request counts once, across restarts too."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import Served

from runners.bridge.nonces import Nonces

NOW = 1_000_000


def opened(path: Path, now_ms: int = NOW) -> Nonces:
    return Nonces.open(path, lifetime_ms=1000, now_ms=now_ms)


@contextmanager
def no_file_beyond(n_bytes: int) -> Iterator[None]:
    """Like a disk that fills: a write that would pass this size is cut short, the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_nonce_counts_once_a_device(tmp_path: Path) -> None:
    nonces = opened(tmp_path / "nonces")
    assert nonces.use("a", "n", NOW, NOW)
    assert not nonces.use("a", "n", NOW, NOW)
    assert nonces.use("b", "n", NOW, NOW)
    nonces.close()


def test_what_was_used_is_known_after_a_restart_without_a_clean_end(tmp_path: Path) -> None:
    first = opened(tmp_path / "nonces")
    assert first.use("a", "n", NOW, NOW)
    second = opened(tmp_path / "nonces")  # the first was never closed
    assert not second.use("a", "n", NOW, NOW)
    second.close()
    first.close()


def test_what_is_too_old_to_be_believed_is_forgotten(tmp_path: Path) -> None:
    nonces = opened(tmp_path / "nonces")
    nonces.use("a", "old", NOW, NOW)
    nonces.use("a", "new", NOW + 900, NOW)
    nonces.close()
    later = opened(tmp_path / "nonces", NOW + 1500)
    assert (tmp_path / "nonces").read_text() == f"a new {NOW + 900}\n"
    later.close()


@pytest.mark.parametrize("tail", [b"a n", b"\xff\xfe x y\n", b"a n -5\n", b"a n \xd9\xa5\n", b"\n\n"])
def test_a_cut_or_foreign_line_is_passed_over(tmp_path: Path, tail: bytes) -> None:
    (tmp_path / "nonces").write_bytes(f"a first {NOW}\n".encode() + tail)
    nonces = opened(tmp_path / "nonces")
    assert not nonces.use("a", "first", NOW, NOW)
    assert nonces.use("a", "n", NOW, NOW)
    nonces.close()


def test_the_file_is_its_owners_and_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "nonces"
    nonces = opened(path)
    for i in range(60_000):
        assert nonces.use("a", f"{i:032x}", NOW + i, NOW + i)
    nonces.close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < 30_000 * 50


def test_many_fresh_ones_are_not_written_down_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "nonces"
    nonces = opened(path)
    for i in range(80_001):
        assert nonces.use("a", f"{i:032x}", NOW, NOW)
    before = path.stat().st_ino
    for i in range(80_001, 80_010):
        assert nonces.use("a", f"{i:032x}", NOW, NOW)
    assert path.stat().st_ino == before
    nonces.close()


@pytest.mark.parametrize("n_more", [0, 1, 7])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, n_more: int) -> None:
    path = tmp_path / "nonces"
    nonces = opened(path)
    nonces.use("a", "first", NOW, NOW)
    before = path.read_bytes()
    with no_file_beyond(len(before) + n_more):
        for _ in range(2):
            with pytest.raises(OSError, match=r"in part|File too large"):
                nonces.use("a", "second", NOW, NOW)
            assert path.read_bytes() == before
    assert nonces.use("a", "second", NOW, NOW)  # it was not acted upon, so it may come again
    nonces.close()
    assert path.read_bytes() == before + f"a second {NOW}\n".encode()


def test_a_disk_too_full_to_write_them_anew_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "nonces"
    nonces = opened(path)
    for i in range(10):
        nonces.use("a", f"n{i}", NOW, NOW)
    before = path.read_bytes()
    with no_file_beyond(len(before) // 2), pytest.raises(OSError, match="in part"):
        opened(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    nonces.close()


def test_a_request_whose_nonce_cannot_be_noted_is_told_to_come_again(served: Served) -> None:
    phone, path = served.phone(), served.folder / "nonces"
    assert phone.poll().status == 204
    before = path.read_bytes()
    with no_file_beyond(len(before) + 5):
        answer = phone.poll()
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "storage", "5")
    assert path.read_bytes() == before
    assert phone.poll().status == 204
    assert all(len(line.split()) == 3 for line in path.read_bytes().splitlines())
