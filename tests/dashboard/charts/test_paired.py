"""Paired differences: each block where it was, the interval as it was computed, and what is off the scale told."""

import json
import math
from typing import Any

from dashboard_helpers import array

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.paired import BlockRatio, Zones, has_one, paired, shown_range

FOUND = Estimate(value=1.2, low=1.15, high=1.26, level_exact=0.992, n=4, method="exact")
ZONES = Zones(band_frac=0.02, floor_frac=0.013)


def block(ratio: float, *, is_baseline_first: bool = True, **more: Any) -> BlockRatio:
    given: dict[str, Any] = {
        "name": "run ab12, block 1", "number": 1, "ratio": ratio, "baseline": "10 tok/s", "other": "12 tok/s",
        "is_baseline_first": is_baseline_first, "launch": "ab12/2",
    }  # fmt: skip
    return BlockRatio(**given | more)


BLOCKS = (
    block(1.19, number=1),
    block(1.22, number=2, is_baseline_first=False),
    block(1.18, number=3, is_baseline_first=False),
    block(1.21, number=4),
)


def drawn(blocks: Any = BLOCKS, estimate: Estimate = FOUND, zones: Zones = ZONES) -> Any:
    return paired(
        blocks, estimate, zones, theme.LIGHT, axis_title="decode, B / A → faster", first_colours=("#111111", "#222222")
    )


def test_blocks_stand_in_order_and_tell_which_arm_ran_first() -> None:
    a, b = drawn().data
    assert (a.name, list(a.x), list(a.y)) == ("A ran first", [1, 4], [1.19, 1.21])
    assert (b.name, list(b.x), list(b.y)) == ("B ran first", [2, 3], [1.22, 1.18])
    assert (a.marker.color, b.marker.color) == ("#111111", "#222222")
    assert a.marker.symbol[0] != b.marker.symbol[0], "colour alone says nothing to some"
    assert a.customdata[0][0] == "ab12/2"
    assert "A 10 tok/s, B 12 tok/s" in a.hovertext[0]


def test_a_block_keeps_its_number_where_another_one_lost_a_launch() -> None:
    found = drawn((block(1.19, number=1), block(1.22, number=3), block(1.2, number=8)))
    assert list(found.data[0].x) == [1, 3, 8]
    assert found.layout.xaxis.title.text.startswith("block of the run")


def test_blocks_of_several_runs_are_counted_over_all() -> None:
    found = drawn((block(1.19, number=1), block(1.22, number=3), block(1.2, number=1)))
    assert list(found.data[0].x) == [1, 2, 3]
    assert "over the runs" in found.layout.xaxis.title.text


def test_the_interval_is_drawn_as_it_was_computed() -> None:
    zones = [(shape.y0, shape.y1) for shape in drawn().layout.shapes if shape.type == "rect"]
    assert (1.15, 1.26) in zones
    assert (1 / 1.02, 1.02) in zones
    assert (1 / 1.013, 1.013) in zones
    assert any("1.200×" in one.text or "1.20×" in one.text for one in drawn().layout.annotations)


def test_without_an_interval_points_are_hollow_and_no_zone_is_drawn_for_it() -> None:
    few = drawn(BLOCKS[:1], Estimate(value=1.19, n=1, method="median"))
    assert few.data[0].marker.symbol[0].endswith("-open")
    assert len([shape for shape in few.layout.shapes if shape.type == "rect"]) == 2
    assert any("n=1" in one.text for one in few.layout.annotations)


def test_the_same_speed_is_on_the_axis_where_it_is_near_and_not_where_it_would_hide_the_scatter() -> None:
    near = [block(1.01), block(1.03)]
    assert has_one(shown_range(near, Estimate(value=1.02, n=2, method=""), ZONES))
    far = [block(1.84), block(1.86)]
    shown = shown_range(far, Estimate(value=1.85, n=2, method=""), ZONES)
    assert not has_one(shown)
    assert shown[0] > 1.8


def test_an_outlier_does_not_stretch_the_axis_and_keeps_its_value() -> None:
    blocks = [block(1.19 + 0.005 * n) for n in range(6)] + [block(9.0)]
    found = drawn(blocks)
    low, high = (10**end for end in found.layout.yaxis.range)
    assert high < 2
    marks = found.data[0]
    assert marks.marker.symbol[-1] == "arrow-up"
    assert low < marks.y[-1] < high
    assert marks.text[-1] == "9×"
    assert "B/A 9.000" in marks.hovertext[-1]


def test_names_at_the_right_do_not_lie_over_each_other() -> None:
    found = drawn([block(1.001), block(0.999)], Estimate(value=1.0, low=0.999, high=1.001, n=6, method="exact"))
    low, high = found.layout.yaxis.range
    inner = found.layout.height - found.layout.margin.t - found.layout.margin.b
    heights = [(one.y - low) / (high - low) * inner + one.yshift for one in found.layout.annotations]
    assert abs(heights[0] - heights[1]) >= 34


def test_the_same_records_give_the_same_figure_without_infinity_or_markup() -> None:
    blocks = [block(1.1, name="<a href='x'>x</a>")]
    assert drawn(blocks).to_json() == drawn(blocks).to_json()
    spec = json.loads(drawn(blocks).to_json())
    assert all(math.isfinite(v) for trace in spec["data"] for v in array(trace["y"]))
    assert "<a href" not in json.dumps(spec)
