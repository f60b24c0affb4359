"""
How small and how exact stored token times are: at most 4.1 bytes a token, and 7 for a whole row of table ``sample``.

    python -P tests/benchmarks/packing.py

Packs seeded times of several rates and jitters, unpacks them and compares; then stores launches of 128 tokens and asks
SQLite (dbstat) what table ``sample`` takes, its index shown beside it. Exit code 1 when a bar is missed.
"""

import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))

from evidence_helpers import make_events, make_job, make_trace, run_record  # found by the line above

from collector.packing import pack_times, unpack_times
from collector.store import Store
from runners.contract import Workload

BAR_TIMES_BYTES, BAR_ROW_BYTES = 4.1, 7.0
N_TOKENS, N_ARRAYS, N_LAUNCHES = 128, 200, 200
WORKLOAD = Workload(name="bench", n_prompt_tokens=64, n_generated_tokens=N_TOKENS)
HASH = "5f" * 32
"""As long as a SHA-256, the longest hash that an engine sends."""

CASES: dict[str, Callable[[random.Random], float]] = {
    "5 ms, jitter 5 %": lambda draw: draw.gauss(5e6, 2.5e5),
    "80 ms, jitter 3 %": lambda draw: draw.gauss(8e7, 2.4e6),
    "370 ms, jitter 3 %": lambda draw: draw.gauss(3.7e8, 1.1e7),
    "200-400 ms, any gap alike": lambda draw: draw.uniform(2e8, 4e8),
    "5 ms, every 50th stalls 0.5 s": lambda draw: 5e8 if draw.random() < 0.02 else draw.gauss(5e6, 1e5),
}


def times(draw: random.Random, gap_ns: Callable[[random.Random], float]) -> tuple[int, ...]:
    """One generation."""
    now_ns, found = int(draw.uniform(1e9, 3e9)), []
    for _ in range(N_TOKENS):
        found.append(now_ns)
        now_ns += max(1, int(gap_ns(draw)))
    return tuple(found)


def packed_bytes(gap_ns: Callable[[random.Random], float]) -> tuple[float, bool]:
    """Bytes a token, and whether every array came back exactly."""
    draw, n_bytes, is_exact = random.Random(4711), 0, True
    for _ in range(N_ARRAYS):
        dt_ns = times(draw, gap_ns)
        blob = pack_times(dt_ns)
        n_bytes += len(blob)
        is_exact &= unpack_times(blob) == (dt_ns, None)
    return n_bytes / (N_ARRAYS * N_TOKENS), is_exact


def row_bytes(gap_ns: Callable[[random.Random], float], path: Path) -> tuple[float, float]:
    """Bytes a token of table ``sample`` in a real database, and of its index."""
    draw = random.Random(4711)
    with Store.open(str(path), is_bulk=True) as store:
        store.begin_run(run_record())
        for number in range(1, N_LAUNCHES + 1):
            traces = [make_trace(n=N_TOKENS, token_hash=HASH, are_gaps_exact=True) for _ in range(2)]
            events = make_events(*(_with_times(trace, times(draw, gap_ns)) for trace in traces), boot=f"{number:016x}")
            job = make_job(f"run1/{number}", workload=WORKLOAD)
            store.begin_launch(job, run_id="run1", block=0, position=0, arm_index=0)
            store.accept(f"run1/{number}", events)
    n_tokens = 2 * N_LAUNCHES * N_TOKENS
    connection = sqlite3.connect(path)
    query = "SELECT sum(pgsize) FROM dbstat WHERE name = ?"
    table = connection.execute(query, ("sample",)).fetchone()[0]
    (index,) = connection.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master "
        "WHERE tbl_name = 'sample' AND type = 'index')"
    ).fetchone()
    connection.close()
    return table / n_tokens, index / n_tokens


def _with_times(trace: object, dt_ns: tuple[int, ...]) -> object:
    from dataclasses import replace

    return replace(trace, dt_ns=dt_ns)  # type: ignore[type-var]


def main() -> int:
    """Print the figures."""
    is_met = True
    print(f"{N_TOKENS} tokens a generation; bars: times {BAR_TIMES_BYTES}, table sample {BAR_ROW_BYTES} bytes a token")
    for name, gap_ns in CASES.items():
        packed, is_exact = packed_bytes(gap_ns)
        with tempfile.TemporaryDirectory() as folder:
            row, index = row_bytes(gap_ns, Path(folder) / "x.db")
        print(
            f"{name:<30} times {packed:.2f}  exact {'yes' if is_exact else 'NO'}  "
            f"sample {row:.2f}  (+ index {index:.2f})"
        )
        is_met &= is_exact and packed <= BAR_TIMES_BYTES and row <= BAR_ROW_BYTES
    print("met" if is_met else "MISSED")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
