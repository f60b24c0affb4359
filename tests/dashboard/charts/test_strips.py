"""Strips and the order in time: every launch is there, the interval reaches as far as it should, units are named."""

import json
from typing import Any

import pytest

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.strips import LaunchValue, Strip, in_order, strips

FOUND = Estimate(value=10.0, low=9.5, high=10.8, level_exact=0.951, n=3, method="exact")


def strip(letter: str = "A", **more: Any) -> Strip:
    values = tuple(LaunchValue(value=value, launch=f"ab/{n}", place=n) for n, value in enumerate((10.1, 9.8, 10.2), 1))
    given: dict[str, Any] = {
        "letter": letter, "label": "phi-3 q4_0", "sub": "M1 · ab", "estimate": FOUND, "launches": values,
        "colour": "#123456", "symbol": "diamond", "note": "chat 64+32; hot",
    }  # fmt: skip
    return Strip(**given | more)


def test_each_launch_is_a_dot_and_the_interval_is_a_distance() -> None:
    dots, estimate = strips([strip()], theme.LIGHT, axis_title="decode tok/s → faster").data
    assert list(dots.x) == [10.1, 9.8, 10.2]
    assert [row[0] for row in dots.customdata] == ["ab/1", "ab/2", "ab/3"]
    assert estimate.x[0] == 10.0
    assert estimate.error_x.array[0] == pytest.approx(0.8)
    assert estimate.error_x.arrayminus[0] == pytest.approx(0.5)
    assert "exact level 95.1 %, n = 3" in estimate.hovertext[0]
    assert "hot" in estimate.hovertext[0]


def test_without_an_interval_the_estimate_is_hollow_and_says_n() -> None:
    found = strips([strip(estimate=Estimate(value=10.0, n=3, method="median"))], theme.LIGHT, axis_title="x")
    assert found.data[1].marker.symbol == "diamond-open"
    assert any("·n=3" in one.text for one in found.layout.annotations)


def test_dots_of_two_arms_stay_in_their_rows() -> None:
    found = strips([strip("A"), strip("B")], theme.LIGHT, axis_title="x")
    first, second = found.data[0].y, found.data[2].y
    assert min(first) > max(second)
    assert found.layout.yaxis.range[0] < min(second)
    assert max(first) < found.layout.yaxis.range[1]


def test_the_order_is_that_of_time_and_arms_have_a_symbol_each() -> None:
    values = (LaunchValue(value=2.0, launch="ab/4", place=4), LaunchValue(value=1.0, launch="ab/1", place=1))
    found = in_order(
        [strip("A", launches=values), strip("B")], theme.LIGHT, axis_title="first token s (faster ←)", x_title="launch"
    )
    a, b = found.data
    assert (list(a.x), list(a.y)) == ([1, 4], [1.0, 2.0])
    assert a.marker.symbol != b.marker.symbol
    assert found.layout.yaxis.title.text == "first token s (faster ←)"
    assert found.layout.xaxis.title.text == "launch"


def test_the_same_rows_give_the_same_figures_and_no_markup() -> None:
    rows = [strip(label="<b>x</b>")]
    for make in (
        lambda: strips(rows, theme.DARK, axis_title="x"),
        lambda: in_order(rows, theme.DARK, axis_title="x", x_title="y"),
    ):
        assert make().to_json() == make().to_json()
        assert "<b>x</b>" not in json.dumps(make().to_plotly_json(), default=str)
