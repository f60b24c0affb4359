"""The forest plot: what stands where, how far the bars reach, and that nothing is drawn that is not known."""

import json
import math
from typing import Any

import pytest

from collector.compare import Estimate, Verdict
from dashboard import theme
from dashboard.charts.base import figure, finite, reach, safe
from dashboard.charts.forest import ForestRow, colour_of, forest, verdict_text

FOUND = Estimate(value=1.2, low=1.1, high=1.35, level_exact=0.951, n=10, method="exact")
NARROWER = Estimate(value=1.2, low=1.12, high=1.3, n=10, method="exact")


def row(label: str = "M1", **more: Any) -> ForestRow:
    given: dict[str, Any] = {
        "label": label, "sub": "phi-3 · mlx", "ratio": FOUND, "ratio_90": NARROWER, "verdict": Verdict.FASTER,
        "symbol": "diamond", "points": (1.15, 1.25), "launch": "run1/3",
    }  # fmt: skip
    return ForestRow(**given | more)


def drawn(*rows: ForestRow, colours: theme.Palette = theme.LIGHT) -> Any:
    return forest(rows, colours, axis_title="decode → faster", band_frac=0.02)


def test_bars_are_distances_and_the_marker_is_the_estimate() -> None:
    ticks, ninety, ninety_five, marker = drawn(row()).data
    assert list(ticks.x) == [1.15, 1.25]
    assert (ninety.error_x.array[0], ninety.error_x.arrayminus[0]) == (pytest.approx(0.1), pytest.approx(0.08))
    assert (ninety_five.error_x.array[0], ninety_five.error_x.arrayminus[0]) == (
        pytest.approx(0.15),
        pytest.approx(0.1),
    )
    assert marker.x[0] == 1.2
    assert marker.marker.symbol == "diamond"
    assert marker.customdata[0][0] == "run1/3"
    assert "exact level 95.1 %" in marker.hovertemplate
    assert "n = 10" in marker.hovertemplate


def test_the_axis_holds_every_interval_and_the_band() -> None:
    wide = row("A", ratio=Estimate(value=3.0, low=0.5, high=9.0, n=6, method=""))
    low, high = (10**end for end in drawn(row(), wide).layout.xaxis.range)
    assert low < 0.5
    assert high > 9.0
    assert low < 1 / 1.02 < 1.02 < high


def test_without_an_interval_a_row_goes_last_and_is_hollow() -> None:
    few = row("few", ratio=Estimate(value=9.0, n=4, method="median"), ratio_90=None, verdict=None, points=())
    found = drawn(few, row("many"))
    labels = [a.text for a in found.layout.annotations if "<b>" in a.text and a.x == 0]
    assert [("few" in text) for text in labels] == [False, True]
    assert found.data[-1].marker.symbol == "diamond-open"
    assert any("·n=4" in a.text for a in found.layout.annotations)


def test_undecided_is_hollow_and_grey_and_equivalent_is_ink() -> None:
    open_ended = drawn(row(verdict=Verdict.INCONCLUSIVE)).data[-1].marker
    assert (open_ended.symbol, open_ended.color) == ("diamond-open", theme.LIGHT.inconclusive)
    assert colour_of(Verdict.EQUIVALENT, theme.DARK) == theme.DARK.equivalent
    assert {verdict_text(v)[0] for v in Verdict} >= {"▲", "▼", "=", "?"}


def test_what_cannot_be_compared_says_why_and_draws_nothing() -> None:
    found = drawn(row(ratio=None, ratio_90=None, verdict=None, note="no baseline on this device"))
    assert len(found.data) == 0
    assert any("no baseline on this device" in a.text for a in found.layout.annotations)


def test_the_same_rows_give_the_same_figure() -> None:
    assert drawn(row("a"), row("b")).to_json() == drawn(row("b"), row("a")).to_json()


def test_names_cannot_become_markup_and_the_template_is_explicit() -> None:
    found = drawn(row("<a href='javascript:x'>x</a>"))
    text = json.dumps(found.to_plotly_json(), default=str)
    assert "&lt;a href" in text
    assert "<a href" not in text
    assert safe("<b>") == "&lt;b&gt;"
    assert found.layout.template.to_plotly_json() == figure(theme.LIGHT, height=100).layout.template.to_plotly_json()


def test_an_interval_that_does_not_hold_its_value_and_infinity_are_refused() -> None:
    with pytest.raises(ValueError, match="does not hold"):
        reach([Estimate(value=1.0, low=1.1, high=1.2, n=6, method="")])
    with pytest.raises(ValueError, match="not finite"):
        finite([1.0, math.inf])


def test_what_was_simulated_stands_below_all_that_was_measured() -> None:
    made_up = row("made up", is_simulated=True, ratio=Estimate(value=1.8, low=1.7, high=1.9, n=40, method=""))
    bare = row("measured", ratio=None, ratio_90=None, verdict=None, points=())
    labels = [a.text for a in drawn(made_up, bare).layout.annotations if "<b>" in a.text and a.x == 0]
    assert [("measured" in text) for text in labels] == [True, False]


def test_an_interval_narrower_than_its_marker_is_seen_by_its_caps() -> None:
    narrow = row(ratio=Estimate(value=1.2, low=1.199, high=1.201, n=40, method="exact"), points=())
    found = drawn(narrow).data
    ninety_five, marker = found[-2], found[-1]
    assert marker.marker.line.width == 0, "no ring in the colour of the page hides the bar"
    assert ninety_five.error_x.width * 2 > marker.marker.size, "the caps reach above and below the marker"


def test_too_few_launches_have_words_in_place_of_a_verdict() -> None:
    few = row(ratio=Estimate(value=5.18, n=3, method="median"), ratio_90=None, verdict=Verdict.UNCLEAR, points=())
    words = [annotation.text for annotation in drawn(few).layout.annotations]
    assert any("n too small" in text for text in words)
    assert not any("unclear" in text for text in words)
