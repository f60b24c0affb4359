"""A sustained launch over time: what stands where, and that nothing is drawn that no reading told."""

from typing import Any

import numpy as np
import pytest

from collector import sustained
from collector.queries import Course
from collector.sustained import Repetition
from dashboard import theme
from dashboard.charts.over_time import MOST_REPETITIONS, Frame, frame_of, over_time
from runners.contract import Reading


def course(rates: list[float], *readings: tuple[float, Reading]) -> Course:
    """Repetitions of ten seconds each."""
    found = tuple(
        Repetition(middle_s=10 * i + 5.5, end_s=10.0 * (i + 1), n_tokens=90, decode_s=90 / rate)
        for i, rate in enumerate(rates)
    )
    return Course(repetitions=found, readings=readings, plateau=sustained.plateau(found))


def drawn(found: Course, frame: Frame | None = None) -> Any:
    return over_time(
        found, theme.LIGHT, name="phi-3 on M1", launch="run1/3", colour="#123456", symbol="diamond",
        frame=frame or frame_of([found]),
    )  # fmt: skip


FALLEN = [12.0] * 6 + [9.0] * 20


def test_each_repetition_is_a_point_in_the_unit_of_the_axis() -> None:
    found = drawn(course(FALLEN))
    rate = found.data[0]
    assert list(rate.y) == pytest.approx(FALLEN)
    assert list(rate.x) == pytest.approx([(10 * i + 5.5) / 60 for i in range(26)])
    assert found.layout.xaxis.title.text.endswith("(min)")
    assert (rate.marker.symbol, rate.marker.color) == ("diamond", "#123456")
    assert rate.customdata[0][0] == "run1/3"
    assert "12.0 tok/s from 0 to 10 s" in rate.text[0]


def test_a_short_launch_is_shown_in_seconds() -> None:
    found = drawn(course([10.0] * 6))
    assert found.layout.xaxis.title.text.endswith("(s)")
    assert found.data[0].x[0] == pytest.approx(5.5)


def test_the_plateau_is_dashed_from_where_it_begins() -> None:
    line = drawn(course(FALLEN)).data[1]
    assert line.line.dash == "dash"
    assert list(line.x) == pytest.approx([1.0, 26 / 6])
    assert list(line.y) == pytest.approx([9.0, 9.0])


def test_without_a_plateau_there_is_no_line() -> None:
    assert len(drawn(course([12.0 - i / 3 for i in range(26)])).data) == 1


def test_heat_is_a_band_and_a_word() -> None:
    cool, hot = Reading(thermal_state="nominal"), Reading(thermal_state="serious")
    found = drawn(course(FALLEN, (1.0, cool), (130.0, hot)))
    (band,) = found.layout.shapes
    assert (band.x0, band.x1) == pytest.approx((130 / 60, 260 / 60))
    assert [a.text for a in found.layout.annotations if a.yref == "paper"] == ["nominal", "serious"]


def test_clock_and_temperature_have_panels_of_their_own_where_they_are_known() -> None:
    known = [(10.0 * i, Reading(frequency_hz=3e9 - i * 1e7, temperature_c=50.0 + i)) for i in range(26)]
    found = drawn(course(FALLEN, *known))
    clock, heat = found.data[2:]
    assert (clock.yaxis, heat.yaxis) == ("y2", "y3")
    assert list(clock.y[:2]) == pytest.approx([3.0, 2.99])
    assert (found.layout.yaxis2.title.text, found.layout.yaxis3.title.text) == ("GHz", "°C")
    domains = [found.layout[f"yaxis{place}"].domain for place in ("", 2, 3)]
    assert domains[0][0] > domains[1][1] > domains[1][0] > domains[2][1] > domains[2][0] == 0
    assert all("overlaying" not in found.layout[f"yaxis{p}"].to_plotly_json() for p in ("", 2, 3))
    assert drawn(course(FALLEN)).layout.height < found.layout.height


def test_launches_share_a_frame() -> None:
    short, long = course([10.0] * 6), course([20.0] * 30)
    frame = frame_of([short, long])
    assert (frame.end_s, frame.top_tok_per_s) == (300.0, pytest.approx(22.4))
    ranges = [(f.layout.xaxis.range, f.layout.yaxis.range) for f in (drawn(short, frame), drawn(long, frame))]
    assert ranges[0] == ranges[1]
    assert ranges[0][1][0] == 0


def test_very_many_repetitions_are_put_together() -> None:
    found = drawn(course([10.0] * (3 * MOST_REPETITIONS)))
    assert len(found.data[0].x) <= MOST_REPETITIONS
    assert "3 repetitions" in found.data[0].text[0]


def test_the_same_course_gives_the_same_figure_without_a_hole() -> None:
    one = course(FALLEN, (1.0, Reading(thermal_state="fair", frequency_hz=2e9)))
    first, second = drawn(one), drawn(one)
    assert first.to_json() == second.to_json()
    assert all(np.isfinite(trace.x).all() and np.isfinite(trace.y).all() for trace in first.data)


def test_names_cannot_become_markup() -> None:
    found = over_time(
        course(FALLEN), theme.LIGHT, name="<a href='x'>", launch="<b>", colour="#123456", symbol="circle",
        frame=Frame(end_s=260, top_tok_per_s=14),
    )  # fmt: skip
    assert "<a" not in found.data[0].hovertemplate
    assert "&lt;a href" in found.data[0].hovertemplate
