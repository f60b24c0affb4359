"""Letters beside points: none over another, moved no further than needed."""

from itertools import pairwise

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import theme
from dashboard.charts.labels import LINE_PX, Label, legend, put, shifts


@given(st.lists(st.floats(0, 300), max_size=12))
def test_no_two_labels_lie_over_one_another_and_they_keep_their_order(heights: list[float]) -> None:
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = shifts(heights)
    placed = [heights[i] + moved[i] for i in order]
    assert all(b - a >= LINE_PX - 1e-6 for a, b in pairwise(placed))


def test_what_is_far_enough_apart_stays() -> None:
    assert shifts([0.0, 40.0, 80.0]) == [0.0, 0.0, 0.0]
    assert shifts([10.0, 10.0]) == pytest.approx([-LINE_PX / 2, LINE_PX / 2])
    assert shifts([]) == []


def test_a_letter_is_written_once_a_column() -> None:
    found = go.Figure()
    points = [("A", 1.0, 50.0), ("A", 1.1, 52.0), ("B", 1.1, 51.0), ("A", 5.0, 50.0)]
    put(found, [Label(text=t, x=x, y=y, y_px=y) for t, x, y in points], theme.LIGHT, apart=0.5)
    assert [a.text for a in found.layout.annotations] == ["A", "B", "A"]
    left = found.layout.annotations[:2]
    assert abs((left[0].y - left[0].ay) - (left[1].y - left[1].ay)) >= LINE_PX - 0.2
    assert all(a.showarrow for a in left), "a letter that was moved is tied to its point"
    assert [a.showarrow for a in found.layout.annotations[2:]] == [False]


def test_more_entries_make_a_figure_higher() -> None:
    few, many = go.Figure(layout={"height": 400}), go.Figure(layout={"height": 400})
    legend(few, theme.LIGHT, 2)
    legend(many, theme.LIGHT, 9)
    assert few.layout.height == 400 < many.layout.height
