"""One sustained launch over time: its rate with the thermal states behind it, and below it clock and temperature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.queries import Course
from collector.queries.courses import stretches, thermal_spans
from dashboard.charts.base import figure, finite, safe
from dashboard.theme import TICK_PX, Palette

RATE_PX, PANEL_PX, GAP_PX, FOOT_PX, HEAD_PX = 190, 76, 26, 52, 24
MOST_REPETITIONS = 2_000
"""More are put together before they are drawn."""

MINUTES_FROM_S = 180.0
_HEAT = {"nominal": 0.0, "fair": 0.08, "serious": 0.17, "critical": 0.3}
_LEAST_BAND = 0.16  # share of the width that a word needs in a narrow window


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What several launches share, so that they can be compared by eye: end of the time axis, top of the rate axis."""

    end_s: float
    top_tok_per_s: float

    @property
    def unit(self) -> str:
        """Of the time axis."""
        return "min" if self.end_s >= MINUTES_FROM_S else "s"

    def at(self, time_s: float) -> float:
        """A time in that unit."""
        return time_s / 60 if self.unit == "min" else time_s


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    unit: str
    at_s: tuple[float, ...]
    values: tuple[float, ...]


def frame_of(courses: Sequence[Course]) -> Frame:
    """The axes that hold all of the courses, each of which has a repetition."""
    fastest = max(r.tok_per_s for course in courses for r in course.repetitions)
    return Frame(end_s=max(course.end_s for course in courses), top_tok_per_s=1.12 * fastest)


def over_time(
    course: Course, colours: Palette, *, name: str, launch: str, colour: str, symbol: str, frame: Frame
) -> go.Figure:
    """
    The figure of one launch.

    Args:
        course: with at least one repetition.
        name, launch: of what is drawn; a click leads to the launch.
        colour: of its device; ``symbol``: of its engine.
        frame: see there.
    """
    panels = _panels(course)
    height = HEAD_PX + RATE_PX + len(panels) * (PANEL_PX + GAP_PX) + FOOT_PX
    found = figure(colours, height=height, x_title=f"time since the first request ({frame.unit})")
    found.update_layout(margin={"l": 8, "r": 12, "t": HEAD_PX, "b": FOOT_PX})
    found.update_xaxes(range=[0, frame.at(frame.end_s)], anchor="free", position=0, showgrid=False)
    _place(found, len(panels), height, top=frame.top_tok_per_s)
    _bands(found, course, colours, frame)
    _rate(found, course, frame, name=name, launch=launch, colour=colour, symbol=symbol)
    _plateau(found, course, colours, frame)
    for place, panel in enumerate(panels, start=2):
        _draw_panel(found, panel, place, frame, colours)
    return found


def _panels(course: Course) -> list[_Panel]:
    """Clock and temperature, each where a reading within the launch told it."""
    told: list[tuple[str, str, Callable[..., float | None]]] = [
        ("clock", "GHz", lambda r: None if r.frequency_hz is None else r.frequency_hz / 1e9),
        ("temperature", "°C", lambda r: r.temperature_c),
    ]
    found = []
    for title, unit, of in told:
        known = [(at_s, value) for at_s, r in course.readings if 0 <= at_s <= course.end_s and (value := of(r))]
        if known:
            times, values = zip(*known, strict=True)
            found.append(_Panel(title, unit, times, values))
    return found


def _place(found: go.Figure, n_panels: int, height: int, *, top: float) -> None:
    """Room for each panel, the rate on top; one time axis for all."""
    inner = height - HEAD_PX - FOOT_PX
    style = found.layout.yaxis.to_plotly_json()
    found.update_yaxes(domain=[1 - RATE_PX / inner, 1], range=[0, top], title_text="decode tok/s → faster", nticks=6)
    for place in range(n_panels):
        begin = (n_panels - 1 - place) * (PANEL_PX + GAP_PX) / inner
        found.update_layout({f"yaxis{place + 2}": {**style, "domain": [begin, begin + PANEL_PX / inner], "nticks": 3}})


def _bands(found: go.Figure, course: Course, colours: Palette, frame: Frame) -> None:
    """What the machine said of its heat, as colour and as a word where there is room for it."""
    for begin_s, end_s, state in thermal_spans(course):
        if _HEAT[state]:
            found.add_shape(
                type="rect", xref="x", yref="paper", x0=frame.at(begin_s), x1=frame.at(end_s), y0=0, y1=1,
                layer="below", fillcolor=colours.slower, opacity=_HEAT[state], line_width=0,
            )  # fmt: skip
        if (end_s - begin_s) / frame.end_s >= _LEAST_BAND:
            found.add_annotation(
                x=frame.at(begin_s), y=1, xref="x", yref="paper", xanchor="left", yanchor="bottom", showarrow=False,
                text=safe(state), font={"size": TICK_PX, "color": colours.muted},
            )  # fmt: skip


def _rate(found: go.Figure, course: Course, frame: Frame, *, name: str, launch: str, colour: str, symbol: str) -> None:
    rows = stretches(course.repetitions, course.readings, MOST_REPETITIONS)
    is_one_each = len(rows) == len(course.repetitions)
    middles = [r.middle_s for r in course.repetitions] if is_one_each else [(r.begin_s + r.end_s) / 2 for r in rows]
    hover = [
        f"{numbers.plain(row.tok_per_s)} tok/s from {row.begin_s:.0f} to {row.end_s:.0f} s"
        f"<br>{numbers.count(row.n_repetitions, 'repetition')}, {row.thermal_state or 'thermal state unknown'}"
        for row in rows
    ]
    found.add_scatter(
        x=finite([frame.at(at_s) for at_s in middles]), y=finite([row.tok_per_s for row in rows]), mode="lines+markers",
        line={"color": colour, "width": 1.4}, marker={"color": colour, "symbol": symbol, "size": 6},
        customdata=[[launch]] * len(rows), text=hover,
        hovertemplate=f"<b>{safe(name)}</b><br>%{{text}}<br>launch {safe(launch)}<extra></extra>",
    )  # fmt: skip


def _plateau(found: go.Figure, course: Course, colours: Palette, frame: Frame) -> None:
    """Where the rate settled, dashed; nothing where it did not."""
    settled = course.plateau
    if settled is None:
        return
    found.add_scatter(
        x=finite([frame.at(settled.begin_s), frame.at(course.end_s)]), y=finite([settled.tok_per_s] * 2), mode="lines",
        line={"color": colours.text, "width": 1.6, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    found.add_annotation(
        x=frame.at(course.end_s), y=settled.tok_per_s, xanchor="right", yanchor="top", yshift=-7, showarrow=False,
        text=f"plateau {numbers.plain(settled.tok_per_s)} tok/s", font={"size": TICK_PX, "color": colours.text},
    )  # fmt: skip


def _draw_panel(found: go.Figure, panel: _Panel, place: int, frame: Frame, colours: Palette) -> None:
    found.add_scatter(
        x=finite([frame.at(at_s) for at_s in panel.at_s]), y=finite(panel.values), yaxis=f"y{place}", mode="lines",
        line={"color": colours.muted, "width": 1.4, "shape": "hv"},
        hovertemplate=f"{panel.title} %{{y:.3g}} {panel.unit} at %{{x:.3g}} {frame.unit}<extra></extra>",
    )  # fmt: skip
    axis = {"title": {"text": panel.unit}, "range": [0, 1.15 * max(panel.values)]}
    found.update_layout({f"yaxis{place}": axis})
