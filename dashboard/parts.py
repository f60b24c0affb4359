"""The pieces that every page is made of: its head, charts, tables with their file, what flags mean, empty states."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import plotly.graph_objects as go
import streamlit as st

from collector.errors import PhibenchError
from collector.queries import FLAG_MEANING, Flag
from dashboard import data, method, state, theme
from dashboard.charts.caption import PICTURE_PX, Caption, captioned
from dashboard.state import escaped
from dashboard.told import for_file

PICTURES, PICTURE_KEY = ("SVG", "PNG"), "picture"
"""Forms in which a chart can be taken away; both are made in the browser."""

_CHAR_PX, _CHIP_PX = 8, 26

MODEBAR = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]

_WIDTHS_PX = {
    "device": 130, "arm": 190, "model": 170, "ratio": 140, "verdict": 100, "workload": 120,
    "what happened": 560, "what to try": 420, "kind": 130, "of ceiling": 80, "engine": 150, "command": 420,
    "launches": 80, "of them failed": 100,
}  # fmt: skip
"""Columns whose words would be cut if all were equally wide."""

_HELP: Mapping[str, str] = {
    "p (Holm)": method.TERMS["p (Holm)"], "set aside": method.TERMS["set aside"], "gate": method.TERMS["gate"],
    "which": f"entitled: {method.TERMS['entitled']}",
    "verdict": "looks faster, looks slower, unclear: of different runs or devices; the page Method explains them all",
    "of ceiling": "share of the speed that the memory's bandwidth allows at most",
}  # fmt: skip
"""What a header says to whoever asks it."""


def palette() -> theme.Palette:
    """The colours of the theme that the browser shows."""
    return theme.palette(st.context.theme.type)


def head(title: str, caption: str = "") -> None:
    """What was found, as the page's title, and one line that says how."""
    st.title(escaped(title), anchor=False)
    if caption:
        st.caption(escaped(caption))


def all_made_up() -> None:
    """Say it above every page, where nobody can miss it, when all that was measured is a simulator's."""
    if _is_all_made_up():
        st.info("Every number here is simulated: made by a simulator, no model ran.")


def made_up(flags_of_each: Iterable[Sequence[str]]) -> None:
    """Of a database that holds both kinds: say how much of a page is simulated."""
    each = list(flags_of_each)
    n = sum("simulated" in one for one in each)
    if not n or _is_all_made_up():
        return
    which = "Every number on this page is" if n == len(each) else f"{n} of {len(each)} rows of this page are"
    st.info(f"{which} simulated: made by a simulator, no model ran. No simulated row is set against a measured one.")


def _is_all_made_up() -> bool:
    try:
        series = data.series() if data.is_there() else []
    except PhibenchError:
        return False  # the page says why its database cannot be read
    return bool(series) and all(one.is_simulated for one in series)


def section(title: str) -> None:
    """A heading within the page."""
    st.header(escaped(title), anchor=False)


def picture_choice() -> None:
    """In the sidebar of every page: what the camera above a chart gives."""
    st.radio("A chart's camera gives", PICTURES, key=PICTURE_KEY, horizontal=True)


def chart(figure: go.Figure, key: str, alt: str, caption: Caption, *, is_selectable: bool = False) -> str | None:
    """
    A figure with its text for those who do not see it; its picture can be taken from the camera above it.

    Args:
        caption: what the picture says of itself once the page around it is gone.

    Returns:
        What the chosen point carries as ``customdata``, such as a launch; None when nothing is chosen.
    """
    figure = captioned(figure, palette(), caption)
    kind = str(st.session_state.get(PICTURE_KEY, PICTURES[0])).lower()
    config = {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtonsToRemove": MODEBAR,
        "toImageButtonOptions": {
            "format": kind, "filename": f"phibench-{key}", "scale": 2 if kind == "png" else 1, "width": PICTURE_PX,
            "height": figure.layout.height,
        },
    }  # fmt: skip
    more: dict[str, Any] = {"on_select": "rerun", "selection_mode": "points"} if is_selectable else {}
    event = st.plotly_chart(figure, key=key, theme=None, width="stretch", config=config, alt=alt, **more)
    if not is_selectable or not event:
        return None
    points = event["selection"]["points"]
    carried = points[0].get("customdata") if points else None
    return str(carried[0]) if carried and carried[0] else None


