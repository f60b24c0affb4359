"""Roofline: decode and prefill against what the memory of the device can deliver, keys and values counted."""

import string
from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from collector import numbers
from collector.compare import Estimate
from collector.queries import CellResult, Regime, RooflinePoint, SeriesRow, bandwidths, ceiling, roofline
from dashboard import data, devices, filters, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.roofline import Roof, RoofRow, utilisation
from dashboard.charts.roofline import roofline as draw
from dashboard.told import told

MOST_ARMS = 6
AS_GENERATED, KERNELS = "as generated", "kernels alone"
ROOFLINE = "Arithmetic achieved against what the memory allows"
_LINES = "lines: bandwidth, solid measured, dashed the vendor's, dotted simulated; a dot in the marker: prefill"


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = [one for one in data.series() if not one.is_sustained]
    if not series:
        _nothing_yet()
        return
    chosen, left_out = _filters(series)
    cells = rows.newest(chosen, data.cells([one.run_id for one in chosen]) if chosen else [])
    found = _rows(cells, data.series())
    if not found:
        _no_points(chosen)
        return
    parts.made_up(cell.flags for cell in cells)
    parts.head(*_finding(_rows(rows.of_first_kind(cells), data.series()) or found))
    figure, caption = draw(found, _roofs(cells, data.series()), parts.palette()), _picture(ROOFLINE, found, _LINES)
    launch = parts.chart(figure, "roofline", _alt(found), caption, is_selectable=True)
    st.caption(
        "solid line: bandwidth measured here, dashed: the vendor's figure, dotted: simulated; a dot in the marker: "
        "prefill; hollow: no interval. Of a prefill the least bytes count, so it may lie further left; no peak of "
        "arithmetic is known that could be trusted, so none is drawn"
    )
    if launch:
        parts.launch_link(launch)
    if left_out:
        st.caption(f"{left_out} more arms were measured: choose devices or models above")
    _bandwidth_notes(cells)
    _utilisation(found)
    _table(found, cells)
    parts.flags(flag for cell in cells for flag in cell.flags)
    parts.done()


def _filters(series: Sequence[SeriesRow]) -> tuple[list[SeriesRow], int]:
    """Kind of rate, devices, models, engines; the series of six arms, the ones measured last of each device."""
    kinds = {one.workload.kind: None for one in series}
    options = [AS_GENERATED] * ("generation" in kinds) + [KERNELS] * ("kernel" in kinds)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = state.choose("Rates", options, "rates", width=170)
        wanted = "kernel" if kind == KERNELS else "generation"
        fitting = filters.narrowed([one for one in series if one.workload.kind == wanted])
    arms = devices.in_turns(list(dict.fromkeys(_arm(one) for one in fitting)))
    kept = set(arms[:MOST_ARMS])
    return [one for one in fitting if _arm(one) in kept], max(0, len(arms) - MOST_ARMS)


def _arm(one: SeriesRow) -> tuple[str, str | None]:
    return one.arm.label, one.fingerprint


def _rows(cells: Sequence[CellResult], series: Sequence[SeriesRow]) -> list[RoofRow]:
    """Every point of every cell; a letter an arm, in the order of devices and arms."""
    colours = parts.palette()
    by_device = rows.device_colours(series, colours)
    names = sorted({(rows.device_name(c), c.arm.label) for c in cells if roofline(c)})
    letters = dict(zip(names, string.ascii_uppercase, strict=False))
    return [
        RoofRow(
            letter=letters[rows.device_name(cell), cell.arm.label],
            label=rows.marked(f"{cell.arm.label} on {rows.device_name(cell)}", cell.flags),
            colour=by_device.get(rows.fingerprint(cell), colours.devices[0]),
            symbol=theme.symbol(cell.arm.engine),
            point=point,
            note=rows.note(cell),
            launch=rows.evidence(cell, point.metric),
            is_implausible=point.regime is Regime.DECODE and "implausible" in cell.flags,
        )
        for cell in cells
        for point in roofline(cell)
    ]


def _roofs(cells: Sequence[CellResult], series: Sequence[SeriesRow]) -> list[Roof]:
    colours = parts.palette()
    by_device = rows.device_colours(series, colours)
    found = {
        (rows.device_name(cell), source): Roof(
            device=rows.device_name(cell), source=source, byte_per_s=value,
            colour=by_device.get(rows.fingerprint(cell), colours.devices[0]),
        )
        for cell in cells
        for source, value in bandwidths(cell).items()
    }  # fmt: skip
    return list(found.values())


def _finding(found: Sequence[RoofRow]) -> tuple[str, str]:
    """What share of the bandwidth decode uses, and whether anything is faster than physics allows."""
    shares = [row.point.utilisation.value for row in found if row.point.utilisation is not None]
    n_bad = len({row.label for row in found if row.is_implausible})
    how = "bytes of a token: weights, keys and values of its mean context; 95 % intervals over fresh processes"
    if not shares:
        return "How much of the memory's bandwidth decode uses is not known here", how
    low, high = numbers.percent(min(shares)), numbers.percent(max(shares))
    spread = low if low == high else f"{low.removesuffix(' %')} to {high}"
    doubt = f"{n_bad} implausibly fast" if n_bad else "nothing is faster than physics allows"
    return f"Decode uses {spread} of the memory's bandwidth; {doubt}", how


