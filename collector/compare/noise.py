"""
How small a difference a device can show: read from stored runs, never from an assumption.

Within a session: a run that had one arm twice (A against A) gives a ratio whose true value is 1; the farthest end of
its interval is the floor. Between sessions: the spread of one arm's estimate over at least three runs. Both are pure
functions of cells, so a run that is removed leaves no trace.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

from collector import stats
from collector.compare.values import is_simulated as is_made_up
from collector.compare.values import paired_values, values_of
from collector.queries import CellResult
from collector.schedule import HEADLINE_METRICS
from collector.stats import Estimate, SessionNoise

LEAST_SESSIONS = 3
"""Runs from which the noise between sessions is taken; fewer say too little about a spread."""

LEAST_LAUNCHES = 3
"""A run counts as a session from so many launches on: one launch would add its own noise to that between sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """
    What A against A came to on one device.

    Args:
        run_id, measured_at_utc, label, workload: where it was seen.
        ratio: of the arm to itself, with its interval.
        log_sd: standard deviation of the log ratios of the blocks; None from fewer than two.
        floor_frac: the farthest end of the interval from 1, as a share; None without an interval.
    """

    run_id: str
    measured_at_utc: str
    label: str
    workload: str
    ratio: Estimate
    log_sd: float | None
    floor_frac: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """
    Noise behind one metric of one pair of arms.

    Args:
        floor: of the device, where both arms ran on one; None where it was never measured.
        sessions: spread of the estimate from run to run, of both devices together; None where neither is known.
        is_whole: the spread is known for the devices of both arms.
        n_runs: sessions that are stored of the compared arms, the most of any cell; what is missing to
            ``LEAST_SESSIONS`` can be said.
    """

    floor: Floor | None
    sessions: SessionNoise | None
    is_whole: bool
    n_runs: int


def noise_of(history: Sequence[CellResult], cells: Sequence[CellResult]) -> dict[str, Noise]:
    """
    By headline metric the noise of the device on which an arm ran.

    Args:
        history: cells of any runs, those of the arm among them.
        cells: of the arm; of one device.
    """
    return {
        metric: noise_between(history, metric, (cells, cells))
        for metric in HEADLINE_METRICS
        if any(cell.values.get(metric) for cell in cells)
    }


def noise_between(history: Sequence[CellResult], metric: str, sides: Sequence[Sequence[CellResult]]) -> Noise:
    """The noise behind a comparison of two arms; a floor only where both ran on one device."""
    fingerprint, kind = place = _place(sides[0][0])
    is_one_device = all(_place(cells[0]) == place for cells in sides)
    lowest = floor(history, metric, fingerprint, is_simulated=kind == "simulated") if is_one_device else None
    sessions, is_whole, n_runs = between(session_estimates(history, metric), sides)
    return Noise(floor=lowest, sessions=sessions, is_whole=is_whole, n_runs=n_runs)


def floor(history: Iterable[CellResult], metric: str, fingerprint: str | None, *, is_simulated: bool) -> Floor | None:
    """
    The newest A against A on a device, one with an interval if there is one; None where there is none.

    Args:
        history: cells of any runs.
        metric: a headline metric.
        fingerprint: of the device.
        is_simulated: whether the simulator's runs are asked for, or those in which a model ran.
    """
    found = [
        _floor(metric, *twins)
        for twins in twin_cells(_there(history, fingerprint, is_simulated=is_simulated))
        if all(cell.values.get(metric) for cell in twins)
    ]
    return max((one for one in found if one is not None), key=_worth, default=None)


def shows_frac(found: Floor, n_blocks: int) -> float | None:
    """How far off 1 a ratio of so many blocks could be and still not be told from it; None where that is unknown."""
    return None if found.log_sd is None else stats.expected_half_width(found.log_sd, n_blocks)


def twin_cells(cells: Iterable[CellResult]) -> Iterator[tuple[CellResult, CellResult]]:
    """Cells of one run that have everything in common but their place in the plan: A against A."""
    groups: dict[tuple[str, str], list[CellResult]] = defaultdict(list)
    for cell in cells:
        groups[cell.run_id, cell.workload.name].append(cell)
    for group in groups.values():
        for index, first in enumerate(group):
            for second in group[index + 1 :]:
                if first.arm == second.arm and first.arm_index != second.arm_index:
                    yield first, second


Sessions = Mapping[tuple[str, ...], Mapping[str, float]]
"""By device, kind of backend, arm, version of the engine and workload: the estimate of each run, the oldest first."""


