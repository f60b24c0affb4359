"""One server a test, storage in memory, strangers not counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_store import MemoryStore
from served import Served, serving

from runners.bridge.limits import Limits


@pytest.fixture(scope="session")
def many_strangers() -> Limits:
    return Limits(stranger_burst=100_000)


@pytest.fixture
def served(tmp_path: Path, many_strangers: Limits) -> Iterator[Served]:
    with serving(MemoryStore(), tmp_path / "bridge", many_strangers) as one:
        yield one
