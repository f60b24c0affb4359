"""
Our kernel workload against llama-bench linked to the very libraries that the wheel installed.

    python -P tests/benchmarks/parity.py                   about 3 million parameters, one thread: ratio at least 0.97
    python -P tests/benchmarks/parity.py --model full      Phi-3-mini Q4_0: equivalent within 2 %; half an hour or more

A pair is one fresh process of each with the same flags; the order within pairs is drawn, and every second pair has the
reverse of the one before. Both warm up with the full shape: ours by a warm-up, llama-bench by a first repetition that
is left out. A process' value is the median of its repetitions, or with --value best the fastest of them, for both
sides: what others do on a busy machine only adds time. Pairs go on until the 90 % interval (Hodges-Lehmann on logs,
signed-rank) of every ratio lies inside +/-2 %, at least --min-pairs, at most --max-pairs; --pairs N fixes their number.
llama-bench is compiled once (10 s) from the source distribution, which pip downloads unless --sdist gives it. Exit code
0 when the bar holds, 1 when it does not, 5 when the pairs do not suffice to say.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from collector import models, paths, stats
from collector.models.synth_gguf import write_gguf
from runners import device
from runners.contract import EventType, Job, ModelRef, ModelShape, Workload, WorkloadKind
from runners.device import lock
from runners.errors import RunnerError
from runners.launch import launch

BAND_FRAC = 0.02
SMALL_BAR = 0.97
SMALL = ModelShape(
    architecture="phi3", n_layers=3, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=2048,
    context_length=4096, is_tied=False, n_params=3_016_448,
)  # fmt: skip
VALUES: dict[str, Callable[[list[float]], float]] = {"median": statistics.median, "best": max}
LEFT_OUT = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES")
SOURCES = ("common/", "include/", "ggml/include/", "vendor/", "tools/llama-bench/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One kernel test: prompt tokens or generated tokens, and how often it is repeated in one process."""

    name: str
    n_prompt: int = 0
    n_generated: int = 0
    n_repeats: int

    @property
    def workload(self) -> Workload:
        return Workload(
            name=self.name,
            kind=WorkloadKind.KERNEL,
            n_prompt_tokens=self.n_prompt,
            n_generated_tokens=self.n_generated,
        )

    @property
    def told(self) -> str:
        return f"{self.name} of {self.n_prompt + self.n_generated} tokens, {self.n_repeats} times"

    def rate(self, ns: int) -> float:
        return (self.n_prompt + self.n_generated) * 1e9 / ns


def build(sdist: Path | None) -> Path:
    """llama-bench for the installed libraries, compiled once per version of them."""
    version = metadata.version("llama-cpp-python")
    site = Path(sysconfig.get_path("purelib"))
    stamp = int((site / "llama_cpp" / "lib" / "libllama.so").stat().st_mtime)
    folder = paths.cache_folder() / "benchmarks"
    program = folder / f"llama-bench-{version}-{stamp}"
    if program.exists():
        return program
    source = unpacked(sdist or downloaded(version, folder), folder) / "vendor" / "llama.cpp"
    bench = source / "tools" / "llama-bench"
    headers = [f"-I{source / part}" for part in ("common", "include", "ggml/include", "vendor", "tools/llama-bench")]
    libraries = [site / "llama_cpp" / "lib", site / "lib"]
    command = [
        "g++",
        "-O2",
        "-DNDEBUG",
        "-std=gnu++17",
        *headers,
        str(bench / "llama-bench.cpp"),
        str(bench / "main.cpp"),
    ]
    command += ["-o", str(program), *(f"-L{path}" for path in reversed(libraries))]
    command += [f"-Wl,-rpath,{':'.join(map(str, libraries))}", "-Wl,--disable-new-dtags"]
    command += ["-lllama-common", "-lllama", "-lggml", "-lggml-base", "-lpthread"]
    started = time.monotonic()
    subprocess.run(command, check=True)
    print(f"llama-bench compiled in {time.monotonic() - started:.0f} s", flush=True)
    return program


