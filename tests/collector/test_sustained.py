"""Burst, sustained, plateau and half-loss of launches whose truth is known, and silence where nothing can be said."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from command_helpers import phibench

from collector import sustained
from collector.queries import Reader
from collector.sustained import Repetition

N_TOKENS = 128


def repetitions(
    speed: Callable[[float], float], length_s: float = 600.0, *, rate: float = 10.0, noise: float = 0.0, seed: int = 1
) -> list[Repetition]:
    """A launch whose rate is ``rate * speed(t)``; prompts take a tenth of a repetition."""
    draw, t_s, found = random.Random(seed), 0.0, []
    while t_s < length_s:
        luck = math.exp(draw.gauss(0.0, noise))
        begin_s = t_s + 0.1 * N_TOKENS / (rate * speed(t_s) * luck)
        decode_s = 0.0
        for _ in range(N_TOKENS - 1):
            decode_s += 1 / (rate * speed(begin_s + decode_s) * luck)
        t_s = begin_s + decode_s
        middle_s = begin_s + decode_s / 2
        found.append(Repetition(middle_s=middle_s, end_s=t_s, n_tokens=N_TOKENS - 1, decode_s=decode_s))
    return found


def step(at_s: float, share: float) -> Callable[[float], float]:
    return lambda t_s: 1.0 if t_s < at_s else share


def heated(loss: float, tau_s: float) -> Callable[[float], float]:
    return lambda t_s: 1 - loss * (1 - math.exp(-t_s / tau_s))


def test_a_steady_launch_keeps_everything_and_has_no_half_loss() -> None:
    steady = repetitions(lambda _: 1.0)
    assert sustained.burst_tok_per_s(steady) == pytest.approx(10.0)
    assert sustained.sustained_tok_per_s(steady) == pytest.approx(10.0)
    settled = sustained.plateau(steady)
    assert settled is not None
    assert (settled.begin_s, settled.tok_per_s) == (0.0, pytest.approx(10.0))
    assert sustained.t50_s(steady) is None


def test_a_step_is_found_where_it_is() -> None:
    stepped = repetitions(step(200.0, 0.7), noise=0.005)
    settled = sustained.plateau(stepped)
    assert settled is not None
    assert settled.tok_per_s == pytest.approx(7.0, rel=0.005)
    assert settled.begin_s == pytest.approx(200.0, abs=20.0)
    assert sustained.t50_s(stepped) == pytest.approx(200.0, abs=10.0)
    assert sustained.sustained_tok_per_s(stepped) == pytest.approx(7.0, rel=0.005)


def test_an_exponential_fall_settles_and_its_half_time_is_known() -> None:
    tau_s = 60.0
    fallen = repetitions(heated(0.3, tau_s), rate=40.0, noise=0.005)
    settled = sustained.plateau(fallen)
    assert settled is not None
    assert settled.tok_per_s == pytest.approx(28.0, rel=0.005)
    assert sustained.t50_s(fallen) == pytest.approx(tau_s * math.log(2), rel=0.1)


@pytest.mark.parametrize("speed", [heated(0.3, 600.0), heated(0.3, 300.0), lambda t_s: 1 - 0.3 * t_s / 600])
def test_what_still_falls_at_the_end_has_no_plateau_but_a_sustained_rate(speed: Callable[[float], float]) -> None:
    falling = repetitions(speed, noise=0.005)
    assert sustained.plateau(falling) is None
    assert sustained.t50_s(falling) is None
    rate = sustained.sustained_tok_per_s(falling)
    assert rate is not None
    assert 10 * speed(600.0) < rate < 10 * speed(450.0)


def test_plateaus_are_said_of_what_is_steady_and_seldom_of_what_is_not() -> None:
    def share(speed: Callable[[float], float]) -> float:
        launches = [repetitions(speed, rate=5.0, noise=0.01, seed=seed) for seed in range(60)]
        return sum(sustained.plateau(launch) is not None for launch in launches) / len(launches)

    assert share(lambda _: 1.0) >= 0.93
    assert share(step(200.0, 0.7)) >= 0.93
    assert share(heated(0.3, 300.0)) <= 0.12
    assert share(lambda t_s: 1 - 0.3 * t_s / 600) <= 0.05


def test_a_rise_is_a_plateau_and_no_loss() -> None:
    risen = repetitions(step(200.0, 1.2))
    settled = sustained.plateau(risen)
    assert settled is not None
    assert settled.tok_per_s == pytest.approx(12.0)
    assert sustained.t50_s(risen) is None


@pytest.mark.parametrize("places", [(2,), (20, 21), (10, 40), (43,)])
def test_a_moments_disturbance_is_no_change(places: tuple[int, ...]) -> None:
    calm = repetitions(lambda _: 1.0, noise=0.005)
    disturbed = [replace(r, decode_s=3 * r.decode_s) if i in places else r for i, r in enumerate(calm)]
    settled = sustained.plateau(disturbed)
    assert settled is not None
    assert (settled.begin_s, settled.tok_per_s) == (0.0, pytest.approx(10.0, rel=0.005))
    assert sustained.t50_s(disturbed) is None


def test_disturbances_do_not_hide_a_step() -> None:
    stepped = repetitions(step(200.0, 0.7), noise=0.005)
    disturbed = [replace(r, decode_s=3 * r.decode_s) if i in {5, 6, 30} else r for i, r in enumerate(stepped)]
    settled = sustained.plateau(disturbed)
    assert settled is not None
    assert settled.tok_per_s == pytest.approx(7.0, rel=0.005)
    assert sustained.t50_s(disturbed) == pytest.approx(200.0, abs=10.0)


@pytest.mark.parametrize(("length_s", "begin_s"), [(1200.0, 1080.0), (600.0, 480.0), (100.0, 80.0)])
def test_sustained_is_the_last_two_minutes_or_the_last_fifth_of_a_shorter_run(length_s: float, begin_s: float) -> None:
    late = repetitions(step(begin_s, 0.5), length_s, rate=200.0)
    assert sustained.sustained_tok_per_s(late) == pytest.approx(100.0, rel=0.02)
    earlier = repetitions(lambda t_s: 0.5 if t_s < begin_s - 4 else 1.0, length_s, rate=200.0)
    assert sustained.sustained_tok_per_s(earlier) == pytest.approx(200.0, rel=0.02)


def test_tokens_and_times_are_added_up_and_rates_are_not_averaged() -> None:
    fast = Repetition(middle_s=5.0, end_s=10.0, n_tokens=100, decode_s=2.5)
    slow = Repetition(middle_s=5.0, end_s=10.0, n_tokens=100, decode_s=10.0)
    assert sustained.rate([fast, slow]) == pytest.approx(16.0)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_repetitions_say_little(n: int) -> None:
    few = repetitions(lambda _: 1.0)[:n]
    assert (sustained.burst_tok_per_s(few) is None) == (n < 1)
    assert (sustained.sustained_tok_per_s(few) is None) == (n < 2)
    assert sustained.plateau(few) is None
    assert sustained.t50_s(few) is None


def test_thousands_of_short_repetitions_are_put_together() -> None:
    many = repetitions(step(200.0, 0.7), rate=1000.0, noise=0.02)
    assert len(many) > 2000
    settled = sustained.plateau(many)
    assert settled is not None
    assert settled.begin_s == pytest.approx(200.0, abs=3.0)
    assert sustained.t50_s(many) == pytest.approx(200.0, abs=3.0)


def test_the_cuts_are_the_best_of_all_ways_to_cut() -> None:
    draw = random.Random(5)
    logs = [draw.gauss(0.0, 0.01) + (0.0 if i < 4 else -0.03 if i < 7 else -0.02) for i in range(9)]

    def cost(starts: tuple[int, ...]) -> float:
        pieces = [logs[a:b] for a, b in zip(starts, (*starts[1:], len(logs)), strict=True)]
        within = sum(sum((y - sum(p) / len(p)) ** 2 for y in p) for p in pieces)
        return within + 4.0 * math.log(len(logs)) * 0.005**2 * (len(pieces) - 1)

    ways = [(0, *(i for i in range(1, 9) if mask >> i & 1)) for mask in range(0, 1 << 9, 2)]
    assert sustained.cuts(logs, 0.005) == min(ways, key=cost)


@pytest.mark.parametrize(
    ("states", "frac"),
    [
        ([(0.0, "nominal"), (50.0, "fair")], 0.5),
        ([(50.0, "fair"), (0.0, "nominal")], 0.5),
        ([(-30.0, "serious"), (25.0, "nominal")], 0.25),
        ([(40.0, "fair")], 1.0),
        ([(40.0, "nominal"), (120.0, "serious")], 0.0),
        ([(-5.0, "fair"), (120.0, "fair")], None),
        ([], None),
    ],
)
def test_the_share_of_time_that_was_not_nominal(states: list[tuple[float, str]], frac: float | None) -> None:
    assert sustained.nonnominal_frac(states, 100.0) == (None if frac is None else pytest.approx(frac))


def test_a_sustained_run_of_the_simulator_finds_its_truth(tmp_path: Path) -> None:
    """Through the command, the worker and the store: 12 tok/s that fall to 8.4 with a time constant of 60 s."""
    tau_s = 60.0
    arm = f"engine=fake heat_frac=0.3 heat_tau_s={tau_s:g} noise_frac=0 jitter_frac=0"
    phibench("run", "sustained", "--model", "phi-3-mini-4k", "--arm", arm, "--blocks", "1", cwd=tmp_path)
    with Reader.open(str(tmp_path / "p.db")) as reader:
        detail = reader.launch("last/1")
    warm_up, first, *_ = detail.samples
    warm_up_s = warm_up["e2e_s"]
    speed = heated(0.3, tau_s)
    burst = 12 * speed(warm_up_s + (first["ttft_s"] + first["e2e_s"]) / 2)
    half = (burst + 8.4) / 2
    half_loss_s = -tau_s * math.log(1 - (1 - half / 12) / 0.3) - warm_up_s
    found = detail.launch.stats
    assert found["burst_tok_per_s"] == pytest.approx(burst, rel=0.002)
    assert found["sustained_tok_per_s"] == pytest.approx(8.4, rel=0.002)
    assert found["plateau_tok_per_s"] == pytest.approx(8.4, rel=0.005)
    assert found["retained_frac"] == pytest.approx(8.4 / burst, rel=0.004)
    assert found["t50_s"] == pytest.approx(half_loss_s, rel=0.05)
    assert "decode_tok_per_s" not in found
