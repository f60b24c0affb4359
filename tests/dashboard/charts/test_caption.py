"""What a chart says of itself when it is taken away: in its own layout, in any font, on the page's colour."""

import plotly.graph_objects as go
import pytest

from dashboard import theme
from dashboard.charts.base import figure
from dashboard.charts.caption import LINE_CHARS, TITLE_CHARS, Caption, captioned
from dashboard.charts.labels import legend

WORDS = Caption(title="decode tok/s of <b>phi</b> by run, chat 64+128", lines=("phone (simulated)", "", "B: phi " * 20))


def drawn(colours: theme.Palette = theme.LIGHT) -> go.Figure:
    found = figure(colours, height=300)
    found.add_scatter(x=[1], y=[1], name="phi-3-mini-4k q4_0 on a phone (simulated)")
    found.add_annotation(x=0, xanchor="left", text="at the left")
    found.add_annotation(x=1, xanchor="right", text="at the right")
    found.add_annotation(x=1, text="in the middle")
    legend(found, colours, 1)
    return captioned(found, colours, WORDS)


def test_title_device_and_doubt_stand_in_the_picture_and_no_name_is_markup() -> None:
    text = drawn().layout.title.text
    assert "&lt;b&gt;phi" in text
    assert "phone (simulated)" in text
    lines = text.split("<br>")
    assert all(len(line) < max(TITLE_CHARS, LINE_CHARS) + 80 for line in lines), "wrapped, tags left aside"
    assert len([line for line in lines if "B: phi" in line or "phi B:" in line]) > 1


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_the_ground_is_the_pages_colour(colours: theme.Palette) -> None:
    layout = drawn(colours).layout
    assert (layout.paper_bgcolor, layout.plot_bgcolor) == (colours.background, colours.background)


def test_the_caption_takes_no_room_from_the_plot_and_the_legend_lies_below_it() -> None:
    found = drawn().layout
    head = found.height - 300
    n_lines = found.title.text.count("<br>") + 1
    assert head >= 16 * n_lines
    assert found.margin.t >= head
    assert found.legend.y == pytest.approx(1 - head / found.height)
    assert found.legend.yref == "container"


def test_words_are_tied_at_their_own_side_and_entries_have_room_for_a_wider_font() -> None:
    found = drawn().layout
    assert [one.align for one in found.annotations] == ["left", "right", None]
    assert found.legend.entrywidth > 0.6 * theme.TICK_PX * len("phi-3-mini-4k q4_0 on a phone (simulated)")


def test_the_same_records_give_the_same_figure() -> None:
    assert drawn().to_json() == drawn().to_json()
