"""The first line that a person reads: what was found, its doubt beside it."""

from dataclasses import replace
from typing import Any

import pytest
from compare_helpers import CHAT, DECODE, TTFT, both, cell, noisy, side

from collector.compare import compare
from collector.compare.findings import findings, ratio
from collector.queries import CellResult
from collector.stats import Estimate

HERE = "this machine"


def first_line(first: CellResult, second: CellResult, here: str | None = HERE, **more: Any) -> str:
    (found,) = findings(compare([(side(first, name="A"), side(second, name="B"))], **more), here)
    return found


def second(values: dict[str, list[float]], **more: Any) -> CellResult:
    return cell(values, **({"arm_index": 1} | more))


@pytest.mark.parametrize(
    ("n", "rate", "begin", "end"),
    [
        (10, 9.0, "B generates 0.", " blocks): slower."),
        (10, 11.0, "B generates 1.", " blocks): faster."),
        (20, 10.0, "B generates as fast as A here, within ±2 % (", " blocks): equivalent."),
        (6, 9.0, "B generates 0.9", "95 %, 6 blocks): inconclusive."),
        (3, 9.0, "B generates 0.9", "× as fast as A here (3 blocks: too few for an interval)."),
        (1, 9.0, "B generates 0.9", "(1 block: too few for an interval)."),
    ],
)
def test_paired_arms(n: int, rate: float, begin: str, end: str) -> None:
    found = first_line(cell(both(10, n, 1)), second(both(rate, n, 2)))
    assert found.startswith(begin)
    assert found.endswith(end)


def test_two_devices_look_different() -> None:
    other = cell(both(43, 12, 2), run_id="r2", machine={"device": "M1", "fingerprint": "f2"})
    found = first_line(cell(both(10, 12, 1)), other)
    assert found.startswith("B generates 4.")
    assert found.endswith("95 %; different runs and devices): looks faster.")
    assert " here" not in found


def test_a_device_that_is_not_here_is_named() -> None:
    assert "× as fast as A on this machine (" in first_line(cell(both(10, 8, 1)), second(both(9, 8, 2)), here="M1")


def test_pairs_of_the_same_two_names_are_told_apart_by_their_arm() -> None:
    arms = [side(cell(both(10, 8, 1)), name="run r1"), side(second(both(9, 8, 2)), name="run r2")]
    (alone,) = findings(compare([(arms[0], arms[1])]), HERE)
    assert alone.startswith("run r2 generates")
    twice = findings(compare([(arms[0], arms[1]), (arms[0], arms[1])]), HERE)
    assert twice == [f"{arms[1].label}: {alone}"] * 2


def test_too_few_launches_of_two_runs() -> None:
    found = first_line(cell(both(10, 3, 1)), cell(both(9, 3, 2), run_id="r2"))
    assert found.endswith("(3 and 3 launches: too few for an interval).")


def test_rows_that_were_decided_otherwise_are_told_too() -> None:
    """Equal in decoding and slower to the first token: a finding that told one of the two would mislead."""
    values = both(10, 20, 1)
    slower = {DECODE: noisy(10, 20, 3), TTFT: [1.2 * v for v in values[TTFT]]}
    found = first_line(cell(values), second(slower))
    assert "blocks): equivalent. But: first token s slower (1.2" in found


def test_several_workloads_are_named_and_many_rows_are_counted() -> None:
    shapes = [replace(CHAT, name=f"w{i}", n_prompt_tokens=64 + i) for i in range(5)]
    equal = both(10, 20, 1)
    first = [cell(equal, workload=shape) for shape in shapes]
    worse = {name: [v * (0.8 if name == DECODE else 1.25) for v in found] for name, found in equal.items()}
    others = [second(equal if shape is shapes[0] else worse, workload=shape) for shape in shapes]
    (found,) = findings(compare([(side(*first, name="A"), side(*others, name="B"))]), HERE)
    assert "B generates as fast as A here in w0, within ±2 %" in found
    assert "But: w1 decode tok/s slower" in found
    assert found.endswith("and 5 more rows.")


def test_the_first_token_speaks_where_decode_is_not_compared() -> None:
    found = first_line(cell(both(10, 10, 1)), second(both(5, 10, 2), flags=("chunked",)))
    assert found.startswith("B takes 2.0")
    assert "× as long to the first token as A here (" in found
    assert found.endswith(": slower.")


def test_nothing_in_common_and_nothing_to_compare() -> None:
    assert "no value in common" in first_line(cell({DECODE: [1.0]}), second({TTFT: [1.0]}))
    one = cell(both(10, 10, 1))
    assert first_line(one, one) == "A and B are the same launches: nothing is compared."


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.857, 0.846, 0.868, "0.857 (0.846–0.868)"),
        (4.3, 4.1, 4.5, "4.30 (4.10–4.50)"),
        (12.0, 9.0, 16.0, "12.0 (9.0–16.0)"),
        (1.00034, 0.99996, 1.00061, "1.000 (1.000–1.001)"),
        (1.1, 1.1, 1.1, "1.100 (1.100–1.100)"),
        (0.857, None, None, "0.86 ·n=9"),
    ],
)
def test_ratios_have_the_digits_of_their_interval(
    value: float, low: float | None, high: float | None, text: str
) -> None:
    assert ratio(Estimate(value=value, low=low, high=high, n=9, method="")) == text


def test_an_unknown_ratio_is_a_dash() -> None:
    assert ratio(None) == "—"
