"""What a table shows as words and a file holds as numbers: a value with its interval, in the unit of its name. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

from collector.compare import Estimate


class Told(str):
    """
    A text as a person reads it, which knows its numbers.

    ``columns``: by the name in a CSV file, as ``phibench export csv`` names them: value and ends, None where unknown.
    """

    __slots__ = ("columns",)
    columns: Mapping[str, Any]

    def __new__(cls, text: str, columns: Mapping[str, Any]) -> Self:
        """The text alone is what is shown and compared."""
        found = super().__new__(cls, text)
        found.columns = columns
        return found


def told(text: str, name: str, estimate: Estimate) -> Told:
    """An estimate in words and, under ``name``, ``name_ci_low`` and ``name_ci_high``, in numbers."""
    ends = {f"{name}_ci_low": estimate.low, f"{name}_ci_high": estimate.high}
    return Told(text, {name: estimate.value, **ends})


def for_file(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table as a file holds them: numbers for words that know theirs, several words in one field."""
    worded = {name for row in rows for name, value in row.items() if isinstance(value, Told)}
    return [_for_file(row, worded) for row in rows]


def _for_file(row: Mapping[str, Any], worded: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Told):
            found |= value.columns
        elif isinstance(value, list | tuple):
            found[name] = "; ".join(map(str, value))
        elif value is not None or name not in worded:  # a blank among words needs no column of its own
            found[name] = value
    return found
