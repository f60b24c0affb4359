"""Launches in order: one series an arm, failures at the foot, doubt hollow, blocks told apart."""

from typing import Any

from dashboard import theme
from dashboard.charts.order import MOST_ARMS, OrderPoint, legend_words, order


def point(number: int, arm: str = "a", value: float | None = 1.0, **more: Any) -> OrderPoint:
    given: dict[str, Any] = {
        "number": number, "block": (number - 1) // 2, "arm": arm, "value": value, "shown": "decode tok/s 12.0",
        "is_doubtful": False, "note": "no doubt", "launch": f"r/{number}",
    }  # fmt: skip
    return OrderPoint(**given | more)


def drawn(*points: OrderPoint, band_frac: float | None = None) -> Any:
    return order(points, theme.LIGHT, y_title="decode tok/s → faster", symbol="square", band_frac=band_frac)


def test_each_arm_is_a_series_in_the_order_of_time() -> None:
    a, b = drawn(point(3, "a", 3.0), point(1, "a", 1.0), point(2, "b", 2.0)).data
    assert (a.name, list(a.x), list(a.y)) == ("a", [1.0, 3.0], [1.0, 3.0])
    assert (b.name, list(b.x), list(b.y)) == ("b", [2.0], [2.0])
    assert [c[0] for c in a.customdata] == ["r/1", "r/3"]
    assert a.line.color != b.line.color


def test_a_failure_is_a_cross_at_the_foot_and_no_zero() -> None:
    found = drawn(point(1, value=5.0), point(2, value=None, note="crashed: it broke"))
    marks, crosses = found.data
    assert (list(marks.x), list(crosses.x)) == ([1.0], [2.0])
    assert crosses.y[0] == found.layout.yaxis.range[0]
    assert crosses.y[0] > 0
    assert "crashed: it broke" in crosses.text[0]


def test_doubt_is_hollow() -> None:
    (marks,) = drawn(point(1), point(2, is_doubtful=True)).data
    assert marks.marker.color[0] != marks.marker.color[1] == theme.LIGHT.background


def test_the_band_is_drawn_where_the_axis_is_in_percent() -> None:
    band, *_ = drawn(point(1, value=0.5), band_frac=0.02).layout.shapes
    assert (band.y0, band.y1) == (-2.0, 2.0)
    assert not drawn(point(1)).layout.shapes


def test_blocks_are_told_apart() -> None:
    assert [s.x0 for s in drawn(*(point(i) for i in range(1, 7))).layout.shapes] == [2.5, 4.5]


def test_only_failures_can_be_drawn_and_no_more_arms_than_colours() -> None:
    assert len(drawn(point(1, value=None)).data) == 1
    many = [point(i, f"arm {i}") for i in range(1, 12)]
    assert len(drawn(*many).data) == MOST_ARMS
    assert legend_words(many[:1]) == "arm 1: 1 launches"


def test_names_cannot_become_markup_and_the_same_launches_give_the_same_figure() -> None:
    one = drawn(point(1, "<b>x"), point(2, "b", note="<a href='x'>")).to_json()
    assert "<a href" not in one
    assert "<b>x" not in one
    assert one == drawn(point(2, "b", note="<a href='x'>"), point(1, "<b>x")).to_json()
