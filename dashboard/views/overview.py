"""Overview: one finding in words, one forest plot against a baseline, one table, and what failed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from collector import numbers
from collector.compare import BAND_FRAC
from collector.compare.findings import ratio as ratio_text
from collector.queries import CellResult, SeriesRow, ceiling
from dashboard import data, filters, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.forest import ForestRow, forest
from dashboard.filters import Chosen
from dashboard.headline import Headline, headline, verdict_of
from dashboard.rows import MOST_ROWS, Standing
from dashboard.told import Told, told

SAME_DEVICE = "LLaMA-2-7B 4-bit on the same device"
_DECODE = ("decode_tok_per_s", "kernel_decode_tok_per_s", "kernel_prefill_tok_per_s", "sustained_tok_per_s")


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = data.series()
    if not series:
        _only_failures()
        return
    shape, is_sustained, fitting, filtered = _filters(series)
    if not fitting:
        _nothing_fits(filtered)
        return
    chosen, left_out = fitting[:MOST_ROWS], max(0, len(fitting) - MOST_ROWS)
    cells = data.cells([one.run_id for one in _with_baselines(chosen, series)])
    baseline = _baseline(cells, shape)
    standings = rows.standings(chosen, cells, baseline, shape, pair=data.pair)
    metric = next((m for m in _DECODE if any(s.cell.values.get(m) for s in standings)), _DECODE[0])
    parts.made_up(one.cell.flags for one in standings)
    _head(headline(standings, metric))
    _forest(standings, cells, metric, _against(standings, baseline))
    if left_out:
        st.caption(f"{left_out} more that were measured earlier: choose devices or models above")
    _table(standings, metric, is_sustained=is_sustained)
    _failures(filtered)
    parts.flags(flag for one in standings for flag in one.cell.flags)
    parts.done()


def _filters(series: Sequence[SeriesRow]) -> tuple[str, bool, list[SeriesRow], Chosen]:
    """The row of choices: shape, devices, models, engines."""
    known = rows.shapes(series)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = state.choose("Workload", list(known), "shape", width=190)
        shape, is_sustained = known[label]
        fitting = [s for s in series if s.workload.shape_label == shape and s.is_sustained == is_sustained]
        chosen = filters.chosen(fitting)
    return shape, is_sustained, chosen.series(fitting), chosen


def _baseline(cells: Sequence[CellResult], shape: str) -> CellResult | None:
    """One arm for all, or the usual one of each device."""
    options = {
        f"{c.arm.label} on {rows.marked(rows.device_name(c), c.flags)} ({c.run_id})": c
        for c in cells
        if c.workload.shape_label == shape and c.n_launches
    }
    found = state.choose("Baseline", [SAME_DEVICE, *options], "baseline")
    return options.get(found)


def _against(standings: Sequence[Standing], baseline: CellResult | None) -> str:
    """What the arms are set against; a first arm that stands in is named where it stands in for all."""
    if baseline is not None:
        return baseline.arm.label
    firsts = {s.pair.baseline.label for s in standings if s.pair is not None and s.is_first_arm}
    if len(firsts) == 1 and all(s.is_first_arm for s in standings if s.pair is not None):
        return f"{firsts.pop()}, the first arm of its run"
    return SAME_DEVICE


def _stand_ins(standings: Sequence[Standing]) -> None:
    """Say where no LLaMA-2-7B was measured, so that another arm is what others are set against."""
    found: dict[str, str] = {}
    for one in standings:
        if one.is_first_arm and one.pair is not None:
            found.setdefault(rows.marked(one.device, one.cell.flags), one.pair.baseline.label)
    for device, label in found.items():
        st.caption(
            state.escaped(
                f"On {device} no LLaMA-2-7B 4-bit ran this workload: its arms are set against {label}, the first arm "
                "of a run there; choose another one under Baseline"
            )
        )


def _with_baselines(chosen: Sequence[SeriesRow], series: Sequence[SeriesRow]) -> list[SeriesRow]:
    """The chosen series and the newest LLaMA-2-7B of each of their devices, measured or simulated as they are."""
    there = {(one.fingerprint, one.is_simulated) for one in chosen}
    usual: dict[tuple[str | None, bool], SeriesRow] = {}
    for one in series:
        place = (one.fingerprint, one.is_simulated)
        if one.arm.model == "llama-2-7b" and place in there and not one.is_sustained:
            usual.setdefault(place, one)
    return [*chosen, *usual.values()]


def _head(found: Headline) -> None:
    parts.head(found.title, found.caption)
    for text in found.others:
        st.markdown(state.escaped(text))
    st.page_link("views/method.py", label="What the verdicts mean and how this was measured: Method")


def _forest(standings: Sequence[Standing], cells: Sequence[CellResult], metric: str, against: str) -> None:
    is_mixed = len({one.is_simulated for one in standings}) > 1
    drawn = [
        replace(_forest_row(one, cells, metric), label=_device(one, is_mixed=is_mixed))
        for one in standings
        if not one.is_baseline
    ]
    if not drawn:
        st.info("Only the baseline itself is shown: nothing stands beside it yet.")
        return
    what = f"{numbers.header(metric).rsplit(' ', 1)[0]} speed against {against}"
    title = "relative to the baseline (log scale) → faster"
    parts.section(f"Each arm against {against}")
    figure = forest(drawn, parts.palette(), axis_title=title, band_frac=BAND_FRAC)
    words = "; ".join(f"{r.label} {r.sub} {ratio_text(r.ratio)} {r.verdict or r.note}" for r in drawn)
    caption = _picture(what, standings)
    launch = parts.chart(figure, "forest", f"{what}, {title}. {words}", caption, is_selectable=True)
    bars = "thick bar 90 %, thin bar 95 %, ticks: single blocks; shaded: the same speed ±2 %; hollow: undecided"
    st.caption(state.escaped(f"{what}; {bars}"))
    _stand_ins(standings)
    if launch:
        parts.launch_link(launch)


def _picture(what: str, standings: Sequence[Standing]) -> Caption:
    """What the picture says of itself; a device is marked where its numbers are of another kind."""
    asked = standings[0].cell.workload
    devices = dict.fromkeys(rows.marked(one.device, one.cell.flags) for one in standings)
    bars = "thick bar 90 %, thin bar 95 %, shaded: the same speed ±2 %, hollow: undecided"
    return Caption(title=f"{what}, {asked.name} {asked.shape_label}", lines=(f"on {', '.join(devices)}", bars))


def _forest_row(one: Standing, cells: Sequence[CellResult], metric: str) -> ForestRow:
    cell, found = one.cell, one.row(metric)
    numbers_of = cell.numbers.get(metric, ())
    version = cell.machine.engine_version if cell.machine else None
    return ForestRow(
        label=one.device,
        sub=f"{cell.arm.label} · {cell.arm.engine} {version or ''}".strip(),
        ratio=found.ratio if found else None,
        ratio_90=found.ratio_90 if found else None,
        verdict=found.verdict if found and found.ratio and found.ratio.low is not None else None,
        symbol=theme.symbol(cell.arm.engine),
        points=_block_ratios(one, cells, metric),
        note=_note(one, found),
        launch=f"{cell.run_id}/{numbers_of[0]}" if numbers_of else "",
        is_simulated=one.is_simulated,
    )


def _note(one: Standing, found: Any) -> str:
    if one.pair is None:
        return "simulated, and the baseline was measured" if one.is_simulated else "nothing to set it against here"
    if found is None or found.ratio is None:
        return (found.refusal if found else None) or "nothing in common"
    date = one.cell.started_at_utc[:10]
    return f"{', '.join(one.cell.flags) or 'no doubt'}; {date}, run {one.cell.run_id}"


def _block_ratios(one: Standing, cells: Sequence[CellResult], metric: str) -> tuple[float, ...]:
    """Ratios of single blocks, where both arms ran in the same ones."""
    if one.pair is None or not one.pair.design.is_paired:
        return ()
    run_id, label = one.cell.run_id, one.pair.baseline.label
    there = (c for c in cells if c.run_id == run_id and c.arm.label == label and c.workload == one.cell.workload)
    base = next(there, None)
    if base is None:
        return ()
    known = dict(zip(base.blocks.get(metric, ()), base.values.get(metric, ()), strict=True))
    own = zip(one.cell.blocks.get(metric, ()), one.cell.values.get(metric, ()), strict=True)
    return tuple(value / known[block] for block, value in own if known.get(block))


def _table(standings: Sequence[Standing], metric: str, *, is_sustained: bool) -> None:
    parts.section("Every arm")
    is_mixed = len({one.is_simulated for one in standings}) > 1
    shown = [
        {"device": _device(one, is_mixed=is_mixed)} | _table_row(one, metric, is_sustained=is_sustained)
        for one in _by_ratio(standings, metric)
    ]
    parts.table(shown, "overview")
    st.caption("By device, its baseline first, then by ratio")


def _device(one: Standing, *, is_mixed: bool) -> str:
    """Its name; marked where what was simulated stands on a page with what was measured."""
    return rows.marked(one.device, one.cell.flags) if is_mixed else one.device


def _by_ratio(standings: Sequence[Standing], metric: str) -> list[Standing]:
    """Measured before simulated, then by device, its baseline first, then the highest ratio; without one last."""

    def place(one: Standing) -> tuple[bool, str, bool, float]:
        found = one.row(metric)
        return one.is_simulated, one.device, not one.is_baseline, -found.ratio.value if found and found.ratio else 0.0

    return sorted(standings, key=place)


def _table_row(one: Standing, metric: str, *, is_sustained: bool) -> dict[str, Any]:
    cell, found = one.cell, one.row(metric)
    firsts = ("burst_tok_per_s",) if is_sustained else ("ttft_s",)
    columns = [m for m in (metric, *firsts, "peak_rss_bytes") if m in cell.values]
    word = "baseline" if one.is_baseline else verdict_of(found)
    share = ceiling(cell).bandwidth_utilisation_frac
    return {
        "model": f"{cell.arm.model} {cell.arm.quant}",
        "verdict": Told(word, {"verdict": word.lstrip("▲▼△▽=? ")}),
        "ratio": told(ratio_text(found.ratio), "ratio", found.ratio) if found and found.ratio else None,
        **_values(cell, columns[:1]),
        "of ceiling": Told(numbers.percent(share), {"bandwidth_utilisation_frac": share}),
        **_values(cell, columns[1:]),
        "doubt": list(cell.flags),
        "engine": f"{cell.arm.engine} {(cell.machine and cell.machine.engine_version) or ''}".strip(),
        **rows.launches(cell),
        "date": cell.started_at_utc[:10],
        "run": cell.run_id,
    }


def _values(cell: CellResult, metrics: Sequence[str]) -> dict[str, Any]:
    return {numbers.header(m): rows.with_interval(cell, m, numbers.scale(m)) for m in metrics}


def _failures(chosen: Chosen | None = None) -> None:
    """Of the chosen devices, models and engines, under all workloads."""
    found = data.failures() if chosen is None else chosen.failures(data.failures())
    if not found:
        return
    of = " of these choices" if chosen is not None and chosen.is_any else ""
    parts.section(f"Launches{of} that failed, and why: all workloads")
    parts.table(
        [
            {
                "device": one.device,
                "launch": one.launch_id,
                "arm": one.arm_label,
                "what happened": one.message,
                "launches": one.n_launches,
                "what to try": one.remedy,
                "workload": one.workload,
                "kind": one.kind,
            }
            for one in found
        ],
        "failures",
    )  # fmt: skip


def _nothing_fits(chosen: Chosen) -> None:
    parts.head("Nothing fits these choices")
    st.info("No arm fits these choices: take one of them away.")
    _failures(chosen)
    parts.done()


def _only_failures() -> None:
    parts.head("Every launch so far failed")
    _failures()
    parts.done()


main()