def _picture(title: str, found: Sequence[RoofRow], more: str) -> Caption:
    """Each arm's device stands in the legend, marked where its numbers are of another kind."""
    has_made_up = any("(simulated)" in row.label for row in found)
    lines = ("simulated numbers are marked: no model ran" if has_made_up else "", more, "95 % intervals over launches")
    return Caption(title=title, lines=lines)


def _alt(found: Sequence[RoofRow]) -> str:
    words = "; ".join(
        f"{row.label} {row.point.regime} {numbers.plain(row.point.flop_per_s.value / 1e9)} GFLOP/s at "
        f"{numbers.plain(row.point.flop_per_byte)} FLOP/byte{' implausible' if row.is_implausible else ''}"
        for row in found
    )
    return f"Roofline, achieved GFLOP/s against FLOP/byte. {words}"


def _bandwidth_notes(cells: Sequence[CellResult]) -> None:
    """Why a device has no line."""
    bare = {rows.device_name(cell): cell.backend for cell in cells if not bandwidths(cell)}
    for device, backend in sorted(bare.items()):
        if backend == "simulated":
            st.info(state.escaped(f"{device}: simulated, so there is no memory whose bandwidth could be measured."))
        elif backend in {"cpu", None}:
            st.info(state.escaped(f"{device}: nobody measured its bandwidth yet; a run of a real model does it first."))
        else:
            st.info(state.escaped(f"{device}: the bandwidth of its graphics memory is not known."))


def _utilisation(found: Sequence[RoofRow]) -> None:
    known = [row for row in found if row.point.utilisation is not None]
    if not known:
        return
    parts.section("Bandwidth used, by length of context")
    words = "; ".join(
        f"{row.label} {numbers.percent(share.value)} at {row.point.context_tokens:.0f} tokens"
        f"{' implausible' if row.is_implausible else ''}"
        for row in known
        if (share := row.point.utilisation) is not None
    )
    alt = f"Share of the memory's bandwidth that decode uses by mean context. {words}"
    caption = _picture("Bandwidth that decode uses, by length of context", known, "")
    launch = parts.chart(utilisation(known, parts.palette()), "utilisation", alt, caption, is_selectable=True)
    st.caption("a flat line: the rate falls with the context just as its keys and values must be read")
    if launch:
        parts.launch_link(launch)


def _table(found: Sequence[RoofRow], cells: Sequence[CellResult]) -> None:
    parts.section("Every point")
    points = [(cell, point) for cell in cells for point in roofline(cell)]
    shown = [_table_row(row, cell, point) for row, (cell, point) in zip(found, points, strict=True)]
    shown.sort(key=lambda row: (row["in chart"], row["of"], row["context tokens"]))
    parts.table(shown, "roofline")


def _table_row(row: RoofRow, cell: CellResult, point: RooflinePoint) -> dict[str, Any]:
    rate, share, top = point.rate, point.utilisation, ceiling(cell)
    is_decode = point.regime is Regime.DECODE
    return {
        "in chart": row.letter,
        "device": rows.device_name(cell),
        "arm": cell.arm.label,
        "of": str(point.regime),
        "shape": cell.workload.shape_label,
        "tok/s": told(numbers.with_interval(rate.value, rate.low, rate.high, rate.n), "tok_per_s", rate),
        "ceiling tok/s": numbers.plain(top.decode_ceiling_tok_per_s) if is_decode else None,
        "bandwidth used %": share and _percent(share),
        "GB/s": numbers.plain(_giga(top.bandwidth_byte_per_s)),
        "GB/s from": top.bandwidth_source,
        "FLOP/byte": numbers.plain(point.flop_per_byte),
        "GFLOP/s": numbers.plain(_giga(point.flop_per_s.value)),
        "GB a token": numbers.plain(_giga(point.byte_per_token)),
        "context tokens": round(point.context_tokens),
        "engine": cell.arm.engine,
        "doubt": list(cell.flags),
        "date": cell.started_at_utc[:10],
        "run": cell.run_id,
    }


def _percent(share: Estimate) -> str:
    text = numbers.with_interval(share.value, share.low, share.high, share.n, 0.01)
    return told(text, "bandwidth_utilisation_frac", share)


def _giga(value: float | None) -> float | None:
    return None if value is None else value / 1e9


def _no_points(chosen: Iterable[SeriesRow]) -> None:
    models = ", ".join(sorted({one.arm.model for one in chosen}))
    if models:
        parts.head("Nothing to hold against the memory's bandwidth")
        st.info(state.escaped(f"Shape or size of {models} is not known, so neither are the bytes of a token."))
        st.code("phibench models list", language="sh")
    else:
        parts.head("Nothing fits these choices")
        st.info("Nothing has this device, model and engine together: take one of the choices away.")
    parts.done()


def _nothing_yet() -> None:
    parts.head("No launch has given a rate yet")
    st.markdown("A rate and the bandwidth of the memory are measured by:")
    st.code("phibench quickstart", language="sh")
    parts.done()


main()
