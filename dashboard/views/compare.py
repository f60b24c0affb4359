"""Compare: two arms, what can be said of them and why; block by block, in the order in which they ran."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from collector import numbers
from collector.compare import Comparison, Estimate, Pair, Row, Side, compare
from collector.compare.findings import findings
from collector.compare.findings import ratio as ratio_text
from collector.queries import CellResult, SeriesRow
from dashboard import data, parts, rows, sides, state, theme, verdicts
from dashboard.charts.caption import Caption
from dashboard.charts.paired import BlockRatio, Zones, has_one, paired, shown_range
from dashboard.charts.strips import Strip, in_order, strips

ONE_RUN, ACROSS = "two arms of one run", "across runs and devices"
_RECENT_RUNS = 24  # of the compared devices, from which the noise is taken

_Arms = tuple[Sequence[CellResult], Sequence[CellResult]]


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = data.series()
    if not series:
        _nothing("Every launch so far failed", "Nothing can be compared before two arms gave a value.", "phibench list")
    arms = _chosen(series)
    plans = {run.id: run.plan for run in data.runs()}
    two = sides.two_sides(*arms, plans)
    found = compare([two], history=data.cells(_history(arms)))
    pair = found.pairs[0]
    _head(pair, found)
    shown = verdicts.shown_rows(pair, has_all=state.is_on("Every metric", "all"))
    parts.table(verdicts.table_rows(shown), "compare")
    _doubts(pair)
    _launches(pair, found, shown, two)
    _differences(pair)
    parts.flags((*pair.baseline.flags, *pair.other.flags))
    parts.done()


def _nothing(title: str, why: str, command: str) -> None:
    parts.head(title)
    parts.done()
    parts.empty(why, command)


def _chosen(series: Sequence[SeriesRow]) -> _Arms:
    """Two rows of choices: where to look, and below it two arms of a run, or two series."""
    runs = _runs_with_two_arms()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = state.choose("Compare", [ONE_RUN, ACROSS] if runs else [ACROSS], "how", width=240)
        chosen = _run(runs, series) if how == ONE_RUN else _workload(series)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        return _of_one_run(chosen) if how == ONE_RUN else _across(series, chosen)


def _runs_with_two_arms() -> dict[str, str]:
    """By id what a person reads, the newest first."""
    return {
        run.id: f"{run.started_at_utc[:10]} {run.suite} · {run.id}"
        for run in data.runs()
        if len(run.plan.get("arms", ())) > 1
    }


def _run(runs: dict[str, str], series: Sequence[SeriesRow]) -> str:
    """The newest run of which two arms gave a value, unless another is chosen."""
    arms_seen: dict[str, set[str]] = {}
    for one in series:
        arms_seen.setdefault(one.run_id, set()).add(one.arm.label)
    usual = next((run_id for run_id in runs if len(arms_seen.get(run_id, ())) > 1), next(iter(runs)))
    return state.choose("Run", list(runs), "run", default=usual, shown=runs.__getitem__, width=300)


def _of_one_run(run_id: str) -> _Arms:
    arms = sides.arms_of(data.cells([run_id]))
    if len(arms) < 2:
        why = f"Run {run_id} has {numbers.count(len(arms), 'arm')} with good launches: choose another run."
        _nothing("Nothing to compare in this run", why, f"phibench show {run_id}")
    baseline = sides.usual_baseline(arms)
    other = next(name for name in arms if name != baseline)
    a = state.choose("A, the baseline", list(arms), "a", default=baseline)
    b = state.choose("B", list(arms), "b", default=other)
    return arms[a], arms[b]


def _workload(series: Sequence[SeriesRow]) -> str:
    """One that two arms ran, unless another is chosen."""
    if len(series) < 2:
        _nothing(
            "One arm was measured, and nothing to set it against",
            "A comparison takes two arms; in one run, block by block, it sees the most.",
            "phibench run standard",
        )
    known = rows.shapes(series)
    several = [label for label in known if len(_with_shape(series, known[label])) > 1]
    return state.choose("Workload", list(known), "shape", default=next(iter(several), None), width=220)


def _across(series: Sequence[SeriesRow], workload: str) -> _Arms:
    fitting = {one.key: one for one in _with_shape(series, rows.shapes(series)[workload])}
    if len(fitting) < 2:
        _nothing("One arm ran this workload", "Choose a workload that two arms ran.", "phibench run standard")
    first, second = _usual_two(list(fitting.values()))

    def shown(key: str) -> str:
        one = fitting[key]
        return f"{one.arm.label} · {one.device or 'unknown device'} · {one.started_at_utc[:10]}"

    a = fitting[state.choose("A, the baseline", list(fitting), "from", default=first.key, shown=shown)]
    b = fitting[state.choose("B", list(fitting), "to", default=second.key, shown=shown)]
    cells = data.cells([a.run_id, b.run_id])
    return sides.cells_of(a, cells), sides.cells_of(b, cells)


def _with_shape(series: Sequence[SeriesRow], asked: tuple[str, bool]) -> list[SeriesRow]:
    return [one for one in series if (one.workload.shape_label, one.is_sustained) == asked]


def _usual_two(fitting: Sequence[SeriesRow]) -> tuple[SeriesRow, SeriesRow]:
    """One arm on two devices where there is one, else the two that were measured last."""
    for place, one in enumerate(fitting):
        for two in fitting[place + 1 :]:
            if one.arm.label == two.arm.label and one.fingerprint != two.fingerprint:
                return two, one
    return fitting[1], fitting[0]


def _history(arms: _Arms) -> list[str]:
    """The compared runs and the newest of their devices, which tell the noise."""
    devices = [found for cells in arms if (found := rows.fingerprint(cells[0])) is not None]
    return [*(cell.run_id for cells in arms for cell in cells), *data.runs_on(devices, _RECENT_RUNS)]


def _head(pair: Pair, found: Comparison) -> None:
    parts.head(findings(found, None)[0], verdicts.design_text(pair, found))
    lines = [
        f"**{letter}** {state.escaped(verdicts.arm_text(arm, verdicts.counted(pair, letter)))}"
        for letter, arm in zip("AB", (pair.baseline, pair.other), strict=True)
    ]
    doubt = verdicts.doubt_text(pair)
    st.markdown("  \n".join([*lines, *([state.escaped(doubt)] if doubt else [])]))


def _doubts(pair: Pair) -> None:
    st.caption(state.escaped(f"{verdicts.noise_text(pair)}."))
    runs = [run_id for arm in (pair.baseline, pair.other) for run_id in arm.runs]
    texts = [*pair.warnings, *verdicts.failed_workloads(pair, data.cells(runs))]
    if texts:
        st.warning("\n".join(f"- {state.escaped(text)}" for text in texts))


def _launches(pair: Pair, found: Comparison, shown: Sequence[Row], two: tuple[Side, Side]) -> None:
    """The launches behind one row, as ratios of blocks and in the order of time."""
    with_both = {verdicts.name_of(row, shown): row for row in shown if row.baseline and row.other}
    if not with_both or pair.design.is_same_launches:
        return
    parts.section("Block by block" if pair.design.is_paired else "Launch by launch")
    row = with_both[state.choose("Metric", list(with_both), "row", width=260)]
    behind = sides.launches_of(row, two)
    arms = _strips(row, pair, behind)
    if behind.pairs and row.ratio is not None:
        noise = pair.noise.get(row.metric)
        zones = Zones(band_frac=found.band_frac, floor_frac=noise.floor.floor_frac if noise and noise.floor else None)
        launch = _paired_chart(row, row.ratio, zones, sides.block_ratios(row, behind), arms)
    else:
        launch = _strips_chart(row, arms)
    launch = _order_chart(row, pair, arms) or launch
    if launch:
        parts.launch_link(launch)
    with st.expander("The launches behind it"):
        parts.table(sides.launch_rows(row, behind), "launches")
        for run_id in dict.fromkeys((*pair.baseline.runs, *pair.other.runs)):
            st.page_link("views/runs.py", label=state.escaped(f"Run {run_id}"), query_params={"run": run_id})


def _strips(row: Row, pair: Pair, behind: sides.Launches) -> list[Strip]:
    colours = rows.device_colours(data.series(), parts.palette())
    by_name = {one.device: colours[one.fingerprint] for one in data.series()}
    is_one_place = pair.baseline.device == pair.other.device
    return [
        Strip(
            letter=letter,
            label=arm.label,
            sub=f"{verdicts.device_of(arm)} · {', '.join(arm.runs)}",
            estimate=_in_unit(estimate, numbers.scale(row.metric)),
            launches=sides.launch_values(row, values, is_ranked=not pair.design.is_paired),
            colour=parts.palette().muted if is_one_place and letter == "A" else by_name[arm.device],
            symbol=theme.symbol(arm.engine),
            note=f"{row.workload} {row.shape}; {', '.join(arm.flags) or 'no doubt'}",
        )
        for letter, arm, estimate, values in (
            ("A", pair.baseline, row.baseline, behind.baseline),
            ("B", pair.other, row.other, behind.other),
        )
    ]


def _in_unit(found: Estimate | None, scale: float) -> Estimate | None:
    if found is None:
        return None
    low, high = (None if end is None else end / scale for end in (found.low, found.high))
    return replace(found, value=found.value / scale, low=low, high=high)


def _paired_chart(
    row: Row, ratio: Estimate, zones: Zones, blocks: Sequence[BlockRatio], arms: Sequence[Strip]
) -> str | None:
    title = f"{verdicts.short(row.metric)}, B / A (log scale){verdicts.direction(row)}"
    figure = paired(
        blocks, ratio, zones, parts.palette(), axis_title=title, first_colours=(arms[0].colour, arms[1].colour)
    )
    words = f"{title}: {ratio_text(ratio)} over {numbers.count(len(blocks), 'block')}"
    each = ", ".join(f"{one.ratio:.3f}" for one in blocks)
    caption = _picture(f"{verdicts.short(row.metric)}, B / A, block by block", row, arms)
    launch = parts.chart(figure, "paired", f"{words}; blocks in order {each}", caption, is_selectable=True)
    st.caption(state.escaped(_what_is_drawn(ratio, zones, is_near=has_one(shown_range(blocks, ratio, zones)))))
    return launch


def _what_is_drawn(ratio: Estimate, zones: Zones, *, is_near: bool) -> str:
    interval = "dotted: its 95 % interval" if ratio.low is not None else "n is too small for a 95 % interval"
    text = f"Dashed: the estimate; {interval}."
    if not is_near:
        return f"{text} The same speed is off this scale."
    floor = "grey: the noise floor" if zones.floor_frac else "the noise floor is unknown"
    return f"{text} Blue: the same within ±{100 * zones.band_frac:g} %; {floor}."


def _strips_chart(row: Row, arms: Sequence[Strip]) -> str | None:
    title = f"{numbers.header(row.metric)}{verdicts.direction(row)}"
    figure = strips(arms, parts.palette(), axis_title=title)
    words = "; ".join(f"{one.letter} {one.label} on {one.sub}: {len(one.launches)} launches" for one in arms)
    caption = _picture(f"{numbers.header(row.metric)}, launch by launch", row, arms)
    return parts.chart(figure, "strips", f"{title}. {words}", caption, is_selectable=True)


def _order_chart(row: Row, pair: Pair, arms: Sequence[Strip]) -> str | None:
    st.markdown("**The order in which they ran**")
    x_title = "launch of the run" if pair.design.is_paired else "launch of the arm, counted within its run"
    title = f"{numbers.header(row.metric)}{verdicts.direction(row)}"
    figure = in_order(arms, parts.palette(), axis_title=title, x_title=x_title)
    first = ", ".join(
        letter for _, letter in sorted((launch.place, one.letter) for one in arms for launch in one.launches)
    )
    caption = _picture(f"{numbers.header(row.metric)} in the order of time", row, arms)
    return parts.chart(figure, "order", f"{title} by {x_title}: {first}", caption, is_selectable=True)


def _picture(title: str, row: Row, arms: Sequence[Strip]) -> Caption:
    """What A and B are; the device is marked where its numbers are of another kind."""
    words = {"A": "A, the baseline", "B": "B"}
    return Caption(
        title=f"{title}, {row.workload} {row.shape}",
        lines=tuple(f"{words[one.letter]}: {one.label}, {one.sub}" for one in arms),
    )


def _differences(pair: Pair) -> None:
    parts.section("What else differs")
    if not pair.differences:
        st.markdown("Nothing else that is known.")
        return
    found = [{"field": one.field, "A": one.baseline, "B": one.other} for one in pair.differences]
    parts.table(found, "differences")


main()
