"""
How fast a full-size model is written, against ``dd conv=fdatasync`` of the same bytes to the same disk.

    python -P tests/benchmarks/synthesis.py [--model phi-3-mini-4k] [--quant q4_0] [--pairs 3] [--folder DIR]

Interleaved, the order alternating; each synthesis is a fresh process that flushes to the disk as a user's does, the
start of the interpreter included. dd copies the synthetic file itself, so both write the same bytes; it reads them from
memory.
Bars: at least half of dd's speed (median of the ratios), under 300 MB above the interpreter and its packages.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collector import catalog, models
from collector.models import layout

LEAST_RATIO, MOST_BYTES = 0.5, 300_000_000
CHILD = """
import resource, sys
from pathlib import Path
import numpy, gguf
from collector import catalog
from collector.models.synth_gguf import write_gguf
def peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak_kib()
model = catalog.find(sys.argv[2])
write_gguf(Path(sys.argv[1]), name="benchmark", shape=model.shape, quant=sys.argv[3], rope=model.rope)
print(before * 1024, peak_kib() * 1024)
"""


def synthesise(path: Path, model: str, quant: str) -> tuple[float, int, int]:
    """Seconds; peak bytes of interpreter and packages alone; peak bytes at the end."""
    path.unlink(missing_ok=True)
    began = time.perf_counter()
    command = [sys.executable, "-P", "-c", CHILD, str(path), model, quant]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    before, after = map(int, done.stdout.split())
    return seconds, before, after


def copy(source: Path, target: Path) -> float:
    """Seconds that dd takes to write the same bytes and flush them."""
    target.unlink(missing_ok=True)
    command = ["dd", f"if={source}", f"of={target}", "bs=4M", "conv=fdatasync", "status=none"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def main() -> int:
    """Print each pair, the median ratio and the peak of memory; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--model", default="phi-3-mini-4k")
    parser.add_argument("--quant", default="q4_0", choices=layout.QUANTS)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=models.cache_dir())
    asked = parser.parse_args()
    catalog.find(asked.model)
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="benchmark-") as folder:
        source, written, copied = (Path(folder) / name for name in ("source.gguf", "synth.gguf", "dd.gguf"))
        synthesise(source, asked.model, asked.quant)
        n_bytes = source.stat().st_size
        ratios, peaks = [], []
        for pair in range(asked.pairs):
            dd_first = copy(source, copied) if pair % 2 else None
            seconds, before, after = synthesise(written, asked.model, asked.quant)
            dd_s = copy(source, copied) if dd_first is None else dd_first
            ratios.append(dd_s / seconds)
            peaks.append(after - before)
            rates = f"synthesis {n_bytes / seconds / 1e6:,.0f} MB/s, dd {n_bytes / dd_s / 1e6:,.0f} MB/s"
            print(f"pair {pair + 1}: {rates}, ratio {ratios[-1]:.2f}, peak +{peaks[-1] / 1e6:.0f} MB", flush=True)
    ratio, peak = statistics.median(ratios), max(peaks)
    print(f"{asked.model} {asked.quant}, {n_bytes:,} bytes, {asked.pairs} pairs")
    print(f"ratio {ratio:.2f} (bar: at least {LEAST_RATIO}), peak {peak / 1e6:.0f} MB above the interpreter and its "
          f"packages (bar: under {MOST_BYTES / 1e6:.0f})")  # fmt: skip
    return int(ratio < LEAST_RATIO or peak >= MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
