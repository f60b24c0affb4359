"""Overview: one finding in words, one forest plot against a baseline, one table, and what failed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from collector import numbers
from collector.compare import BAND_FRAC, Comparison, Side, compare
from collector.compare.findings import findings
from collector.compare.findings import ratio as ratio_text
from collector.compare.siding import named
from collector.queries import CellResult, SeriesRow, ceiling
from dashboard import data, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.forest import ForestRow, forest, verdict_text
from dashboard.rows import MOST_ROWS, Standing

SAME_DEVICE = "LLaMA-2-7B 4-bit on the same device"
_DECODE = ("decode_tok_per_s", "kernel_decode_tok_per_s", "kernel_prefill_tok_per_s", "sustained_tok_per_s")


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = data.series()
    if not series:
        _only_failures()
        return
    shape, is_sustained, chosen, left_out = _filters(series)
    cells = data.cells([one.run_id for one in _with_baselines(chosen, series)])
    baseline = _baseline(cells, shape)
    standings = rows.standings(chosen, cells, baseline, shape, pair=data.pair)
    metric = next((m for m in _DECODE if any(s.cell.values.get(m) for s in standings)), _DECODE[0])
    _made_up(standings)
    _head(standings, metric, shape)
    _forest(standings, cells, metric, SAME_DEVICE if baseline is None else baseline.arm.label)
    if left_out:
        st.caption(f"{left_out} more that were measured earlier: choose devices or models above")
    _table(standings, metric, is_sustained=is_sustained)
    _failures()
    parts.flags(flag for one in standings for flag in one.cell.flags)
    parts.done()


def _filters(series: Sequence[SeriesRow]) -> tuple[str, bool, list[SeriesRow], int]:
    """The row of choices: shape, devices, models, engines."""
    known = rows.shapes(series)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = state.choose("Workload", list(known), "shape", width=190)
        shape, is_sustained = known[label]
        fitting = [s for s in series if s.workload.shape_label == shape and s.is_sustained == is_sustained]
        devices = state.choose_several("Devices", _unique(s.device or "unknown device" for s in fitting), "device")
        models = state.choose_several("Models", _unique(s.arm.model for s in fitting), "model")
        engines = state.choose_several("Engines", _unique(s.arm.engine for s in fitting), "engine")
    chosen = [
        s
        for s in fitting
        if (s.device or "unknown device") in devices and s.arm.model in models and s.arm.engine in engines
    ]
    return shape, is_sustained, chosen[:MOST_ROWS], max(0, len(chosen) - MOST_ROWS)


def _baseline(cells: Sequence[CellResult], shape: str) -> CellResult | None:
    """One arm for all, or the usual one of each device."""
    options = {
        f"{c.arm.label} on {c.machine.device if c.machine else 'unknown device'} ({c.run_id})": c
        for c in cells
        if c.workload.shape_label == shape and c.n_launches
    }
    found = state.choose("Baseline", [SAME_DEVICE, *options], "baseline")
    return options.get(found)


def _with_baselines(chosen: Sequence[SeriesRow], series: Sequence[SeriesRow]) -> list[SeriesRow]:
    """The chosen series and the newest LLaMA-2-7B of each of their devices."""
    there = {one.fingerprint for one in chosen}
    usual: dict[str | None, SeriesRow] = {}
    for one in series:
        if one.arm.model == "llama-2-7b" and one.fingerprint in there and not one.is_sustained:
            usual.setdefault(one.fingerprint, one)
    return [*chosen, *usual.values()]


def _head(standings: Sequence[Standing], metric: str, shape: str) -> None:
    sentences = [text for text in (_across(standings, metric), _within(standings)) if text]
    name = standings[0].cell.workload.name if standings else ""
    if not sentences:
        parts.head("No two arms to compare yet", f"{name} {shape}")
        return
    parts.head(sentences[0], f"{name} {shape}: {numbers.header(metric)}; 95 % intervals over fresh processes")
    for text in sentences[1:]:
        st.markdown(state.escaped(text))


def _made_up(standings: Sequence[Standing]) -> None:
    """Say it where nobody can miss it when numbers are a simulator's."""
    simulated = [one for one in standings if "simulated" in one.cell.flags]
    if not simulated:
        return
    which = "Every number on this page is" if len(simulated) == len(standings) else f"{len(simulated)} rows are"
    st.info(f"{which} simulated: made by a simulator, no model ran.")


