"""The reader: SQL for everything that is shown; results are frozen records, never rows or frames."""

from collector.queries.ceilings import Ceiling, bandwidths, ceiling
from collector.queries.courses import Course, course
from collector.queries.pages import FailureCount, SeriesRow
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
from collector.queries.rooflines import Regime, RooflinePoint, roofline
from collector.queries.samples import CELL_COLUMNS_BEGIN, LAUNCH_COLUMNS, SAMPLE_COLUMNS, Sample
from runners.contract import FLAG_MEANING, Event, Flag

__all__ = [
    "CELL_COLUMNS_BEGIN", "FLAG_MEANING", "LAUNCH_COLUMNS", "SAMPLE_COLUMNS", "ArmRow", "BandwidthRow", "BaselineRow",
    "Ceiling", "CellResult", "Course", "CutRun", "Event", "FailureCount", "FailureRow", "Flag", "LastRates",
    "LaunchDetail", "LaunchRow", "MachineRow", "Reader", "Regime", "RooflinePoint", "RunRow", "Sample", "SeriesRow",
    "WorkloadRow", "bandwidths", "ceiling", "course", "exists", "roofline",
]  # fmt: skip
