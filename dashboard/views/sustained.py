"""Sustained: what a device keeps of its speed once it is warm, launch by launch, with its heat and its clock."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import streamlit as st

from collector import numbers
from collector.queries import CellResult, Course, SeriesRow
from collector.queries.courses import Stretch, sentence, stretches, thermal_spans
from dashboard import data, filters, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.over_time import frame_of, over_time

MOST_LAUNCHES = 6
COMMAND = "phibench run sustained"
_COLUMNS = ("retained_frac", "burst_tok_per_s", "sustained_tok_per_s", "plateau_tok_per_s", "t50_s", "nonnominal_frac")
_HEADERS = {"t50_s": "half of the loss after s", "nonnominal_frac": "not nominal %"}
_SCALES = {"nonnominal_frac": 0.01}


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = [one for one in data.series() if one.is_sustained]
    if not series:
        _nothing_yet()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = filters.narrowed(series)[: rows.MOST_ROWS]
    cells = rows.newest(chosen, data.cells([one.run_id for one in chosen]) if chosen else [])
    if not cells:
        parts.head("Nothing fits these choices")
        st.info("No sustained launch has this device, model and engine together: take one of the choices away.")
        parts.done()
        return
    launches = _launches(cells)
    shown = _choice(launches)
    parts.made_up(cell.flags for cell in cells)
    parts.head(_finding(rows.of_first_kind(cells)), _caption(cells))
    _draw(shown, launches, series)
    _table(cells)
    _over_time_table(shown, launches)
    _failures(cells)
    parts.flags(flag for cell in cells for flag in cell.flags)
    parts.done()


def _launches(cells: Sequence[CellResult]) -> dict[str, CellResult]:
    """By launch: its cell; the first launch of each cell, then the second of each."""
    by_cell = [[f"{c.run_id}/{n}" for n in c.numbers["burst_tok_per_s"]] for c in cells]
    turns = zip_longest(*by_cell)
    return {launch: cell for turn in turns for launch, cell in zip(turn, cells, strict=True) if launch is not None}


def _choice(launches: dict[str, CellResult]) -> list[str]:
    """The launches that are drawn; each option begins with the launch, so that a link names it."""
    by_option = {f"{launch} {_name(cell)}": launch for launch, cell in launches.items()}
    usual = list(by_option)[: min(MOST_LAUNCHES, len({id(cell) for cell in launches.values()}))]
    word = "the first launch of each" if len(usual) < len(launches) else "all"
    chosen = state.choose_several("Launches", list(by_option), "shown", usual=usual, usual_word=word)
    return [by_option[option] for option in chosen][:MOST_LAUNCHES]


def _name(cell: CellResult) -> str:
    return f"{cell.arm.label} on {rows.device_name(cell)}"


def _finding(cells: Sequence[CellResult]) -> str:
    """'phi-3-mini-4k q4_0 on phone keeps 69 % of its first speed', or the range of several."""
    found = [(cell, estimate) for cell in cells if (estimate := cell.estimate("retained_frac")) is not None]
    if not found:
        return "Too few repetitions to say how the rate lasts"
    if len(found) == 1:
        cell, kept = found[0]
        if kept.low is None or kept.high is None:
            return f"{_name(cell)} keeps {numbers.percent(kept.value)} of its first speed (n={kept.n}: no interval)"
        doubt = f"95 % interval {numbers.percent(kept.low)} to {numbers.percent(kept.high)}"
        return f"{_name(cell)} keeps {numbers.percent(kept.value)} of its first speed ({doubt})"
    ranked = sorted(found, key=lambda item: item[1].value)
    (worst, low), (best, high) = ranked[0], ranked[-1]
    return (
        f"Warm, {_name(best)} keeps {numbers.percent(high.value)} of its first speed, "
        f"{_name(worst)} {numbers.percent(low.value)}"
    )


def _caption(cells: Sequence[CellResult]) -> str:
    shapes = ", ".join(dict.fromkeys(f"{c.workload.name} {c.workload.shape_label}" for c in cells))
    return (
        f"{shapes} repeated in one process; a dot is a repetition, dashed where the rate settled, "
        "shaded where the machine was not cool; burst is the first repetition, sustained the last two minutes"
    )


def _draw(shown: Sequence[str], launches: dict[str, CellResult], series: Sequence[SeriesRow]) -> None:
    courses = {launch: found for launch in shown if (found := data.course(launch)).repetitions}
    if not courses:
        return
    frame, colours = frame_of(list(courses.values())), parts.palette()
    by_device = rows.device_colours(series, colours)
    for launch, course in courses.items():
        cell = launches[launch]
        parts.section(f"{rows.marked(_name(cell), cell.flags)}: {numbers.percent(course.retained_frac)} kept")
        st.caption(state.escaped(f"{sentence(course)}. Doubt: {rows.doubt_words(cell.flags) or 'none'}"))
        figure = over_time(
            course, colours, name=_name(cell), launch=launch, frame=frame, symbol=theme.symbol(cell.arm.engine),
            colour=by_device.get(rows.fingerprint(cell), colours.devices[0]),
        )  # fmt: skip
        parts.chart(
            figure, f"launch-{launch}".replace("/", "-"), _alt(cell, launch, course), _picture(cell, launch, course)
        )
        parts.launch_link(launch, f"Launch {launch}: order, gate, raw trace")
    left_out = len(launches) - len(courses)
    if left_out:
        st.caption(f"{left_out} more {'launch' if left_out == 1 else 'launches'}: choose above what is shown")


def _picture(cell: CellResult, launch: str, course: Course) -> Caption:
    return Caption(
        title=f"{cell.arm.label} on end: {numbers.percent(course.retained_frac)} of its first speed kept",
        lines=(
            f"{rows.marked(rows.device_name(cell), cell.flags)}; {cell.workload.name} {cell.workload.shape_label}",
            f"launch {launch}; shaded where the machine was not cool",
        ),
    )


def _alt(cell: CellResult, launch: str, course: Course) -> str:
    heat = ", ".join(
        f"{state_word} from {begin_s:.0f} to {end_s:.0f} s" for begin_s, end_s, state_word in thermal_spans(course)
    )
    return f"decode tok/s over time of {_name(cell)}, launch {launch}: {sentence(course)}. {heat or 'heat unknown'}"


def _table(cells: Sequence[CellResult]) -> None:
    parts.section("Every arm")
    parts.table([_row(cell) for cell in cells], "sustained")


def _row(cell: CellResult) -> dict[str, Any]:
    found: dict[str, Any] = {"device": rows.device_name(cell), "arm": cell.arm.label}
    for metric in _COLUMNS:
        scale = _SCALES.get(metric, numbers.scale(metric))
        found[_HEADERS.get(metric, numbers.header(metric))] = rows.with_interval(cell, metric, scale)
    return found | {
        "engine": f"{cell.arm.engine} {(cell.machine and cell.machine.engine_version) or ''}".strip(),
        **rows.launches(cell),
        "doubt": list(cell.flags),
        "date": cell.started_at_utc[:10],
        "run": cell.run_id,
    }


def _over_time_table(shown: Sequence[str], launches: dict[str, CellResult]) -> None:
    found = [
        {"launch": launch, "arm": _name(launches[launch]), **_stretch_row(row)}
        for launch in shown
        for course in [data.course(launch)]
        for row in stretches(course.repetitions, course.readings)
    ]
    with st.expander("The curves as a table"):
        parts.table(found, "over-time")


def _stretch_row(row: Stretch) -> dict[str, Any]:
    return {
        "from s": round(row.begin_s, 1),
        "to s": round(row.end_s, 1),
        "repetitions": row.n_repetitions,
        "decode tok/s": round(row.tok_per_s, 3),
        "thermal state": row.thermal_state,
        "°C": row.temperature_c,
        "GHz": None if row.frequency_hz is None else round(row.frequency_hz / 1e9, 3),
    }


def _failures(cells: Sequence[CellResult]) -> None:
    found = [
        {
            "launch": one.launch_id, "arm": _name(cell), "kind": one.kind, "what happened": one.message,
            "what to try": one.remedy,
        }
        for cell in cells
        for one in cell.failures
    ]  # fmt: skip
    if found:
        parts.section("Launches that failed, and why")
        parts.table(found, "sustained-failures")


def _nothing_yet() -> None:
    parts.head("No launch has gone on for long yet")
    st.markdown("Ten minutes of one shape show what a device keeps of its speed once it is warm:")
    st.code(COMMAND, language="sh")
    n_failed = sum(one.n_launches for one in data.failures())
    if n_failed:
        st.info(f"{n_failed} {'launch' if n_failed == 1 else 'launches'} failed: Overview says why.")
    parts.done()


main()
