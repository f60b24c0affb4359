"""A database of before phones: opened, migrated, and used by a phone, with what was in it as it was."""

import sqlite3
from pathlib import Path

import pytest
from evidence_helpers import make_events, make_job, run_record
from phones import Phone, phone_events
from sqlalchemy import create_engine

from collector import migrations
from collector.queries import Reader
from collector.store import Store
from runners.bridging import Taken


@pytest.fixture
def old(db: str) -> str:
    """Written by the newest program, then taken back to the schema of before: what an older one would have left."""
    with Store.open(db) as store:
        store.begin_run(run_record())
        store.begin_launch(make_job(), run_id="run1", block=0, position=0, arm_index=0)
        store.accept("run1/1", make_events())
    with sqlite3.connect(db) as connection:
        for table, column in (
            ("launch", "is_end_waiting"), ("launch", "is_provisional"), ("paired_device", "hello_json"),
            ("job", "cancelled_at_utc"), ("job", "release_reason"),
        ):  # fmt: skip
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
    connection.close()
    return db


def test_a_database_from_before_phones_takes_one(old: str) -> None:
    with Store.open(old) as store:
        phone = Phone(store)
        job = make_job("run1/2", engine="mlc")
        store.begin_launch(job, run_id="run1", block=0, position=1, arm_index=1)
        store.orders.put(phone.device_id, job)
        leased = phone.poll()
        assert leased is not None
        assert isinstance(phone.post("run1/2", phone_events(job), leased.lease_id), Taken)
        late = make_events()[-2:]
        assert store.accept("run1/1", late) == len(make_events()) - 1
    with Reader.open(old) as reader:
        assert [one.state for one in reader.launches("run1")] == ["done", "done"]
        assert list(reader.events("run1/1")) == make_events()


def test_the_taken_back_schema_is_that_of_the_migration_before(old: str, tmp_path: Path) -> None:
    """Or the test above would prove nothing."""
    engine = create_engine(f"sqlite:///{tmp_path / 'before.db'}")
    with engine.begin() as connection:
        migrations.upgrade(connection, "0002")
    engine.dispose()
    names = []
    for path in (old, str(tmp_path / "before.db")):
        with sqlite3.connect(path) as connection:
            tables = ("launch", "job", "paired_device")
            names.append([[row[1] for row in connection.execute(f"PRAGMA table_info({t})")] for t in tables])
        connection.close()
    assert names[0] == names[1]
