"""Recorded machines: one text file each, unpacked into a tree with ``proc``, ``sys`` and ``etc``."""

from collections.abc import Callable
from pathlib import Path

import pytest

TREES = Path(__file__).parent / "trees"


def unpack(recorded: str, root: Path) -> Path:
    """Write the files of a record: ``=== path`` and then the content, up to the next such line."""
    for part in recorded.split("\n=== ")[1:]:
        path, _, content = part.partition("\n")
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n", encoding="utf-8")
    return root


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: unpack((TREES / f"{name}.txt").read_text(encoding="utf-8"), tmp_path / name)
