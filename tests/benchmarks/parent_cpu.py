"""
How much of a core the parent takes while a worker measures: the bar is under 1 %.

    python -P tests/benchmarks/parent_cpu.py                      the simulator, sleeping through its tokens
    python -P tests/benchmarks/parent_cpu.py --engine llama_cpp   a small synthetic model, all threads computing

Counts the CPU time of all threads of this process from the event that announces the measured iteration to the event
that brings its times, the parsing of that last event included. The whole launch, with starting the process, is printed
beside it. Exit code 1 when the bar is missed.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from runners.contract import EventType, Job, ModelRef, ModelShape, Phase, Scalar, Workload
from runners.launch import launch

BAR_FRAC = 0.01
SHAPE = ModelShape(
    architecture="llama", n_layers=12, n_embd=1024, n_ff=2816, n_heads=16, n_kv_heads=16, head_dim=64,
    vocab_size=4096, context_length=8192, is_tied=False, n_params=162_600_000,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """CPU time and wall time of this process over a stretch."""

    cpu_s: float
    wall_s: float

    @property
    def frac(self) -> float:
        return self.cpu_s / self.wall_s


def now() -> Span:
    return Span(cpu_s=time.process_time(), wall_s=time.perf_counter())


def between(start: Span, end: Span) -> Span:
    return Span(cpu_s=end.cpu_s - start.cpu_s, wall_s=end.wall_s - start.wall_s)


def measure(job: Job) -> tuple[Span, Span, int]:
    """The measured iterations, the whole launch, and how many tokens were generated."""
    started = begun = ended = now()
    n_tokens = 0
    for event in launch(job):
        if event.type is EventType.STARTING and event.data["phase"] == Phase.ITERATION and event.data["index"] == 0:
            begun = now()
        if event.type is EventType.ITERATION and not event.data["is_warmup"]:
            ended = now()
            n_tokens += len(event.data["trace"]["dt_ns"])
        if event.type is EventType.FAILED:
            raise SystemExit(f"the launch failed: {event.data['message']}; {event.data['remedy']}")
    return between(begun, ended), between(started, now()), n_tokens


def fake_job(seconds: float) -> Job:
    rate = 12.0
    options: dict[str, Scalar] = {"is_realtime": True, "decode_tok_per_s": rate, "prefill_tok_per_s": 1e6}
    workload = Workload(name="parent", n_prompt_tokens=8, n_generated_tokens=max(2, int(seconds * rate)))
    model = ModelRef(model="phi-3-mini-4k", format="none", quant="q4_0")
    return Job(launch_id="parent-cpu", model=model, engine="fake", workload=workload, options=options, n_warmups=0)


def llama_job(seconds: float, folder: Path) -> Job:
    from collector.models.synth_gguf import write_gguf

    path = folder / "small.gguf"
    write_gguf(path, name="small", shape=SHAPE, quant="q4_0")
    n_bytes = path.stat().st_size
    model = ModelRef(
        model="small", format="gguf", quant="q4_0", path=str(path), n_bytes=n_bytes, is_synthetic=True, shape=SHAPE
    )
    workload = Workload(name="parent", n_prompt_tokens=64, n_generated_tokens=256)
    return Job(launch_id="parent-cpu", model=model, engine="llama_cpp", workload=workload, duration_s=seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU time of the parent while a worker measures")
    parser.add_argument("--engine", choices=("fake", "llama_cpp"), default="fake")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the measured part")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job = fake_job(asked.seconds) if asked.engine == "fake" else llama_job(asked.seconds, Path(folder))
        inside, whole, n_tokens = measure(job)
    print(f"engine {asked.engine}, {n_tokens} tokens in {inside.wall_s:.1f} s")
    print(f"parent while measuring  {inside.cpu_s * 1e3:7.1f} ms CPU, {inside.frac:.3%} of a core (bar {BAR_FRAC:.0%})")
    print(
        f"parent, whole launch    {whole.cpu_s * 1e3:7.1f} ms CPU, {whole.frac:.3%} of a core in {whole.wall_s:.1f} s"
    )
    return 0 if inside.frac < BAR_FRAC else 1


if __name__ == "__main__":
    sys.exit(main())
