"""Steps from run to run: what is plain to see is found, what scatter can do is not."""

import random

import pytest

from collector.compare.steps import LEAST_RUNS, Level, levels, steps
from collector.stats import Estimate

BAND = 0.02


def runs(*values: float, width: float = 0.005) -> list[Estimate]:
    return [
        Estimate(value=v, low=v * (1 - width), high=v * (1 + width), level_exact=0.95, n=10, method="exact")
        for v in values
    ]


def test_a_step_is_found_where_it_is_and_as_large_as_it_is() -> None:
    found = levels(runs(10.0, 10.05, 9.95, 10.0, 11.2, 11.15, 11.25, 11.2), BAND)
    assert [(level.first, level.last) for level in found] == [(0, 3), (4, 7)]
    (step,) = steps(found)
    assert step.place == 4
    assert step.ratio == pytest.approx(1.12, rel=0.01)


def test_a_loss_is_a_step_too_and_two_steps_are_two() -> None:
    found = levels(runs(*[10.0] * 4, *[8.0] * 4, *[10.0] * 4), BAND)
    assert [round(step.ratio, 3) for step in steps(found)] == [0.8, 1.25]
    assert [step.place for step in steps(found)] == [4, 8]


@pytest.mark.parametrize("ratio", [1.015, 1 / 1.015])
def test_within_the_band_nothing_is_a_step(ratio: float) -> None:
    found = levels(runs(*[10.0] * 5, *[10.0 * ratio] * 5, width=0.0001), BAND)
    assert steps(found) == ()
    assert (found[0].first, found[0].last) == (0, 9)


def test_intervals_that_touch_the_band_are_no_step() -> None:
    values = [10.0] * 5 + [10.6] * 5
    assert len(steps(levels(runs(*values, width=0.005), BAND))) == 1
    assert steps(levels(runs(*values, width=0.02), BAND)) == ()


def test_without_an_interval_on_either_side_there_is_no_step() -> None:
    bare = [Estimate(value=v, n=3, method="median") for v in (10.0, 10.0, 10.0, 20.0, 20.0, 20.0)]
    assert steps(levels(bare, BAND)) == ()


def test_few_runs_have_one_level_and_none_has_none() -> None:
    assert levels([], BAND) == ()
    assert LEAST_RUNS == 4
    assert levels(runs(10.0, 20.0, 20.0), BAND) == (Level(first=0, last=2, value=20.0),)


def test_scatter_alone_is_rarely_a_step() -> None:
    draw = random.Random(7)
    found = [steps(levels(runs(*(10.0 * draw.lognormvariate(0, 0.01) for _ in range(20))), BAND)) for _ in range(300)]
    assert sum(bool(one) for one in found) <= 9


def test_a_real_step_in_scatter_is_mostly_found() -> None:
    draw = random.Random(8)
    n_found = 0
    for _ in range(100):
        values = [10.0 * (1.0 if i < 10 else 1.1) * draw.lognormvariate(0, 0.01) for i in range(20)]
        n_found += any(abs(step.place - 10) <= 1 for step in steps(levels(runs(*values), BAND)))
    assert n_found >= 90
