"""
Our loops around MLX against mlx-lm's own generator, as ``mlx_lm.benchmark`` drives it, on the same loaded model.

    python -P tests/benchmarks/mlx_parity.py                  271 million parameters: equivalent within 2 %; 10 minutes
    python -P tests/benchmarks/mlx_parity.py --model small    17 million: how late a token's time is in each loop

A round runs the strict loop, the hybrid loop and the library's generator once each in one process, in drawn order, and
every second round in the reverse of the one before. mlx-lm reports N/(tN - t1); corrected to N - 1 gaps it is compared
with ours. The bar is on processor time, as MLX's CPU backend computes on one thread and other work on the machine
does not count there; times on the clock stand beside it. Rounds go on until the 90 % interval (Hodges-Lehmann on logs,
signed-rank) of the ratio lies inside +/-2 %, at least --min-rounds, at most --max-rounds. Delays are in steps: medians
of (first token's time less that of the strict loop of the same round) over the strict loop's median gap. Exit code 0
when the bar holds, 5 when the rounds do not suffice to say, 1 when the library's figure is not N/(tN - t1).
"""

import argparse
import importlib
import random
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from collector import paths, stats
from collector.models.synth_mlx import write_mlx
from runners import measuring
from runners.contract import ModelRef, ModelShape, Workload
from runners.device import lock
from runners.engines.mlx import MlxEngine, calls, loop
from runners.engines.mlx.session import MlxSession
from runners.errors import RunnerError

BAND_FRAC = 0.02
SHAPES = {
    "271m": ModelShape(
        architecture="phi3", n_layers=16, n_embd=1024, n_ff=2816, n_heads=16, n_kv_heads=16, head_dim=64,
        vocab_size=32064, context_length=4096, is_tied=False, n_params=271_221_760,
    ),
    "small": ModelShape(
        architecture="phi3", n_layers=4, n_embd=512, n_ff=1408, n_heads=8, n_kv_heads=8, head_dim=64, vocab_size=4096,
        context_length=4096, is_tied=False, n_params=17_043_968,
    ),
}  # fmt: skip
LENGTHS = {"271m": (16, 16), "small": (33, 32)}


@dataclass(slots=True)
class Run:
    """Stamps of one generation: the start and every token, on the clock and in processor time, in seconds."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    reported_tok_per_s: float | None = None

    def stamp(self) -> int:
        self.cpu_s.append(time.process_time())
        self.wall_s.append(time.perf_counter())
        return 0

    def rate(self, times_s: Sequence[float]) -> float:
        return (len(times_s) - 2) / (times_s[-1] - times_s[1])


def ours(session: MlxSession, workload: Workload, kind: str) -> Run:
    """One generation by our loop, its clock replaced by one that reads processor time too (1 us a token)."""
    plan, opened, run = session._planned(workload), session._opened, Run()
    cache, core = opened.new_cache(), opened.api.core
    n = workload.n_generated_tokens
    shared: dict[str, Any] = {
        "chunk": calls.chunk(opened, cache), "step": calls.step(opened, cache), "read": calls.read,
        "tidy": core.clear_cache, "clock": run.stamp, "chunks": plan.chunks, "last": plan.last,
        "ids": array("i", bytes(4 * n)), "times_ns": array("q", bytes(8 * n)),
    }  # fmt: skip
    with core.stream(session._stream), measuring.undisturbed():
        if kind == "strict":
            loop.strict(**shared)
        else:
            loop.hybrid(**shared, submit=core.async_eval)
        core.synchronize(session._stream)
    return run


def theirs(session: MlxSession, workload: Workload, tokenizer: Any) -> Run:
    """One trial of ``mlx_lm.benchmark``: its generator on the same ids, no text ends it."""
    generate = importlib.import_module("mlx_lm.generate")
    plan, core, run = session._planned(workload), session._opened.api.core, Run()
    ids = [token for part in (*plan.chunks, plan.last) for token in part.tolist()]
    rates: list[float] = []
    with measuring.undisturbed():
        run.stamp()
        for response in generate.stream_generate(
            session._opened.network, tokenizer, ids, max_tokens=workload.n_generated_tokens, prefill_step_size=2048
        ):
            run.stamp()
            rates.append(response.generation_tps)
        core.synchronize(generate.generation_stream)  # the step after the last, which nobody reads
    run.reported_tok_per_s = rates[-1]
    return run


def in_steps(run: Run, strict: Run, times: Callable[[Run], list[float]]) -> tuple[float, float, float, float]:
    """First token's delay, first gap, median gap and last gap, in median gaps of the strict loop."""
    mine, other = times(run), times(strict)
    step = statistics.median(b - a for a, b in pairwise(other[1:]))
    gaps = [(b - a) / step for a, b in pairwise(mine[1:])]
    late = ((mine[1] - mine[0]) - (other[1] - other[0])) / step
    return late, gaps[0], statistics.median(gaps), gaps[-1]


def is_inside(estimate: stats.Estimate) -> bool:
    low, high = estimate.low, estimate.high
    return low is not None and high is not None and low > 1 / (1 + BAND_FRAC) and high < 1 + BAND_FRAC


def line(name: str, ratios: Sequence[float]) -> str:
    estimate = stats.interval(list(ratios), level=0.90)
    span = f"{estimate.low:.4f} to {estimate.high:.4f}" if estimate.low and estimate.high else "n too small"
    return f"{name:<44}{estimate.value:8.4f}  {span}"


