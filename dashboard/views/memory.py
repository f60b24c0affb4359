"""Memory: what was predicted, said and seen, how it grows with the context, and what fits where."""

from collections.abc import Sequence

import streamlit as st

from collector import catalog, fit, numbers
from collector.queries import CellResult, SeriesRow
from dashboard import data, devices, needs, parts, rows, state
from dashboard.charts.caption import Caption
from dashboard.charts.kv import kv_growth
from dashboard.charts.memory import breakdown

MOST_ARMS = 6
COMMAND = "phibench run standard"
_QUANTS = ("q4_0", "q4_k_m", "q8_0", "f16", "mlx_4bit_g64")
_CONTEXTS = ("512", "2048", "4096", "8192", "32768")
_SHOWN_MODELS = ("phi-3-mini-4k", "llama-2-7b", "phi-3-medium-4k", "llama-3-8b", "llama-3.2-3b", "tinyllama-1.1b")


def main() -> None:
    """Draw the page."""
    parts.need_database()
    series = data.series()
    if not series:
        _nothing_yet()
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        device, label, (shape, is_sustained), chosen = _choices(series)
    every = rows.newest(chosen, data.cells([one.run_id for one in chosen]))
    cells = [c for c in every if c.workload.shape_label == shape and ("burst_tok_per_s" in c.values) == is_sustained]
    colour = rows.device_colours(series, parts.palette())[chosen[0].fingerprint]
    parts.made_up(cell.flags for cell in cells)
    parts.head(needs.finding(rows.of_first_kind(cells), device), _caption(cells, device, label))
    _breakdown(cells, device, label, colour)
    _growth(every, device, colour)
    _table(cells)
    _what_fits()
    parts.flags(flag for cell in every for flag in cell.flags)
    parts.done()


def _choices(series: Sequence[SeriesRow]) -> tuple[str, str, tuple[str, bool], list[SeriesRow]]:
    """Device, workload in words and as asked, and the series of the chosen arms under any workload."""
    by_device = devices.by_device(series)
    device = state.choose("Device", list(by_device), "on", width=220)
    own = by_device[device]
    shapes = rows.shapes(own)
    label = state.choose("Workload", list(shapes), "shape", width=190)
    asked = [s for s in own if (s.workload.shape_label, s.is_sustained) == shapes[label]]
    arms = list(dict.fromkeys(one.arm.label for one in asked))
    word = "all" if len(arms) <= MOST_ARMS else f"the {MOST_ARMS} measured last"
    wanted = state.choose_several("Arms", arms, "arm", usual=arms[:MOST_ARMS], usual_word=word)[:MOST_ARMS]
    others = [one for one in own if one.arm.label in wanted and one not in asked]
    return device, label, shapes[label], [*(s for s in asked if s.arm.label in wanted), *others][: 2 * rows.MOST_ROWS]


def _caption(cells: Sequence[CellResult], device: str, shape: str) -> str:
    where = _where(cells, device)
    doubt = rows.doubt_words(sorted({flag for cell in cells for flag in cell.flags})) or "none"
    return f"{where}, workload {shape}; bytes by 1024; 95 % intervals over launches; doubt: {doubt}"


def _where(cells: Sequence[CellResult], device: str) -> str:
    """The device, marked where its numbers are of another kind."""
    return rows.marked(device, [flag for cell in cells for flag in cell.flags])


def _breakdown(cells: Sequence[CellResult], device: str, label: str, colour: str) -> None:
    parts.section("Predicted, said, seen")
    drawn = needs.memory_rows(cells)
    if not drawn:
        st.info("Neither shape nor peak is known of these arms: a model of the catalogue tells its shape.")
        return
    figure = breakdown(drawn, parts.palette(), colour=colour, limits=needs.limits(cells))
    words = "; ".join(
        f"{row.label} {', '.join(f'{bar.label} {numbers.gib(bar.n_bytes, 2)} GiB' for bar in row.bars)}"
        for row in drawn
    )
    caption = Caption(
        title=f"Memory predicted, said and seen, workload {label}",
        lines=(_where(cells, device), "predicted by arithmetic; grey: the highest that the system saw"),
    )
    alt = f"memory of arms on {device} in GiB. {words}"
    launch = parts.chart(figure, "breakdown", alt, caption, is_selectable=True)
    st.caption(
        "KV: keys and values; compute: its buffer; process: all the rest. Predicted is arithmetic for llama.cpp with "
        "its weights read into memory; what the engine says is its own "
        "account; the grey bar is the highest that the operating system saw (hollow: too few launches for an interval)"
    )
    if launch:
        parts.launch_link(launch)


def _growth(cells: Sequence[CellResult], device: str, colour: str) -> None:
    lines = needs.kv_lines(cells)
    if not lines:
        return
    parts.section("Keys and values grow with the context")
    end = max(line.context_length for line in lines)
    figure = kv_growth(lines, parts.palette(), colour=colour, end_tokens=end)
    words = "; ".join(
        f"{line.label} {line.bytes_per_token / 1024:,.4g} KiB a token, {len(line.points)} measured" for line in lines
    )
    caption = Caption(
        title="Keys and values grow with the context",
        lines=(_where(cells, device), "lines: arithmetic; points: what an engine took for the room it made"),
    )
    alt = f"keys and values in GiB by tokens of context on {device}. {words}"
    launch = parts.chart(figure, "kv", alt, caption, is_selectable=True)
    n_points = sum(len(line.points) for line in lines)
    told = (
        "points: what engines took for the room that a cell asked for; they round it up, so a point may lie above its "
        "line"
        if n_points
        else "no engine here told its own"
    )
    st.caption(f"lines: two bytes (F16) for each number unless the arm says otherwise, by arithmetic; {told}")
    if launch:
        parts.launch_link(launch)


def _table(cells: Sequence[CellResult]) -> None:
    parts.section("Every arm")
    parts.table(needs.table(cells), "memory")


def _what_fits() -> None:
    parts.section("What fits where")
    known = catalog.models()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quant = state.choose("Format", list(_QUANTS), "quant", width=170)
        context = int(state.choose("Context", list(_CONTEXTS), "context", default="2048", width=150))
        models = state.choose_several(
            "Models", list(known), "fits", usual=_SHOWN_MODELS, usual_word=f"{len(_SHOWN_MODELS)} usual ones"
        )
    found = fit.needs({model: known[model].shape for model in models}, quant, context)
    left_out = [model for model in models if model not in found]
    if found:
        parts.table([row for place in fit.places(found) for row in needs.fit_rows(place, found)], "fits")
    words = (
        f"Predicted, not measured: {quant} with {context:,} tokens of context. Limits are what was observed of phones' "
        "apps, the default share of a Mac's GPU, and all of a PC's memory"
    )
    if left_out:
        words += f". Left out, as they have less context or unknown tensors: {', '.join(left_out)}"
    st.caption(state.escaped(words))


def _nothing_yet() -> None:
    parts.head("No launch has come through yet")
    st.markdown("What a model takes is measured with every run:")
    st.code(COMMAND, language="sh")
    if data.failures():
        st.info("Launches failed: Overview says why; a launch out of memory shows below what would fit.")
    _what_fits()
    parts.done()


main()
