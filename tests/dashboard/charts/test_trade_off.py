"""Speed against memory: crosses, steps of what is not beaten, and what was only predicted."""

from typing import Any

import numpy as np
import pytest

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.trade_off import TradeRow, frontier, trade_off

GIB = 1 << 30


def estimate(value: float, half: float | None = None) -> Estimate:
    low, high = (None, None) if half is None else (value - half, value + half)
    return Estimate(value=value, low=low, high=high, n=8, method="exact")


def row(letter: str, gib: float, tok_per_s: float, **more: Any) -> TradeRow:
    given: dict[str, Any] = {
        "label": f"arm {letter}", "device": "M1", "colour": "#123456", "symbol": "circle",
        "memory": estimate(gib * GIB, 0.1 * GIB), "rate": estimate(tok_per_s, 1.0), "is_predicted": False,
        "note": "chat", "launch": "run1/3",
    }  # fmt: skip
    return TradeRow(letter=letter, **given | more)


def drawn(*rows: TradeRow) -> Any:
    return trade_off(rows, theme.LIGHT, memory_title="peak", rate_title="decode tok/s → faster")


def letters(rows: list[TradeRow]) -> str:
    return "".join(r.letter for r in rows)


def test_nobody_beats_what_stands_on_the_steps() -> None:
    assert letters(frontier([row("A", 2, 30), row("B", 4, 20), row("C", 3, 40), row("D", 2.5, 25)])) == "AC"
    assert letters(frontier([row("A", 4, 20)])) == "A"
    assert frontier([]) == []


def test_a_hair_of_memory_is_no_step() -> None:
    assert letters(frontier([row("A", 2.0, 20), row("B", 2.001, 30)])) == "B"
    assert letters(frontier([row("A", 2.0, 30), row("B", 2.001, 20)])) == "A"
    assert letters(frontier([row("A", 2.0, 30), row("B", 2.001, 30)])) == "A"


def test_a_cross_is_an_interval_both_ways() -> None:
    (point,) = drawn(row("A", 2, 30)).data
    assert (list(point.x), list(point.y)) == ([2.0], [30.0])
    assert (point.error_x.array[0], point.error_x.arrayminus[0]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert (point.error_y.array[0], point.error_y.arrayminus[0]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (point.marker.symbol, point.customdata[0][0]) == ("circle", "run1/3")
    assert "2.00 ± 0.10 GiB" in point.hovertext[0]
    assert "n = 8" in point.hovertext[0]


def test_each_device_has_its_own_steps() -> None:
    found = drawn(row("A", 2, 30), row("B", 4, 40), row("C", 2, 10, device="phone"), row("D", 3, 12, device="phone"))
    steps = [trace for trace in found.data if trace.mode == "lines"]
    assert [list(trace.y) for trace in steps] == [[30, 40, 40], [10, 12, 12]]
    assert [list(trace.x[:2]) for trace in steps] == [[2, 4], [2, 3]]
    assert {trace.line.shape for trace in steps} == {"hv"}


def test_what_was_predicted_is_hollow_says_so_and_is_no_step() -> None:
    predicted = row("B", 1, 50, memory=estimate(1 * GIB), is_predicted=True)
    found = drawn(row("A", 2, 30), predicted)
    assert [trace.mode for trace in found.data] == ["markers", "markers"]
    assert [trace.marker.symbol for trace in found.data] == ["circle", "circle-open"]
    assert "B predicted" in [a.text for a in found.layout.annotations]
    assert "GiB predicted" in found.data[1].hovertext[0]


def test_without_an_interval_a_point_is_hollow() -> None:
    (point,) = drawn(row("A", 2, 30, rate=estimate(30.0))).data
    assert point.marker.symbol == "circle-open"


def test_axes_hold_every_interval_and_the_rate_begins_at_zero() -> None:
    found = drawn(row("A", 2, 30), row("B", 4, 40, rate=estimate(40.0, 15.0)))
    (left, right), (bottom, top) = found.layout.xaxis.range, found.layout.yaxis.range
    assert left < 1.9
    assert right > 4.1
    assert bottom == 0
    assert top > 55
    assert "GiB" in found.layout.xaxis.title.text


def test_the_same_rows_in_any_order_give_the_same_figure_without_a_hole() -> None:
    rows = [row("A", 2, 30), row("B", 4, 40), row("C", 2, 10, device="phone")]
    found = drawn(*rows)
    assert found.to_json() == drawn(*rows[::-1]).to_json()
    assert all(np.isfinite(trace.x).all() and np.isfinite(trace.y).all() for trace in found.data)


def test_names_cannot_become_markup() -> None:
    (point,) = drawn(row("A", 2, 30, label="<a href='x'>", device="<b>")).data
    assert "<a" not in point.hovertext[0] + point.name
    assert "<b>&lt;a" in point.hovertext[0]
