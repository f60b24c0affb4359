"""From what a person types to the run or launch that is meant."""

import difflib
import re
from typing import Any

from sqlalchemy import Connection, Select, select

from collector import schema
from collector.errors import StoreError

_RUN, _LAUNCH = schema.run, schema.launch
_LAST = re.compile(r"last(?:~(\d{1,6}))?")
_SHOWN_CANDIDATES = 5


def run_id(connection: Connection, ref: str) -> str:
    """
    The run that an id, the beginning of one, ``last`` or ``last~1`` stands for.

    Raises:
        StoreError: none, or more than one; the nearest ones are named.
    """
    last = _LAST.fullmatch(ref)
    if last:
        return _nth_last(connection, int(last[1] or 0))
    exact = connection.execute(select(_RUN.c.id).where(_RUN.c.id == ref)).scalar()
    if exact is not None:
        return str(exact)
    found = _beginning_with(connection, ref)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(found[:_SHOWN_CANDIDATES])
        raise StoreError(f"{ref!r} is the beginning of {len(found)} runs: {names}", "write more of the id")
    raise StoreError(f"there is no run {ref!r}", _nearest(connection, ref))


def launch_query(connection: Connection, ref: str) -> Select[Any]:
    """
    A query for the key of a launch: its full id, or run/number such as ``7f3a/12``.

    Raises:
        StoreError: no such run, or no number after the slash.
    """
    if connection.execute(select(_LAUNCH.c.key).where(_LAUNCH.c.id == ref)).first():
        return select(_LAUNCH.c.key).where(_LAUNCH.c.id == ref)
    run, _, number = ref.rpartition("/")
    if not run or not number.isdecimal():
        raise StoreError(f"{ref!r} is no launch", "write run/number, as phibench show RUN lists them")
    query = select(_LAUNCH.c.key).join(_RUN, _RUN.c.key == _LAUNCH.c.run_key)
    return query.where(_RUN.c.id == run_id(connection, run), _LAUNCH.c.number == int(number))


def _nth_last(connection: Connection, n: int) -> str:
    query = select(_RUN.c.id).order_by(_RUN.c.key.desc()).offset(n).limit(1)
    found = connection.execute(query).scalar()
    if found is None:
        what = "no run yet" if n == 0 else f"no run last~{n}; there are fewer"
        raise StoreError(f"there is {what}", "phibench quickstart makes the first one" if n == 0 else "phibench list")
    return str(found)


def _beginning_with(connection: Connection, ref: str) -> list[str]:
    query = select(_RUN.c.id).where(_RUN.c.id.startswith(ref, autoescape=True)).order_by(_RUN.c.key.desc())
    return list(connection.execute(query).scalars()) if ref else []


def _nearest(connection: Connection, ref: str) -> str:
    newest = connection.execute(select(_RUN.c.id).order_by(_RUN.c.key.desc()).limit(1000)).scalars().all()
    close = difflib.get_close_matches(ref, newest, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}? phibench list shows them all." if close else "phibench list"
