"""CPU time of others: ours and the hypervisor's are taken out."""

import os
from pathlib import Path

import pytest

from runners.device import load

STAT = "cpu  {user} 0 {system} 1000 5 {irq} 0 {steal} 50 0\ncpu0 1 1 1 1\n"


def write(root: Path, processes: dict[int, tuple[str, int, int]], **ticks: int) -> None:
    """Processes: pid -> (name, parent, ticks)."""
    values = {"user": 0, "system": 0, "irq": 0, "steal": 0} | ticks
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/stat").write_text(STAT.format(**values), encoding="utf-8")
    for pid, (name, parent, used) in processes.items():
        (root / f"proc/{pid}").mkdir(exist_ok=True)
        fields = f"S {parent} 1 1 0 -1 4194560 10 0 0 0 {used} 0 0 0 20 0 1 0 100 1 1"
        (root / f"proc/{pid}/stat").write_text(f"{pid} ({name}) {fields}\n", encoding="utf-8")


def watch(root: Path, after: dict[int, tuple[str, int, int]], **ticks: int) -> load.Load:
    times = iter([10.0, 12.0])
    return load.watch(2.0, root, own_pid=10, sleep=lambda _: write(root, after, **ticks), clock=lambda: next(times))


def test_our_own_tree_is_taken_out(tmp_path: Path) -> None:
    write(tmp_path, {10: ("phibench", 1, 0), 11: ("worker", 10, 0), 12: ("thread", 11, 0), 20: ("chromium", 1, 500)})
    after = {10: ("phibench", 1, 10), 11: ("worker", 10, 100), 12: ("thread", 11, 20), 20: ("chromium", 1, 600)}
    found = watch(tmp_path, after, user=200, system=30, irq=20, steal=80)
    per_core = 2.0 * os.sysconf("SC_CLK_TCK")
    assert found.other_cores == pytest.approx((250 - 130) / per_core)
    assert found.steal_cores == pytest.approx(80 / per_core), "kept apart: nobody here can stop it"
    assert found.neighbours == (load.Neighbour(pid=20, name="chromium", cores=100 / per_core),)


def test_names_with_blanks_and_brackets_and_kernel_threads(tmp_path: Path) -> None:
    write(tmp_path, {})
    after = {2: ("kthreadd", 0, 5), 3: ("kworker/0:1", 2, 300), 21: ("a) (b c", 1, 40), 22: ("idle", 1, 0)}
    assert [n.name for n in watch(tmp_path, after, user=345).neighbours] == ["a) (b c"]


def test_a_pid_that_was_given_out_again_counts_from_its_start(tmp_path: Path) -> None:
    write(tmp_path, {30: ("old", 1, 5000)})
    found = watch(tmp_path, {30: ("new", 1, 20)}, user=20)
    assert found.neighbours[0].cores > 0


def test_never_below_zero_and_unknown_without_the_file(tmp_path: Path) -> None:
    write(tmp_path, {10: ("phibench", 1, 0)})
    assert watch(tmp_path, {10: ("phibench", 1, 90)}, user=80).other_cores == 0.0
    (tmp_path / "proc/stat").unlink()
    assert load.between(load.look(tmp_path, 0), load.look(tmp_path, 1), 10) == load.Load()


def test_this_machine() -> None:
    found = load.watch(0.1)
    assert found.other_cores is not None
    assert 0 <= found.other_cores <= (os.cpu_count() or 1) + 1
