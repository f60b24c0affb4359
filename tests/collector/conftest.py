"""Databases for the collector's tests."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from evidence_helpers import make_events, make_job, run_record

from collector.store import Store
from runners.contract import Event


@pytest.fixture
def db(tmp_path: Path) -> str:
    """A path for a database that does not exist yet."""
    return str(tmp_path / "phibench.db")


@pytest.fixture
def store(db: str) -> Iterator[Store]:
    """An open database with one run."""
    with Store.open(db) as opened:
        opened.begin_run(run_record())
        yield opened


@pytest.fixture
def add_launch(store: Store) -> Callable[..., str]:
    """Store one whole launch; returns its id."""
    numbers = iter(range(1, 10_000))

    def add(events: Sequence[Event] | None = None, block: int = 0, position: int = 0, **job: Any) -> str:
        launch_id = f"run1/{next(numbers)}"
        store.begin_launch(make_job(launch_id, **job), run_id="run1", block=block, position=position, arm_index=0)
        store.accept(launch_id, list(events) if events is not None else make_events())
        return launch_id

    return add
