"""
`phibench export csv --samples` of a million samples: constant memory, at least half as fast as a bare ``csv.writer``.

    python -P tests/benchmarks/export.py [--samples 1000000] [--rounds 3]

Builds a database of a tenth and of all of the samples (two a launch), exports both with the command itself in a
process of its own and compares the peaks of memory. The speed is that of the command's rows against a bare
``csv.writer`` given the very same rows as tuples that lie in memory already: it reads no database. Rounds alternate.
Exit code 1 when a bar is missed.
"""

import argparse
import csv
import sqlite3
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))

from evidence_helpers import make_events, make_job, make_trace, run_record  # found by the line above

from collector.store import Store

BAR_SPEED = 0.5
BAR_GROWTH = 1.1
"""Peak with all samples over peak with a tenth of them."""

CHUNK = 20_000
COMMAND = """
import resource, sys
from pathlib import Path
from collector.cli import main
try:
    main()
finally:
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would hold what our parent had when it started us
        peak = next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM")) * 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("peak", peak, file=sys.stderr)
"""


def build(path: Path, n_samples: int) -> None:
    """A database whose launches and samples are copies of one real launch, each sample with figures of its own."""
    with Store.open(str(path), is_bulk=True) as store:
        store.begin_run(run_record())
        store.begin_launch(make_job("run1/1"), run_id="run1", block=0, position=0, arm_index=0)
        store.accept("run1/1", make_events(make_trace(), make_trace(gap_ns=201_234_567)))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    columns = {t: [c[1] for c in connection.execute(f"PRAGMA table_info({t})")] for t in ("launch", "sample")}
    launch = {c: c for c in columns["launch"]} | {"key": "n", "id": "'run1/' || n", "number": "n", "block": "n"}
    sample = {c: c for c in columns["sample"] if c != "key"} | {"launch_key": "n"}
    for name in ("ttft_s", "decode_tok_per_s", "prefill_tok_per_s", "e2e_s", "e2e_tok_per_s", "cpu_share"):
        sample[name] = f"{name} * (1 + (n % 9973) / 99991.0)"
    numbers = f"WITH RECURSIVE s(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s WHERE n < {n_samples // 2})"
    for table, values, where in (("launch", launch, "launch.key = 1"), ("sample", sample, "sample.launch_key = 1")):
        connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) {numbers} "
            f"SELECT {', '.join(values.values())} FROM s CROSS JOIN {table} WHERE {where}"
        )
    connection.commit()
    connection.close()


def run_command(db: Path, out: Path) -> tuple[float, int]:
    """Seconds and peak memory in bytes of the command, start of Python included."""
    command = [sys.executable, "-P", "-c", COMMAND, "export", "csv", str(out), "--samples", "--quiet", "--db", str(db)]
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    return time.perf_counter() - begun, int(done.stderr.split()[-1])


def typed(text: str) -> object:
    """A cell as it was before it was written."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def bare_s(source: Path, out: Path) -> float:
    """Seconds of a bare csv.writer on the same rows; reading them back in between is not counted."""
    took = 0.0
    with source.open(newline="") as read, out.open("w", newline="", encoding="utf-8") as write:
        reader, writer = csv.reader(read), csv.writer(write, lineterminator="\r\n")
        while rows := [tuple(map(typed, row)) for row in islice(reader, CHUNK)]:
            begun = time.perf_counter()
            writer.writerows(rows)
            took += time.perf_counter() - begun
    return took


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large, out = folder / "small.db", folder / "large.db", folder / "ours.csv"
        build(small, given.samples // 10)
        build(large, given.samples)
        small_bytes = run_command(small, out)[1]
        ours, bare, peaks = [], [], []
        for _ in range(given.rounds):
            took_s, peak_bytes = run_command(large, out)
            ours.append(took_s)
            peaks.append(peak_bytes)
            bare.append(bare_s(out, folder / "bare.csv"))
        n_bytes = out.stat().st_size
    ratio = median(b / o for b, o in zip(bare, ours, strict=True))
    growth = max(peaks) / small_bytes
    n = given.samples
    print(f"{n:,} samples, {n_bytes / 1e6:.0f} MB of CSV, {given.rounds} rounds")
    print(
        f"peak memory   {small_bytes / 1e6:.1f} MB at {n // 10:,}, {max(peaks) / 1e6:.1f} MB at {n:,}: x {growth:.2f}"
    )
    print(f"command       {n / median(ours):>9,.0f} rows/s, start of Python and reading of the database included")
    print(f"bare writer   {n / median(bare):>9,.0f} rows/s")
    print(f"ratio         {ratio:.2f}, bar {BAR_SPEED}; growth bar {BAR_GROWTH}")
    is_met = ratio >= BAR_SPEED and growth <= BAR_GROWTH
    print("met" if is_met else "MISSED")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
