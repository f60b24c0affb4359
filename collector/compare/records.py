"""What a comparison is made of: frozen records in base units; None is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.compare.noise import Noise
from collector.metrics import Better
from collector.queries import CellResult
from collector.stats import Estimate, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """
    One of the two arms of a comparison: its cells, one a workload and run.

    Args:
        name: what it is called where the two must be told apart.
        cells: of one arm; several runs of it are several sessions.
        plans: by run id, what the runs were asked to do; fields in which the two differ are told.
        is_one_workload: the person who asked named the workload.
    """

    name: str
    cells: tuple[CellResult, ...]
    is_one_workload: bool = False
    plans: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs that its values come from, each once."""
        return tuple(dict.fromkeys(cell.run_id for cell in self.cells))

    @property
    def label(self) -> str:
        """Of its arm, 'phi-3-mini-4k q4_0'."""
        return self.cells[0].arm.label

    @property
    def device(self) -> str | None:
        """Name of the machine."""
        machine = self.cells[0].machine
        return machine.device if machine else None

    @property
    def fingerprint(self) -> str | None:
        """What identifies the machine."""
        machine = self.cells[0].machine
        return machine.fingerprint if machine else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A side as the result tells it."""

    name: str
    label: str
    device: str | None
    runs: tuple[str, ...]
    engine: str
    engine_version: str | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """
    How the launches of the two arms stand to each other.

    Args:
        is_paired: both ran in every block of the same runs, so that each block gives one ratio.
        is_interleaved: their launches were mixed in time; None where they come from different runs.
        is_same_launches: both sides are the same launches, so there is nothing to compare.
        n_blocks: blocks that pair, of the row that has the fewest; None when unpaired.
        n_launches: good launches of each arm, of the row that has the fewest.
        n_sessions: runs of each arm.
        seeds: of the order of the runs, each once.
    """

    is_paired: bool
    is_interleaved: bool | None
    is_same_launches: bool
    n_blocks: int | None
    n_launches: tuple[int, int]
    n_sessions: tuple[int, int]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field in which the two differ besides what the comparison is about; ``baseline`` and ``other`` as text."""

    field: str
    baseline: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One metric of one workload.

    Args:
        shape: of the workload, '64+32'.
        definition: id of what was measured, as in effect.
        is_headline: belongs to the family of tests and has a verdict.
        baseline, other: value of each arm with its interval; None where an arm has none.
        ratio: other / baseline with its 95 % interval; ratio_90 the same at 90 %, which decides on equivalence.
        p_raw, p_holm: two-sided, before and after Holm's correction; None where nothing is tested.
        refusal: why there is no ratio, in words.
        doubts: words that stand beside the verdict.
        baseline_launches, other_launches: the evidence as RUN/NUMBER, in the order of ``n`` of the estimates.
    """

    workload: str
    shape: str
    metric: str
    unit: str
    better: Better | None
    definition: str
    is_headline: bool
    baseline: Estimate | None
    other: Estimate | None
    ratio: Estimate | None = None
    ratio_90: Estimate | None = None
    p_raw: float | None = None
    p_holm: float | None = None
    verdict: Verdict | None = None
    refusal: str | None = None
    doubts: tuple[str, ...] = ()
    baseline_launches: tuple[str, ...] = ()
    other_launches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanRow:
    """Geometric mean of one headline metric's ratios over the workloads; no verdict, as it is no test of the family."""

    metric: str
    n_workloads: int
    ratio: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One arm set against one other; ``noise`` by headline metric."""

    baseline: Arm
    other: Arm
    design: Design
    rows: tuple[Row, ...]
    means: tuple[MeanRow, ...]
    differences: tuple[Difference, ...]
    noise: Mapping[str, Noise]
    warnings: tuple[str, ...]

    @property
    def family(self) -> tuple[Row, ...]:
        """The rows with a verdict."""
        return tuple(row for row in self.rows if row.is_headline and row.refusal is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    Arms set against a baseline.

    Args:
        n_family: rows whose tests Holm's correction counts, over all pairs.
        band_frac: half-width of the band within which two arms are equivalent.
        warnings: what holds for all pairs.
    """

    pairs: tuple[Pair, ...]
    n_family: int
    band_frac: float
    warnings: tuple[str, ...] = ()
