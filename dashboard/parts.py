"""The pieces that every page is made of: its head, charts, tables with their file, what flags mean, empty states."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from collector.errors import PhibenchError
from collector.queries import FLAG_MEANING, Flag
from dashboard import data, theme
from dashboard.charts.caption import PICTURE_PX, Caption, captioned
from dashboard.state import escaped

PICTURES, PICTURE_KEY = ("SVG", "PNG"), "picture"
"""Forms in which a chart can be taken away; both are made in the browser."""

MODEBAR = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]


def palette() -> theme.Palette:
    """The colours of the theme that the browser shows."""
    return theme.palette(st.context.theme.type)


def head(title: str, caption: str = "") -> None:
    """What was found, as the page's title, and one line that says how."""
    st.title(escaped(title), anchor=False)
    if caption:
        st.caption(escaped(caption))


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
    Rows as a table, and the very same rows as a CSV file; unknown is blank.

    Returns:
        The place of the row that was chosen, where rows can be; None when none is.
    """
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    more: dict[str, Any] = {"on_select": "rerun", "selection_mode": "single-row"} if is_pickable else {}
    event = st.dataframe(
        frame, key=key, hide_index=True, row_height=36, height="content", width="stretch", column_config=columns,
        placeholder="", **more,
    )  # fmt: skip
    st.download_button(
        "CSV", csv_bytes(rows), file_name=f"phibench-{key}.csv", mime="text/csv", key=f"{key}-csv", on_click="ignore"
    )
    chosen = event["selection"]["rows"] if is_pickable else []
    return int(chosen[0]) if chosen else None


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as they are shown, defused for spreadsheets as ``phibench export csv`` does it."""
    from collector.export import defused

    out = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([defused(row.get(name)) for name in names])
    return out.getvalue().encode()


def flags(words: Iterable[str]) -> None:
    """Each word of doubt that the page shows, in a sentence."""
    known = sorted(set(words))
    if not known:
        return
    with st.expander("What the words of doubt mean", expanded=False):
        for word in known:
            st.markdown(f"**{escaped(word)}**: {escaped(FLAG_MEANING[Flag(word)])}")


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
    """A mark at the end of the page, counted up: whoever drives a browser can wait for it."""
    st.session_state["n_drawn"] = st.session_state.get("n_drawn", 0) + 1
    st.html(f'<i data-run="{st.session_state["n_drawn"]}" hidden></i>')