def _within(standings: Sequence[Standing]) -> str | None:
    """The first arm that has a baseline on its own device, under the shown workload alone."""
    one = next((s for s in standings if s.pair is not None), None)
    if one is None or one.pair is None:
        return None
    shown = replace(one.pair, rows=tuple(r for r in one.pair.rows if r.shape == one.cell.workload.shape_label))
    found = Comparison(pairs=(shown,), n_family=len(one.pair.family), band_frac=BAND_FRAC)
    return findings(found, None)[0]


def _across(standings: Sequence[Standing], metric: str) -> str | None:
    """The fastest device against the slowest, with the model that most devices have."""
    by_model: dict[str, list[Standing]] = {}
    for one in standings:
        if one.cell.values.get(metric):
            by_model.setdefault(f"{one.cell.arm.model} {one.cell.arm.quant}", []).append(one)
    wide = [group for group in by_model.values() if len({s.device for s in group}) > 1]
    if not wide:
        return None
    group = max(wide, key=lambda g: (len({s.device for s in g}), g[0].cell.arm.model.startswith("phi-3")))
    ranked = sorted(group, key=lambda s: _value(s, metric))
    sides: tuple[Side, Side] = named([ranked[0].cell], [ranked[-1].cell], (False, False))
    model = group[0].cell.arm.model
    return f"{model}: {findings(compare([sides]), None)[0]}"


def _value(one: Standing, metric: str) -> float:
    estimate = one.cell.estimate(metric)
    return estimate.value if estimate else 0.0


def _forest(standings: Sequence[Standing], cells: Sequence[CellResult], metric: str, against: str) -> None:
    drawn = [_forest_row(one, cells, metric) for one in standings if not one.is_baseline]
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
        verdict=found.verdict if found else None,
        symbol=theme.symbol(cell.arm.engine),
        points=_block_ratios(one, cells, metric),
        note=_note(one, found),
        launch=f"{cell.run_id}/{numbers_of[0]}" if numbers_of else "",
    )


def _note(one: Standing, found: Any) -> str:
    if one.pair is None:
        return "no baseline on this device"
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
    shown = [_table_row(one, metric, is_sustained=is_sustained) for one in standings]
    parts.table(shown, "overview", columns={"doubt": st.column_config.ListColumn("doubt")})


def _table_row(one: Standing, metric: str, *, is_sustained: bool) -> dict[str, Any]:
    cell, found = one.cell, one.row(metric)
    firsts = ("burst_tok_per_s",) if is_sustained else ("ttft_s",)
    columns = [m for m in (metric, *firsts, "peak_rss_bytes") if m in cell.values]
    return {
        "device": one.device,
        "model": f"{cell.arm.model} {cell.arm.quant}",
        "ratio": ratio_text(found.ratio) if found and found.ratio else ("baseline" if one.is_baseline else None),
        "verdict": verdict_text(found.verdict) if found else "",
        "doubt": list(cell.flags),
        **{numbers.header(m): _with_interval(cell, m) for m in columns},
        "of ceiling": numbers.percent(ceiling(cell).bandwidth_utilisation_frac),
        "engine": f"{cell.arm.engine} {(cell.machine and cell.machine.engine_version) or ''}".strip(),
        "launches": cell.n_launches,
        "failed": cell.n_failed,
        "date": cell.started_at_utc[:10],
        "run": cell.run_id,
    }


def _with_interval(cell: CellResult, metric: str) -> str:
    found = cell.estimate(metric)
    if found is None:
        return numbers.UNKNOWN
    return numbers.with_interval(found.value, found.low, found.high, found.n, numbers.scale(metric))


def _failures() -> None:
    found = data.failures()
    if not found:
        return
    parts.section("Launches that failed, and why: all workloads")
    parts.table(
        [
            {
                "device": one.device,
                "what happened": one.message,
                "launches": one.n_launches,
                "arm": one.arm_label,
                "workload": one.workload,
                "kind": one.kind,
                "what to try": one.remedy,
                "launch": one.launch_id,
            }
            for one in found
        ],
        "failures",
    )  # fmt: skip


def _only_failures() -> None:
    parts.head("Every launch so far failed")
    _failures()
    parts.done()


def _unique(names: Any) -> list[str]:
    return sorted(dict.fromkeys(names))


main()
