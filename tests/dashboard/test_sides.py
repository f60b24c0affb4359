"""Two arms and their launches: which ran first, in which block, and what the numbers of a row are made of."""

from collections.abc import Callable

import pytest

from collector.compare import compare
from collector.queries import Reader
from dashboard import sides, verdicts

Database = Callable[[str], str]


def test_block_ratios_are_those_that_the_verdict_rests_on(database: Database) -> None:
    with Reader.open(database("simulated")) as reader:
        arms = sides.arms_of(reader.cells(["lap1"]))
        two = sides.two_sides(*arms.values(), {"lap1": reader.run("lap1").plan})
    row = compare([two]).pairs[0].rows[0]
    blocks = sides.block_ratios(row, sides.launches_of(row, two))
    assert row.ratio is not None
    assert len(blocks) == row.ratio.n == 8
    assert min(one.ratio for one in blocks) <= row.ratio.value <= max(one.ratio for one in blocks)
    assert {one.launch for one in blocks} == set(row.other_launches)
    assert {one.is_baseline_first for one in blocks} == {True, False}, "mirrored pairs of blocks"


def test_an_arm_that_ran_twice_is_two_arms_with_names_of_their_own(database: Database) -> None:
    with Reader.open(database("simulated")) as reader:
        cells = reader.cells(["aa1"])
    assert list(sides.arms_of(cells)) == [f"{cells[0].arm.label} (arm {n})" for n in (1, 2)]
    found = sides.noise_blocks(cells, "decode_tok_per_s")
    assert len(found) == 8
    assert all(0.8 < one.ratio < 1.25 for one in found)


def test_the_baseline_is_llama_2_and_a_table_has_a_row_a_block(database: Database) -> None:
    with Reader.open(database("simulated")) as reader:
        arms = sides.arms_of(reader.cells(["lap1"]))
    assert sides.usual_baseline(arms).startswith("llama-2-7b")
    two = sides.two_sides(*arms.values(), {})
    row = compare([two]).pairs[0].rows[0]
    shown = sides.launch_rows(row, sides.launches_of(row, two))
    assert [one["block"] for one in shown] == list(range(1, 9))
    assert shown[0]["ratio B/A"] == pytest.approx(shown[0]["B decode tok/s"] / shown[0]["A decode tok/s"])


def test_runs_that_share_no_block_are_listed_launch_by_launch(database: Database) -> None:
    with Reader.open(database("simulated")) as reader:
        a, b = (sides.arms_of(reader.cells([run])) for run in ("lap1", "phone1"))
    label = next(name for name in b if name.startswith("phi"))
    two = sides.two_sides(a[label], b[label], {})
    pair = compare([two]).pairs[0]
    row = pair.rows[0]
    behind = sides.launches_of(row, two)
    assert not behind.pairs
    assert {one["arm"] for one in sides.launch_rows(row, behind)} == {"A", "B"}
    assert [one.place for one in sides.launch_values(row, behind.other, is_ranked=True)] == list(range(1, 9))
    assert "not paired" in verdicts.design_text(pair, compare([two]))
    assert verdicts.noise_text(pair).startswith("Noise floor: none across devices")


def test_runs_on_a_device_are_its_own_and_the_newest_first(database: Database) -> None:
    with Reader.open(database("simulated")) as reader:
        by_name = {one.device: one.fingerprint for one in reader.series()}
        assert reader.runs_on([by_name["phone"] or ""], 10) == ["sus1", "phone1"]
        assert reader.runs_on([by_name["laptop"] or ""], 3) == ["kern1", "aa1", "lap4"]
        assert reader.runs_on(["of no device"], 3) == []
