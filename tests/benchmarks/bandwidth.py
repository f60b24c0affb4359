"""
The bandwidth probe: how well it repeats, and what stress-ng's stream says of the same memory in the same run.

    python -P tests/benchmarks/bandwidth.py [--probes N] [--wait SECONDS]

Each probe is a fresh process, as `phibench run` starts it; between two of them stress-ng runs, so that both see the
same minutes. Bar: (largest - smallest) / median of the probes' best rates at most 5 %. The ratio to stress-ng has no
bar, because its stream is another thing: two parts in five of its bytes are written (and fetched first, where the CPU
does not write around its caches), and its figure is a mean over seconds, while ours is the best of about two thousand
reads. The machine's lock is held, so that nothing of phibench measures meanwhile.
"""

import argparse
import re
import shutil
import subprocess
import sys
from statistics import median

from runners import probe
from runners.device import lock, machine_reading
from runners.errors import RunnerError

BAR_FRAC = 0.05
STRESS_S = 8
RATE = re.compile(r"stream: memory rate: ([\d.]+) MB read/sec, ([\d.]+) MB write/sec.*\(instance \d+\)")
INSTALL = "stress-ng is not installed, so there is nothing to compare with: apt-get install stress-ng"


def stressed(program: str, n_threads: int) -> tuple[float, float] | None:
    """
    Bytes read and written a second by all instances together; stress-ng's MB are 2^20 bytes.

    None when an instance was kept from running for so long that stress-ng gives no rate.
    """
    command = [program, "--stream", str(n_threads), "--timeout", str(STRESS_S)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = RATE.findall(done.stdout + done.stderr)
    if len(found) != n_threads:
        return None
    mib = 1 << 20
    return sum(float(read) for read, _ in found) * mib, sum(float(write) for _, write in found) * mib


def rounds(n_probes: int, lock_fd: int) -> tuple[list[probe.Bandwidth], list[tuple[float, float]]]:
    """Probes and stress-ng in turns."""
    program = shutil.which("stress-ng")
    if program is None:
        print(INSTALL)
    probes, streams = [], []
    for index in range(n_probes):
        found = probe.measure(lock_fd=lock_fd)
        probes.append(found)
        said = f"probe {index + 1}: best {found.byte_per_s / 1e9:.2f} GB/s, median {found.median_byte_per_s / 1e9:.2f}"
        if program is not None:
            stream = stressed(program, found.n_threads)
            streams += [stream] if stream else []
            said += f"; stress-ng {_told(stream)}"
        print(said, flush=True)
    return probes, streams


def _told(stream: tuple[float, float] | None) -> str:
    if stream is None:
        return "could not tell, so busy is the machine"
    return f"reads {stream[0] / 1e9:.2f} and writes {stream[1] / 1e9:.2f} GB/s"


def report(probes: list[probe.Bandwidth], streams: list[tuple[float, float]]) -> int:
    best = [found.byte_per_s for found in probes]
    spread = (max(best) - min(best)) / median(best)
    first = probes[0]
    print(f"{first.n_threads} threads, {first.buffer_bytes >> 20} MiB, {first.n_reads} reads a probe, {first.method}")
    if streams:
        moved = median(read + written for read, written in streams)
        read = median(read for read, _ in streams)
        ratios = f"{median(best) / moved:.2f} of what it moves, {median(best) / read:.2f} of what it reads"
        print(f"probe / stress-ng: {ratios}")
    is_good = spread <= BAR_FRAC
    print(f"spread of the best rates {spread:.1%} over {len(best)} probes; bar at most {BAR_FRAC:.0%}")
    if not is_good:
        print("the bar is missed; neighbours on a virtual machine move the memory's speed: try again in a quiet minute")
    return 0 if is_good else 1


def main() -> int:
    parser = argparse.ArgumentParser(description="how well the bandwidth probe repeats, beside stress-ng")
    parser.add_argument("--probes", type=int, default=5)
    parser.add_argument("--wait", type=float, default=600.0, help="seconds to wait for the machine's lock")
    asked = parser.parse_args()
    busy = machine_reading(1.0).other_cpu_cores
    if busy is not None:
        print(f"others use {busy:.2f} cores now")
    try:
        with lock.acquire("the bandwidth benchmark", wait_s=asked.wait) as held:
            return report(*rounds(asked.probes, held.fd))
    except RunnerError as exc:
        raise SystemExit(f"{exc.message}; {exc.remedy}") from exc


if __name__ == "__main__":
    sys.exit(main())
