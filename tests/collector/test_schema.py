"""The newest migration makes exactly the tables of schema.py."""

import sqlite3
from pathlib import Path

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
