"""Texts that come from elsewhere, before they are kept or shown: a terminal obeys what it is sent."""

from typing import Any, TypeVar

T = TypeVar("T")

_BREAKS = dict.fromkeys((0x09, 0x0A, 0x0D, 0x85, 0x2028, 0x2029), " ")
_CONTROLS: dict[int, str | None] = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)))
_DIRECTIONS: dict[int, str | None] = dict.fromkeys(
    (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
_ONE_LINE = _CONTROLS | _DIRECTIONS | _BREAKS
_LINES = _CONTROLS | _DIRECTIONS | {0x09: "\t", 0x0A: "\n"}


def printable(value: T, *, is_one_line: bool = True) -> T:
    """
    Take control characters, and those that turn the direction of writing, out of a text.

    Args:
        value: a text, or what JSON makes of lists and objects: then each text in it, names of fields too.
        is_one_line: whether line ends and tabs become blanks; else they stay.
    """
    return _printable(value, _ONE_LINE if is_one_line else _LINES)  # type: ignore[no-any-return]


def _printable(value: Any, table: dict[int, str | None]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, list | tuple):
        return type(value)([_printable(item, table) for item in value])
    if isinstance(value, dict):
        return {_printable(name, table): _printable(item, table) for name, item in value.items()}
    return value
