"""
Simulated runs with known truth, through the real loop, for the proofs of the method.

Every function is one experiment: it takes a seed and says what came out. :mod:`method_claims` repeats them and holds
the share against a bar.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from collector import stats
from collector.compare import Comparison, Side, compare
from collector.queries import CellResult
from collector.queries.records import ArmRow, MachineRow, WorkloadRow
from collector.run import Outcome, Start
from collector.simulate import MemoryArchive, Scatter, SimulatedDevice, Truth, perform
from collector.stats import Estimate
from collector.suite import MAX_BLOCKS, Arm, Plan
from runners.contract import Job, ModelRef, Workload, WorkloadKind

RATE = 10.0
"""True rate of the baseline, tokens a second."""

RATIO = 1.03
"""True ratio of the other arm to it, where there has to be one."""

BAND_FRAC = 0.02
QUIET = Scatter(between_sd=0.015, within_sd=0.005)
WARMING = Scatter(between_sd=0.015, within_sd=0.005, drift_frac=0.15, drift_launches=4.0)
SESSIONS = Scatter(between_sd=0.015, within_sd=0.005, session_sd=0.02)
ROW = Workload(name="decode", kind=WorkloadKind.KERNEL, n_generated_tokens=1)
CHAT = Workload(name="chat", n_prompt_tokens=8, n_generated_tokens=2)
METRIC = "kernel_decode_tok_per_s"
ARMS = tuple(
    ArmRow(model=name, quant="none", format="none", engine="fake", options={}, python=None, n_bytes=None,
           tensor_bytes=None, digest=None, is_synthetic=False, shape=None)
    for name in ("a", "b")
)  # fmt: skip
ASKED = WorkloadRow(
    name="decode", kind="kernel", n_prompt_tokens=0, n_generated_tokens=1, n_depth_tokens=0, prompt_seed=1,
    prompt_path=None,
)  # fmt: skip
MACHINE = MachineRow(
    device="simulated device", fingerprint="f00d", cpu_model=None, product_type=None, n_physical_cores=2,
    memory_bytes=None, os_name="none", os_version=None, engine_version="simulated", python_version=None,
    phibench_version=None,
)  # fmt: skip
N_TABLE_ROWS = 20
N_TABLE_BLOCKS = 10
N_SESSIONS = 3
N_SESSION_LAUNCHES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One launch's value, and its place: number in the order of time, and block."""

    number: int
    block: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What two arms came to on one workload."""

    baseline: Sequence[Launch]
    other: Sequence[Launch]


def plan(n_blocks: int, seed: int, *, n_arms: int = 2, workloads: Sequence[Workload] = (ROW,), n_iterations: int = 1,
         precision_frac: float | None = None) -> Plan:  # fmt: skip
    arms = [Arm(model=ModelRef(model=name, format="none", quant="none"), engine="fake") for name in ("a", "b")[:n_arms]]
    return Plan(
        suite="proof", arms=tuple(arms), workloads=tuple(workloads), seed=seed, n_blocks=n_blocks, n_warmups=0,
        n_iterations=n_iterations, precision_frac=precision_frac,
    )  # fmt: skip


def device(seed: int, scatter: Scatter, ratio: float = 1.0) -> SimulatedDevice:
    """Model b is faster than model a by the ratio."""
    known = {"a": Truth(decode_tok_per_s=RATE, prefill_tok_per_s=80.0), "b": Truth(decode_tok_per_s=RATE * ratio)}

    def truth(job: Job) -> Truth:
        return known[job.model.model]

    return SimulatedDevice(truth, scatter=scatter, seed=seed)


def covers(estimate: Estimate, truth: float) -> bool:
    if estimate.low is None or estimate.high is None:
        raise AssertionError(f"no interval to cover anything: {estimate.method}")
    return estimate.low <= truth <= estimate.high


def one_arm(seed: int, n: int) -> bool:
    """The interval of one arm covers its rate."""
    _, kept = perform(plan(n, seed, n_arms=1), device(seed, QUIET))
    return covers(stats.interval(list(kept.by_block(0, 0, METRIC).values())), RATE)


def paired(seed: int, n: int, scatter: Scatter = QUIET) -> bool:
    """The interval of the paired ratio covers the true one."""
    _, kept = perform(plan(n, seed), device(seed, scatter, RATIO))
    return covers(stats.paired_ratio(*kept.pairs(METRIC)), RATIO)


def one_process(seed: int, n: int = 10) -> bool:
    """The interval over the iterations of a single launch covers the rate."""
    _, kept = perform(plan(1, seed, n_arms=1, n_iterations=n), device(seed, QUIET))
    return covers(stats.interval([sample.value for sample in kept.samples]), RATE)


def mirrored(seed: int, n_blocks: int, scatter: Scatter, ratio: float = 1.0) -> Row:
    """Blocks in mirrored pairs, as every run of ours has them."""
    _, kept = perform(plan(n_blocks, seed), device(seed, scatter, ratio))
    return row_of(kept)


def randomised(seed: int, n_blocks: int, scatter: Scatter, ratio: float = 1.0) -> Row:
    """Every block in an order of its own, none a mirror: each is run by the loop as one that was resumed."""
    simulated, first = device(seed, scatter, ratio), seed * n_blocks
    kept = MemoryArchive(plan(1, 0))
    for block in range(n_blocks):
        start = Start(block=block, launch_number=2 * block + 1)
        perform(plan(block + 1, first + block), simulated, archive=kept, start=start)
    return row_of(kept)


def sequential(seed: int, n_blocks: int, scatter: Scatter, ratio: float = 1.0) -> Row:
    """All launches of one arm, then all of the other."""
    simulated, both = device(seed, scatter, ratio), plan(n_blocks, seed)
    first, second = (perform(replace(both, arms=(arm,)), simulated)[1] for arm in both.arms)
    later = [replace(one, number=one.number + n_blocks) for one in _launches(second, 0, 0)]
    return Row(baseline=_launches(first, 0, 0), other=later)


def table(make: Callable[..., Row], seed: int) -> list[Row]:
    """A against A under drift: so many rows, each measured on a device that has cooled down before."""
    return [make(N_TABLE_ROWS * seed + row, N_TABLE_BLOCKS, WARMING) for row in range(N_TABLE_ROWS)]


def one_plan(seed: int) -> list[Row]:
    """A against A under drift: the rows are the workloads of one plan, and the drift goes on through all of them."""
    rows = tuple(replace(ROW, name=f"decode-{row}", n_depth_tokens=row) for row in range(N_TABLE_ROWS))
    _, kept = perform(plan(N_TABLE_BLOCKS, seed, workloads=rows), device(seed, WARMING))
    return [row_of(kept, workload) for workload in range(N_TABLE_ROWS)]


def stopped(
    seed: int, precision_frac: float, *, n_arms: int, workload: Workload = ROW, ratio: float = RATIO
) -> tuple[Outcome, MemoryArchive]:
    """A run that ends on its precision, or at the most blocks."""
    the_plan = plan(MAX_BLOCKS, seed, n_arms=n_arms, workloads=(workload,), precision_frac=precision_frac)
    return perform(the_plan, device(seed, QUIET, ratio))


def sessions(seed: int, ratio: float = RATIO) -> tuple[Side, Side]:
    """Two arms of different runs: some sessions of one, then as many of the other."""
    simulated, both = device(seed, SESSIONS, ratio), plan(N_SESSION_LAUNCHES, seed)
    sides = []
    for index, arm in enumerate(both.arms):
        cells = []
        for session in range(N_SESSIONS):
            simulated.begin_session()
            _, kept = perform(replace(both, arms=(arm,)), simulated)
            cells.append(_cell(index, 0, _launches(kept, 0, 0), run_id=f"{'ab'[index]}{session}"))
        sides.append(Side(name="AB"[index], cells=tuple(cells)))
    return sides[0], sides[1]


def unpaired(seed: int, *, is_widened: bool) -> bool:
    """The interval of the ratio of arms from different sessions covers the true one, with the noise or without."""
    baseline, other = sessions(seed)
    history = [*baseline.cells, *other.cells] if is_widened else []
    (row,) = compare([(baseline, other)], history=history).pairs[0].family
    if row.ratio is None:
        raise AssertionError(row.refusal)
    return covers(row.ratio, RATIO)


def compared(rows: Sequence[Row]) -> Comparison:
    """A table of two arms that ran in one plan."""
    sides = [
        Side(name=name, cells=tuple(_cell(arm, place, getattr(row, field)) for place, row in enumerate(rows)))
        for arm, (name, field) in enumerate((("A", "baseline"), ("B", "other")))
    ]
    return compare([(sides[0], sides[1])], band_frac=BAND_FRAC)


def row_of(kept: MemoryArchive, workload: int = 0) -> Row:
    """What the two arms of a run came to."""
    return Row(baseline=_launches(kept, workload, 0), other=_launches(kept, workload, 1))


def _launches(kept: MemoryArchive, workload: int, arm: int) -> list[Launch]:
    values = kept.by_block(workload, arm, METRIC)
    return [
        Launch(number=one.number, block=one.block, value=values[one.block])
        for one in kept.launches
        if (one.workload, one.arm) == (workload, arm)
    ]


def _cell(arm: int, place: int, launches: Sequence[Launch], run_id: str = "proof") -> CellResult:
    """As the reader hands it out; the depth tells the workloads of a table apart."""
    return CellResult(
        run_id=run_id, suite="proof", started_at_utc="2026-01-01T00:00:00+00:00", seed=0, git_commit=None,
        arm=ARMS[arm], arm_index=arm, workload=replace(ASKED, n_depth_tokens=place), machine=MACHINE,
        backend="simulated", n_threads=2, options_in_effect={}, engine_build={},
        values={METRIC: tuple(one.value for one in launches)},
        blocks={METRIC: tuple(one.block for one in launches)},
        numbers={METRIC: tuple(one.number for one in launches)},
        n_launches=len(launches), n_failed=0, n_orphaned=0, failures=(), flags=(),
    )  # fmt: skip
