"""The noise of a device: A against A within a run, one arm from run to run."""

import math
from statistics import stdev

import pytest
from compare_helpers import DECODE, TTFT, both, cell, noisy

from collector import stats
from collector.compare.noise import (
    LEAST_LAUNCHES,
    floor,
    noise_between,
    noise_of,
    session_estimates,
    twin_cells,
)
from collector.queries import CellResult


def twins(
    run_id: str = "aa", n: int = 12, started: str = "2026-11-24T10:00:00+00:00", **more: object
) -> list[CellResult]:
    return [
        cell(both(10, n, i), run_id=run_id, arm_index=i, started_at_utc=started, **more)  # type: ignore[arg-type]
        for i in (0, 1)
    ]


def session(rate: float, run_id: str, n: int = 3, **more: object) -> CellResult:
    return cell({DECODE: [rate] * n}, run_id=run_id, **more)  # type: ignore[arg-type]


def test_the_floor_is_the_farthest_end_of_the_interval_of_a_against_a() -> None:
    first, second = twins()
    found = floor([first, second], DECODE, "f1", is_simulated=False)
    assert found is not None
    ratio = stats.paired_ratio(first.values[DECODE], second.values[DECODE])
    assert found.ratio == ratio
    assert ratio.low is not None
    assert ratio.high is not None
    assert found.floor_frac == pytest.approx(max(1 / ratio.low, ratio.high) - 1)
    assert found.log_sd == pytest.approx(stdev(stats.log_ratios(first.values[DECODE], second.values[DECODE])))


def test_the_newest_floor_counts() -> None:
    history = [*twins("old"), *twins("new", started="2026-11-25T00:00:00+00:00")]
    found = floor(history, DECODE, "f1", is_simulated=False)
    assert found is not None
    assert (found.run_id, found.measured_at_utc[:10]) == ("new", "2026-11-25")


def test_a_short_run_does_not_hide_a_floor() -> None:
    found = floor([*twins("old"), *twins("new", n=2, started="2026-11-25")], DECODE, "f1", is_simulated=False)
    assert found is not None
    assert found.run_id == "old"


def test_a_floor_belongs_to_its_device_and_to_real_models() -> None:
    assert floor(twins(), DECODE, "f2", is_simulated=False) is None
    assert floor(twins(backend="simulated"), DECODE, "f1", is_simulated=False) is None
    assert floor(twins(backend="simulated"), DECODE, "f1", is_simulated=True) is not None
    assert floor(twins(), "kernel_decode_tok_per_s", "f1", is_simulated=False) is None


def test_few_blocks_give_a_ratio_and_no_floor() -> None:
    found = floor(twins(n=5), DECODE, "f1", is_simulated=False)
    assert found is not None
    assert (found.floor_frac, found.ratio.n) == (None, 5)


def test_only_an_arm_with_itself_is_a_pair_of_twins() -> None:
    first, second = twins()
    assert list(twin_cells([first, second])) == [(first, second)]
    assert not list(twin_cells([first, cell(second.values, run_id="aa", arm_index=1, arm={"quant": "q8_0"})]))
    assert not list(twin_cells([first, cell(second.values, run_id="bb", arm_index=1)]))


def test_an_arm_that_ran_twice_in_a_run_is_one_session() -> None:
    ((_, estimates),) = session_estimates(twins(), DECODE).items()
    assert list(estimates.values()) == [stats.interval([v for one in twins() for v in one.values[DECODE]]).value]


def test_three_runs_make_the_noise_between_sessions() -> None:
    rates = (9.0, 10.0, 11.0)
    history = [session(rate, f"r{i}") for i, rate in enumerate(rates)]
    for n in (1, 2):
        assert noise_between(history[:n], DECODE, ([history[0]], [history[1]])).sessions is None
    found = noise_between(history, DECODE, ([history[0]], [history[1]]))
    assert found.sessions is not None
    assert found.sessions.sd == pytest.approx(stdev(map(math.log, rates)))
    assert (found.sessions.n, found.is_whole, found.n_runs) == (3, True, 3)


def test_a_run_of_few_launches_is_no_session() -> None:
    history = [session(10.0 + i, f"r{i}", n=LEAST_LAUNCHES - 1) for i in range(3)]
    found = noise_between(history, DECODE, ([history[0]], [history[0]]))
    assert (found.sessions, found.n_runs) == (None, 0)


def test_versions_and_shapes_are_not_thrown_together() -> None:
    """A new version of the engine that is faster is no noise."""
    versions = ("1", "1", "2")
    history = [session(10.0 * (i + 1), f"r{i}", machine={"engine_version": v}) for i, v in enumerate(versions)]
    assert noise_between(history, DECODE, ([history[0]], [history[2]])).sessions is None


def test_the_compared_arm_is_asked_before_others_of_its_device() -> None:
    own = [session(10.0 + i, f"r{i}") for i in range(3)]
    wild = [session(10.0 * 3**i, f"w{i}", arm={"quant": "q8_0"}) for i in range(3)]
    sides = ([own[0]], [own[1]])
    assert noise_between([*own, *wild], DECODE, sides).sessions == noise_between(own, DECODE, sides).sessions
    unknown = cell({DECODE: [10.0] * 3}, run_id="x", arm={"quant": "f16"})
    found = noise_between([*own, *wild, unknown], DECODE, ([unknown], [unknown]))
    assert found.sessions is not None
    assert found.sessions.n == 6, "an arm without runs of its own takes the noise of its device"
    assert found.n_runs == 1


def test_two_devices_add_their_noise() -> None:
    first = [session(rate, f"a{i}") for i, rate in enumerate((9.0, 10.0, 11.0))]
    second = [session(rate, f"b{i}", machine={"fingerprint": "f2"}) for i, rate in enumerate((39.0, 40.0, 41.0, 40.5))]
    sides = ([first[0]], [second[0]])
    found = noise_between([*first, *second], DECODE, sides)
    own = [stats.session_noise([c.values[DECODE][0] for c in cells]) for cells in (first, second)]
    assert found.sessions is not None
    assert own[0] is not None
    assert own[1] is not None
    widening = found.sessions.sd**2 * (1 / 1 + 1 / 1)
    assert widening == pytest.approx(own[0].sd ** 2 + own[1].sd ** 2)
    assert found.is_whole
    assert found.floor is None, "two devices have no floor in common"
    half = noise_between(first, DECODE, sides)
    assert half.sessions is not None
    assert not half.is_whole
    assert half.sessions.sd**2 * 2 == pytest.approx(own[0].sd ** 2)


def test_noise_of_an_arm_has_its_headline_metrics() -> None:
    found = noise_of(twins(), twins())
    assert set(found) == {DECODE, TTFT}
    assert found[DECODE].floor is not None
    assert noise_of([], []) == {}
    assert found[DECODE].n_runs == 1


def test_equal_sessions_give_a_noise_of_zero() -> None:
    history = [session(10.0, f"r{i}") for i in range(3)]
    other = [session(10.0, f"q{i}", machine={"fingerprint": "f2"}) for i in range(3)]
    found = noise_between([*history, *other], DECODE, ([history[0]], [other[0]]))
    assert found.sessions is not None
    assert found.sessions.sd == 0.0
    assert stats.unpaired_ratio(noisy(10, 5, 1), noisy(10, 5, 2), noise=found.sessions).low is not None