def downloaded(version: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"llama_cpp_python-{version}.tar.gz"
    if not path.exists():
        pip = shutil.which("pip") or shutil.which("pip3")
        if pip is None:
            raise SystemExit("pip is missing; give the source distribution of llama-cpp-python with --sdist PATH")
        what = ["--no-deps", "--no-binary", "llama-cpp-python", f"llama-cpp-python=={version}"]
        subprocess.run([pip, "download", "--quiet", *what, "--dest", str(folder)], check=True)
    return path


def unpacked(sdist: Path, folder: Path) -> Path:
    """The part of the source that llama-bench includes."""
    root = sdist.name.removesuffix(".tar.gz")
    wanted = tuple(f"{root}/vendor/llama.cpp/{part}" for part in SOURCES)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, [m for m in archive if m.name.startswith(wanted)], filter="data")
    return folder / root


def theirs(program: Path, model: ModelRef, test: Test, n_threads: int, lock_fd: int) -> list[float]:
    """llama-bench in a fresh process; its first repetition is the warm-up of the full shape."""
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    flags = ["-m", str(model.path), "-p", str(test.n_prompt), "-n", str(test.n_generated), "-t", str(n_threads)]
    flags += ["-r", str(test.n_repeats + 1), "-b", "2048", "-ub", "512", "-fa", "auto", "-lm", "none", "-o", "json"]
    done = subprocess.run(
        [str(program), *flags], env=environment, check=True, capture_output=True, text=True, pass_fds=(lock_fd,)
    )
    (record,) = json.loads(done.stdout)
    return [test.rate(ns) for ns in record["samples_ns"][1:]]


def ours(model: ModelRef, test: Test, n_threads: int, lock_fd: int) -> list[float]:
    """One launch, as ``phibench run`` does it."""
    job = Job(
        launch_id="parity/1",
        model=model,
        engine="llama_cpp",
        options={"threads": n_threads},
        workload=test.workload,
        n_iterations=test.n_repeats,
        timeout_s=1800.0,
    )
    rates = []
    for event in launch(job, lock_fd=lock_fd):
        if event.type is EventType.FAILED:
            raise SystemExit(f"our launch failed: {event.data['message']}; {event.data['remedy']}")
        if event.type is EventType.ITERATION and not event.data["is_warmup"]:
            rates.append(test.rate(event.data["trace"]["dt_ns"][-1]))
    return rates


def in_drawn_order(sides: Sequence[Callable[[], list[float]]], *, is_reversed: bool) -> tuple[list[float], list[float]]:
    order = (1, 0) if is_reversed else (0, 1)
    values = {index: sides[index]() for index in order}
    return values[0], values[1]


def is_inside(estimate: stats.Estimate) -> bool:
    low, high = estimate.low, estimate.high
    return low is not None and high is not None and low > 1 / (1 + BAND_FRAC) and high < 1 + BAND_FRAC


def row(name: str, mine: Sequence[float], other: Sequence[float]) -> str:
    estimate = stats.interval([a / b for a, b in zip(mine, other, strict=True)], level=0.90)
    span = f"{estimate.low:.4f} to {estimate.high:.4f}" if estimate.low and estimate.high else "n too small"
    middle = f"{statistics.median(other):12.2f}{statistics.median(mine):12.2f}{estimate.value:9.4f}"
    return f"{name:<9}{middle}  {span:<18}{estimate.n:>5}"


def verdict(ratios: dict[str, list[float]], *, is_small: bool) -> int:
    estimates = {name: stats.interval(values, level=0.90) for name, values in ratios.items()}
    if is_small:
        is_good = all(estimate.value >= SMALL_BAR for estimate in estimates.values())
        print(f"bar: ratio at least {SMALL_BAR}: {'holds' if is_good else 'missed'}")
        return 0 if is_good else 1
    is_equivalent = all(map(is_inside, estimates.values()))
    print(f"bar: equivalent within {BAND_FRAC:.0%}: {'holds' if is_equivalent else 'not shown'}")
    return 0 if is_equivalent else 5


