"""
Opening a database and saying in words what is wrong with one.

SQLite gets a write-ahead log, foreign keys and a busy timeout; every write transaction takes the write lock at its
start, so two writers wait for each other and never fail half-way. Faults of the driver become :class:`StoreError`
with a remedy; passwords in URLs are never shown.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    ProgrammingError,
)

from collector import migrations
from collector.errors import StoreError
from collector.paths import shown

_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
_RETRY_PAUSE_S = 0.05


def parsed(url: str) -> URL:
    """
    A path or a database URL as a URL.

    Raises:
        StoreError: a text with "://" that is no database URL.
    """
    if "://" not in url:
        return URL.create("sqlite", database=str(Path(url).expanduser()))
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as exc:
        raise StoreError("the database URL cannot be read", "write a path, or dialect://user@host/name") from exc


def masked(url: URL) -> str:
    """The URL as it may be shown: a plain path for a SQLite file, stars for a password."""
    if url.get_backend_name() == "sqlite" and url.database and not url.query:
        return shown(url.database)
    return url.render_as_string(hide_password=True)


def is_file(url: URL) -> bool:
    """Whether it is a SQLite file given by its path."""
    return url.get_backend_name() == "sqlite" and bool(url.database) and url.database != ":memory:" and not url.query


def make_engine(url: URL, pragmas: Mapping[str, str | int], *, begin: str) -> Engine:
    """
    An engine whose SQLite connections carry the pragmas and begin transactions explicitly.

    Args:
        url: where.
        pragmas: set on every new SQLite connection, in order.
        begin: statement that begins a transaction; pysqlite's own habits would leave DDL outside of it.
    """
    try:
        engine = create_engine(url)
    except (ImportError, NoSuchModuleError) as exc:
        raise StoreError(
            f"no driver for {url.get_backend_name()} databases is installed", "use a path: a SQLite file needs none"
        ) from exc
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _configurer(pragmas))
        event.listen(engine, "begin", _beginner(begin))
    return engine


def _configurer(pragmas: Mapping[str, str | int]) -> Callable[[Any, Any], None]:
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for name, value in pragmas.items():
            cursor.execute(f"PRAGMA {name}={value}")
        cursor.close()

    return configure


def _beginner(usual: str) -> Callable[[Connection], None]:
    """A connection's execution option "begin" wins; empty = no transaction, as some pragmas need."""

    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get("begin", usual)
        if statement:
            connection.exec_driver_sql(statement)

    return begin


@contextmanager
def speaking(url: URL) -> Iterator[None]:
    """Turn the driver's faults into :class:`StoreError`; what is a mistake of ours stays as it is."""
    try:
        yield
    except Exception as exc:
        orig = getattr(exc, "orig", None) or exc
        fault = None if isinstance(exc, _OUR_MISTAKES) else _fault(orig, masked(url))
        if fault is None:
            raise
        raise fault from exc


_OUR_MISTAKES = (IntegrityError, ProgrammingError, DataError, InterfaceError)


def is_locked(exc: BaseException) -> bool:
    """Whether a fault means that another process holds the write lock."""
    orig = getattr(exc, "orig", None) or exc
    return str(getattr(orig, "sqlite_errorname", "")).startswith(_LOCKED)


def persistent(action: Callable[[], None], longest_s: float) -> None:
    """Repeat what SQLite refuses at once although it could wait: turning on the write-ahead log is one such."""
    deadline = time.monotonic() + longest_s
    while True:
        try:
            return action()
        except DBAPIError as exc:
            if not is_locked(exc) or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_PAUSE_S)


_FAULTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (_LOCKED, "is locked by another process", "wait for it to end, or stop it; phibench list shows what runs"),
    (("SQLITE_FULL",), "cannot be written: the disk is full", "free some space, then: phibench run --resume"),
    (
        ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"),
        "cannot be written: it or its folder is read-only",
        "change the permissions, or choose another file with --db",
    ),
    (
        ("SQLITE_NOTADB",),
        "is not a database",
        "choose another file with --db; this one was left as it is",
    ),
    (
        ("SQLITE_CORRUPT",),
        "is damaged",
        "keep a copy, then try: sqlite3 FILE .recover | sqlite3 NEW_FILE, and use NEW_FILE with --db",
    ),
    (("SQLITE_CANTOPEN",), "cannot be opened", "check that the folder exists and may be read and written"),
    (("SQLITE_IOERR",), "cannot be read or written: the disk reports a fault", "use another disk with --db"),
)


def _fault(orig: BaseException, name: str) -> StoreError | None:
    code = str(getattr(orig, "sqlite_errorname", ""))
    for prefixes, message, remedy in _FAULTS:
        if code.startswith(prefixes):
            return StoreError(f"{name} {message}", remedy)
    if code:
        return StoreError(f"{name}: {orig}", "phibench doctor looks at the database too")
    return None


def open_for_writing(url: URL, *, synchronous: str, busy_timeout_s: float) -> Engine:
    """
    An engine on a database of the newest version, made or migrated as needed.

    Raises:
        StoreError: newer version, another program's file, read-only, full, locked, not a database.
    """
    pragmas: dict[str, str | int] = {
        "busy_timeout": int(busy_timeout_s * 1000),
        "foreign_keys": "ON",
        "synchronous": synchronous,
        # macOS' fsync leaves data in the drive's own cache; elsewhere the pragma changes nothing
        "fullfsync": "ON" if synchronous == "FULL" else "OFF",
    }
    if is_file(url):
        _make_folder(Path(str(url.database)))
    engine = make_engine(url, pragmas, begin="BEGIN IMMEDIATE")
    try:
        with speaking(url):
            _migrate(engine, url, busy_timeout_s)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"{shown(path)} is a folder, not a database", "name a file: --db FOLDER/phibench.db")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(
            f"the folder {shown(path.parent)} cannot be made: {exc.strerror}", "choose another file with --db"
        ) from exc


def _migrate(engine: Engine, url: URL, busy_timeout_s: float) -> None:
    if _is_newest(engine, url):
        return
    if engine.dialect.name == "sqlite":
        persistent(lambda: _turn_on_write_ahead_log(engine), busy_timeout_s)
    with engine.begin() as connection:  # the write lock: another process may have migrated while we waited
        if check_version(connection, url) != migrations.HEAD:
            migrations.upgrade(connection)


def _is_newest(engine: Engine, url: URL) -> bool:
    """A look without the write lock, so that opening never waits for a writer when there is nothing to do."""
    with engine.connect().execution_options(begin="BEGIN") as connection:
        return check_version(connection, url) == migrations.HEAD


def _turn_on_write_ahead_log(engine: Engine) -> None:
    with engine.connect().execution_options(begin="") as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL").close()


def check_version(connection: Any, url: URL) -> str | None:
    """
    Version of the schema found, None in an empty database.

    Raises:
        StoreError: a version this phibench does not know, or another program's tables.
    """
    version = migrations.version_of(connection)
    if version is None and not migrations.is_empty(connection):
        raise StoreError(
            f"{masked(url)} belongs to another program", "choose another file with --db; this one was left as it is"
        )
    if version is not None and version not in migrations.KNOWN:
        raise StoreError(
            f"{masked(url)} was written by a newer phibench (schema {version}; this one knows {migrations.HEAD})",
            "update phibench, or choose another file with --db",
        )
    return version