def table(
    rows: Sequence[Mapping[str, Any]], key: str, *, columns: Mapping[str, Any] | None = None, is_pickable: bool = False
) -> int | None:
    """
    Rows as a table, and the very same rows as a CSV file, numbers as numbers; unknown is blank.

    Returns:
        The place of the row that was chosen, where rows can be; None when none is.
    """
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    own = {**_linked(frame), **_doubts(rows)}
    names = {name for row in rows for name in row}
    usual = {name: st.column_config.Column(name, width=_WIDTHS_PX.get(name), help=_HELP.get(name))
             for name in [*_WIDTHS_PX, *_HELP] if name in names}  # fmt: skip
    more: dict[str, Any] = {"on_select": "rerun", "selection_mode": "single-row"} if is_pickable else {}
    event = st.dataframe(
        frame, key=key, hide_index=True, row_height=36, height="content", width="stretch",
        column_config={**usual, **(columns or {}), **own},
        placeholder="", **more,
    )  # fmt: skip
    st.download_button(
        "CSV", csv_bytes(rows), file_name=f"phibench-{key}.csv", mime="text/csv", key=f"{key}-csv", on_click="ignore"
    )
    chosen = event["selection"]["rows"] if is_pickable else []
    return int(chosen[0]) if chosen else None


def _linked(frame: Any) -> dict[str, Any]:
    """Launches that are named in a table lead to their pages."""
    found = {}
    for name in ("launch", "A launch", "B launch"):
        if name in frame and all(isinstance(one, str) for one in frame[name].dropna()):
            frame[name] = [f"/runs?launch={quote(one)}" if isinstance(one, str) else None for one in frame[name]]
            found[name] = st.column_config.LinkColumn(name, display_text=r"launch=(.+)$", width=150)
    return found


def _doubts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Words of doubt as chips, all of them in sight."""
    lists = [row["doubt"] for row in rows if isinstance(row.get("doubt"), list)]
    if not lists:
        return {}
    widest = max(sum(_CHAR_PX * len(str(word)) + _CHIP_PX for word in words) for words in lists)
    return {"doubt": st.column_config.ListColumn("doubt", width=min(max(widest, 90), 420))}


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """
    The rows that are shown, defused for spreadsheets as ``phibench export csv`` does it.

    With a byte order mark where there is more than ASCII: without it spreadsheets read '±' as two letters.
    """
    from collector.export import defused

    out, found = io.StringIO(newline=""), for_file(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for row in found:
        writer.writerow([defused(row.get(name)) for name in names])
    text = out.getvalue()
    return text.encode("ascii" if text.isascii() else "utf-8-sig")


def flags(words: Iterable[str]) -> None:
    """Each word of doubt that the page shows, in a sentence; then the verdicts and the other words that pages use."""
    from dashboard.charts.forest import verdict_text

    said = {word: FLAG_MEANING[Flag(word)] for word in sorted(set(words))}
    verdicts = {verdict_text(verdict): text for verdict, text in method.VERDICTS.items()}
    with st.expander("What the words mean", expanded=False):
        for word, text in (said | verdicts | {w: t for w, t in method.TERMS.items() if w not in said}).items():
            st.markdown(f"**{escaped(word)}**: {escaped(text)}")
        st.page_link("views/method.py", label="All of it: Method")


def launch_link(launch_id: str, label: str | None = None) -> None:
    """A way from a point to its launch: order, gate and raw trace."""
    st.page_link("views/runs.py", label=label or f"Launch {launch_id}", query_params={"launch": launch_id})


def empty(why: str, command: str) -> None:
    """Nothing to show: why, and the command that changes it."""
    st.info(escaped(why))
    st.code(command, language="sh")
    st.stop()


def need_readable() -> None:
    """Stop with an explanation where there is a database that cannot be read."""
    try:
        if data.is_there():
            data.revision()
    except PhibenchError as exc:
        head("This database cannot be shown", exc.message)
        if exc.remedy:
            st.code(exc.remedy, language=None)
        done()
        st.stop()


def need_database() -> None:
    """Stop with an explanation where there is nothing at all to read, or nothing that can be read."""
    need_readable()
    if not data.is_there() or not data.runs():
        head("Nothing was measured yet")
        st.markdown("Measure this machine, which takes a few minutes:")
        st.code("phibench quickstart", language="sh")
        st.markdown("or make a database with a simulated iPhone, Mac and PC; the command then says how to look at it:")
        st.code("phibench demo", language="sh")
        done()
        st.stop()


def done() -> None:
    """The end of the page: what of its address was left aside, and a mark that whoever drives a browser waits for."""
    state.end()
    st.session_state["n_drawn"] = st.session_state.get("n_drawn", 0) + 1
    st.html(f'<i data-run="{st.session_state["n_drawn"]}" hidden></i>')
