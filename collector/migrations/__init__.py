"""
The history of the schema; ``upgrade`` brings a database to the newest version.

Alembic is imported only when there is something to do: a database of the newest version is recognised by one row.
A migration is written out literally and never changed once released; its docstring says what a database gains.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0003"
KNOWN = ("0001", "0002", "0003")
"""Every version this phibench can open, oldest first; a test compares them with the files."""

_VERSION_TABLE = "alembic_version"


def version_of(connection: Connection) -> str | None:
    """Version of the schema in a database; None where it has none of ours."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608  # a constant
    return version


def is_empty(connection: Connection) -> bool:
    """Whether there is no table at all, ours or another program's."""
    return not inspect(connection).get_table_names()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a version, inside the transaction of ``connection``."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).resolve().parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
