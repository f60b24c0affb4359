"""Control groups in odd places: nested, outside the mount, half written."""

from pathlib import Path

import pytest

from runners.device.cgroup import Limits, limits

MOUNT = "31 23 0:28 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def tree(root: Path, group: str, mount_root: str = "/", **found: str) -> Path:
    """A version 2 tree; keys are paths below the mount with ``__`` for ``/``."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"0::{group}\n", encoding="utf-8")
    (root / "proc/self/mountinfo").write_text(MOUNT.format(root=mount_root), encoding="utf-8")
    for name, content in found.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_max", ".max").replace("_current", ".current")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def test_the_tightest_limit_wins(tmp_path: Path) -> None:
    root = tree(tmp_path, "/a/b", a__cpu_max="300000 100000", a__b__cpu_max="400000 100000", cpu_max="max 100000")
    assert limits(root).cpu_quota_cores == 3.0


def test_what_an_ancestor_has_used_counts(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        "/a/b",
        a__memory_max="1000",
        a__memory_current="900",
        a__b__memory_max="500",
        a__b__memory_current="10",
    )
    assert limits(root) == Limits(memory_bytes=500, memory_free_bytes=100)


@pytest.mark.parametrize("group", ["/", "/elsewhere", "/../outside", "/a/../b"])
def test_a_group_outside_the_mount_falls_back_to_the_mount(tmp_path: Path, group: str) -> None:
    root = tree(tmp_path, group, "/docker/x", cpu_max="150000 100000")
    assert limits(root).cpu_quota_cores == 1.5


@pytest.mark.parametrize("content", ["", "max", "max 100000", "1 2 3", "-1 100000", "100000 0", "a b"])
def test_no_quota(tmp_path: Path, content: str) -> None:
    assert limits(tree(tmp_path, "/", cpu_max=content)) == Limits()