def session_estimates(cells: Iterable[CellResult], metric: str) -> Sessions:
    """
    The estimates of every arm and workload, run by run.

    An arm that a run had twice counts once, with all its launches.
    """
    values: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in sorted(cells, key=lambda cell: cell.started_at_utc):
        if cell.machine is not None and min(cell.values.get(metric, ()), default=0.0) > 0:
            values[_session_key(cell)][cell.run_id] += cell.values[metric]
    return {
        key: {run: stats.interval(of_run).value for run, of_run in by_run.items() if len(of_run) >= LEAST_LAUNCHES}
        for key, by_run in values.items()
    }


def between(sessions: Sessions, sides: Sequence[Sequence[CellResult]]) -> tuple[SessionNoise | None, bool, int]:
    """
    Noise between the sessions of two arms.

    The compared arms themselves are asked first; where they have too few runs, all that was measured on their device.

    Args:
        sessions: of the metric, from :func:`session_estimates`.
        sides: cells of the two arms that are compared.

    Returns:
        The noise, whether it is known for both sides, and how many runs the best known of their cells has.
    """
    noises = [_of_side(sessions, cells) for cells in sides]
    keys = {_session_key(cell) for cells in sides for cell in cells if cell.machine is not None}
    n_runs = max((len(estimates) for key, estimates in sessions.items() if key in keys), default=0)
    known = [one for one in noises if one is not None]
    if not known:
        return None, False, n_runs
    if len({_place(cells[0]) for cells in sides}) == 1:
        return max(known, key=lambda one: one.n), True, n_runs
    n_sessions = [len({cell.run_id for cell in cells}) for cells in sides]
    return _together(noises, n_sessions), len(known) == len(noises), n_runs


def _of_side(sessions: Sessions, cells: Sequence[CellResult]) -> SessionNoise | None:
    place, labels = _place(cells[0]), {cell.arm.label for cell in cells}
    there = {key: found for key, found in sessions.items() if key[:2] == place}
    own = stats.pooled_noise([found for key, found in there.items() if key[2] in labels])
    return own or stats.pooled_noise(list(there.values()))


def _together(noises: Sequence[SessionNoise | None], n_sessions: Sequence[int]) -> SessionNoise:
    """
    One noise for two devices, such that widening by it adds what each of them adds.

    A device whose noise is unknown adds nothing; the caller says so.

    Source:
        Welch and Satterthwaite: degrees of freedom of a sum of estimated variances.
    """
    parts = [(one.sd**2 / n, one.dof) for one, n in zip(noises, n_sessions, strict=True) if one is not None]
    total = math.fsum(variance for variance, _ in parts)
    spread = sum(variance**2 / dof for variance, dof in parts)
    sd = math.sqrt(total / math.fsum(1 / n for n in n_sessions))
    dof = max(1, math.floor(total**2 / spread)) if spread > 0 else min(dof for _, dof in parts)
    return SessionNoise(sd=sd, n=min(one.n for one in noises if one is not None), dof=dof)


def _floor(metric: str, first: CellResult, second: CellResult) -> Floor | None:
    pairs = paired_values(values_of([first], metric), values_of([second], metric))
    if not pairs or min(value for pair in pairs for value in (pair[0].value, pair[1].value)) <= 0:
        return None
    baseline, other = [a.value for a, _ in pairs], [b.value for _, b in pairs]
    ratio = stats.paired_ratio(baseline, other)
    logs = stats.log_ratios(baseline, other)
    return Floor(
        run_id=first.run_id,
        measured_at_utc=first.started_at_utc,
        label=first.arm.label,
        workload=first.workload.name,
        ratio=ratio,
        log_sd=stdev(logs) if len(logs) > 1 else None,
        floor_frac=_farthest(ratio),
    )


def _worth(one: Floor) -> tuple[bool, str]:
    return one.floor_frac is not None, one.measured_at_utc


def _farthest(ratio: Estimate) -> float | None:
    """How far the interval reaches from 1, the same upwards as downwards."""
    if ratio.low is None or ratio.high is None:
        return None
    return math.exp(max(-math.log(ratio.low), math.log(ratio.high))) - 1


def _there(cells: Iterable[CellResult], fingerprint: str | None, *, is_simulated: bool) -> list[CellResult]:
    place = (fingerprint, "simulated" if is_simulated else "real")
    return [cell for cell in cells if cell.machine is not None and _place(cell) == place]


def _place(cell: CellResult) -> tuple[str, str]:
    """The device, and whether a model ran there or a simulator: the one says nothing about the other."""
    fingerprint = cell.machine.fingerprint if cell.machine else ""
    return fingerprint, "simulated" if is_made_up(cell) else "real"


def _session_key(cell: CellResult) -> tuple[str, ...]:
    asked, version = cell.workload, cell.machine.engine_version if cell.machine else None
    shape = (asked.kind, asked.shape_label, asked.prompt_path or "")
    weights = "random" if cell.arm.is_synthetic else "real"
    return (*_place(cell), cell.arm.label, version or "", *shape, weights)
