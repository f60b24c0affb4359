"""The reader: SQL for everything that is shown; results are frozen records, never rows or frames."""

from collector.queries.reader import Reader
from collector.queries.records import (
    ArmRow,
    CellResult,
    CutRun,
    FailureRow,
    LastRates,
    LaunchDetail,
    LaunchRow,
    MachineRow,
    RunRow,
    WorkloadRow,
)

__all__ = [
    "ArmRow", "CellResult", "CutRun", "FailureRow", "LastRates", "LaunchDetail", "LaunchRow", "MachineRow", "Reader",
    "RunRow", "WorkloadRow",
]  # fmt: skip
