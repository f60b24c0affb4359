"""A against A: a dot a block, none over another, and the floor as it was computed."""

import json
from typing import Any

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.noise import NoiseBlock, noise

FOUND = Estimate(value=1.001, low=0.995, high=1.008, level_exact=0.951, n=10, method="exact")


def blocks(*ratios: float) -> list[NoiseBlock]:
    return [NoiseBlock(ratio=ratio, name=f"block {n}", launch=f"aa/{n}") for n, ratio in enumerate(ratios)]


def drawn(found: list[NoiseBlock], ratio: Estimate | None = FOUND, floor_frac: float | None = 0.008) -> Any:
    return noise(found, ratio, floor_frac, theme.LIGHT, axis_title="decode, A / A", colour="#123456", symbol="circle")


def test_every_block_is_a_dot_where_its_ratio_is() -> None:
    dots = drawn(blocks(1.01, 0.99, 1.0)).data[0]
    assert [round(x, 2) for x in dots.x] == [0.99, 1.0, 1.01]
    assert [row[0] for row in dots.customdata] == ["aa/1", "aa/2", "aa/0"]


def test_equal_ratios_are_stacked() -> None:
    dots = drawn(blocks(1.0, 1.0, 1.0, 0.99)).data[0]
    places = list(zip(dots.x, dots.y, strict=True))
    assert len(set(places)) == 4
    assert max(dots.y) == 2


def test_the_floor_is_a_zone_both_ways_and_the_interval_a_distance() -> None:
    found = drawn(blocks(1.0, 1.01))
    zone = next(shape for shape in found.layout.shapes if shape.type == "rect")
    assert (zone.x0, zone.x1) == (1 / 1.008, 1.008)
    bar = found.data[1]
    assert round(bar.error_x.array[0], 6) == 0.007
    assert round(bar.error_x.arrayminus[0], 6) == 0.006
    assert any("±0.8 %" in one.text for one in found.layout.annotations)


def test_without_an_interval_there_is_no_floor_and_the_estimate_is_hollow() -> None:
    found = drawn(blocks(1.0, 1.01), Estimate(value=1.005, n=2, method="median"), None)
    assert not [shape for shape in found.layout.shapes if shape.type == "rect"]
    assert found.data[1].marker.symbol == "circle-open"


def test_the_same_blocks_give_the_same_figure_in_any_order() -> None:
    given = blocks(1.0, 1.01, 0.98)
    assert drawn(given).to_json() == drawn(given[::-1]).to_json()
    assert "NaN" not in json.dumps(drawn(given).to_plotly_json(), default=str)
