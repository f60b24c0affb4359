"""One cell over its runs: bars are distances, levels and versions stand where they should, nothing is invented."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.compare import Estimate
from collector.compare.steps import Level, levels
from dashboard import theme
from dashboard.charts.history import HistoryPoint, history, percent_text

DAY = datetime(2026, 1, 1, 10, tzinfo=UTC)


def point(day: int, value: float = 10.0, version: str | None = "fake 1", **more: Any) -> HistoryPoint:
    given: dict[str, Any] = {
        "at": DAY + timedelta(days=day), "version": version, "note": f"run r{day}", "launch": f"r{day}/1",
        "estimate": Estimate(value=value, low=0.99 * value, high=1.02 * value, level_exact=0.951, n=10, method="exact"),
    }  # fmt: skip
    return HistoryPoint(**given | more)


def drawn(*points: HistoryPoint, flat: tuple[Level, ...] = (), is_lower_better: bool = False) -> Any:
    return history(
        points, flat, theme.LIGHT, name="phi-3 on M1", y_title="decode tok/s → faster", colour="#123456",
        symbol="diamond", is_lower_better=is_lower_better,
    )  # fmt: skip


def test_points_stand_at_their_date_and_bars_are_distances() -> None:
    found = drawn(point(0), point(3, 20.0))
    (marks,) = found.data
    assert list(marks.x) == ["2026-01-01T10:00:00+00:00", "2026-01-04T10:00:00+00:00"]
    assert list(marks.y) == [10.0, 20.0]
    assert list(marks.error_y.array) == [pytest.approx(0.2), pytest.approx(0.4)]
    assert list(marks.error_y.arrayminus) == [pytest.approx(0.1), pytest.approx(0.2)]
    assert [c[0] for c in marks.customdata] == ["r0/1", "r3/1"]
    assert "exact level 95.1 %, n = 10" in marks.text[0]
    low, high = found.layout.yaxis.range
    assert low < 9.9
    assert high > 20.4


def test_without_an_interval_a_point_is_hollow() -> None:
    few = replace(point(1), estimate=Estimate(value=11.0, n=3, method="median"))
    solid, hollow = drawn(point(0), few).data
    assert (solid.marker.symbol, hollow.marker.symbol) == ("diamond", "diamond-open")
    assert hollow.error_y.array is None
    assert "·n=3" in hollow.text[0]


def test_a_change_of_version_is_a_line_between_the_runs_with_the_new_version() -> None:
    found = drawn(point(0), point(2, version="fake 2"), point(4, version="fake 2"), point(5, version=None))
    assert [s.x0 for s in found.layout.shapes] == ["2026-01-02T10:00:00+00:00"]
    assert [a.text for a in found.layout.annotations] == ["fake 2"]


@pytest.mark.parametrize(("is_lower_better", "sign", "colour"), [(False, "▲", "faster"), (True, "▼", "slower")])
def test_a_step_says_by_how_much_and_whether_it_is_good(is_lower_better: bool, sign: str, colour: str) -> None:
    points = [point(i, 10.0 if i < 4 else 12.0) for i in range(8)]
    flat = levels([p.estimate for p in points], 0.02)
    found = drawn(*points, flat=flat, is_lower_better=is_lower_better)
    before, after, _ = found.data
    assert (list(before.y), list(after.y)) == ([10.0, 10.0], [12.0, 12.0])
    (words,) = found.layout.annotations
    assert words.text == f"{sign} +20.0 %"
    assert words.x == points[4].at.isoformat()
    assert words.font.color == getattr(theme.LIGHT, colour)


def test_one_level_is_not_drawn() -> None:
    points = [point(i) for i in range(5)]
    assert len(drawn(*points, flat=levels([p.estimate for p in points], 0.02)).data) == 1


def test_names_cannot_become_markup_and_the_same_runs_give_the_same_figure() -> None:
    one = drawn(point(0, note="<b>x</b>"), point(1, version="<a href='x'>"))
    text = one.to_json()
    assert "<a href" not in text
    assert "<b>x" not in text
    assert text == drawn(point(0, note="<b>x</b>"), point(1, version="<a href='x'>")).to_json()


def test_a_loss_has_a_minus() -> None:
    assert percent_text(0.9) == "−10.0 %"
