"""From cells to the rows of the overview: every arm on every device, against its baseline. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from collector import numbers
from collector.compare import Pair, Row, Side, compare
from collector.compare.selecting import by_arm
from collector.compare.siding import is_usual_baseline, named
from collector.compare.values import is_simulated
from collector.queries import CellResult, SeriesRow
from dashboard.theme import Palette
from dashboard.told import told

MOST_ROWS = 24
"""Arms that are shown at once; the ones measured last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    One arm on one device under the chosen workload.

    Args:
        cell: its newest run.
        pair: against its baseline, with all workloads that both have; None where it has no baseline or is one.
        is_baseline: others on its device are set against it.
        is_first_arm: LLaMA-2-7B in 4 bits was not measured there, so the first arm of a run stands in for it.
    """

    cell: CellResult
    pair: Pair | None
    is_baseline: bool
    is_first_arm: bool = False

    @property
    def is_simulated(self) -> bool:
        """No model ran."""
        return is_simulated(self.cell)

    @property
    def device(self) -> str:
        """Name of the machine, or that it is unknown."""
        return self.cell.machine.device if self.cell.machine else "unknown device"

    def row(self, metric: str) -> Row | None:
        """The comparison in a metric under the shown workload."""
        if self.pair is None:
            return None
        asked = self.cell.workload
        fitting = (r for r in self.pair.rows if r.metric == metric and r.shape == asked.shape_label)
        return next(fitting, None)


def shapes(series: Sequence[SeriesRow]) -> dict[str, tuple[str, bool]]:
    """
    By what a person reads ('64+32', 'sustained 64+128'): shape and whether it is sustained; the most used first.

    A shape and its sustained form are two things, as their speeds are. What a simulator made counts only where nothing
    was measured.
    """
    is_real = any(not one.is_simulated for one in series)
    counts: dict[str, int] = {}
    found: dict[str, tuple[str, bool]] = {}
    for one in series:
        label = f"{'sustained ' if one.is_sustained else ''}{one.workload.shape_label}"
        found[label] = (one.workload.shape_label, one.is_sustained)
        counts[label] = counts.get(label, 0) + (one.n_launches if one.is_simulated != is_real else 0)
    return dict(sorted(found.items(), key=lambda item: -counts[item[0]]))


def device_colours(series: Sequence[SeriesRow], colours: Palette) -> dict[str | None, str]:
    """
    By fingerprint: the colour of each device, by the order of their names and so the same on every page.

    Args:
        series: all that there are, not the chosen ones.
    """
    names = sorted({(one.device or "", one.fingerprint or "") for one in series})
    return {
        fingerprint or None: colours.devices[place % len(colours.devices)]
        for place, (_, fingerprint) in enumerate(names)
    }


def pair_of(baseline: Sequence[CellResult], other: Sequence[CellResult]) -> Pair:
    """Compared with all their workloads, so that Holm's family does not depend on what is shown."""
    sides: tuple[Side, Side] = named(baseline, other, (False, False))
    return compare([sides]).pairs[0]


def standings(
    series: Sequence[SeriesRow],
    cells: Sequence[CellResult],
    baseline: CellResult | None,
    shape: str,
    *,
    pair: Callable[[Sequence[CellResult], Sequence[CellResult]], Pair] = pair_of,
) -> list[Standing]:
    """
    Every series with its newest cell, set against a baseline.

    Args:
        series: those that are shown.
        cells: of all runs that the series and their baselines were measured in.
        baseline: one cell for all; None = LLaMA-2-7B in 4 bits on the same device, else the first arm of a run there.
        shape: of the workload.
        pair: :func:`pair_of`, or what keeps its answers.

    Returns:
        Measured arms before simulated ones, which are set against simulated ones alone; within a kind by device, each
        with its baseline first and then in the order of ``series``.
    """
    found = []
    for one in series:
        own = _own(one, cells)
        cell = next((c for c in own if c.workload.shape_label == shape), None)
        if cell is None:
            continue
        against, is_first_arm = _against(cell, cells, baseline)
        is_baseline = bool(against) and against[0].arm == cell.arm and _device(against[0]) == _device(cell)
        compared = None if is_baseline or not against else pair(against, own)
        found.append(Standing(cell=cell, pair=compared, is_baseline=is_baseline, is_first_arm=is_first_arm))
    return sorted(found, key=lambda one: (one.is_simulated, one.device, not one.is_baseline))


def _against(
    cell: CellResult, cells: Sequence[CellResult], baseline: CellResult | None
) -> tuple[list[CellResult], bool]:
    """The cells of the baseline of one cell, none where there is none; and whether a first arm stands in for it."""
    if baseline is not None:
        return (_all_of(baseline, cells) if is_simulated(baseline) == is_simulated(cell) else []), False
    usual = _usual(cell, cells)
    first = [] if usual else _first_arm(cell, cells)
    return usual or first, bool(first)


def _own(one: SeriesRow, cells: Sequence[CellResult]) -> list[CellResult]:
    return [
        c
        for c in cells
        if c.run_id == one.run_id and c.arm == one.arm and _device(c) == one.fingerprint and c.n_launches
    ]


