"""
JSON from a stranger, read strictly: what Python's reader lets pass and no peer should send is refused here.

Refused are text that is not UTF-8, NaN and infinities (also as 1e999), integers beyond 64 bits, an object with the same
name twice, nesting beyond 32, and half of a surrogate pair. Types are the affair of ``runners.wire``.
"""

import json
import math
import re
from typing import Any

MOST_DEPTH = 32
_LONGEST_NUMBER = 40
_HALF_A_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class BadJson(ValueError):
    """A body that is no JSON which can be kept; the message says why."""


def read(body: bytes) -> Any:
    """
    The value of a JSON text.

    Raises:
        BadJson: the message says what is wrong with it.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise BadJson(f"the body is not UTF-8 (byte {exc.start})") from None
    if _depth(body) > MOST_DEPTH:
        raise BadJson(f"the body is nested deeper than {MOST_DEPTH}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_double, parse_constant=_constant
        )
    except json.JSONDecodeError as exc:
        raise BadJson(f"the body is no JSON: {exc.msg} at character {exc.pos}") from None
    if _HALF_A_PAIR.search(body):
        _check_pairs(value)
    return value


def _depth(body: bytes) -> int:
    """How deep brackets nest, strings passed over; cheap for a body that has few of them."""
    if body.count(b"[") + body.count(b"{") <= MOST_DEPTH:
        return 0
    deepest = depth = 0
    for found in _BRACKETS.finditer(body):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadJson(f"an object names {twice[:40]!r} twice")
    return found


def _integer(text: str) -> int:
    number = int(text) if len(text) <= _LONGEST_NUMBER else None
    if number is None or not -(1 << 63) <= number < 1 << 63:
        raise BadJson(f"{text[:_LONGEST_NUMBER]} does not fit into 64 bits")
    return number


def _double(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadJson(f"{text[:_LONGEST_NUMBER]} is no number that can be kept")
    return number


def _constant(text: str) -> float:
    raise BadJson(f"{text} is no number of JSON")


def _check_pairs(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadJson("a text holds half of a surrogate pair") from None
