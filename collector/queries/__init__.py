"""The reader: SQL for everything that is shown; results are frozen records, never rows or frames."""

from collector.queries.ceilings import Ceiling, ceiling
from collector.queries.reader import Reader, exists
from collector.queries.records import (
    ArmRow,
    BandwidthRow,
    BaselineRow,
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
from collector.queries.samples import CELL_COLUMNS_BEGIN, LAUNCH_COLUMNS, SAMPLE_COLUMNS, Sample

__all__ = [
    "CELL_COLUMNS_BEGIN", "LAUNCH_COLUMNS", "SAMPLE_COLUMNS", "ArmRow", "BandwidthRow", "BaselineRow", "Ceiling",
    "CellResult", "CutRun", "FailureCount", "FailureRow", "LastRates", "LaunchDetail", "LaunchRow", "MachineRow",
    "Reader", "RunRow", "Sample", "SeriesRow", "WorkloadRow", "ceiling", "exists",
]  # fmt: skip
