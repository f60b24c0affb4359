"""How the parts of the store reach its database: one transaction to write, one to read, and the date."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import URL, Connection, Engine

from collector.store import database


@dataclass(frozen=True, slots=True)
class Access:
    """An open database; every method may be called from any thread."""

    engine: Engine
    url: URL
    now: Callable[[], datetime]

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that waits for the write lock and then has it."""
        with database.speaking(self.url), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One look at one state of the database, which waits for no writer."""
        with database.speaking(self.url), self.engine.connect().execution_options(begin="BEGIN") as connection:
            yield connection

    def now_utc(self, later_s: float = 0.0) -> str:
        """The date in UTC, such that texts compare as dates do."""
        return (self.now() + timedelta(seconds=later_s)).isoformat(timespec="milliseconds")
