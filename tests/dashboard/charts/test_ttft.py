"""Time to the first token: lines over lengths of prompt, a row an arm where there is but one length."""

from dataclasses import replace
from typing import Any

import pytest

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.ttft import TtftLine, TtftPoint, ttft


def point(n_prompt_tokens: int, value: float, n: int = 10) -> TtftPoint:
    known = {"low": 0.9 * value, "high": 1.2 * value} if n >= 6 else {}
    estimate = Estimate(value=value, n=n, method="exact", **known)
    return TtftPoint(n_prompt_tokens=n_prompt_tokens, ttft=estimate, note="run r", launch=f"r/{n_prompt_tokens}")


PHI = TtftLine(label="phi <b>", symbol="diamond", points=(point(512, 4.0), point(64, 0.5)))
LLAMA = TtftLine(label="llama", symbol="circle", points=(point(64, 1.0, n=3),))


def drawn(*lines: TtftLine) -> Any:
    return ttft(lines, theme.DARK, colour="#4EA3E8")


def test_a_line_an_arm_in_the_order_of_the_prompts() -> None:
    phi, llama = drawn(PHI, LLAMA).data
    assert list(phi.x) == [64, 512]
    assert list(phi.y) == [0.5, 4.0]
    assert phi.error_y.array[0] == pytest.approx(0.1)
    assert phi.error_y.arrayminus[1] == pytest.approx(0.4)
    assert phi.name == "phi &lt;b&gt;"
    assert [row[0] for row in phi.customdata] == ["r/64", "r/512"]
    assert phi.line.dash != llama.line.dash
    assert list(phi.marker.symbol) == ["diamond", "diamond"]
    assert list(llama.marker.symbol) == ["circle-open"]
    assert "n = 3" in llama.hovertext[0]


def test_axes_are_logarithmic_name_their_unit_and_the_better_side() -> None:
    layout = drawn(PHI, LLAMA).layout
    assert (layout.xaxis.type, layout.yaxis.type) == ("log", "log")
    assert list(layout.xaxis.tickvals) == [64, 512]
    assert layout.yaxis.title.text == "time to first token (s) ← faster"
    assert 10 ** layout.yaxis.range[1] > 4.8


def test_with_one_length_arms_are_rows_from_zero() -> None:
    found = drawn(replace(PHI, points=PHI.points[1:]), LLAMA)
    assert [trace.x[0] for trace in found.data] == [0.5, 1.0]
    assert found.data[0].y[0] > found.data[1].y[0], "the first arm on top"
    assert found.layout.xaxis.range[0] == 0
    assert "after 64 tokens" in found.layout.xaxis.title.text
    assert [a.text for a in found.layout.annotations] == ["phi &lt;b&gt;", "llama"]


def test_the_same_lines_give_the_same_figure() -> None:
    again = replace(PHI, points=tuple(reversed(PHI.points)))
    assert drawn(PHI, LLAMA).to_json() == drawn(again, LLAMA).to_json()
    assert "NaN" not in drawn(PHI, LLAMA).to_json()
