"""One line of the doctor's report."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``ok``, worth knowing, or to be mended."""

    OK = "ok"
    NOTE = "note"
    FIX = "fix"


class Group(StrEnum):
    """What a line is about, in the order in which it is shown."""

    MACHINE = "machine"
    ENGINES = "engines"
    MODELS = "models"
    STORAGE = "storage"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    A fact in one sentence; what is to be mended has a remedy, a command where there is one.

    ``is_blocking``: a run would stop here, so the doctor's exit code is 1.
    """

    group: Group
    level: Level
    message: str
    remedy: str = ""
    is_blocking: bool = False

    def __post_init__(self) -> None:
        if self.level is Level.FIX and not self.remedy:
            raise ValueError("what is to be mended needs a remedy")
        if self.is_blocking and self.level is not Level.FIX:
            raise ValueError("only what is to be mended can stop a run")


def ok(group: Group, message: str) -> Finding:
    """As it should be."""
    return Finding(group=group, level=Level.OK, message=message)


def note(group: Group, message: str, remedy: str = "") -> Finding:
    """Worth knowing; results stay valid."""
    return Finding(group=group, level=Level.NOTE, message=message, remedy=remedy)


def fix(group: Group, message: str, remedy: str, *, is_blocking: bool = False) -> Finding:
    """To be mended."""
    return Finding(group=group, level=Level.FIX, message=message, remedy=remedy, is_blocking=is_blocking)
