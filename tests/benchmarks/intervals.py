"""
The exact signed-rank interval of 100 values, its distribution counted anew each time: the bar is under 5 ms.

    python -P tests/benchmarks/intervals.py

As a yardstick that every machine has, the same values' 5050 pairwise averages in random order are sorted in the same
run, in turn. Best of many rounds: whatever else runs on the machine only adds time. Exit code 1 when the bar is missed.
"""

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Sequence

from collector import stats
from collector.stats import distributions

BAR_S = 0.005
N = stats.MAX_EXACT_N


def forget() -> None:
    """Empty every table of counts."""
    distributions.sign_sums.cache_clear()
    distributions.subset_sums.cache_clear()


def ready() -> None:
    """Leave the tables as they are."""


def seconds(work: Callable[[], object], before: Callable[[], None]) -> float:
    before()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def averages(values: Sequence[float]) -> list[float]:
    found = [(a + b) / 2 for i, a in enumerate(values) for b in values[i:]]
    random.Random(2).shuffle(found)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="time of the exact statistics, against a sort")
    parser.add_argument("--rounds", type=int, default=200)
    n_rounds = parser.parse_args().rounds
    draw = random.Random(1)
    values = [math.exp(draw.gauss(0.01, 0.015)) for _ in range(2 * N)]
    first, second, logs = values[:N], values[N:], [math.log(value) for value in values[:N]]
    unsorted = averages(first)
    kinds: dict[str, tuple[Callable[[], object], Callable[[], None]]] = {
        "sort of 5050 averages": (lambda: sorted(unsorted), ready),
        f"interval, n = {N}, counted anew": (lambda: stats.interval(first), forget),
        f"interval, n = {N}, counted before": (lambda: stats.interval(first), ready),
        f"signed-rank p, n = {N}, counted anew": (lambda: stats.signed_rank_p(logs), forget),
        "unpaired ratio, 20 against 20, counted anew": (lambda: stats.unpaired_ratio(first[:20], second[:20]), forget),
    }
    best = dict.fromkeys(kinds, math.inf)
    for _ in range(n_rounds):
        for name, (work, before) in kinds.items():
            best[name] = min(best[name], seconds(work, before))
    yardstick, judged, *_ = best.values()
    for name, took in best.items():
        print(f"{name:<46}{1e3 * took:7.2f} ms{took / yardstick:7.2f} x the sort")
    print(f"bar: under {1e3 * BAR_S:.0f} ms for the interval counted anew, best of {n_rounds}")
    return 0 if judged < BAR_S else 1


if __name__ == "__main__":
    sys.exit(main())
