"""Each engine as it shows itself in a launch of the tiny model: facts, what is in effect, how it ended."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from collector.doctor import probe
from runners import registry
from runners.contract import Event, EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    One engine.

    ``facts`` are its version and build, ``loaded`` what was in effect, ``final`` the last reading, ``failure`` the data
    of its ``failed`` event; each None where the launch did not get there.
    """

    engine: str
    unavailable_because: str | None = None
    how_to_install: str | None = None
    took_s: float | None = None
    facts: Mapping[str, Any] | None = None
    loaded: Mapping[str, Any] | None = None
    final: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None

    @property
    def backend(self) -> str | None:
        """Where the weights lay."""
        return self.loaded.get("backend") if self.loaded else None


def try_all(
    names: Mapping[str, str] = registry.ENGINES, run: Callable[[str], list[Event]] = probe.trial
) -> list[Trial]:
    """Every engine that is not simulated; one that cannot be used says why."""
    found = []
    for name in names:
        engine = registry.load(name)
        reason = engine.unavailable_because()
        if engine.is_simulated:
            continue
        if reason is not None:
            how = registry.how_to_install(engine)
            found.append(Trial(engine=name, unavailable_because=reason, how_to_install=how))
            continue
        started = time.monotonic()
        events = run(name)
        found.append(of_events(name, events, time.monotonic() - started))
    return found


def of_events(name: str, events: list[Event], took_s: float) -> Trial:
    """What a launch said, by the kinds of its events; the last of a kind counts."""
    data = {event.type: event.data for event in events}
    final = data.get(EventType.READING) or {}
    return Trial(
        engine=name,
        took_s=round(took_s, 3),
        facts=(data.get(EventType.HELLO) or {}).get("engine"),
        loaded=data.get(EventType.LOADED),
        final=final.get("reading"),
        failure=data.get(EventType.FAILED),
    )
