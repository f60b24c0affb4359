"""
How fast ready rows go in: at least 0.35 of a bare ``executemany`` of the same rows into the same table.

    python -P tests/benchmarks/ingest.py [--rows 20000] [--rounds 9]

The rows are a launch's samples, derived and packed beforehand. Ours is what the inbox does with them, in one
transaction with its foreign keys and indices; bare is sqlite3 with the same pragmas, table and indices. Rounds
alternate and start with either side in turn; the ratio is the median over rounds. What one whole ``accept`` of a launch
costs (derivation, packing, events, figures) is printed beside it. Exit code 1 when the bar is missed.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))

from evidence_helpers import make_events, make_job, make_trace, run_record  # found by the line above

from collector import schema
from collector.store import Store, inbox, rows
from runners.contract import EventType, Workload

BAR = 0.35
N_TOKENS = 128
WORKLOAD = Workload(name="bench", n_prompt_tokens=64, n_generated_tokens=N_TOKENS)


def fresh(path: Path) -> Store:
    """A database with one launch that has begun, opened for bulk work."""
    store = Store.open(str(path), is_bulk=True)
    store.begin_run(run_record())
    store.begin_launch(make_job(workload=WORKLOAD), run_id="run1", block=0, position=0, arm_index=0)
    return store


def ready_rows(n_rows: int) -> list[dict[str, Any]]:
    """Samples as rows, each with times of its own."""
    trace = make_trace(n=N_TOKENS, token_hash="5f" * 32)
    event = next(e for e in make_events(trace, trace) if e.type is EventType.ITERATION)
    variants = []
    for index in range(64):
        dt_ns = tuple(t + (i * (index + 3) * 7919) % 900_000 for i, t in enumerate(trace.dt_ns))
        data = {**event.data, "trace": {**event.data["trace"], "dt_ns": list(dt_ns)}}
        variants.append(rows.sample_row(replace(event, data=data), 1, WORKLOAD, 2))
    return [{**variants[i % len(variants)], "seq": i} for i in range(n_rows)]


def ours(path: Path, ready: list[dict[str, Any]]) -> float:
    """Seconds of the store."""
    with fresh(path) as store:
        begun = time.perf_counter()
        with store._writing() as connection:
            inbox.insert_rows(connection, schema.sample, ready)
        return time.perf_counter() - begun


def bare(path: Path, ready: list[dict[str, Any]]) -> float:
    """Seconds of sqlite3 alone, the rows as tuples already."""
    fresh(path).close()
    names = list(ready[0])
    sql = f"INSERT INTO sample ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    tuples = [tuple(row.values()) for row in ready]
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    begun = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(sql, tuples)
    connection.execute("COMMIT")
    took = time.perf_counter() - begun
    connection.close()
    return took


def accept_s(path: Path, n_launches: int = 200) -> float:
    """Seconds that one whole launch takes, its events in one call."""
    trace = make_trace(n=N_TOKENS, token_hash="5f" * 32)
    events = make_events(trace, trace)
    with fresh(path) as store:
        begun = time.perf_counter()
        for number in range(2, n_launches + 2):
            job = make_job(f"run1/{number}", workload=WORKLOAD)
            store.begin_launch(job, run_id="run1", block=number, position=0, arm_index=0)
            store.accept(f"run1/{number}", events)
        return (time.perf_counter() - begun) / n_launches


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    ready = ready_rows(given.rows)
    ratios, ours_s, bare_s = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(given.rounds):
            path = Path(folder)
            sides = [(ours, ours_s), (bare, bare_s)]
            for side, times in sides if index % 2 else sides[::-1]:
                times.append(side(path / f"{side.__name__}{index}.db", ready))
            ratios.append(bare_s[-1] / ours_s[-1])
        whole_s = accept_s(Path(folder) / "accept.db")
    print(f"{given.rows} rows of table sample, {given.rounds} rounds, bar {BAR}")
    print(f"bare executemany  {given.rows / median(bare_s):>9,.0f} rows/s")
    print(f"store             {given.rows / median(ours_s):>9,.0f} rows/s")
    print(f"ratio             {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"a whole launch of 2 x {N_TOKENS} tokens, begun and accepted: {whole_s * 1e3:.1f} ms")
    print("met" if median(ratios) >= BAR else "MISSED")
    return 0 if median(ratios) >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
