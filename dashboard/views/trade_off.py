"""Trade-off: what speed costs in memory, arm by arm, with intervals both ways."""

import string
from collections.abc import Sequence

import streamlit as st

from collector import numbers
from collector.compare import Estimate
from collector.queries import CellResult
from dashboard import data, filters, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.trade_off import TradeRow, frontier, trade_off
from dashboard.told import told

MOST_ARMS = 12
PREDICTED = "predicted"
_MEMORIES = {
    "peak_rss_bytes": "peak of the process (RSS)",
    "peak_footprint_bytes": "peak footprint (Apple)",
    "peak_anon_bytes": "peak without file pages",
    PREDICTED: "predicted from shape and format",
}
_RATES = ("decode_tok_per_s", "kernel_decode_tok_per_s", "kernel_prefill_tok_per_s")


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = [one for one in data.series() if not one.is_sustained]
    if not series:
        _nothing_yet()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        known = rows.shapes(series)
        shape = known[state.choose("Workload", list(known), "shape", width=190)][0]
        fitting = filters.narrowed([one for one in series if one.workload.shape_label == shape])
        chosen = fitting[:MOST_ARMS]
        cells = rows.newest(chosen, data.cells([one.run_id for one in chosen]) if chosen else [])
        memory = _memory(cells)
    metric = next((m for m in _RATES if any(c.values.get(m) for c in cells)), _RATES[0])
    found = _rows(cells, metric, memory)
    if not found:
        _no_points(cells)
        return
    parts.made_up(cell.flags for cell in cells)
    headed = _rows(rows.of_first_kind(cells), metric, memory) or found
    parts.head(_finding(headed), _caption(cells, shape, memory))
    _chart(found, metric, memory, f"{cells[0].workload.name} {shape}")
    _left_out(cells, found, memory, max(0, len(fitting) - MOST_ARMS))
    _table(cells, found, metric)
    parts.flags(flag for cell in cells for flag in cell.flags)
    parts.done()


def _memory(cells: Sequence[CellResult]) -> str:
    """The kind of memory of the axis; first the one that most have, as two kinds never share one."""
    counts = {name: sum(bool(c.values.get(name)) for c in cells) for name in _MEMORIES if name != PREDICTED}
    options = sorted((name for name, n in counts.items() if n), key=lambda name: -counts[name])
    return state.choose("Memory", [*options, PREDICTED], "memory", shown=lambda name: _MEMORIES[name], width=230)


def _rows(cells: Sequence[CellResult], metric: str, memory: str) -> list[TradeRow]:
    """Without cells whose rate is missing, or of whose memory only another kind was measured."""
    colours = parts.palette()
    by_device = rows.device_colours(data.series(), colours)
    known = [(c, rate, size) for c in cells if (rate := c.estimate(metric)) and (size := _size(c, memory))]
    known.sort(key=lambda item: (rows.device_name(item[0]), item[0].arm.label))
    return [
        TradeRow(
            letter=letter,
            label=cell.arm.label,
            device=rows.marked(rows.device_name(cell), cell.flags),
            colour=by_device.get(rows.fingerprint(cell), colours.devices[0]),
            symbol=theme.symbol(cell.arm.engine),
            memory=size,
            rate=rate,
            is_predicted=memory != PREDICTED and not cell.values.get(memory),
            note=rows.note(cell),
            launch=rows.evidence(cell, metric),
        )
        for letter, (cell, rate, size) in zip(string.ascii_uppercase, known, strict=False)
    ]


def _size(cell: CellResult, memory: str) -> Estimate | None:
    """Measured as asked; predicted where that is asked or no peak of any kind was measured."""
    if memory != PREDICTED and cell.values.get(memory):
        return cell.estimate(memory)
    if memory != PREDICTED and any(cell.values.get(name) for name in _MEMORIES):
        return None
    predicted = cell.predicted_bytes
    return Estimate(value=predicted, n=0, method="predicted") if predicted is not None else None


def _finding(found: Sequence[TradeRow]) -> str:
    """What no other arm beats on the device that has most arms."""
    by_device: dict[str, list[TradeRow]] = {}
    for row in found:
        if not row.is_predicted:
            by_device.setdefault(row.device, []).append(row)
    if not by_device or max(map(len, by_device.values())) < 2:
        return "One arm a device: nothing to trade yet"
    device, group = max(by_device.items(), key=lambda item: len(item[1]))
    best = frontier(group)
    if len(best) == 1:
        return f"On {device}, {best[0].label} is the fastest and the smallest of {len(group)}, by point estimates"
    small, fast = best[0], best[-1]
    ratio, more = fast.rate.value / small.rate.value, (fast.memory.value - small.memory.value) / numbers.GIB
    cost = f"for {numbers.plain(more)} GiB more, by point estimates"
    return f"On {device}, {fast.label} is {ratio:.2f}× as fast as {small.label} {cost}"


