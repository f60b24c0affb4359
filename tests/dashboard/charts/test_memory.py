"""Memory: bars from zero that add up, limits that are told, keys and values by arithmetic and as engines said."""

from typing import Any

import pytest

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.kv import KvLine, KvPoint, kv_growth
from dashboard.charts.memory import Bar, Limit, MemoryRow, Part, breakdown, shade

GIB = 1 << 30
PREDICTED = Bar(
    label="predicted",
    parts=(Part(component="weights", n_bytes=2 * GIB), Part(component="KV", n_bytes=GIB / 2)),
)
SEEN = Bar(label="peak RSS", total=Estimate(value=3.0 * GIB, low=2.9 * GIB, high=3.2 * GIB, n=10, method="exact"),
           note="run r", launch="r/1")  # fmt: skip
UNSURE = Bar(label="peak footprint", total=Estimate(value=1.0 * GIB, n=2, method="median"))


def drawn(*bars: Bar, limits: tuple[Limit, ...] = ()) -> Any:
    rows = [MemoryRow(label="phi", bars=bars or (PREDICTED, SEEN))]
    return breakdown(rows, theme.LIGHT, colour="#1D4ED8", limits=limits)


def bars_of(found: Any) -> list[Any]:
    return [trace for trace in found.data if trace.x[0] is not None]


def test_parts_stand_one_after_another_from_zero() -> None:
    weights, kv, seen = bars_of(drawn())
    assert (weights.base[0], weights.x[0]) == (0, 2)
    assert (kv.base[0], kv.x[0]) == (2, 0.5)
    assert weights.y[0] == kv.y[0] > seen.y[0]
    assert seen.x[0] == 3
    assert seen.error_x.array[0] == pytest.approx(0.2)
    assert seen.error_x.arrayminus[0] == pytest.approx(0.1)
    assert seen.customdata[0][0] == "r/1"
    assert "n = 10" in seen.hovertemplate
    assert drawn().layout.xaxis.range[0] == 0
    assert "GiB" in drawn().layout.xaxis.title.text


def test_each_way_of_counting_has_its_own_row_and_a_peak_without_an_interval_is_hollow() -> None:
    found = drawn(PREDICTED, SEEN, UNSURE)
    assert list(found.layout.yaxis.ticktext) == ["predicted", "peak RSS", "peak footprint"]
    assert bars_of(found)[-1].marker.color == "rgba(0,0,0,0)"
    assert any(a.text == "1.00 ·n=2" for a in found.layout.annotations)


def test_a_limit_is_a_line_when_it_is_near_and_a_word_when_it_is_far() -> None:
    near = Limit(label="an app may use", low_bytes=2.0 * GIB, high_bytes=2.8 * GIB)
    far = Limit(label="the device has", low_bytes=64.0 * GIB, high_bytes=64.0 * GIB)
    found = drawn(limits=(near, far))
    lines = [shape for shape in found.layout.shapes if shape.type == "line"]
    assert [shape.x0 for shape in lines] == [2.0, 2.8], "both ends of the range"
    assert found.layout.xaxis.range[1] < 64
    words = [a.text for a in found.layout.annotations]
    assert "an app may use 2.0 to 2.8 GiB (shaded)" in words
    assert "the device has 64.0 GiB, beyond the edge →" in words


def test_the_legend_names_what_occurs_and_the_same_rows_give_the_same_figure() -> None:
    found = drawn()
    assert [trace.name for trace in found.data if trace.showlegend] == ["weights", "KV"]
    assert found.to_json() == drawn().to_json()
    assert "NaN" not in found.to_json()
    assert (shade("#000000", "#FFFFFF", 0.0), shade("#000000", "#FFFFFF", 1.0)) == ("#FFFFFF", "#000000")


def line(**more: Any) -> KvLine:
    given: dict[str, Any] = {"label": "phi", "symbol": "circle", "bytes_per_token": 393_216, "context_length": 4096}
    return KvLine(**given | more)


def test_keys_and_values_grow_by_arithmetic_up_to_what_the_model_is_made_for() -> None:
    said = KvPoint(n_context_tokens=256, kv=Estimate(value=256 * 393_216, n=2, method="median"), note="", launch="r/2")
    grown, points = kv_growth([line(points=(said,))], theme.LIGHT, colour="#1D4ED8", end_tokens=131_072).data
    assert list(grown.x) == [0, 4096]
    assert list(grown.y) == [0, pytest.approx(1.5)]
    assert (points.x[0], points.y[0]) == (256, pytest.approx(0.09375))
    assert list(points.marker.symbol) == ["circle-open"]
    assert points.customdata[0][0] == "r/2"
