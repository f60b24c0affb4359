"""Points under the roof: numbers as the records have them, hollow without an interval, words on what cannot be."""

import math
from typing import Any

import numpy as np
import pytest

from collector.compare import Estimate
from collector.queries import Regime, RooflinePoint
from dashboard import theme
from dashboard.charts.roofline import Roof, RoofRow, roofline, utilisation

RATE = Estimate(value=10.0, low=9.0, high=12.0, level_exact=0.951, n=8, method="exact")


def scaled(rate: Estimate, factor: float) -> Estimate:
    low, high = (None if bound is None else bound * factor for bound in (rate.low, rate.high))
    return Estimate(value=rate.value * factor, low=low, high=high, n=rate.n, method=rate.method)


def row(letter: str = "A", rate: Estimate = RATE, *, share: float | None = 0.05, **more: Any) -> RoofRow:
    """A decode of 8 GFLOP and 2 GB a token."""
    point = {
        "regime": Regime.DECODE, "metric": "decode_tok_per_s", "rate": rate, "flop_per_token": 8e9,
        "byte_per_token": 2e9, "context_tokens": 80.0,
        "utilisation": None if share is None else scaled(rate, share),
    }  # fmt: skip
    given = {key: more.pop(key) for key in list(more) if key in point}
    shown = {"label": f"arm {letter}", "colour": "#123456", "symbol": "circle", "note": "chat", "launch": "run1/3"}
    return RoofRow(letter=letter, point=RooflinePoint(**point | given), **shown | more)


PREFILL = {"regime": Regime.PREFILL, "byte_per_token": 2e7, "utilisation": None}
ROOFS = [Roof(device="M1", colour="#123456", byte_per_s=60e9, source="measured")]


def points_of(found: Any) -> list[Any]:
    return [trace for trace in found.data if trace.mode != "lines"]


def test_a_point_lies_at_its_arithmetic_and_the_bars_are_distances() -> None:
    (point,) = points_of(roofline([row()], ROOFS, theme.LIGHT))
    assert list(point.x) == [4.0]
    assert list(point.y) == pytest.approx([80.0])
    assert (point.error_y.array[0], point.error_y.arrayminus[0]) == (pytest.approx(16.0), pytest.approx(8.0))
    assert point.customdata[0][0] == "run1/3"
    for words in ("10.0 ± 2.0 tok/s", "exact level 95.1 %", "n = 8", "4.00 FLOP/byte", "chat", "50 % of the bandwidth"):
        assert words in point.hovertext[0]


def test_a_roof_is_its_bandwidth_times_the_arithmetic_a_byte() -> None:
    roofs = [*ROOFS, Roof(device="M1", colour="#123456", byte_per_s=68e9, source="vendor")]
    measured, vendor, _ = roofline([row()], roofs, theme.LIGHT).data
    assert list(measured.y / measured.x) == pytest.approx([60.0, 60.0])
    assert list(vendor.y / vendor.x) == pytest.approx([68.0, 68.0])
    assert (measured.line.dash, vendor.line.dash) == ("solid", "dash")
    assert (measured.name, vendor.name) == ("M1: 60.0 GB/s measured", "M1: 68.0 GB/s vendor")


def test_decode_and_prefill_are_two_traces_with_two_markers() -> None:
    decode, prefill = points_of(roofline([row(), row(**PREFILL)], ROOFS, theme.LIGHT))
    assert (list(decode.marker.symbol), list(prefill.marker.symbol)) == (["circle"], ["circle-dot"])
    assert [decode.showlegend, prefill.showlegend] == [True, False]


def test_without_an_interval_a_point_is_hollow() -> None:
    few = row("B", Estimate(value=10.0, n=3, method="median"))
    full, hollow = points_of(roofline([row(), few], ROOFS, theme.LIGHT))
    assert (list(full.marker.symbol), list(hollow.marker.symbol)) == (["circle"], ["circle-open"])
    assert hollow.error_y.array[0] == hollow.error_y.arrayminus[0] == 0
    assert "10.0 ·n=3" in hollow.hovertext[0]


def test_axes_hold_the_points_and_the_roof_above_them() -> None:
    found = roofline([row(), row(**PREFILL)], ROOFS, theme.LIGHT)
    (left, right), (bottom, top) = found.layout.xaxis.range, found.layout.yaxis.range
    assert left < math.log10(4.0) < math.log10(400.0) < right
    assert bottom < math.log10(80) < math.log10(240) < top
    assert all(left <= math.log10(tick) <= right for tick in found.layout.xaxis.tickvals)


def test_a_share_is_in_percent_and_one_line_an_arm() -> None:
    rows = [row(), row(context_tokens=500.0, rate=scaled(RATE, 0.9)), row("B", context_tokens=500.0)]
    first, second = utilisation(rows, theme.LIGHT).data
    assert list(first.x) == [80.0, 500.0]
    assert list(first.y) == pytest.approx([50.0, 45.0])
    assert first.error_y.array[0] == pytest.approx(10.0)
    assert list(second.y) == pytest.approx([50.0])


def test_what_cannot_be_is_said_in_words_and_does_not_rule_the_scale() -> None:
    found = utilisation([row(), row("B", share=0.9, is_implausible=True)], theme.LIGHT)
    far = found.data[1]
    assert list(far.y) == [150.0]
    assert (list(far.marker.symbol), far.error_y.array[0]) == (["arrow-up"], 0)
    assert "B 900 % implausible" in [a.text for a in found.layout.annotations]
    assert found.layout.yaxis.range[1] < 200


def test_each_arm_and_regime_has_one_letter() -> None:
    rows = [
        row(),
        row(context_tokens=300.0, byte_per_token=2.2e9),
        row(**PREFILL),
        row(**PREFILL | {"byte_per_token": 2e6}),
    ]
    found = roofline(rows, ROOFS, theme.LIGHT)
    letters = [a for a in found.layout.annotations if a.text == "A"]
    assert [a.x for a in letters] == pytest.approx([math.log10(8 / 2.2), math.log10(4000)])


def test_a_point_without_a_bandwidth_has_no_share() -> None:
    found = utilisation([row(), row("B", share=None)], theme.LIGHT)
    assert len(found.data) == 1


def test_the_same_rows_in_any_order_give_the_same_figure_without_a_hole() -> None:
    rows = [row(), row("B", **PREFILL), row("B", context_tokens=300.0)]
    for draw in (lambda r: roofline(r, ROOFS, theme.DARK), lambda r: utilisation(r, theme.DARK)):
        found = draw(rows)
        assert found.to_json() == draw(rows[::-1]).to_json()
        assert all(np.isfinite(trace.x).all() and np.isfinite(trace.y).all() for trace in found.data)


def test_names_cannot_become_markup() -> None:
    (point,) = points_of(roofline([row(label="<a href='x'>", note="<b>")], [], theme.LIGHT))
    assert "<a" not in point.hovertext[0] + point.name
