"""
Start-up: `phibench --help` against `python -c "import click"`, interleaved; bar: at most 1.3 times.

python tests/benchmarks/startup.py [--rounds N]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

BAR = 1.3
HELP = [str(Path(sys.executable).with_name("phibench")), "--help"]
CLICK = [sys.executable, "-c", "import click"]


def seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    seconds(HELP)
    pairs = []
    for index in range(rounds):
        order = (HELP, CLICK) if index % 2 else (CLICK, HELP)
        took = {id(command): seconds(command) for command in order}
        pairs.append((took[id(HELP)], took[id(CLICK)]))
    ratio = median(a / b for a, b in pairs)
    help_ms, click_ms = (median(column) * 1e3 for column in zip(*pairs, strict=True))
    print(f"phibench --help {help_ms:.0f} ms, import click {click_ms:.0f} ms")
    print(f"ratio {ratio:.3f} (median of {rounds} pairs; bar at most {BAR})")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
