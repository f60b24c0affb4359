"""History: one cell over all its runs, with changes of version and steps that are plain to see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from collector import numbers
from collector.compare import BAND_FRAC, Estimate
from collector.compare.steps import LEAST_RUNS, Level, levels, steps
from collector.metrics import BY_NAME
from collector.queries import CellResult, SeriesRow
from dashboard import data, filters, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.history import HistoryPoint, history, percent_text

MOST_RUNS = 40  # the newest; older ones are told of, not drawn

_METRICS = (
    "decode_tok_per_s", "ttft_s", "prefill_tok_per_s", "kernel_decode_tok_per_s", "kernel_prefill_tok_per_s",
    "burst_tok_per_s", "sustained_tok_per_s", "retained_frac", "load_s", "peak_rss_bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What the page is about: a series, its cells from the oldest run to the newest, and their values in a metric."""

    one: SeriesRow
    metric: str
    cells: Sequence[CellResult]
    found: Sequence[Estimate]
    levels: Sequence[Level]

    @property
    def header(self) -> str:
        """Name and unit of the metric."""
        return numbers.header(self.metric)

    @property
    def arm(self) -> str:
        """'phi-3-mini-4k q4_0 on M1'."""
        return f"{self.one.arm.label} on {_device(self.one)}"


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = data.series()
    if not series:
        _nothing_yet()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = _cell(series)
        run_ids = data.history(one)
        cells = _measured(one, run_ids[:MOST_RUNS])
        metrics = [m for m in _METRICS if any(c.values.get(m) for c in cells)]
        metric = state.choose("Metric", metrics, "metric", shown=numbers.header, width=200)
    cells = [c for c in cells if c.values.get(metric)]
    found = [_estimate(c, metric) for c in cells]
    shown = _Shown(one=one, metric=metric, cells=cells, found=found, levels=levels(found, BAND_FRAC))
    parts.made_up(cell.flags for cell in cells)
    parts.head(_finding(shown), _caption(shown, len(run_ids)))
    _chart(shown, rows.device_colours(series, parts.palette()).get(one.fingerprint))
    _table(shown)
    parts.flags(flag for cell in cells for flag in cell.flags)
    parts.done()


def _cell(series: Sequence[SeriesRow]) -> SeriesRow:
    """The series that is shown; first the measured one with most runs, of the device and arm that a link asks for."""
    by_key = {one.key: one for one in sorted(series, key=lambda s: (s.is_simulated, -s.n_runs))}
    usual = _asked_for(list(by_key.values()))
    chosen = state.choose(
        "Arm, workload and device", list(by_key), "cell", default=usual.key if usual else None,
        shown=lambda key: _name(by_key[key]), width=600,
    )  # fmt: skip
    return by_key[chosen]


def _asked_for(series: Sequence[SeriesRow]) -> SeriesRow | None:
    """The first series of the device, model, engine and shape in the address; None where it asks for nothing."""
    wanted = {name: state.asked(name) for name in ("device", "model", "engine", "shape")}
    if not any(wanted.values()):
        carried = state.kept()  # the device of the page before
        return next((one for one in series if filters.device_of(one) in carried), None)

    def fits(one: SeriesRow) -> bool:
        own = {"device": filters.device_of(one), "model": one.arm.model, "engine": one.arm.engine}
        own["shape"] = one.workload.shape_label
        return all(not values or own[name] in values for name, values in wanted.items())

    found = next((one for one in series if fits(one)), None)
    if found is None:
        words = ", ".join(value for values in wanted.values() for value in values)
        state.notice(f"The link asks for {words}, of which there is no history: showing another.")
    return found


def _device(one: SeriesRow) -> str:
    """Its name, marked where a simulator made the numbers."""
    return rows.marked(filters.device_of(one), ("simulated",) if one.is_simulated else ())


def _name(one: SeriesRow) -> str:
    kind = "sustained " if one.is_sustained else ""
    runs = numbers.count(one.n_runs, "run")
    return f"{one.arm.label} · {one.workload.name} {kind}{one.workload.shape_label} · {_device(one)} ({runs})"


def _measured(one: SeriesRow, run_ids: Sequence[str]) -> list[CellResult]:
    """The cell of each run that has it, the oldest first; of an arm that was measured twice in a run the first."""
    found: dict[str, CellResult] = {}
    for cell in data.cells(run_ids):
        is_sustained = "burst_tok_per_s" in cell.values
        fits = cell.arm == one.arm and cell.workload == one.workload and rows.fingerprint(cell) == one.fingerprint
        if fits and cell.n_launches and is_sustained == one.is_sustained:
            found.setdefault(cell.run_id, cell)
    return sorted(found.values(), key=lambda c: c.started_at_utc)


def _estimate(cell: CellResult, metric: str) -> Estimate:
    """In the unit of the header."""
    found = cell.estimate(metric)
    if found is None:
        raise ValueError(f"run {cell.run_id} has no {metric}")
    unit = numbers.scale(metric)
    low, high = (None if bound is None else bound / unit for bound in (found.low, found.high))
    return Estimate(
        value=found.value / unit, low=low, high=high, level_exact=found.level_exact, n=found.n, method=found.method
    )


