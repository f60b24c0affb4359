"""Letters beside points, moved up or down until none lies over another, and the legend that says what they mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.theme import TICK_PX, Palette

LINE_PX = 16.0
"""Height of a line of text with a little room."""

_ENTRY_PX = 19
_FAR_PX, _LEAD_PX = 4.0, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """
    A short text at the right of a point.

    Args:
        x, y: of the point, as annotations count: the logarithm on a log axis.
        y_px: its height in pixels, from any line.
    """

    text: str
    x: float
    y: float
    y_px: float


def put(found: go.Figure, labels: Sequence[Label], colours: Palette, *, apart: float, lift_px: float = 0) -> None:
    """
    Write labels of points that lie in columns, none over another; equal ones of a column are written once.

    Args:
        apart: distance in x from which on points are another column.
        lift_px: how far above its point each is written, where lines run through the points.
    """
    columns: list[list[Label]] = []
    for label in sorted(labels, key=lambda one: one.x):
        if not columns or label.x - columns[-1][-1].x > apart:
            columns.append([])
        columns[-1].append(label)
    for column in columns:
        once = [_merged([label for label in column if label.text == text]) for text in _texts(column)]
        right = max(label.x for label in column)
        for label, shift in zip(once, shifts([label.y_px for label in once]), strict=True):
            found.add_annotation(
                x=right, y=label.y, yshift=round(shift + lift_px, 1), xanchor="left", xshift=9, showarrow=False,
                text=label.text, font={"size": TICK_PX, "color": colours.text},
            )  # fmt: skip
            if abs(shift) > _FAR_PX:
                _lead(found, label, shift + lift_px, colours)


def _lead(found: go.Figure, label: Label, shift: float, colours: Palette) -> None:
    """A hairline from the point to a letter that had to move away from it."""
    found.layout.annotations[-1].update(
        x=label.x, showarrow=True, arrowhead=0, arrowwidth=1, arrowcolor=colours.axis, ax=_LEAD_PX,
        ay=-round(shift, 1), xshift=0, yshift=0, standoff=7,
    )  # fmt: skip


def legend(found: go.Figure, colours: Palette, n_entries: int) -> None:
    """A legend above the plot, which gets as much higher as a narrow window needs for the entries."""
    found.update_layout(
        height=found.layout.height + _ENTRY_PX * max(0, n_entries - 2),
        showlegend=True,
        legend={
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": TICK_PX, "color": colours.text}, "itemclick": False, "itemdoubleclick": False,
        },
    )  # fmt: skip


def _texts(labels: Sequence[Label]) -> list[str]:
    return sorted({label.text for label in labels})


def _merged(labels: Sequence[Label]) -> Label:
    n = len(labels)
    return Label(
        text=labels[0].text,
        x=sum(label.x for label in labels) / n,
        y=sum(label.y for label in labels) / n,
        y_px=sum(label.y_px for label in labels) / n,
    )


def shifts(heights_px: Sequence[float], apart_px: float = LINE_PX) -> list[float]:
    """
    How far each label moves, in pixels, upwards positive, so that any two are ``apart_px`` apart.

    They keep their order and move as little as the closest group needs: each group is centred on where it would be.

    Args:
        heights_px: of the labels, from any line, upwards positive; shape (n,).
    """
    order = sorted(range(len(heights_px)), key=lambda i: heights_px[i])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _bottom(groups[-1], heights_px, apart_px) < (
            _bottom(groups[-2], heights_px, apart_px) + apart_px * len(groups[-2])
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    found = [0.0] * len(heights_px)
    for group in groups:
        for place, index in enumerate(group):
            found[index] = _bottom(group, heights_px, apart_px) + place * apart_px - heights_px[index]
    return found


def _bottom(group: Sequence[int], heights_px: Sequence[float], apart_px: float) -> float:
    """Where the lowest of a group stands when the whole is centred on its mean."""
    return sum(heights_px[i] for i in group) / len(group) - (len(group) - 1) * apart_px / 2
