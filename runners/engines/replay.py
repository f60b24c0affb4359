"""
A recorded launch played back: the same evidence through today's definitions.

The recording is a file of events, one JSON object a line, as ``phibench show ID --events`` prints it. What comes out is
flagged ``imported``: it was measured at another time, perhaps on another device.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from runners.contract import (
    EngineFacts,
    Event,
    EventType,
    Flag,
    Loaded,
    ModelRef,
    Option,
    Scalar,
    Trace,
    Workload,
    check_data,
)
from runners.errors import FailureKind, RunnerError
from runners.wire import WireError, from_wire

_MAX_BYTES = 256 << 20


class ReplayEngine:
    """See the module."""

    name: ClassVar[str] = "replay"
    distribution: ClassVar[str | None] = None
    formats: ClassVar[tuple[str, ...]] = ("none",)
    is_simulated: ClassVar[bool] = True
    options: ClassVar[Mapping[str, Option]] = {
        "n_ctx": Option(type=int, default=None, help="accepted and not used: the recording has its own"),
        "path": Option(type=str, default=None, help="file of the recorded events, one JSON object a line"),
    }

    def unavailable_because(self) -> str | None:
        """Never: it needs nothing."""
        return None

    def facts(self) -> EngineFacts:
        """Says that it replays."""
        return EngineFacts(engine=self.name, version="1")

    @contextmanager
    def open(self, model: ModelRef, options: Mapping[str, Scalar]) -> Iterator["ReplaySession"]:
        """Read the whole recording; a damaged one is refused here, not half-way."""
        path = options.get("path")
        if not isinstance(path, str):
            raise RunnerError(FailureKind.UNSUPPORTED, "replay was given no recording", "add path=FILE to the arm")
        yield ReplaySession(read_events(Path(path)))


class ReplaySession:
    """The recorded generations, in their order; after the last one it begins again."""

    def __init__(self, events: list[Event]) -> None:
        try:
            for event in events:
                check_data(event.type, event.data)
        except WireError as exc:
            raise RunnerError(FailureKind.MODEL_INVALID, f"the recording is damaged: {exc}") from exc
        loaded = [from_wire(Loaded, e.data) for e in events if e.type is EventType.LOADED]
        traces = [e for e in events if e.type is EventType.ITERATION]
        if not traces:
            raise RunnerError(FailureKind.MODEL_INVALID, "the recording holds no generation")
        self._traces = [from_wire(Trace, e.data["trace"]) for e in traces]
        self._next = 0
        known = loaded[0] if loaded else Loaded()
        self.loaded = dataclasses.replace(known, flags=(*known.flags, Flag.IMPORTED))

    def generate(self, workload: Workload) -> Trace:
        """The next recorded trace, provided that it answers this workload."""
        trace = self._traces[self._next % len(self._traces)]
        self._next += 1
        n_recorded = len(trace.dt_ns) if trace.n_tokens is None else sum(trace.n_tokens)
        if (trace.n_prompt_tokens, n_recorded) != (workload.n_prompt_tokens, workload.n_generated_tokens):
            raise RunnerError(
                FailureKind.UNSUPPORTED,
                f"the recording has {trace.n_prompt_tokens} prompt and {n_recorded} generated tokens, "
                f"the workload {workload.n_prompt_tokens} and {workload.n_generated_tokens}",
                "replay it with the workload that was recorded",
            )
        return trace


def read_events(path: Path) -> list[Event]:
    """
    Events of one launch from a file.

    Raises:
        RunnerError: the file is missing, too large, or a line of it is no event.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise RunnerError(FailureKind.MODEL_INVALID, f"{path.name} is too large for a recording")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise RunnerError(FailureKind.MODEL_MISSING, f"the recording {path} cannot be read: {exc}") from exc
    events = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(from_wire(Event, json.loads(line)))
        except (json.JSONDecodeError, WireError, RecursionError) as exc:
            raise RunnerError(FailureKind.MODEL_INVALID, f"{path.name}:{number} is no event: {exc}") from exc
    return events
