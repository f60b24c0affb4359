"""Bodies of calls to records: strict JSON, then the records' own checks, then what only the bridge knows."""

from typing import Any, TypeVar

from runners.bridge import strict_json
from runners.bridge.replies import Refused
from runners.bridge.signing import IDENTIFIER
from runners.bridging import HOST_BOOT, PhoneHello, Post
from runners.contract import Event, EventType, check_data
from runners.texts import printable
from runners.wire import WireError, from_wire

T = TypeVar("T")

MOST_EVENTS = 1000
MOST_SEQ = 2**31 - 1
MOST_ITEMS = 1000
_LONGEST_REASON = 500


def read_object(body: bytes) -> dict[str, Any]:
    """
    The object in a body.

    Raises:
        Refused: 400 when it is no JSON that can be kept, 422 when it is another value.
    """
    try:
        value = strict_json.read(body)
    except strict_json.BadJson as exc:
        raise Refused(400, "bad_json", str(exc)) from None
    if not isinstance(value, dict):
        raise Refused(422, "bad_value", "the body is a JSON object")
    return value


def record(cls: type[T], body: bytes, where: str) -> T:
    """
    A record from a body.

    Raises:
        Refused: the message names the field.
    """
    return _record(cls, read_object(body), where)


def _record(cls: type[T], found: dict[str, Any], where: str) -> T:
    try:
        return from_wire(cls, found, where)
    except WireError as exc:
        raise Refused(422, "bad_value", str(exc)) from None


def hello(body: bytes) -> PhoneHello:
    """What a phone says of itself, its texts fit to be shown; where its models lie is its own affair."""
    raw = printable(read_object(body))
    if isinstance(raw.get("models"), list):
        raw["models"] = [_without_path(model) for model in raw["models"]]
    found = _record(PhoneHello, raw, "hello")
    if not IDENTIFIER.match(found.boot) or found.boot == HOST_BOOT:
        raise Refused(422, "bad_value", "hello.boot is 1 to 64 letters, digits, points, hyphens and underscores")
    for name in ("runtimes", "models", "unfinished", "entitlements"):
        if len(getattr(found, name)) > MOST_ITEMS:
            raise Refused(422, "bad_value", f"hello.{name} has more than {MOST_ITEMS} entries")
    return found


def post(body: bytes, *, device_id: str, launch_id: str) -> Post:
    """
    Events that a phone sends, each with the promised content.

    Raises:
        Refused: the message names the event and its field; nothing of the call is used.
    """
    found = read_object(body)
    raw = found.get("events")
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_EVENTS:
        raise Refused(422, "bad_value", f"events is a list of 1 to {MOST_EVENTS} events")
    events = tuple(_event(item, f"events[{i}]") for i, item in enumerate(raw))
    if len({event.boot for event in events}) > 1:
        raise Refused(422, "bad_event", "the events of one call belong to one boot; send a call for each")
    lease_id = _identifier(found, "lease_id") if found.get("lease_id") is not None else None
    return Post(device_id=device_id, launch_id=launch_id, events=events, lease_id=lease_id)


def release(body: bytes) -> tuple[str, str]:
    """Lease and reason of a job that is given back."""
    found = read_object(body)
    reason = found.get("reason", "")
    if not isinstance(reason, str):
        raise Refused(422, "bad_value", "reason is a text")
    return _identifier(found, "lease_id"), printable(reason[:_LONGEST_REASON])


def _without_path(model: Any) -> Any:
    return {name: value for name, value in model.items() if name != "path"} if isinstance(model, dict) else model


def _identifier(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not IDENTIFIER.match(value):
        raise Refused(422, "bad_value", f"{name} is 1 to 64 letters, digits, points, hyphens and underscores")
    return value


def _event(raw: Any, where: str) -> Event:
    try:
        event = from_wire(Event, raw, where)
        check_data(event.type, event.data)
    except WireError as exc:
        raise Refused(422, "bad_event", _named(where, str(exc))) from None
    if event.seq > MOST_SEQ:
        raise Refused(422, "bad_event", f"{where}.seq is larger than {MOST_SEQ}")
    if event.type is EventType.HELLO and event.data.get("device") is None:
        raise Refused(422, "bad_event", f"{where}.hello.device: missing")
    if not IDENTIFIER.match(event.boot) or event.boot == HOST_BOOT:
        raise Refused(422, "bad_event", f"{where}.boot is no id of a phone's life")
    return event


def _named(where: str, text: str) -> str:
    return text if text.startswith(where) else f"{where}.{text}"
