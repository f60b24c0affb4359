"""Last-level caches, each counted once however many CPUs share it."""

from pathlib import Path

import pytest

from runners.device import cache


def write(root: Path, cpu: int, index: int, level: int, *, size: str, shared: str) -> None:
    folder = root / f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
    folder.mkdir(parents=True)
    for name, text in (("level", str(level)), ("size", size), ("shared_cpu_list", shared)):
        (folder / name).write_text(f"{text}\n")


def test_two_caches_of_two_cpus_each(tmp_path: Path) -> None:
    for cpu, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        write(tmp_path, cpu, 0, 1, size="32K", shared=str(cpu))
        write(tmp_path, cpu, 3, 3, size="32768K", shared=shared)
    assert cache.last_level_bytes(range(4), tmp_path) == 64 << 20
    assert cache.last_level_bytes([1], tmp_path) == 32 << 20


def test_the_highest_level_counts_whatever_its_index(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, 2, size="2M", shared="0")
    write(tmp_path, 0, 1, 1, size="64K", shared="0")
    assert cache.last_level_bytes([0], tmp_path) == 2 << 20


@pytest.mark.parametrize("size", ["", "lots", "0K"])
def test_a_size_that_is_none_is_unknown(tmp_path: Path, size: str) -> None:
    write(tmp_path, 0, 0, 3, size=size, shared="0")
    assert cache.last_level_bytes([0], tmp_path) is None


def test_a_machine_without_the_files_is_unknown(tmp_path: Path) -> None:
    assert cache.last_level_bytes([0], tmp_path) is None
