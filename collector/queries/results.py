"""What the reader answers: frozen records in plain types, nothing of the database in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.store.records import RunRecord
from collector.suite import Arm
from runners.contract import ModelRef, Scalar, WorkloadKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run as it is stored; ``ended_at_utc`` and ``stop_reason`` are None while it runs and when it was cut."""

    id: str
    started_at_utc: str
    ended_at_utc: str | None
    suite: str
    seed: int
    plan: Mapping[str, Any]
    n_blocks_done: int
    stop_reason: str | None
    phibench_version: str | None
    git_commit: str | None
    command_line: str | None
    note: str | None

    @property
    def record(self) -> RunRecord:
        """What it was begun with."""
        return RunRecord(
            id=self.id,
            started_at_utc=self.started_at_utc,
            suite=self.suite,
            seed=self.seed,
            plan=self.plan,
            phibench_version=self.phibench_version,
            git_commit=self.git_commit,
            command_line=self.command_line,
            note=self.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A run that was cut: it goes on with block ``n_blocks_done`` and launch ``last_launch_number + 1``."""

    run: RunRecord
    n_blocks_done: int
    last_launch_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult:
    """The machine that a result is from."""

    fingerprint: str
    name: str
    kind: str
    machine: str | None
    cpu_model: str | None
    product_type: str | None
    n_physical_cores: int | None
    n_logical_cores: int | None
    memory_bytes: int | None
    is_virtual: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentResult:
    """Versions under which a result was made; ``engine_build`` is what the build says of itself."""

    os_name: str
    os_version: str | None
    os_build: str | None
    engine: str | None
    engine_version: str | None
    python_version: str | None
    phibench_version: str | None
    engine_build: Mapping[str, Scalar | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
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

    @property
    def label(self) -> str:
        """The short name of the suite's arm."""
        model = ModelRef(model=self.model, format=self.format, quant=self.quant)
        return Arm(model=model, engine=self.engine, options=self.options, python=self.python).label


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadResult:
    """What was asked."""

    name: str
    kind: str
    n_prompt_tokens: int
    n_generated_tokens: int
    n_depth_tokens: int
    prompt_seed: int
    prompt_path: str | None

    @property
    def shape_label(self) -> str:
        """'64+32', or llama-bench's 'pp512' and 'tg128'; ' @ d4096' with context before it."""
        if self.kind == WorkloadKind.KERNEL:
            shape = f"pp{self.n_prompt_tokens}" if self.n_prompt_tokens else f"tg{self.n_generated_tokens}"
        else:
            shape = f"{self.n_prompt_tokens}+{self.n_generated_tokens}"
        return f"{shape} @ d{self.n_depth_tokens}" if self.n_depth_tokens else shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One way in which launches of a cell failed."""

    kind: str
    message: str
    remedy: str
    n: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """
    One arm on one workload in one run.

    Args:
        values: by metric, one value a good launch that has it, in block order; orphans are left out.
        blocks: block of each good launch; ``value_blocks`` the same for each metric's values.
        n_launches: good launches; n_failed: failed ones.
        flags: every doubt that one of its launches carries, sorted.
        predicted_bytes: memory that physics predicts for it; None where the shape is unknown.
    """

    run_id: str
    suite: str
    started_at_utc: str
    device: DeviceResult | None
    environment: EnvironmentResult | None
    arm: ArmResult
    workload: WorkloadResult
    backend: str | None = None
    n_threads: int | None = None
    values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    value_blocks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    blocks: tuple[int, ...] = ()
    n_launches: int = 0
    n_failed: int = 0
    failures: tuple[Failure, ...] = ()
    flags: tuple[str, ...] = ()
    predicted_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRow:
    """One launch in a list; ``stats`` is its value of each metric that is known."""

    id: str
    run_id: str
    number: int
    block: int
    position: int
    arm_label: str
    workload: str
    state: str
    flags: tuple[str, ...]
    is_orphaned: bool
    started_at_utc: str | None
    ended_at_utc: str | None
    failure_kind: str | None
    failure_message: str | None
    failure_remedy: str | None
    failure_phase: str | None
    failure_detail: str | None
    stats: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchDetail:
    """One launch with all that is known of it, JSON as it was sent; ``reported`` are the engine's own figures."""

    launch: LaunchRow
    arm: ArmResult
    workload: WorkloadResult
    job: Mapping[str, Any]
    device: Mapping[str, Any] | None = None
    engine: Mapping[str, Any] | None = None
    loaded: Mapping[str, Any] | None = None
    reported: tuple[Mapping[str, Any], ...] = ()
    n_conflicts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRates:
    """What an arm was last measured at; None where it never was."""

    decode_tok_per_s: float | None = None
    prefill_tok_per_s: float | None = None
    load_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOrigin:
    """Where a sample comes from; the same object for all samples of one cell, so that what it is can be kept."""

    run_id: str
    suite: str
    arm: ArmResult
    workload: WorkloadResult
    device: DeviceResult | None
    environment: EnvironmentResult | None
