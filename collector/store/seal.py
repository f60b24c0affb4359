"""
Whether everything that the end of a launch counts has arrived, and is what was counted.

An end says how many events the launch has, itself included, over which lives of the sender, and the SHA-256 of the
lines before it. Events can arrive late and in any order, so until all of them are there the launch is not whole.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from collector import schema
from collector.store import whole
from runners.contract import Event
from runners.wire import canonical

_EVENT = schema.event
MOST_BOOTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an end comes to; ``fault`` says what does not fit, and then it is whole too: nothing else is expected."""

    is_whole: bool
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What an end says of the events before it; ``boots`` in their order, the end's own is the last."""

    n_events: int
    sha256: str
    boots: tuple[str, ...]


def of(end: Event) -> Seal | str | None:
    """The seal of an end; None where it has none, as the host's own ends; a text when it makes no sense."""
    data: Mapping[str, Any] = end.data
    if data.get("n_events") is None and data.get("events_sha256") is None:
        return None
    n_events, sha256, boots = data.get("n_events"), data.get("events_sha256"), data.get("boots", [end.boot])
    if type(n_events) is not int or n_events < 1:
        return f"n_events is no number of events: {n_events!r}"
    if not isinstance(sha256, str) or len(sha256) != hashlib.sha256().digest_size * 2:
        return "events_sha256 is no SHA-256"
    if not isinstance(boots, Sequence) or isinstance(boots, str) or not all(isinstance(boot, str) for boot in boots):
        return "boots is no list of ids"
    if not boots or boots[-1] != end.boot or len(set(boots)) != len(boots) or len(boots) > MOST_BOOTS:
        return "boots are not different ids of which the last is the end's own"
    return Seal(n_events=n_events, sha256=sha256, boots=tuple(boots))


def verdict(connection: Connection, launch_key: int, end: Event) -> Verdict:
    """Look at what is stored of the launch; an end without a seal is whole as it stands."""
    seal = of(end)
    if seal is None:
        return Verdict(is_whole=True)
    if isinstance(seal, str):
        return Verdict(is_whole=True, fault=seal)
    here = (_EVENT.c.launch_key == launch_key) & _EVENT.c.boot.in_(seal.boots)
    n_stored: int = connection.execute(select(func.count()).select_from(_EVENT).where(here)).scalar_one()
    if n_stored < seal.n_events:
        return Verdict(is_whole=False)
    if n_stored > seal.n_events:
        return Verdict(is_whole=True, fault=f"it counts {seal.n_events} events and {n_stored} were sent")
    if _digest(connection, launch_key, seal, end) != seal.sha256:
        return Verdict(is_whole=True, fault="the events before it are not those that it was taken over")
    return Verdict(is_whole=True)


def _digest(connection: Connection, launch_key: int, seal: Seal, end: Event) -> str:
    digest = hashlib.sha256()
    for boot in seal.boots:
        for line in _lines(connection, launch_key, boot, end):
            digest.update(line)
    return digest.hexdigest()


def _lines(connection: Connection, launch_key: int, boot: str, end: Event) -> Iterator[bytes]:
    query = whole.query().where(_EVENT.c.launch_key == launch_key, _EVENT.c.boot == boot).order_by(_EVENT.c.seq)
    for row in connection.execute(query):
        if (boot, row.seq) != (end.boot, end.seq):
            yield canonical(whole.fields(row)) + b"\n"
