"""The newest migration makes exactly the tables of schema.py."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from collector import metrics, migrations, schema
from collector.store import Store


def test_the_newest_migration_equals_the_schema(store: Store) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.METADATA) == []


def test_every_migration_file_is_known() -> None:
    files = Path(migrations.__file__).parent.joinpath("versions").glob("[0-9]*.py")
    assert tuple(sorted(f.name.split("_")[0] for f in files)) == migrations.KNOWN
    assert migrations.KNOWN[-1] == migrations.HEAD


def test_opening_again_changes_nothing(store: Store, db: str) -> None:
    with sqlite3.connect(db) as connection:
        before = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    Store.open(db).close()
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before


def test_metric_columns_come_from_the_table_of_metrics() -> None:
    assert {m.name for m in metrics.SAMPLE_METRICS} <= set(schema.sample.columns.keys())


def test_reading_cells_never_scans_the_samples(store: Store) -> None:
    """The plan of every query on launch_stat and launch, as SQLite tells it."""
    from collector.queries import cells

    with store._engine.connect() as connection:
        for query in (cells._launches(["run1"]), cells._stats(["run1"]), cells._launches(None), cells._stats(None)):
            sql = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall()
            assert plan
            assert not [row for row in plan if "sample" in str(row)]


def test_comparing_one_metric_reads_the_covering_index_alone(store: Store) -> None:
    sql = "SELECT arm_key, workload_key, median FROM launch_stat WHERE metric = 'ttft_s' AND is_good ORDER BY arm_key"
    with store._engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    assert "COVERING INDEX ix_launch_stat_covering" in plan


def test_the_migration_makes_the_very_tables_down_to_their_storage(store: Store, db: str) -> None:
    """What Alembic does not compare: WITHOUT ROWID, order of columns and of an index's parts."""
    from sqlalchemy import create_engine

    engine = create_engine("sqlite://")
    schema.METADATA.create_all(engine)
    with engine.connect() as fresh, store._engine.connect() as migrated:
        found = [
            {
                name: " ".join(sql.replace('"', "").split())
                for name, sql in c.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
                if name != "alembic_version"
            }
            for c in (fresh, migrated)
        ]
    engine.dispose()
    assert found[0].keys() == found[1].keys()
    for name, sql in found[0].items():
        assert _columns(sql) == _columns(found[1][name]), name
        assert sql.endswith("WITHOUT ROWID") == found[1][name].endswith("WITHOUT ROWID"), name


def _columns(sql: str) -> list[str]:
    """Columns of a table or an index in order; constraints may be written in another order."""
    inside = sql[sql.index("(") + 1 : sql.rindex(")")]
    return [part.strip() for part in inside.split(",") if not part.strip().startswith(("CONSTRAINT", "UNIQUE"))]


def test_a_reader_cannot_write(store: Store, db: str) -> None:
    from sqlalchemy.exc import OperationalError

    from collector.queries import Reader

    with (
        Reader.open(db) as reader,
        reader._connect() as connection,
        pytest.raises(OperationalError, match="readonly database"),
    ):
        connection.exec_driver_sql("DELETE FROM run")
