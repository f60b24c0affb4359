"""
What a person did or has that phibench cannot work with; each error names its remedy and its exit code.

Faults of engines, models and devices are ``runners.errors.RunnerError``.
"""

from typing import ClassVar


class PhibenchError(Exception):
    """
    A fault with a remedy.

    Args:
        message: what happened and where.
        remedy: what to try, a command where there is one.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(PhibenchError):
    """A wrong name or value on the command line."""

    exit_code: ClassVar[int] = 2


class ModelNotFound(UsageError):
    """No model of this name in the catalogue and no file at this path."""


class DeviceNotFound(UsageError):
    """No device of this name in the chip table."""


class SuiteError(UsageError):
    """A suite that cannot be run; the message begins with file and line."""


class StoreError(PhibenchError):
    """The database cannot be read or written: newer version, read-only, disk full, not a database."""