def _caption(cells: Sequence[CellResult], shape: str, memory: str) -> str:
    name = cells[0].workload.name if cells else ""
    return (
        f"{name} {shape}; memory: {_MEMORIES[memory]}; crosses are 95 % intervals over fresh processes, hollow: "
        "without one; the finding and the dotted steps go by point estimates, and memory within 1 % counts as the same"
    )


def _chart(found: Sequence[TradeRow], metric: str, memory: str, workload: str) -> None:
    rate_title = f"{numbers.header(metric)} → faster"
    figure = trade_off(found, parts.palette(), memory_title=_MEMORIES[memory], rate_title=rate_title)
    words = "; ".join(
        f"{row.label} on {row.device} {numbers.plain(row.rate.value)} tok/s with {numbers.gib(row.memory.value)} GiB"
        f"{' predicted' if row.is_predicted else ''}"
        for row in found
    )
    caption = Caption(
        title=f"{numbers.header(metric)} against memory, {workload}",
        lines=(
            f"memory: {_MEMORIES[memory]}",
            f"on {', '.join(dict.fromkeys(row.device for row in found))}",
            "crosses: 95 % intervals; dotted: on a device, the speed that so much memory buys",
        ),
    )
    launch = parts.chart(figure, "trade-off", f"{rate_title} against memory. {words}", caption, is_selectable=True)
    st.caption(
        "dotted steps: on each device, the speed that so much memory buys. Quality (perplexity) is not measured: "
        "a smaller or faster arm may answer worse"
    )
    if launch:
        parts.launch_link(launch)


def _left_out(cells: Sequence[CellResult], found: Sequence[TradeRow], memory: str, n_more: int) -> None:
    drawn = {(row.label, row.device) for row in found}
    names = {(c.arm.label, rows.marked(rows.device_name(c), c.flags)) for c in cells}
    missing = sorted(f"{label} on {device}" for label, device in names - drawn)
    if missing:
        st.info(
            state.escaped(
                f"Not drawn, because their memory was measured in another way or not at all: {', '.join(missing)}. "
                f"Two kinds of memory on one axis would mislead; to compare all, choose {_MEMORIES[PREDICTED]!r} above."
            )
        )
    if n_more:
        st.caption(f"{n_more} more that were measured earlier: choose devices or models above")


def _table(cells: Sequence[CellResult], found: Sequence[TradeRow], metric: str) -> None:
    parts.section("Every arm")
    letters = {(row.label, row.device): row.letter for row in found}
    best = {row.letter for device in {r.device for r in found} for row in frontier(_measured(found, device))}
    memories = [name for name in _MEMORIES if any(c.values.get(name) for c in cells)]
    shown = [
        {
            "in chart": letter,
            "device": rows.device_name(cell),
            "arm": cell.arm.label,
            numbers.header(metric): rows.with_interval(cell, metric, 1.0),
            **{numbers.header(name): _gib(cell, name) for name in memories},
            "predicted GiB": cell.predicted_bytes and numbers.gib(cell.predicted_bytes, 2),
            "on the steps": "yes" if letter in best else "",
            "perplexity": "not measured",
            "engine": cell.arm.engine,
            **rows.launches(cell),
            "doubt": list(cell.flags),
            "date": cell.started_at_utc[:10],
            "run": cell.run_id,
        }
        for cell in cells
        for letter in [letters.get((cell.arm.label, rows.marked(rows.device_name(cell), cell.flags)))]
    ]
    shown.sort(key=lambda row: str(row["in chart"] or "~"))
    parts.table(shown, "trade-off")


def _gib(cell: CellResult, metric: str) -> str | None:
    found = cell.estimate(metric)
    if found is None:
        return None
    return told(numbers.gib_with_interval(found.value, found.low, found.high, found.n), metric, found)


def _measured(found: Sequence[TradeRow], device: str) -> list[TradeRow]:
    return [row for row in found if row.device == device and not row.is_predicted]


def _no_points(cells: Sequence[CellResult]) -> None:
    if cells:
        parts.head("Nothing to trade: no memory is known")
        st.info("No memory of this kind was measured, and the shape of the model is not known either.")
    else:
        parts.head("Nothing fits these choices")
        st.info("Nothing has this device, model and engine together: take one of the choices away.")
    parts.done()


def _nothing_yet() -> None:
    parts.head("No launch has given a rate yet")
    st.markdown("Speed and memory of two models are measured by:")
    st.code("phibench quickstart", language="sh")
    parts.done()


main()
