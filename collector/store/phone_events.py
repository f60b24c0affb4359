"""What an event of a phone must be beyond what the contract asks of every event; the rest is taken from anybody."""

from collections.abc import Sequence
from typing import Any

from collector.store import rows, seal
from runners.bridging import HOST_BOOT
from runners.contract import Event, EventType, Phase
from runners.wire import WireError

_TEXTS = {
    EventType.HELLO: ("started_at_utc", "python_version", "phibench_version", "app_version"),
    EventType.FAILED: ("message", "remedy", "detail"),
}
_HIGHEST_SEQ = (1 << 31) - 1


def fault(events: Sequence[Event]) -> str | None:
    """What is wrong with the first event that cannot be used; None when all of them can."""
    if not events:
        return "a call brings at least one event"
    if len({event.boot for event in events}) > 1:
        return "the events of one call belong to one boot"
    for event in events:
        try:
            rows.check(event)
            found = _fault(event)
        except WireError as exc:
            found = str(exc)
        if found is not None:
            return f"event {event.boot}/{event.seq}: {found}"
    return None


def _fault(event: Event) -> str | None:
    if event.boot == HOST_BOOT:
        return f"the boot {HOST_BOOT!r} is the host's own"
    if event.seq > _HIGHEST_SEQ:
        return f"seq is at most {_HIGHEST_SEQ}"
    for name in _TEXTS.get(event.type, ()):
        if not isinstance(event.data.get(name, ""), str | None):
            return f"{event.type}.{name} is no text"
    if event.type is EventType.ITERATION and not 0 <= event.data["index"] <= _HIGHEST_SEQ:
        return "iteration.index counts from 0"
    return _fault_of_phase(event) or (_fault_of_end(event) if event.type.is_last else None)


def _fault_of_phase(event: Event) -> str | None:
    """``starting`` names its phase; ``failed`` may."""
    phase = event.data.get("phase")
    is_optional = event.type is EventType.FAILED and phase is None
    if event.type not in {EventType.STARTING, EventType.FAILED} or is_optional or _is_phase(phase):
        return None
    return f"{event.type}.phase is none of {', '.join(Phase)}"


def _is_phase(value: Any) -> bool:
    return isinstance(value, str) and value in set(Phase)


def _fault_of_end(event: Event) -> str | None:
    found = seal.of(event)
    if found is None:
        return f"{event.type} carries n_events and events_sha256"
    return found if isinstance(found, str) else None
