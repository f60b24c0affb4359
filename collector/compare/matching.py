"""Which workloads two arms have in common: what counts is what was asked, not what it was called."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.compare.records import Side
from collector.queries import CellResult
from collector.schedule import headlines

_SUSTAINED = frozenset({"burst_tok_per_s", "sustained_tok_per_s"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Cells of one workload, of one or both arms; several of an arm are several runs."""

    baseline: tuple[CellResult, ...]
    other: tuple[CellResult, ...]

    @property
    def name(self) -> str:
        """As the baseline calls it."""
        return self._any.workload.name

    @property
    def shape_label(self) -> str:
        """'64+32'."""
        return self._any.workload.shape_label

    @property
    def is_common(self) -> bool:
        """Whether both arms have it."""
        return bool(self.baseline and self.other)

    @property
    def headlines(self) -> tuple[str, ...]:
        """The metrics that a verdict is given on; none where only one arm has the workload."""
        if not self.is_common:
            return ()
        is_sustained = any(_SUSTAINED & cell.values.keys() for cell in (*self.baseline, *self.other))
        return headlines(self._any.workload.asked, is_sustained=is_sustained)

    @property
    def _any(self) -> CellResult:
        return (*self.baseline, *self.other)[0]


def matched(baseline: Side, other: Side) -> list[Matched]:
    """
    The workloads of two sides, those that both have first.

    Workloads match by their shape and prompt; their names and seeds may differ. Where both sides name a workload the
    two are matched whatever they ask, as that is the question; where one does, the others are left out.
    """
    if is_across(baseline, other):
        return [Matched(baseline=baseline.cells, other=other.cells)]
    keys = list(dict.fromkeys(_asked(cell) for cell in (*baseline.cells, *other.cells)))
    found = [Matched(baseline=_with(baseline, key), other=_with(other, key)) for key in keys]
    if baseline.is_one_workload or other.is_one_workload:
        return [one for one in found if one.is_common]
    return sorted(found, key=lambda one: not one.is_common)


def is_across(baseline: Side, other: Side) -> bool:
    """Whether one workload is deliberately set against another."""
    return baseline.is_one_workload and other.is_one_workload


def first_cells(found: Sequence[Matched]) -> Iterator[tuple[CellResult, CellResult]]:
    """One cell of each side for every workload that both have."""
    for one in found:
        if one.is_common:
            yield one.baseline[0], one.other[0]


def _asked(cell: CellResult) -> tuple[object, ...]:
    asked = cell.workload
    return (asked.kind, asked.n_prompt_tokens, asked.n_generated_tokens, asked.n_depth_tokens, asked.prompt_path)


def _with(side: Side, key: tuple[object, ...]) -> tuple[CellResult, ...]:
    return tuple(cell for cell in side.cells if _asked(cell) == key)
