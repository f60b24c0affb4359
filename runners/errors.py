"""
The exception tree of the runners and the one list of failure kinds.

::

    RunnerError                each carries one failure kind, a message and a remedy
    ├── RunnerUnavailable      package missing, no device attached, wrong platform, machine busy
    ├── ModelError             missing, wrong file, wrong format, unsupported, does not fit in memory
    ├── EngineDied             signal, abort, out of memory, time-out: typed by launch.py from how the process ended
    ├── DeviceLost             bridge closed, phone locked, process killed
    └── ServerError            refused, rate-limited, dropped stream, nonsense

Failure kinds: unavailable, unsupported, model_missing, model_invalid, model_too_large, out_of_memory, crashed,
aborted (SIGABRT), timed_out, backend_mismatch, device_lost, backgrounded, thermal_aborted, server_error,
protocol_error, cancelled (by a person). The same words stand in the database, on the wire and on the screen.
"""

from enum import StrEnum


class FailureKind(StrEnum):
    """Why a launch gave no result; exactly one a failed launch."""

    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    MODEL_MISSING = "model_missing"
    MODEL_INVALID = "model_invalid"
    MODEL_TOO_LARGE = "model_too_large"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    ABORTED = "aborted"
    TIMED_OUT = "timed_out"
    BACKEND_MISMATCH = "backend_mismatch"
    DEVICE_LOST = "device_lost"
    BACKGROUNDED = "backgrounded"
    THERMAL_ABORTED = "thermal_aborted"
    SERVER_ERROR = "server_error"
    PROTOCOL_ERROR = "protocol_error"
    CANCELLED = "cancelled"

    @property
    def is_lasting(self) -> bool:
        """Whether a second try in the same run can only fail in the same way."""
        return self in {
            FailureKind.UNAVAILABLE,
            FailureKind.UNSUPPORTED,
            FailureKind.MODEL_MISSING,
            FailureKind.MODEL_INVALID,
            FailureKind.MODEL_TOO_LARGE,
        }


class RunnerError(Exception):
    """
    A fault that a person can understand and mend.

    Args:
        kind: the failure kind that is stored.
        message: what happened, in one sentence without the remedy.
        remedy: what to try, a command where there is one; empty when nothing is known to help.
    """

    def __init__(self, kind: FailureKind, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.remedy = remedy


class RunnerUnavailable(RunnerError):
    """The engine or device cannot be used here: package missing, wrong platform, machine busy."""


class ModelError(RunnerError):
    """The model is missing, damaged, of a wrong format, unsupported or too large."""


class EngineDied(RunnerError):
    """The engine's process ended by a signal, an abort, lack of memory or a time-out."""


class DeviceLost(RunnerError):
    """A remote device went away: bridge closed, phone locked, process killed."""


class ServerError(RunnerError):
    """Another program answered wrongly: refused, rate-limited, dropped or spoke nonsense."""
