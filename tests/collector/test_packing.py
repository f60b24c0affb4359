"""Token times, packed without loss and small."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.packing import pack_times, unpack_times


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=200), st.booleans())
def test_nothing_is_lost(gaps: list[int], has_counts: bool) -> None:
    times = tuple(sum(gaps[: i + 1]) for i in range(len(gaps)))
    counts = tuple(i % 7 for i in range(len(gaps))) if has_counts else None
    assert unpack_times(pack_times(times, counts)) == (times, counts)


@pytest.mark.parametrize("gap_ns", [5_000_000, 80_000_000, 200_000_000, 370_000_000])
def test_a_token_takes_about_four_bytes(gap_ns: int) -> None:
    draw, now, times = random.Random(gap_ns), gap_ns * 5, []
    for _ in range(128):
        now += int(gap_ns * draw.lognormvariate(0.0, 0.03))
        times.append(now)
    assert len(pack_times(tuple(times), None)) / 128 <= 4.1


@given(st.binary(max_size=60))
def test_a_damaged_blob_is_refused_or_read_but_never_crashes(blob: bytes) -> None:
    try:
        times, counts = unpack_times(blob)
    except ValueError:
        return
    assert counts is None or len(counts) == len(times)


def test_a_cut_blob_is_refused() -> None:
    blob = pack_times(tuple(range(0, 10**9, 10**7)), None)
    with pytest.raises(ValueError, match=r".+"):
        unpack_times(blob[:-1])
