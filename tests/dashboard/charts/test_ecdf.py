"""The distribution of gaps: shares, percentiles with their interval, and that extremes survive thinning."""

import json
import math
from typing import Any

import pytest

from collector.compare import Estimate
from dashboard import theme
from dashboard.charts.ecdf import Mark, ProcessGaps, ecdf, ranks
from dashboard.charts.ticks import round_ticks, tick_text

FEW = (ProcessGaps(launch="r/1", gaps_s=(0.03, 0.01, 0.02, 0.04)), ProcessGaps(launch="r/2", gaps_s=(0.05, 0.02)))


def drawn(*processes: ProcessGaps, marks: tuple[Mark, ...] = ()) -> Any:
    return ecdf(processes or FEW, theme.LIGHT, colour="#1D4ED8", symbol="circle", marks=marks)


def test_a_line_a_process_and_a_strong_one_for_all() -> None:
    first, second, pooled = drawn().data
    assert list(first.x) == [10, 20, 30, 40]
    assert list(first.y) == [25, 50, 75, 100]
    assert [row[0] for row in second.customdata] == ["r/2", "r/2"]
    assert list(pooled.x) == [10, 20, 20, 30, 40, 50]
    assert pooled.y[-1] == 100
    assert pooled.line.width > first.line.width
    assert first.opacity < 0.5


def test_a_percentile_stands_where_it_is_with_its_interval_and_is_hollow_without_one() -> None:
    known = Mark(
        percent=50, estimate=Estimate(value=0.02, low=0.018, high=0.025, n=8, method="exact", level_exact=0.96)
    )
    unknown = Mark(percent=95, estimate=Estimate(value=0.04, n=3, method="median"))
    found = drawn(marks=(unknown, known))
    p50, p95 = found.data[-2:]
    assert (p50.x[0], p50.y[0]) == (20, 50)
    assert p50.error_x.array[0] == pytest.approx(5)
    assert p50.error_x.arrayminus[0] == pytest.approx(2)
    assert p50.marker.symbol == "circle"
    assert p95.marker.symbol == "circle-open"
    assert "n = 3" in p95.hovertemplate
    assert [a.text for a in found.layout.annotations] == ["p50 20.0 ms", "p95 40.0 ms"]


def test_the_axis_is_logarithmic_in_milliseconds_and_holds_every_gap() -> None:
    axis = drawn().layout.xaxis
    low, high = (10**end for end in axis.range)
    assert axis.type == "log"
    assert "ms" in axis.title.text
    assert low < 10
    assert high > 50
    assert all(low <= tick <= high for tick in axis.tickvals)


def test_many_gaps_are_thinned_and_the_rare_ones_stay() -> None:
    kept = ranks(1_000_000, 5_000)
    assert len(kept) <= 5_000
    assert kept[:100] == list(range(100))
    assert kept[-100:] == list(range(999_900, 1_000_000))
    assert ranks(7, 10) == list(range(7))
    gaps = tuple(0.01 + 1e-9 * i for i in range(200_000))
    found = drawn(*(ProcessGaps(launch=f"r/{i}", gaps_s=gaps) for i in range(3)))
    assert sum(len(trace.x) for trace in found.data) <= 20_000
    assert max(found.data[-1].x) == pytest.approx(1e3 * max(gaps))


def test_equal_gaps_still_have_an_axis_and_the_same_gaps_the_same_figure() -> None:
    low, high = drawn(ProcessGaps(launch="r/1", gaps_s=(0.05,))).layout.xaxis.range
    assert low < math.log10(50) < high
    assert drawn(*FEW).to_json() == drawn(*reversed(FEW)).to_json()
    assert "NaN" not in json.dumps(json.loads(drawn().to_json()))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (82, 86, [82, 83, 84, 85, 86]),
        (0.3, 11, [0.3, 1, 3, 10]),
        (0.02, 900, [0.1, 1, 10, 100]),
        (49.5, 50.5, [49.6, 49.8, 50.0, 50.2, 50.4]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(ticks)
    assert len(set(tick_text(ticks))) == len(ticks)
