"""The order of a block: complete, repeatable, mirrored, and fair to every position."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.schedule import block_order, kept_cells


@given(w=st.integers(1, 5), a=st.integers(1, 5), block=st.integers(0, 20), seed=st.integers(0, 2**32))
def test_a_block_holds_every_cell_once_and_the_same_seed_repeats_it(w: int, a: int, block: int, seed: int) -> None:
    order = block_order(w, a, block, seed)
    assert sorted(order) == [(i, j) for i in range(w) for j in range(a)]
    assert order == block_order(w, a, block, seed)


@given(w=st.integers(1, 5), a=st.integers(1, 5), pair=st.integers(0, 10), seed=st.integers(0, 2**32))
def test_the_second_block_of_a_pair_mirrors_the_first(w: int, a: int, pair: int, seed: int) -> None:
    assert block_order(w, a, 2 * pair + 1, seed) == block_order(w, a, 2 * pair, seed)[::-1]


def test_the_arms_of_a_workload_are_adjacent() -> None:
    order = [workload for workload, _ in block_order(4, 3, 0, seed=7)]
    assert len([i for i in range(1, 12) if order[i] != order[i - 1]]) == 3


def test_two_arms_start_with_either_one_equally_often() -> None:
    starts = Counter(block_order(1, 2, 0, seed)[0][1] for seed in range(2000))
    assert 900 < starts[0] < 1100


def test_the_order_is_frozen() -> None:
    assert block_order(2, 2, 0, seed=4711) == ((0, 1), (0, 0), (1, 1), (1, 0))


def test_dropped_cells_are_left_out() -> None:
    assert kept_cells(((0, 0), (0, 1)), frozenset({(0, 0)})) == ((0, 1),)
