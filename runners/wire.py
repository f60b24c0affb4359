"""
Frozen dataclasses to plain JSON values and back, strictly.

Used for everything that crosses a process or a network: Job, Event, Trace. A value of the wrong type is an error and
never coerced (``true`` is no integer); an unknown field is ignored, so a newer peer may say more; a missing field
takes the dataclass' default or is an error.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
JsonValue = Any


class WireError(ValueError):
    """A record does not have the promised form; the message names the field."""


def to_wire(value: Any) -> JsonValue:
    """Plain dicts, lists, strings, numbers; fields that are None are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: to_wire(item) for name, item in pairs if item is not None}
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_wire(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_wire(item) for item in value]
    return value


def canonical(value: Any) -> bytes:
    """The one JSON text of a record: sorted keys, no blanks, UTF-8; what digests are taken of."""
    return json.dumps(to_wire(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def from_wire(cls: type[T], data: JsonValue, where: str = "") -> T:
    """
    Build a dataclass from what :func:`to_wire` made.

    Raises:
        WireError: a field is missing, of a wrong type, or refused by the record's own checks.
    """
    name = where or cls.__name__
    if not isinstance(data, Mapping):
        raise WireError(f"{name}: expected an object, got {_kind(data)}")
    values, hints = {}, _hints(typing.cast("Hashable", cls))
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name in data:
            values[field.name] = _decode(hints[field.name], data[field.name], f"{name}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise WireError(f"{name}.{field.name}: missing")
    try:
        return cls(**values)
    except ValueError as exc:
        raise WireError(f"{name}: {exc}") from exc


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _decode(hint: Any, data: JsonValue, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _decode_union(args, data, where)
    if origin is tuple:
        return _decode_tuple(args, data, where)
    if origin is not None and issubclass(origin, Mapping):
        return _decode_mapping(args, data, where)
    if hint is Any or hint is object:
        return data
    if dataclasses.is_dataclass(hint):
        return from_wire(typing.cast("type[Any]", hint), data, where)
    return _decode_scalar(hint, data, where)


def _decode_scalar(hint: Any, data: JsonValue, where: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        try:
            return hint(data)
        except ValueError:
            raise WireError(f"{where}: {data!r} is none of {', '.join(hint)}") from None
    if hint is float and type(data) in {int, float}:
        if not math.isfinite(data):
            raise WireError(f"{where}: {data} is no number that can be kept")
        return float(data)
    if type(data) is not hint:
        raise WireError(f"{where}: expected {hint.__name__}, got {_kind(data)}")
    if hint is int and not _is_64_bit(data):
        raise WireError(f"{where}: {data} does not fit into 64 bits")
    return data


def _decode_union(args: tuple[Any, ...], data: JsonValue, where: str) -> Any:
    if data is None and type(None) in args:
        return None
    candidates = [arg for arg in args if arg is not type(None)]
    exact = [arg for arg in candidates if type(data) is arg]
    if exact or len(candidates) == 1:
        return _decode((exact or candidates)[0], data, where)
    for arg in candidates:
        try:
            return _decode(arg, data, where)
        except WireError:
            continue
    raise WireError(f"{where}: unexpected {_kind(data)}")


def _decode_tuple(args: tuple[Any, ...], data: JsonValue, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise WireError(f"{where}: expected a list, got {_kind(data)}")
    if len(args) == 2 and args[1] is Ellipsis:
        if args[0] is int:  # token times: thousands of them, checked in one pass
            if not all(type(item) is int for item in data):
                raise WireError(f"{where}: expected integers only")
            if data and not (_is_64_bit(min(data)) and _is_64_bit(max(data))):
                raise WireError(f"{where}: a number does not fit into 64 bits")
            return tuple(data)
        return tuple(_decode(args[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if len(args) != len(data):
        raise WireError(f"{where}: expected {len(args)} items, got {len(data)}")
    return tuple(_decode(arg, item, f"{where}[{i}]") for i, (arg, item) in enumerate(zip(args, data, strict=True)))


def _decode_mapping(args: tuple[Any, ...], data: JsonValue, where: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise WireError(f"{where}: expected an object, got {_kind(data)}")
    return {str(key): _decode(args[1], item, f"{where}.{key}") for key, item in data.items()}


def _is_64_bit(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 63


def _kind(data: JsonValue) -> str:
    return "null" if data is None else type(data).__name__
