"""A signed request counts once, across restarts too."""

from pathlib import Path

import pytest

from runners.bridge.nonces import Nonces

NOW = 1_000_000


def opened(path: Path, now_ms: int = NOW) -> Nonces:
    return Nonces.open(path, lifetime_ms=1000, now_ms=now_ms)


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