def tell(rounds: Sequence[dict[str, Run]], n: int, n_prompt: int) -> int:
    """The tables and the verdict."""
    by_cpu = ratios(rounds, "strict", cpu)
    print(f"\n{'ratio of decode rates, 90 % interval':<44}{len(rounds):>5} rounds")
    print(line("strict / mlx-lm, processor time (the bar)", by_cpu))
    print(line("strict / mlx-lm, on the clock", ratios(rounds, "strict", wall)))
    print(line("hybrid / mlx-lm, processor time", ratios(rounds, "hybrid", cpu)))
    print(line("hybrid / mlx-lm, on the clock", ratios(rounds, "hybrid", wall)))
    print(line("strict / hybrid, on the clock", ratios(rounds, "strict", wall, "hybrid")))
    firsts = [first_s(one["mlx-lm"]) / first_s(one["strict"]) for one in rounds]
    print(line(f"prefill strict / mlx-lm, processor time; {(n_prompt + 1) / n_prompt:.4f}", firsts))
    tell_delays(rounds)
    excess = statistics.median(reported(one["mlx-lm"]) / one["mlx-lm"].rate(one["mlx-lm"].wall_s) for one in rounds)
    print(f"\nmlx-lm's own figure over ours from its times: {excess:.4f}; N/(N - 1) is {n / (n - 1):.4f}")
    if abs(excess * (n - 1) / n - 1) > 2e-3:
        print("mlx-lm's figure is not N/(tN - t1) any more: look at the correction")
        return 1
    is_equivalent = is_inside(stats.interval(by_cpu, level=0.90))
    verdict = "holds" if is_equivalent else "not shown"
    print(f"bar: strict loop equivalent within {BAND_FRAC:.0%} by processor time: {verdict}")
    return 0 if is_equivalent else 5


def tell_delays(rounds: Sequence[dict[str, Run]]) -> None:
    heads = ("first late", "first gap", "median gap", "last gap")
    print(f"\n{'in steps of the strict loop, medians':<38}" + "".join(f"{head:>12}" for head in heads))
    for label, times in (("processor time", cpu), ("on the clock", wall)):
        for kind in ("strict", "hybrid", "mlx-lm"):
            found = [in_steps(one[kind], one["strict"], times) for one in rounds]
            middles = [statistics.median(values) for values in zip(*found, strict=True)]
            print(f"{kind + ', ' + label:<38}" + "".join(f"{value:12.2f}" for value in middles))


def cpu(run: Run) -> list[float]:
    return run.cpu_s


def wall(run: Run) -> list[float]:
    return run.wall_s


def first_s(run: Run) -> float:
    return run.cpu_s[1] - run.cpu_s[0]


def reported(run: Run) -> float:
    assert run.reported_tok_per_s is not None
    return run.reported_tok_per_s


def ratios(
    rounds: Sequence[dict[str, Run]], kind: str, times: Callable[[Run], list[float]], other: str = "mlx-lm"
) -> list[float]:
    return [one[kind].rate(times(one[kind])) / one[other].rate(times(one[other])) for one in rounds]


def measure(asked: argparse.Namespace) -> int:
    n_prompt, n = asked.prompt or LENGTHS[asked.model][0], asked.generated or LENGTHS[asked.model][1]
    path = paths.cache_folder() / "benchmarks" / f"mlx-{asked.model}"
    if not path.exists():
        write_mlx(path, name=f"parity {asked.model}", shape=SHAPES[asked.model])
    model = ModelRef(model=asked.model, format="mlx", quant="mlx_4bit_g64", path=str(path))
    workload = Workload(name="parity", n_prompt_tokens=n_prompt, n_generated_tokens=n)
    with MlxEngine().open(model, {}) as session:
        tokenizer = importlib.import_module("mlx_lm.utils").load_tokenizer(path)
        tokenizer._eos_token_ids = {}  # as mlx_lm.benchmark does it
        how = f"{session.loaded.backend}, {session.loaded.options['compute_dtype']}"
        print(f"{asked.model}, {how}, {n_prompt} + {n} tokens")
        kinds: dict[str, Callable[[], Run]] = {
            "strict": lambda: ours(session, workload, "strict"),
            "hybrid": lambda: ours(session, workload, "hybrid"),
            "mlx-lm": lambda: theirs(session, workload, tokenizer),
        }
        for run in kinds.values():
            run()  # a warm-up of the full shape each
        rounds: list[dict[str, Run]] = []
        draw, order = random.Random(asked.seed), list(kinds)
        for index in range(asked.max_rounds):
            if index % 2:
                order.reverse()
            else:
                draw.shuffle(order)
            rounds.append({kind: kinds[kind]() for kind in order})
            found = ratios(rounds, "strict", cpu)
            print(f"round {index + 1:>2}: strict / mlx-lm {found[-1]:.4f} by processor time", flush=True)
            if index + 1 >= asked.min_rounds and is_inside(stats.interval(found, level=0.90)):
                break
    return tell(rounds, n, n_prompt)


def main() -> int:
    parser = argparse.ArgumentParser(description="our MLX loops against mlx-lm's own generator")
    parser.add_argument("--model", choices=SHAPES, default="271m")
    parser.add_argument("--prompt", type=int, help="prompt tokens")
    parser.add_argument("--generated", type=int, help="tokens to generate")
    parser.add_argument("--min-rounds", type=int, default=15)
    parser.add_argument("--max-rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1, help="of the order within rounds")
    try:
        with lock.acquire("the MLX parity benchmark", wait_s=600):
            return measure(parser.parse_args())
    except RunnerError as exc:
        raise SystemExit(f"{exc.message}; {exc.remedy}") from exc


if __name__ == "__main__":
    sys.exit(main())
