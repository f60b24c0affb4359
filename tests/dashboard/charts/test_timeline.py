"""The token timeline: gaps in ms at their token, stalls apart, extremes kept when there are too many points."""

from dashboard import theme
from dashboard.charts.base import MOST_POINTS
from dashboard.charts.timeline import thinned, timeline


def test_a_gap_stands_at_the_token_that_it_came_before() -> None:
    (marks,) = timeline([0.01, 0.02, 0.03], theme.LIGHT).data
    assert list(marks.x) == [2.0, 3.0, 4.0]
    assert [round(y, 9) for y in marks.y] == [10.0, 20.0, 30.0]


def test_stalls_are_marked_and_the_median_is_told() -> None:
    found = timeline([0.01, 0.01, 0.09, 0.01], theme.LIGHT, stall_s=0.04, name="<b>launch")
    usual, stalls = found.data
    assert (list(usual.x), list(stalls.x)) == ([2.0, 3.0, 5.0], [4.0])
    assert usual.marker.symbol != stalls.marker.symbol
    assert [a.text for a in found.layout.annotations] == ["line: the median, 10.0 ms"]
    assert found.layout.yaxis.range[1] > 90
    assert "<b>launch" not in found.to_json()


def test_no_extreme_is_lost_when_points_are_thinned() -> None:
    gaps = [0.01] * 100_000
    gaps[77_777], gaps[123] = 9.0, 0.001
    places = thinned(gaps, MOST_POINTS)
    assert len(places) <= MOST_POINTS
    assert {77_777, 123} <= set(places)
    assert places == sorted(places)


def test_the_same_gaps_give_the_same_figure() -> None:
    assert timeline([0.01, 0.02], theme.DARK).to_json() == timeline([0.01, 0.02], theme.DARK).to_json()
