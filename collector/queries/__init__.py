"""The reader: SQL for everything that is shown; results are frozen records, never rows or frames."""

from collector.queries.ceilings import Ceiling, bandwidths, ceiling
from collector.queries.courses import Course, course
from collector.queries.launches import LaunchCounts, Surrounding
from collector.queries.pages import FailureCount, SeriesRow
from collector.queries.progress import Narrowing, Progress
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
from collector.queries.traces import TraceRow, engine_rates, event_lines, traces
from runners.contract import FLAG_MEANING, Event, Flag

__all__ = [
    "CELL_COLUMNS_BEGIN", "FLAG_MEANING", "LAUNCH_COLUMNS", "SAMPLE_COLUMNS", "ArmRow", "BandwidthRow",
    "BaselineRow", "Ceiling", "CellResult", "Course", "CutRun", "Event", "FailureCount", "FailureRow", "Flag",
    "LastRates", "LaunchCounts", "LaunchDetail", "LaunchRow", "MachineRow", "Narrowing", "Progress", "Reader",
    "Regime", "RooflinePoint", "RunRow", "Sample", "SeriesRow", "Surrounding", "TraceRow", "WorkloadRow",
    "bandwidths", "ceiling", "course", "engine_rates", "event_lines", "exists", "roofline", "traces",
]  # fmt: skip
