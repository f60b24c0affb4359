"""
How fast a full-size model is written, against ``dd conv=fdatasync`` of the same bytes to the same disk.

    python -P tests/benchmarks/synthesis.py [--model phi-3-mini-4k] [--quant q4_0] [--pairs 3] [--folder DIR]

Interleaved, the order alternating; each synthesis is a fresh process. dd copies the synthetic file itself (of an MLX
folder the weights, so a model of one shard), so both write the same bytes; it reads them from memory. Both end when the
bytes are on the disk. The bar is for the writing, random blocks and last flush included; the ratio with the start of
the interpreter and its imports is printed beside it. Bars: at least half of dd's speed (median of the ratios), under
300 MB above the interpreter and its packages.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from collector import catalog, models
from collector.models import disk

LEAST_RATIO, MOST_BYTES = 0.5, 300_000_000
CHILD = """
import resource, sys, time
from pathlib import Path
import numpy, gguf
from collector import catalog
from collector.models.synth_gguf import write_gguf
from collector.models.synth_mlx import write_mlx
def peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = catalog.find(sys.argv[2])
write = write_mlx if sys.argv[3].startswith("mlx_") else write_gguf
before, began = peak_kib(), time.perf_counter()
write(Path(sys.argv[1]), name="benchmark", shape=model.shape, quant=sys.argv[3], rope=model.rope)
print(time.perf_counter() - began, (peak_kib() - before) * 1024)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """``write_s`` of the writing alone, ``process_s`` of the whole process, ``peak_bytes`` above its packages."""

    write_s: float
    process_s: float
    peak_bytes: int


def synthesise(path: Path, model: str, quant: str) -> Written:
    """Write one model in a fresh process."""
    if path.exists():
        disk.remove(path)
    began = time.perf_counter()
    command = [sys.executable, "-P", "-c", CHILD, str(path), model, quant]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    process_s = time.perf_counter() - began
    write_s, peak = done.stdout.split()
    return Written(write_s=float(write_s), process_s=process_s, peak_bytes=int(peak))


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
    parser.add_argument("--quant", default="q4_0", choices=models.QUANTS)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=models.cache_dir())
    asked = parser.parse_args()
    catalog.find(asked.model)
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="benchmark-") as folder:
        source, written, copied = (Path(folder) / name for name in ("source.gguf", "synth.gguf", "dd.gguf"))
        synthesise(source, asked.model, asked.quant)
        weights = source / "model.safetensors" if source.is_dir() else source
        n_bytes = weights.stat().st_size
        pairs = []
        for pair in range(asked.pairs):
            dd_first = copy(weights, copied) if pair % 2 else None
            ours = synthesise(written, asked.model, asked.quant)
            dd_s = copy(weights, copied) if dd_first is None else dd_first
            pairs.append((ours, dd_s))
            rates = f"synthesis {n_bytes / ours.write_s / 1e6:,.0f} MB/s, dd {n_bytes / dd_s / 1e6:,.0f} MB/s"
            print(f"pair {pair + 1}: {rates}, ratio {dd_s / ours.write_s:.2f}", flush=True)
    ratio = statistics.median(dd_s / ours.write_s for ours, dd_s in pairs)
    whole = statistics.median(dd_s / ours.process_s for ours, dd_s in pairs)
    peak = max(ours.peak_bytes for ours, _ in pairs)
    print(f"{asked.model} {asked.quant}, {n_bytes:,} bytes, {asked.pairs} pairs, medians")
    print(f"ratio {ratio:.2f} (bar: at least {LEAST_RATIO}); {whole:.2f} with the start of the interpreter")
    print(f"peak {peak / 1e6:.0f} MB above the interpreter and its packages (bar: under {MOST_BYTES / 1e6:.0f})")
    return int(ratio < LEAST_RATIO or peak >= MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
