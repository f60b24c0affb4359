"""Keys and values over the context: by arithmetic as a line, as an engine told them as points."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, safe
from dashboard.charts.labels import legend
from dashboard.charts.ttft import DASHES
from dashboard.theme import Palette

HEIGHT_PX = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class KvPoint:
    """What an engine took for keys and values in one cell."""

    n_context_tokens: int
    kv: Estimate
    note: str
    launch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KvLine:
    """One shape and type of cache: bytes a token by arithmetic, up to the context that the model is made for."""

    label: str
    symbol: str
    bytes_per_token: float
    context_length: int
    points: tuple[KvPoint, ...] = ()


def kv_growth(lines: Sequence[KvLine], colours: Palette, *, colour: str, end_tokens: int) -> go.Figure:
    """
    Lines by arithmetic, points as engines told them.

    Args:
        lines: at least one.
        colour: of the device.
        end_tokens: where the axis ends; a line ends where its model does.
    """
    found = figure(
        colours, height=HEIGHT_PX, x_title="tokens of context", y_title="keys and values (GiB) ← smaller"
    )  # fmt: skip
    found.update_layout(margin={"l": 8, "r": 14, "b": 56})
    legend(found, colours, len(lines) + sum(bool(line.points) for line in lines))
    for place, line in enumerate(lines):
        end = min(end_tokens, line.context_length)
        found.add_scatter(
            x=finite([0, end]), y=finite([0.0, end * line.bytes_per_token / numbers.GIB]), mode="lines",
            name=safe(line.label), line={"color": colour, "width": 1.8, "dash": DASHES[place % len(DASHES)]},
            hovertemplate=(
                f"<b>{safe(line.label)}</b> by arithmetic<br>{line.bytes_per_token / 1024:,.4g} KiB a token"
                "<extra></extra>"
            ),
        )  # fmt: skip
        _kv_points(found, line, colours, place)
    top = max(min(end_tokens, line.context_length) * line.bytes_per_token for line in lines)
    top = max([top, *(point.kv.value for line in lines for point in line.points)])
    found.update_xaxes(range=[0, 1.04 * end_tokens], tickformat=",d", nticks=7)
    found.update_yaxes(range=[0, 1.1 * top / numbers.GIB])
    return found


def _kv_points(found: go.Figure, line: KvLine, colours: Palette, place: int) -> None:
    """The engine's symbol, told apart by a dot in it and by its grey from those of other lines."""
    dot, colour = "-dot" * (place % 2), colours.muted if place % 4 > 1 else colours.text
    points = sorted(line.points, key=lambda p: (p.n_context_tokens, p.launch))
    if not points:
        return
    hollow = [point.kv.low is None for point in points]
    hover = [
        f"<b>{safe(line.label)}</b>, as the engine says<br>{numbers.size(p.kv.value)} for room for "
        f"{p.n_context_tokens:,} tokens<br>{safe(how(p.kv))}<br>{safe(p.note)}"
        for p in points
    ]
    found.add_scatter(
        x=finite([p.n_context_tokens for p in points]), y=finite([p.kv.value / numbers.GIB for p in points]),
        mode="markers", name=safe(f"{line.label}, as said"), customdata=[[p.launch] for p in points], hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        marker={
            "symbol": [f"{line.symbol}{'-open' if is_open else ''}{dot}" for is_open in hollow], "size": 10,
            "color": colour, "line": {"width": 1.8, "color": colours.background if dot and not any(hollow) else colour},
        },
    )  # fmt: skip
