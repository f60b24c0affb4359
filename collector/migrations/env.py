"""What Alembic runs for each command: our connection, one transaction, batch mode because SQLite alters little."""

from alembic import context
from sqlalchemy import Connection

from collector.schema import METADATA


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        transactional_ddl=True,  # the caller's transaction covers DDL in SQLite too
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