def _all_of(cell: CellResult, cells: Sequence[CellResult]) -> list[CellResult]:
    return [c for c in cells if c.run_id == cell.run_id and c.arm == cell.arm and c.arm_index == cell.arm_index]


def _usual(cell: CellResult, cells: Sequence[CellResult]) -> list[CellResult]:
    """LLaMA-2-7B in 4 bits on the same device and workload, of the same run if it can be, else of the newest."""
    there = [c for c in cells if is_usual_baseline(c) and _is_beside(c, cell)]
    ranked = sorted(
        there,
        key=lambda c: (c.run_id != cell.run_id, c.arm.engine != cell.arm.engine, _backwards(c.started_at_utc)),
    )
    return _all_of(ranked[0], cells) if ranked else []


def _first_arm(cell: CellResult, cells: Sequence[CellResult]) -> list[CellResult]:
    """The first arm of its own run where that has several, else of the newest run on its device that has."""
    runs: dict[str, list[CellResult]] = {}
    for one in cells:
        if _is_beside(one, cell):
            runs.setdefault(one.run_id, []).append(one)
    several = [by_arm(own) for own in runs.values() if len({c.arm.label for c in own}) > 1]
    ranked = sorted(several, key=lambda a: (a[0][0].run_id != cell.run_id, _backwards(a[0][0].started_at_utc)))
    return _all_of(ranked[0][0][0], cells) if ranked else []


def _is_beside(one: CellResult, cell: CellResult) -> bool:
    """Whether one came about as the other did: on its device, as asked, and both of a model or both of a simulator."""
    return (
        bool(one.n_launches)
        and _device(one) == _device(cell)
        and _asked(one) == _asked(cell)
        and is_simulated(one) == is_simulated(cell)
    )


def of_first_kind(cells: Sequence[CellResult]) -> list[CellResult]:
    """What a headline speaks of: the measured cells, and the simulated ones only where nothing was measured."""
    return [cell for cell in cells if not is_simulated(cell)] or list(cells)


def _asked(cell: CellResult) -> tuple[str, str, bool]:
    return cell.workload.kind, cell.workload.shape_label, "burst_tok_per_s" in cell.values


def _backwards(text: str) -> tuple[int, ...]:
    return tuple(-ord(char) for char in text)


def _device(cell: CellResult) -> str | None:
    return cell.machine.fingerprint if cell.machine else None


def fingerprint(cell: CellResult) -> str | None:
    """Of its device; None where the launch never said where it ran."""
    return _device(cell)


def device_name(cell: CellResult) -> str:
    """What its device is called."""
    return cell.machine.device if cell.machine else "unknown device"


def marked(name: str, flags: Sequence[str]) -> str:
    """A name with what makes its numbers another kind of number: 'phone (simulated)'."""
    kinds = [flag for flag in ("simulated", "imported", "server") if flag in flags]
    return f"{name} ({', '.join(kinds)})" if kinds else name


def with_interval(cell: CellResult, metric: str, scale: float) -> str | None:
    """'4.81 ± 0.05', '4.81 ·n=3' without an interval, None where nothing was measured; in a file as numbers."""
    found = cell.estimate(metric)
    if found is None:
        return None
    return told(numbers.with_interval(found.value, found.low, found.high, found.n, scale), metric, found)


def newest(series: Sequence[SeriesRow], cells: Sequence[CellResult]) -> list[CellResult]:
    """
    For each series the cell of its newest run; one where a run holds the same arm several times.

    Args:
        cells: of all runs that the series name.
    """
    wanted = {(one.run_id, one.arm.label, one.workload, one.is_sustained, one.fingerprint) for one in series}
    found: dict[object, CellResult] = {}
    for cell in cells:
        is_sustained = "burst_tok_per_s" in cell.values
        key = (cell.run_id, cell.arm.label, cell.workload, is_sustained, _device(cell))
        if key in wanted and cell.n_launches:
            found.setdefault(key, cell)
    return list(found.values())


def evidence(cell: CellResult, metric: str) -> str:
    """The first launch of its value in a metric; '' without one."""
    found = cell.numbers.get(metric, ())
    return f"{cell.run_id}/{found[0]}" if found else ""


def note(cell: CellResult) -> str:
    """'chat 64+32; simulated, hot; 2026-11-24, run ab12': the foot of the box that opens on a point."""
    asked, version = cell.workload, (cell.machine.engine_version if cell.machine else None)
    engine = f"{cell.arm.engine} {version or ''}".strip()
    doubt = doubt_words(cell.flags) or "no doubt"
    return f"{asked.name} {asked.shape_label}; {engine}; {doubt}; {cell.started_at_utc[:10]}, run {cell.run_id}"


def launches(cell: CellResult) -> dict[str, int]:
    """Columns that count a cell's launches: all of them, as of a run, and how many failed."""
    return {"launches": cell.n_launches + cell.n_failed, "of them failed": cell.n_failed}


def doubt_words(flags: Mapping[str, int] | Sequence[str]) -> str:
    """Flags as a person reads them."""
    return ", ".join(sorted(flags))