def subject(asked: argparse.Namespace) -> tuple[ModelRef, list[Test]]:
    """The model, and tests of a length that its speed makes sensible."""
    if asked.model == "full":
        n_prompt, n_generated, n_repeats = asked.prompt or 128, asked.generated or 32, asked.repeats or 1
        model = models.find_or_synthesise("phi-3-mini-4k", "q4_0", None)
    else:
        n_prompt, n_generated, n_repeats = asked.prompt or 512, asked.generated or 128, asked.repeats or 15
        path = paths.cache_folder() / "benchmarks" / "parity-small.gguf"
        write_gguf(path, name="parity small", shape=SMALL, quant="q4_0")
        model = models.from_path(path)
    return model, [
        Test(name="prefill", n_prompt=n_prompt, n_repeats=n_repeats),
        Test(name="decode", n_generated=n_generated, n_repeats=n_repeats),
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="our kernel workload against llama-bench on the same libraries")
    parser.add_argument("--model", choices=("small", "full"), default="small")
    parser.add_argument("--sdist", type=Path, help="source distribution of llama-cpp-python; default: pip downloads it")
    parser.add_argument("--threads", type=int, help="default: 1 for small, the physical cores for full")
    parser.add_argument("--pairs", type=int, help="exactly so many pairs")
    parser.add_argument("--min-pairs", type=int, default=15)
    parser.add_argument("--max-pairs", type=int, default=40)
    parser.add_argument("--prompt", type=int, help="tokens of the prefill test")
    parser.add_argument("--generated", type=int, help="tokens of the decode test")
    parser.add_argument("--repeats", type=int, help="measured repetitions a process")
    parser.add_argument("--value", choices=VALUES, default="median", help="of the repetitions of one process")
    parser.add_argument("--seed", type=int, default=1, help="of the order within pairs")
    return parser.parse_args()


def measure(asked: argparse.Namespace, program: Path, lock_fd: int) -> int:
    model, tests = subject(asked)
    is_small = asked.model == "small"
    n_threads = asked.threads or (1 if is_small else device.default_threads())
    print(
        f"{model.model} {model.quant}, {n_threads} threads, {asked.value} of repetitions: "
        + ", ".join(t.told for t in tests)
    )
    rates: dict[str, tuple[list[float], list[float]]] = {test.name: ([], []) for test in tests}
    ratios: dict[str, list[float]] = {test.name: [] for test in tests}
    draw, is_reversed = random.Random(asked.seed), False
    for pair in range(asked.pairs or asked.max_pairs):
        is_reversed = not is_reversed if pair % 2 else draw.random() < 0.5
        for test in tests:
            sides = (
                lambda test=test: ours(model, test, n_threads, lock_fd),
                lambda test=test: theirs(program, model, test, n_threads, lock_fd),
            )
            mine, other = map(VALUES[asked.value], in_drawn_order(sides, is_reversed=is_reversed))
            rates[test.name][0].append(mine)
            rates[test.name][1].append(other)
            ratios[test.name].append(mine / other)
        print(f"pair {pair + 1:>2}: " + ", ".join(f"{n} {v[-1]:.4f}" for n, v in ratios.items()), flush=True)
        is_enough = all(is_inside(stats.interval(values, level=0.90)) for values in ratios.values())
        if asked.pairs is None and pair + 1 >= asked.min_pairs and is_enough:
            break
    print(f"{'test':<9}{'llama-bench':>12}{'phibench':>12}{'ratio':>9}  {'90 % interval':<18}{'pairs':>5}   (tokens/s)")
    for name, (mine_all, other_all) in rates.items():
        print(row(name, mine_all, other_all))
    return verdict(ratios, is_small=is_small)


def main() -> int:
    asked = arguments()
    program = build(asked.sdist)
    try:
        with lock.acquire("the parity benchmark", wait_s=600) as held:
            return measure(asked, program, held.fd)
    except RunnerError as exc:
        raise SystemExit(f"{exc.message}; {exc.remedy}") from exc


if __name__ == "__main__":
    sys.exit(main())
