"""What Overview says first, and that it never sets what was simulated against what was measured."""

from collections.abc import Sequence
from typing import Any

from compare_helpers import DECODE, both, cell

from collector.queries import CellResult, SeriesRow
from dashboard.headline import NOTHING, TOO_SMALL, Headline, headline, verdict_of
from dashboard.rows import Standing, standings

MADE_UP: dict[str, Any] = {"run_id": "fake1", "backend": "simulated", "flags": ("simulated",)}
LLAMA = {"model": "llama-2-7b"}
ELSEWHERE = {"device": "tablet", "fingerprint": "f2"}


def standing(cells: Sequence[CellResult]) -> list[Standing]:
    series = [
        SeriesRow(
            arm=one.arm, workload=one.workload, device=one.machine and one.machine.device, run_id=one.run_id,
            fingerprint=one.machine and one.machine.fingerprint, started_at_utc=one.started_at_utc, n_runs=1,
            n_launches=one.n_launches, is_sustained=False, is_simulated=one.backend == "simulated",
        )
        for one in cells
    ]  # fmt: skip
    return standings(series, cells, None, "64+32")


def said(*cells: CellResult) -> Headline:
    return headline(standing(cells), DECODE)


def test_a_measured_arm_beside_a_simulated_baseline_has_no_ratio_in_the_headline() -> None:
    """What quickstart --small measured, then a run with the simulator: its 1.763x is no finding of this machine."""
    made_up = (
        cell(both(2, 40, 1), arm={**LLAMA, "engine": "fake"}, **MADE_UP),
        cell(both(4, 40, 2), arm_index=1, arm={"engine": "fake"}, **MADE_UP),
    )
    found = said(*made_up, cell(both(10, 3, 3), arm={"model": "llama-3.2-1b"}))
    assert found.title == "No two measured arms to compare yet"
    assert len(found.others) == 1
    assert found.others[0].startswith("Simulated: phi-3-mini-4k q4_0 fake generates 1.99")
    assert "llama-3.2-1b" not in found.others[0]


def test_measured_arms_come_first_and_simulated_ones_say_what_they_are() -> None:
    made_up = (
        cell(both(2, 40, 1), arm={**LLAMA, "engine": "fake"}, **MADE_UP),
        cell(both(4, 40, 2), arm_index=1, arm={"engine": "fake"}, **MADE_UP),
    )
    measured = (cell(both(10, 8, 3), arm=LLAMA), cell(both(5, 8, 4), arm_index=1))
    found = said(*made_up, *measured)
    assert found.title.startswith("phi-3-mini-4k q4_0 generates 0.5")
    assert [text.split(":")[0] for text in found.others] == ["Simulated"]


def test_devices_of_two_kinds_are_not_set_against_each_other() -> None:
    measured, made_up = cell(both(10, 8, 3)), cell(both(20, 8, 4), machine=ELSEWHERE, **MADE_UP)
    found = said(measured, made_up)
    assert "tablet" not in " ".join((found.title, *found.others))


def test_across_devices_format_and_engine_are_named_and_the_ratio_explained() -> None:
    found = said(cell(both(10, 8, 3)), cell(both(15, 8, 4), run_id="r2", machine=ELSEWHERE))
    assert found.title.startswith("phi-3-mini-4k q4_0, llama_cpp: tablet generates 1.5")
    assert "median over pairs of launches" in found.caption
    assert "decode tok/s" in found.caption


def test_the_fastest_arm_of_each_device_stands_for_it_and_two_engines_are_named() -> None:
    slow, fast = cell(both(10, 8, 3)), cell(both(12, 8, 5), arm_index=1, arm={"engine": "mlx"})
    found = said(slow, fast, cell(both(30, 8, 4), run_id="r2", machine=ELSEWHERE))
    assert "tablet (llama_cpp) generates 2.5" in found.title
    assert "as fast as this machine (mlx)" in found.title


def test_what_is_against_the_baseline_is_told_apart_from_what_is_across_devices() -> None:
    here = (cell(both(10, 8, 3), arm=LLAMA), cell(both(20, 8, 4), arm_index=1))
    found = said(*here, cell(both(30, 8, 5), run_id="r2", machine=ELSEWHERE))
    assert "tablet generates 1.4" in found.title
    assert found.others[0].startswith("Against the baseline: phi-3-mini-4k q4_0 generates 1.99")


def test_one_arm_has_no_headline() -> None:
    assert said(cell(both(10, 8, 3))).title == NOTHING
    assert headline([], DECODE).title == NOTHING


def test_fewer_than_six_launches_have_no_verdict() -> None:
    few = standing((cell(both(10, 3, 3), arm=LLAMA), cell(both(50, 40, 4), run_id="r2")))
    (found,) = [one for one in few if one.pair is not None]
    assert verdict_of(found.row(DECODE)) == TOO_SMALL
    assert verdict_of(None) == ""
