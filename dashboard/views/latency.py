"""Latency: the first token by the length of the prompt, the gaps between tokens, and one launch token by token."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from collector import numbers
from collector.metrics.of_launch import MIN_GAPS
from collector.queries import CellResult, SeriesRow
from dashboard import data, devices, gaps, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.ecdf import Mark, ecdf
from dashboard.charts.timeline import timeline
from dashboard.charts.ttft import TtftLine, TtftPoint, ttft
from dashboard.gaps import LaunchGaps

MOST_ARMS, MOST_LAUNCHES = 6, 20
COMMAND = "phibench run standard"


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = [one for one in data.series() if one.workload.kind == "generation" and not one.is_sustained]
    if not series:
        _nothing_yet()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        device, chosen = _choices(series)
    cells = rows.newest(chosen, data.cells([one.run_id for one in chosen]))
    colour = rows.device_colours(data.series(), parts.palette())[chosen[0].fingerprint]
    parts.made_up(cell.flags for cell in cells)
    parts.head(_finding(rows.of_first_kind(cells), device), _caption(cells, device))
    _first_tokens(cells, device, colour)
    _between_tokens(cells, device, colour)
    _table(cells)
    parts.flags(flag for cell in cells for flag in cell.flags)
    parts.done()


def _choices(series: Sequence[SeriesRow]) -> tuple[str, list[SeriesRow]]:
    by_device = devices.by_device(series)
    device = state.choose("Device", list(by_device), "on", width=220)
    own = by_device[device]
    arms = list(dict.fromkeys(one.arm.label for one in own))
    word = "all" if len(arms) <= MOST_ARMS else f"the {MOST_ARMS} measured last"
    wanted = state.choose_several("Arms", arms, "arm", usual=arms[:MOST_ARMS], usual_word=word)[:MOST_ARMS]
    return device, [one for one in own if one.arm.label in wanted][: rows.MOST_ROWS]


def _finding(cells: Sequence[CellResult], device: str) -> str:
    """'phi-3-mini-4k q4_0 on laptop: first token after 2.18 ± 0.02 s at a prompt of 512 tokens'."""
    found = [cell for cell in cells if cell.values.get("ttft_s")]
    if not found:
        return f"No launch on {device} tells when its first token came"
    longest = max(cell.workload.n_prompt_tokens for cell in found)
    there = [cell for cell in found if cell.workload.n_prompt_tokens == longest]
    best = min(there, key=lambda cell: one.value if (one := cell.estimate("ttft_s")) else 0.0)
    told = rows.with_interval(best, "ttft_s", 1.0)
    return f"{best.arm.label} on {device}: first token {told} s after a prompt of {longest:,} tokens"


def _caption(cells: Sequence[CellResult], device: str) -> str:
    shapes = ", ".join(dict.fromkeys(f"{c.workload.name} {c.workload.shape_label}" for c in cells))
    flags = sorted({flag for cell in cells for flag in cell.flags})
    where, doubt = rows.marked(device, flags), rows.doubt_words(flags) or "none"
    return f"{where}: {shapes}; 95 % intervals over launches; doubt: {doubt}"


def _first_tokens(cells: Sequence[CellResult], device: str, colour: str) -> None:
    parts.section("The first token, by the length of the prompt")
    lines = _lines(cells)
    if not lines:
        st.info("No cell has a time to the first token.")
        return
    words = "; ".join(
        f"{line.label} {numbers.plain(point.ttft.value)} s at {point.n_prompt_tokens}"
        for line in lines
        for point in line.points
    )
    figure = ttft(lines, parts.palette(), colour=colour)
    caption = Caption(
        title="Time to the first token by the length of the prompt",
        lines=(_where(cells, device), "bars are 95 % intervals over launches; hollow: too few for one"),
    )
    alt = f"time to first token in s by prompt tokens on {device}. {words}"
    launch = parts.chart(figure, "ttft", alt, caption, is_selectable=True)
    st.caption(
        "bars are 95 % intervals; hollow: fewer than six launches, so no interval exists; over several lengths of "
        "prompt both axes are logarithmic"
    )
    if launch:
        parts.launch_link(launch)


def _lines(cells: Sequence[CellResult]) -> list[TtftLine]:
    """A line an arm and depth of context; what stands before the prompt makes it another thing."""
    found: dict[str, list[CellResult]] = {}
    for cell in cells:
        if cell.workload.n_prompt_tokens and cell.values.get("ttft_s"):
            depth = f" after {cell.workload.n_depth_tokens:,} tokens" if cell.workload.n_depth_tokens else ""
            found.setdefault(f"{cell.arm.label}{depth}", []).append(cell)
    return [
        TtftLine(label=label, symbol=theme.symbol(own[0].arm.engine), points=tuple(map(_point, own)))
        for label, own in sorted(found.items())
    ]


def _point(cell: CellResult) -> TtftPoint:
    estimate = cell.estimate("ttft_s")
    assert estimate is not None  # noqa: S101  # asked for by the caller
    return TtftPoint(
        n_prompt_tokens=cell.workload.n_prompt_tokens, ttft=estimate, note=rows.note(cell),
        launch=rows.evidence(cell, "ttft_s"),
    )  # fmt: skip


def _between_tokens(cells: Sequence[CellResult], device: str, colour: str) -> None:
    parts.section("Between tokens")
    named: dict[str, CellResult] = {}
    for one in cells:
        named.setdefault(f"{one.arm.label}, {one.workload.name} {one.workload.shape_label}", one)
    usual = max(named, key=lambda name: _n_gaps(named[name]))
    cell = named[state.choose("Cell", list(named), "cell", default=usual)]
    ids = [f"{cell.run_id}/{number}" for number in cell.numbers.get("ttft_s", ())]
    traces = data.generations(ids[:MOST_LAUNCHES])
    found = [gaps.of_launch(launch, traces[launch]) for launch in traces]
    why_not = gaps.unfit_because(cell, found)
    if why_not:
        st.info(state.escaped(f"No single gaps are told of this cell. {why_not}"))
        return
    _distribution(cell, found, len(ids), device, colour)
    _one_launch([one for one in found if one.gaps_s], cell, device, colour)


def _n_gaps(cell: CellResult) -> int:
    return cell.workload.n_generated_tokens * (1 if "itl_p50_s" in cell.values else 0)


def _distribution(cell: CellResult, found: Sequence[LaunchGaps], n_launches: int, device: str, colour: str) -> None:
    shown = gaps.marks(cell)
    curves = gaps.processes(found)
    figure = ecdf(curves, parts.palette(), colour=colour, symbol=theme.symbol(cell.arm.engine), marks=shown)
    told = ", ".join(_percentile(mark) for mark in shown)
    asked = cell.workload
    caption = Caption(
        title=f"Gaps between tokens: {cell.arm.label}, {asked.name} {asked.shape_label}",
        lines=(_where([cell], device), "faint: one launch each, strong: all; marks: percentiles of single launches"),
    )
    alt = f"share of gaps between tokens below each length, {cell.arm.label} on {device}. {told}"
    parts.chart(figure, "gaps", alt, caption)
    n_stalls, n_gaps = sum(one.n_stalls for one in found), sum(len(one.gaps_s) for one in found)
    launches = "1 launch" if len(curves) == 1 else f"{len(curves)} launches"
    stalls = f"{numbers.count(n_stalls, 'stall')} (a gap of more than four medians)"
    words = [
        f"{stalls} among {n_gaps:,} gaps of {launches}",
        "faint: one process each, strong: all together" if len(curves) > 1 else "",
        f"the first {len(found)} of {n_launches} launches" if n_launches > len(found) else "",
        f"percentiles are those of single launches, with their interval over launches: {told}" if told else "",
        gaps.untold(cell, found),
    ]
    st.caption(state.escaped("; ".join(filter(None, words))))


def _where(cells: Sequence[CellResult], device: str) -> str:
    """The device, marked where its numbers are of another kind."""
    return rows.marked(device, [flag for cell in cells for flag in cell.flags])


def _percentile(mark: Mark) -> str:
    one = mark.estimate
    return f"p{mark.percent} {numbers.with_interval(one.value, one.low, one.high, one.n, 1e-3)} ms"


def _one_launch(found: Sequence[LaunchGaps], cell: CellResult, device: str, colour: str) -> None:
    parts.section("One launch, token by token")
    by_id = {one.launch: one for one in found}
    one = by_id[state.choose("Launch", list(by_id), "shown")]
    figure = timeline(one.gaps_s, parts.palette(), name=f"launch {one.launch}", colour=colour, stall_s=one.stall_s)
    told = (
        f"{numbers.count(len(one.gaps_s), 'gap')}, {numbers.count(one.n_stalls, 'stall')}, "
        f"the longest {numbers.plain(1e3 * max(one.gaps_s))} ms"
    )
    caption = Caption(
        title=f"Token by token: {cell.arm.label}, {cell.workload.name} {cell.workload.shape_label}",
        lines=(f"{_where([cell], device)}; launch {one.launch}", told),
    )
    parts.chart(figure, "timeline", f"gap before each token in ms, launch {one.launch}: {told}", caption)
    most = max(found, key=lambda other: other.n_stalls)
    if most.n_stalls and most is not one:
        told += f"; the most stalls, {most.n_stalls}, are in launch {most.launch}"
    st.caption(state.escaped(told))
    parts.launch_link(one.launch, f"Launch {one.launch}: order, gate, raw trace")


def _table(cells: Sequence[CellResult]) -> None:
    parts.section("Every cell")
    ordered = sorted(cells, key=lambda c: (c.arm.label, c.workload.n_prompt_tokens, c.workload.n_generated_tokens))
    parts.table([_row(cell) for cell in ordered], "latency")
    least = ", ".join(f"p{percent} {n}" for percent, n in MIN_GAPS.items() if percent > 50)
    st.caption(f"blank percentiles: a launch needs so many gaps for them: {least}; or single gaps cannot be told")


def _row(cell: CellResult) -> Mapping[str, Any]:
    told = {f"gap p{p} ms": None if "gaps_inexact" in cell.flags else f"itl_p{p}_s" for p in MIN_GAPS}
    return {
        "arm": cell.arm.label,
        "workload": f"{cell.workload.name} {cell.workload.shape_label}",
        "first token s": rows.with_interval(cell, "ttft_s", 1.0),
        **{header: rows.with_interval(cell, metric, 1e-3) if metric else None for header, metric in told.items()},
        "stalls a launch": _mean(cell.values.get("stall_count", ())),
        "prefill tok/s": rows.with_interval(cell, "prefill_tok_per_s", 1.0),
        "engine": f"{cell.arm.engine} {(cell.machine and cell.machine.engine_version) or ''}".strip(),
        **rows.launches(cell),
        "doubt": list(cell.flags),
        "date": cell.started_at_utc[:10],
        "run": cell.run_id,
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


def _nothing_yet() -> None:
    parts.head("No launch has generated text yet")
    st.markdown("The time to the first token and the gaps after it come from a run of generations:")
    st.code(COMMAND, language="sh")
    n_failed = sum(one.n_launches for one in data.failures())
    if n_failed:
        st.info(f"{n_failed} {'launch' if n_failed == 1 else 'launches'} failed: Overview says why.")
    parts.done()


main()
