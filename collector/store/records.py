"""What goes into the store beside events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """
    One execution of a plan, as it is begun.

    ``plan`` is plain JSON, enough to run it again; ``started_at_utc`` is ISO 8601.
    """

    id: str
    started_at_utc: str
    suite: str
    seed: int
    plan: Mapping[str, Any] = field(default_factory=dict)
    phibench_version: str | None = None
    git_commit: str | None = None
    command_line: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a run has an id")