def _finding(shown: _Shown) -> str:
    """'No step in decode tok/s over 8 runs', or the newest step and when it came."""
    n_runs = len(shown.found)
    if n_runs < LEAST_RUNS:
        runs = numbers.count(n_runs, "run")
        return f"{shown.arm}: {runs} of {shown.header}, too few to tell a step from scatter (n < {LEAST_RUNS})"
    changes = steps(shown.levels)
    if not changes:
        return f"{shown.arm}: no step in {shown.header} over {n_runs} runs"
    newest = changes[-1]
    date = shown.cells[newest.place].started_at_utc[:10]
    more = f"; {len(changes)} steps in all" if len(changes) > 1 else ""
    return f"{shown.arm}: {shown.header} stepped by {percent_text(newest.ratio)} on {date}{more}"


def _caption(shown: _Shown, n_runs: int) -> str:
    older = f"; the newest {MOST_RUNS} of {n_runs} runs" if n_runs > MOST_RUNS else ""
    doubt = rows.doubt_words({flag: 1 for cell in shown.cells for flag in cell.flags}) or "none"
    asked = shown.one.workload
    return (
        f"{asked.name} {asked.shape_label}; a point is one run with its 95 % interval over fresh processes, hollow: "
        f"too few for one; runs of different days are not paired; doubt: {doubt}{older}"
    )


def _chart(shown: _Shown, colour: str | None) -> None:
    colours, axis = parts.palette(), _axis(shown.metric)
    figure = history(
        [_point(cell, shown.metric, value) for cell, value in zip(shown.cells, shown.found, strict=True)],
        shown.levels, colours, name=shown.arm, y_title=axis, colour=colour or colours.devices[0],
        symbol=theme.symbol(shown.one.arm.engine), is_lower_better=BY_NAME[shown.metric].better == "lower",
    )  # fmt: skip
    words = "; ".join(f"{c.started_at_utc[:10]} {_interval(v)}" for c, v in zip(shown.cells, shown.found, strict=True))
    asked, flags = shown.one.workload, [flag for cell in shown.cells for flag in cell.flags]
    caption = Caption(
        title=f"{shown.header} of {shown.one.arm.label} by run, {asked.name} {asked.shape_label}",
        lines=(
            f"{rows.marked(filters.device_of(shown.one), flags)}; a point is a run with its 95 % interval",
            "dotted: another version of the engine; dashed: the level between two steps",
        ),
    )
    alt = f"{axis} of {_name(shown.one)} by run. {words}"
    launch = parts.chart(figure, "history", alt, caption, is_selectable=True)
    st.caption(
        "dotted: another version of the engine from there on; dashed: the level between two steps. A step needs "
        f"levels, and intervals of the runs beside it, that are more than {100 * BAND_FRAC:g} % apart"
    )
    if launch:
        parts.launch_link(launch)


def _axis(metric: str) -> str:
    """Unit and direction: 'first token s ← faster'."""
    better, header = BY_NAME[metric].better, numbers.header(metric)
    if metric.endswith("_bytes"):
        return f"{header} ← less"
    if metric == "retained_frac":
        return f"{header} → steadier"
    return f"{header} {'←' if better == 'lower' else '→'} faster"


def _point(cell: CellResult, metric: str, value: Estimate) -> HistoryPoint:
    return HistoryPoint(
        at=datetime.fromisoformat(cell.started_at_utc),
        estimate=value,
        version=_version(cell),
        note=rows.note(cell),
        launch=rows.evidence(cell, metric),
    )


def _version(cell: CellResult) -> str | None:
    version = cell.machine.engine_version if cell.machine else None
    return f"{cell.arm.engine} {version}" if version else None


def _interval(value: Estimate) -> str:
    return numbers.with_interval(value.value, value.low, value.high, value.n)


def _table(shown: _Shown) -> None:
    parts.section("Every run")
    changed = {step.place: step.ratio for step in steps(shown.levels)}
    found = [
        {
            "started (UTC)": cell.started_at_utc.replace("T", " ")[:16],
            shown.header: rows.with_interval(cell, shown.metric, numbers.scale(shown.metric)),
            "step": f"{changed[place]:.3f}×" if place in changed else None,
            **rows.launches(cell),
            "doubt": list(cell.flags),
            **_versions(cell),
            "suite": cell.suite,
            "run": cell.run_id,
        }
        for place, (cell, value) in enumerate(zip(shown.cells, shown.found, strict=True))
    ]
    parts.table(found[::-1], "history")


def _versions(cell: CellResult) -> dict[str, Any]:
    machine = cell.machine
    return {
        "engine": _version(cell) or cell.arm.engine,
        "OS": " ".join(filter(None, (machine.os_name, machine.os_version))) if machine else None,
        "phibench": machine.phibench_version if machine else None,
    }


def _nothing_yet() -> None:
    parts.head("No launch has given a rate yet")
    n_failed = sum(one.n_launches for one in data.failures())
    if n_failed:
        st.info(f"{n_failed} {'launch' if n_failed == 1 else 'launches'} failed: Runs says why, one by one.")
    st.markdown("A history begins with one run, and is one after a few:")
    st.code("phibench run standard", language="sh")
    parts.done()


main()
