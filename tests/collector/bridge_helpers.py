"""The real server in front of a real database, with a phone that has a job; what the database holds, as text."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from evidence_helpers import make_job, run_record
from memory_store import MemoryStore
from phone import Phone, event
from served import Served, serving

from collector.store import Store
from runners.bridge.limits import Limits

LAUNCH = "run1/1"
_OF_THE_HOUR = {"last_seen_at_utc", "leased_until_utc"}
"""Columns that say when a phone was here: a signed request may move them."""


@dataclass
class Bench:
    """A served database, a paired phone that was handed a job and has sent one event of it."""

    store: Store
    served: Served
    phone: Phone
    database: Path

    def content(self) -> str:
        return content(self.database)

    def another(self, launch_id: str) -> None:
        """One more job that the phone has taken."""
        job = make_job(launch_id)
        self.store.begin_launch(job, run_id="run1", block=0, position=1, arm_index=0)
        self.store.orders.put(self.phone.device_id, job)
        assert self.phone.poll().body["jobs"][0]["job"]["launch_id"] == launch_id


def content(database: Path) -> str:
    """Every row of every table, without the columns of the hour."""
    lines = []
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        for table in [row["name"] for row in named]:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                kept = {name: row[name] for name in row.keys() if name not in _OF_THE_HOUR}  # noqa: SIM118  # no dict
                lines.append(f"{table} {kept}")
    return "\n".join(sorted(lines))


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    database = folder / "phi.db"
    limits = Limits(stranger_burst=10**9)
    with (
        Store.open(str(database)) as store,
        serving(MemoryStore(), folder / "bridge", limits, queue=store.queue, devices=store.devices) as served,
    ):
        phone = served.phone()
        job = make_job(LAUNCH)
        store.begin_run(run_record())
        store.begin_launch(job, run_id="run1", block=0, position=0, arm_index=0)
        store.orders.put(phone.device_id, job)
        assert phone.poll().body["jobs"][0]["job"]["launch_id"] == LAUNCH
        assert phone.post(LAUNCH, event(0)).body["acked_seq"] == 0
        yield Bench(store=store, served=served, phone=phone, database=database)
