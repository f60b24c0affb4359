"""What the readers hand out: frozen records in base units, unknown as None."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collector import physics, stats
from collector.suite import arm_label
from runners.contract import ModelShape, Scalar, Workload, WorkloadKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run; ``plan`` is enough to run it again, ``stop_reason`` None while it runs or when it was cut."""

    id: str
    suite: str
    started_at_utc: str
    ended_at_utc: str | None
    stop_reason: str | None
    seed: int
    n_blocks_done: int
    phibench_version: str | None
    git_commit: str | None
    command_line: str | None
    note: str | None
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRun:
    """A run that can be resumed: its first ``n_blocks_done`` blocks are whole."""

    run: RunRow
    n_blocks_done: int
    last_launch_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """What was compared."""

    model: str
    quant: str
    format: str
    engine: str
    options: Mapping[str, Scalar]
    python: str | None
    n_bytes: int | None
    tensor_bytes: int | None
    digest: str | None
    is_synthetic: bool
    shape: ModelShape | None

    @property
    def label(self) -> str:
        """'phi-3-mini-4k q4_0'."""
        return arm_label(self.model, self.quant, self.engine, self.options, self.python)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRow:
    """What was asked."""

    name: str
    kind: str
    n_prompt_tokens: int
    n_generated_tokens: int
    n_depth_tokens: int
    prompt_seed: int
    prompt_path: str | None

    @property
    def asked(self) -> Workload:
        """The same as the contract has it."""
        return Workload(
            name=self.name,
            kind=WorkloadKind(self.kind),
            n_prompt_tokens=self.n_prompt_tokens,
            n_generated_tokens=self.n_generated_tokens,
            n_depth_tokens=self.n_depth_tokens,
            prompt_seed=self.prompt_seed,
            prompt_path=self.prompt_path,
        )

    @property
    def shape_label(self) -> str:
        """'64+32', 'pp512' or 'tg128' for a kernel; '@1024' for context that stands before."""
        depth = f" @{self.n_depth_tokens}" if self.n_depth_tokens else ""
        if self.kind == "kernel":
            return f"pp{self.n_prompt_tokens}{depth}" if self.n_prompt_tokens else f"tg{self.n_generated_tokens}{depth}"
        return f"{self.n_prompt_tokens}+{self.n_generated_tokens}{depth}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow:
    """Where: the device and the versions on it."""

    device: str
    fingerprint: str
    cpu_model: str | None
    product_type: str | None
    n_physical_cores: int | None
    memory_bytes: int | None
    os_name: str | None
    os_version: str | None
    engine_version: str | None
    python_version: str | None
    phibench_version: str | None
    n_gpu_cores: int | None = None
    gpu_wired_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthRow:
    """
    Memory bandwidth of a device: the measurement with the highest ``byte_per_s``, itself the best of many reads.

    What was read once can be read again, so a lower figure of another day says something of the neighbours, not of the
    memory.
    """

    measured_at_utc: str
    byte_per_s: float
    median_byte_per_s: float
    n_threads: int
    buffer_bytes: int
    n_reads: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """A run with a name."""

    name: str
    run_id: str
    set_at_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """Why a launch gave nothing."""

    launch_id: str
    kind: str
    message: str
    remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """
    One cell of one run.

    Args:
        arm_index: place of the arm in the run's plan; None in a database of before.
        options_in_effect, engine_build: as the engine told them, not as asked.
        values: by metric, one value a good launch, in block order; blocks and numbers: the blocks that they belong to
            and the launches' numbers, which tell the order in time and name the evidence (RUN/NUMBER).
        bandwidth: of the device's memory, the best ever measured; None where it never was.
        n_launches: good ones; failed and set-aside ones are counted apart.
    """

    run_id: str
    suite: str
    started_at_utc: str
    seed: int
    git_commit: str | None
    arm: ArmRow
    arm_index: int | None
    workload: WorkloadRow
    machine: MachineRow | None
    backend: str | None
    n_threads: int | None
    options_in_effect: Mapping[str, Scalar | None]
    engine_build: Mapping[str, Scalar | None]
    values: Mapping[str, tuple[float, ...]]
    blocks: Mapping[str, tuple[int, ...]]
    numbers: Mapping[str, tuple[int, ...]]
    n_launches: int
    n_failed: int
    n_orphaned: int
    failures: tuple[FailureRow, ...]
    flags: tuple[str, ...]
    bandwidth: BandwidthRow | None = None

    def estimate(self, metric: str) -> stats.Estimate | None:
        """The value of a metric over the good launches, with its 95 % interval; None where there is none."""
        values = self.values.get(metric)
        return stats.interval(values) if values else None

    @property
    def predicted_bytes(self) -> int | None:
        """Memory that the shape and the context ask for; None when the shape is unknown."""
        n_prefilled = self.workload.n_prompt_tokens + self.workload.n_depth_tokens
        need = physics.memory_of_arm(
            self.arm.shape,
            self.arm.tensor_bytes,
            n_prefilled + self.workload.n_generated_tokens,
            self.arm.options,
            engine=self.arm.engine,
            backend=self.backend,
            n_prefill_tokens=n_prefilled,
        )
        return need.total_bytes if need else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRow:
    """One launch as a list shows it; ``stats`` holds its value of every metric."""

    id: str
    number: int
    block: int
    position: int
    arm_label: str
    workload: str
    state: str
    is_orphaned: bool
    started_at_utc: str | None
    ended_at_utc: str | None
    backend: str | None
    n_threads: int | None
    flags: tuple[str, ...]
    failure_kind: str | None
    failure_message: str | None
    failure_remedy: str | None
    failure_phase: str | None
    failure_detail: str | None
    stats: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchDetail:
    """One launch with all that is known of it; ``reported`` are the engine's own figures by name."""

    launch: LaunchRow
    job: Mapping[str, Any]
    loaded: Mapping[str, Any] | None
    device: Mapping[str, Any] | None
    engine: Mapping[str, Any] | None
    samples: tuple[Mapping[str, Any], ...]
    reported: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRates:
    """What an arm was last measured at on one device."""

    decode_tok_per_s: float | None = None
    prefill_tok_per_s: float | None = None
    load_s: float | None = None
