"""
The frozen types that cross rooms and wires. Standard library only.

A :class:`Job` says what one fresh process has to do. A runner turns it into :class:`Event` records, small JSON objects
numbered within one boot. The evidence of one generation is a :class:`Trace`: integer nanoseconds on one monotonic
clock, never a metric. Everything that receives events is an :class:`Inbox`.

Names and units are the same here, on the wire, in Swift and in the database. Unknown is None, never 0.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from runners.errors import FailureKind
from runners.wire import WireError, from_wire

PROTOCOL = 1
Scalar = str | int | float | bool


class Granularity(StrEnum):
    """What one entry of ``Trace.dt_ns`` stands for."""

    TOKEN = "token"  # noqa: S105  # no password
    CHUNK = "chunk"
    TOTAL = "total"


class WorkloadKind(StrEnum):
    """Generation is what a user sees; kernel is llama-bench's pp and tg: no sampling, random tokens."""

    GENERATION = "generation"
    KERNEL = "kernel"


class ReplicationUnit(StrEnum):
    """What was made anew for a launch; a phone that cannot restart its process only reloads the model."""

    PROCESS = "process"
    RELOAD = "reload"


class Phase(StrEnum):
    """The step that a ``starting`` event announces."""

    GATE = "gate"
    LOAD = "load"
    WARMUP = "warmup"
    ITERATION = "iteration"


class EventType(StrEnum):
    """The kinds of event, in the order in which a launch sends them."""

    HELLO = "hello"
    STARTING = "starting"
    LOADED = "loaded"
    ITERATION = "iteration"
    READING = "reading"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_last(self) -> bool:
        """Whether a launch is whole once this has arrived."""
        return self in {EventType.DONE, EventType.FAILED}


class Flag(StrEnum):
    """Doubt on a good result; each word is shown beside the number (meanings: ``FLAG_MEANING``)."""

    SYNTHETIC = "synthetic"
    SIMULATED = "simulated"
    IMPORTED = "imported"
    CHUNKED = "chunked"
    CPU_FALLBACK = "cpu_fallback"
    VIRTUALISED = "virtualised"
    UNGATED = "ungated"
    HOT = "hot"
    CONTENDED = "contended"
    ON_BATTERY = "on_battery"
    LOW_POWER = "low_power"
    COLD_CACHE = "cold_cache"
    RELOAD = "reload"
    NOT_INTERLEAVED = "not_interleaved"
    ORPHANED = "orphaned"
    SERVER = "server"
    OUTPUT_CHANGED = "output_changed"
    GAPS_INEXACT = "gaps_inexact"
    IMPLAUSIBLE = "implausible"


FLAG_MEANING: Mapping[Flag, str] = {
    Flag.SYNTHETIC: "random weights of the real shape: speed and memory are real, text and quality are not",
    Flag.SIMULATED: "made by a simulator, no model ran",
    Flag.IMPORTED: "measured by another tool and imported",
    Flag.CHUNKED: "a delivery carries several tokens, so no gap belongs to one token",
    Flag.CPU_FALLBACK: "a GPU was asked for and the CPU did the work",
    Flag.VIRTUALISED: "measured inside a virtual machine: expect noise from neighbours",
    Flag.UNGATED: "the state of the machine was not checked, or did not settle, before the launch",
    Flag.HOT: "the device was not at nominal temperature",
    Flag.CONTENDED: "other work took processor time while this was measured",
    Flag.ON_BATTERY: "measured on battery power",
    Flag.LOW_POWER: "a low-power mode was on",
    Flag.COLD_CACHE: "the model was read from the disk, not from memory, so the load time is not comparable",
    Flag.RELOAD: "the process was not restarted, only the model was loaded again",
    Flag.NOT_INTERLEAVED: "the arms ran one after the other, so drift and difference cannot be told apart",
    Flag.ORPHANED: "belongs to a block that was cut and then repeated",
    Flag.SERVER: "a server's figure, not a device's",
    Flag.OUTPUT_CHANGED: "the generated tokens differ from those of an earlier launch of the same cell",
    Flag.GAPS_INEXACT: "the engine works ahead, so single gaps are not exact; first and last time are",
    Flag.IMPLAUSIBLE: "faster than the memory of the device allows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """
    The hyperparameters that fix the speed and the memory of a dense transformer.

    ``n_params`` counts every weight; ``vocab_size`` rows in embedding and output; ``head_dim`` per attention head.
    """

    architecture: str
    n_layers: int
    n_embd: int
    n_ff: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    vocab_size: int
    context_length: int
    is_tied: bool
    n_params: int

    def __post_init__(self) -> None:
        for name in ("n_layers", "n_embd", "n_ff", "n_heads", "n_kv_heads", "head_dim", "vocab_size", "context_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """
    One artifact: a model in one format at one place.

    Args:
        model: catalogue id such as ``phi-3-mini-4k``, or the file's stem when it is in no catalogue.
        format: ``gguf``, ``mlx``, ``none`` (engines that need no file).
        quant: ``q4_0``, ``q4_k_m``, ``q8_0``, ``f16``, ``mlx_4bit_g64``...; "unknown" when the file does not say.
        path: where it lies on the machine that runs it.
        n_bytes: size of the file(s); tensor_bytes: of the weights in them.
        digest: what identifies the content: sha256 of the whole where known, else of size, head and tail.
    """

    model: str
    format: str
    quant: str
    path: str | None = None
    n_bytes: int | None = None
    tensor_bytes: int | None = None
    digest: str | None = None
    is_synthetic: bool = False
    has_tokenizer: bool = False
    shape: ModelShape | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """
    What is asked of an arm.

    The prompt is ``n_prompt_tokens`` random tokens drawn with ``prompt_seed``, or the text in ``prompt_path`` cut or
    repeated to that length. ``n_depth_tokens`` of random context stand before the prompt and are not timed. A kernel
    workload has either prompt tokens (prefill) or generated tokens (decode), never both.
    """

    name: str
    kind: WorkloadKind = WorkloadKind.GENERATION
    n_prompt_tokens: int = 0
    n_generated_tokens: int = 0
    n_depth_tokens: int = 0
    prompt_seed: int = 1
    prompt_path: str | None = None

    def __post_init__(self) -> None:
        if min(self.n_prompt_tokens, self.n_generated_tokens, self.n_depth_tokens) < 0:
            raise ValueError("token counts cannot be negative")
        if self.kind is WorkloadKind.KERNEL and (self.n_prompt_tokens > 0) == (self.n_generated_tokens > 0):
            raise ValueError("a kernel workload has prompt tokens or generated tokens, exactly one of the two")
        if self.kind is WorkloadKind.GENERATION and min(self.n_prompt_tokens, self.n_generated_tokens) < 1:
            raise ValueError("a generation workload needs at least one prompt token and one generated token")

    @property
    def n_context_tokens(self) -> int:
        """Room that the whole of it takes in the context."""
        return self.n_depth_tokens + self.n_prompt_tokens + self.n_generated_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What must hold before a launch, and how long to wait for it before running flagged; None = not asked."""

    max_other_cpu_cores: float | None = None
    is_thermal_nominal: bool | None = None
    is_low_power_off: bool | None = None
    is_mains_power: bool | None = None
    min_free_bytes: int | None = None
    nominal_hold_s: float = 0.0
    longest_wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One launch: one cell in one fresh process.

    Args:
        launch_id: made by the collector; every event belongs to it.
        options: engine options of the arm, checked against the engine's own table.
        n_warmups: generations of the full shape that are kept and marked.
        n_iterations: measured generations; with ``duration_s`` they repeat until that time is over.
        timeout_s: longest silence between two events (a load, one generation) before the launch is given up.
        gate: evaluated by the parent for a local launch and by a remote device itself.
        python: interpreter of the arm's engine; None is the one that runs phibench.
    """

    launch_id: str
    model: ModelRef
    engine: str
    workload: Workload
    options: Mapping[str, Scalar] = field(default_factory=dict)
    n_warmups: int = 1
    n_iterations: int = 1
    duration_s: float | None = None
    timeout_s: float = 900.0
    gate: Gate | None = None
    python: str | None = None
    replication_unit: ReplicationUnit = ReplicationUnit.PROCESS
    protocol: int = PROTOCOL

    def __post_init__(self) -> None:
        if self.n_iterations < 1 or self.n_warmups < 0:
            raise ValueError("a job has at least one iteration and no negative number of warm-ups")
        if self.timeout_s <= 0 or (self.duration_s is not None and self.duration_s <= 0):
            raise ValueError("times must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One step of a launch.

    ``boot`` names one life of the sender, ``seq`` counts from 0 within a boot, ``t_ns`` is the sender's monotonic
    clock. What ``data`` holds is said in docs/contract.md, one table a type.
    """

    boot: str
    seq: int
    t_ns: int
    type: EventType
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seq < 0 or not self.boot:
            raise ValueError("an event has a boot and a sequence number from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """
    The evidence of one generation.

    Args:
        t0_ns: monotonic time at which the request began, token ids ready.
        dt_ns: shape (n,), rising; nanoseconds after t0 at which each delivery was visible to the caller. A kernel
            prefill has one entry: the end of the batch.
        n_tokens: shape (n,); tokens per delivery; None = one each.
        n_prompt_tokens: evaluated in this generation; n_cached_tokens: taken from an earlier one.
        token_hash: of the generated token ids; None where nothing was sampled.
        cpu_time_ns: processor time of all threads of the process over the generation.
        engine_reported: the engine's own figures, verbatim.
    """

    t0_ns: int
    dt_ns: tuple[int, ...]
    granularity: Granularity = Granularity.TOKEN
    n_tokens: tuple[int, ...] | None = None
    n_prompt_tokens: int = 0
    n_cached_tokens: int = 0
    finish_reason: str = "length"
    token_hash: str | None = None
    cpu_time_ns: int | None = None
    are_gaps_exact: bool = True
    engine_reported: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.dt_ns:
            raise ValueError("a trace has at least one time")
        if self.dt_ns[0] < 0 or any(b < a for a, b in zip(self.dt_ns, self.dt_ns[1:], strict=False)):
            raise ValueError("token times must rise from t0 on")
        if self.n_tokens is not None and len(self.n_tokens) != len(self.dt_ns):
            raise ValueError("n_tokens and dt_ns differ in length")
        if self.n_tokens is not None and min(self.n_tokens) < 0:
            raise ValueError("a delivery cannot carry a negative number of tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """
    What an engine says once a model is ready; every field as in effect, not as asked.

    ``load_s`` runs from the call that opens the model to the moment it can generate. ``backend`` is "cpu", "metal",
    "cuda"...; ``n_threads`` the threads that compute; ``options`` the engine's options in effect.
    """

    load_s: float | None = None
    weights_bytes: int | None = None
    kv_bytes: int | None = None
    compute_bytes: int | None = None
    backend: str | None = None
    n_threads: int | None = None
    options: Mapping[str, Scalar | None] = field(default_factory=dict)
    model: Mapping[str, Scalar | None] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    engine_reported: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """Which build of which engine: version, and what its build says of itself (``build``: flags, features, commit)."""

    engine: str
    version: str | None = None
    build: Mapping[str, Scalar | None] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSnapshot:
    """
    What a machine is: the part that does not change between two launches.

    ``fingerprint`` tells two devices of the same kind apart and cannot be turned back into a serial number.
    ``n_performance_cores`` and ``n_efficiency_cores`` are the two kinds of a Mac's cores; ``gpu_wired_limit_bytes`` is
    what a person allowed the GPU to hold, None where the system's own limit stands or nothing is said.
    """

    fingerprint: str
    name: str
    kind: str
    os_name: str
    os_version: str | None = None
    os_build: str | None = None
    machine: str | None = None
    cpu_model: str | None = None
    cpu_features: tuple[str, ...] = ()
    n_physical_cores: int | None = None
    n_logical_cores: int | None = None
    n_usable_cores: int | None = None
    n_performance_cores: int | None = None
    n_efficiency_cores: int | None = None
    n_gpu_cores: int | None = None
    affinity: tuple[int, ...] | None = None
    cgroup_cpu_quota: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    swap_bytes: int | None = None
    gpu_wired_limit_bytes: int | None = None
    is_virtual: bool | None = None
    hypervisor: str | None = None
    product_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    How a machine or a worker is now; every field None where the platform does not say.

    ``thermal_state`` is nominal, fair, serious or critical; ``thermal_pressure`` the finer word of macOS behind it:
    nominal, moderate, heavy, trapping, sleeping. ``memory_pressure`` is normal, warning or critical.
    """

    rss_bytes: int | None = None
    peak_rss_bytes: int | None = None
    anon_bytes: int | None = None
    peak_anon_bytes: int | None = None
    file_bytes: int | None = None
    peak_file_bytes: int | None = None
    footprint_bytes: int | None = None
    peak_footprint_bytes: int | None = None
    cpu_user_s: float | None = None
    cpu_system_s: float | None = None
    n_minor_faults: int | None = None
    n_major_faults: int | None = None
    n_voluntary_switches: int | None = None
    n_involuntary_switches: int | None = None
    disk_read_bytes: int | None = None
    free_memory_bytes: int | None = None
    swap_used_bytes: int | None = None
    memory_pressure: str | None = None
    other_cpu_cores: float | None = None
    governor: str | None = None
    frequency_hz: float | None = None
    temperature_c: float | None = None
    thermal_state: str | None = None
    thermal_pressure: str | None = None
    throttle_count: int | None = None
    is_on_battery: bool | None = None
    battery_frac: float | None = None
    is_low_power: bool | None = None


def check_data(kind: EventType, data: Mapping[str, Any]) -> None:
    """
    Whether the data of an event has the promised form; used by whoever receives events.

    Raises:
        WireError: the message names the field.
    """
    if kind is EventType.HELLO:
        _check_optional(EngineFacts, data, "engine")
        _check_optional(DeviceSnapshot, data, "device")
        _check_optional(Reading, data, "reading")
    elif kind is EventType.LOADED:
        from_wire(Loaded, data, "loaded")
    elif kind is EventType.READING:
        from_wire(Reading, data.get("reading"), "reading.reading")
        if data.get("phase") == Phase.GATE:
            _check_gate(data)
    elif kind is EventType.ITERATION:
        from_wire(Trace, data.get("trace"), "iteration.trace")
        if type(data.get("index")) is not int or type(data.get("is_warmup")) is not bool:
            raise WireError("iteration: index is an integer and is_warmup is true or false")
    elif kind is EventType.FAILED and data.get("kind") not in set(FailureKind):
        raise WireError(f"failed.kind: {data.get('kind')!r} is no failure kind")


def _check_gate(data: Mapping[str, Any]) -> None:
    """What a gate says beside its reading: how long it waited, which conditions did not hold or are unknown."""
    waited_s = data.get("waited_s")
    if waited_s is not None and not (type(waited_s) in {int, float} and 0 <= waited_s < float("inf")):
        raise WireError(f"reading.waited_s: {waited_s!r} is no number of seconds")
    for name in ("unmet", "unknown"):
        names = data.get(name, [])
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
            raise WireError(f"reading.{name}: {names!r} is no list of names")


def _check_optional(cls: type[Any], data: Mapping[str, Any], name: str) -> None:
    if data.get(name) is not None:
        from_wire(cls, data[name], f"hello.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """
    One engine option.

    Args:
        default: what stands when nothing is said; None = the engine decides.
        help: what it means, in a few words.
        choices: the only values there are; empty = any.
        least: the smallest value that makes sense.
        most: the largest one on this machine now, asked when an arm is checked; ``why`` gives the reason.
    """

    type: type[str] | type[int] | type[float] | type[bool]
    default: Scalar | None
    help: str
    choices: tuple[Scalar, ...] = ()
    least: int | None = None
    most: Callable[[], int] | None = None
    why: str = ""


class Session(Protocol):
    """A loaded model."""

    @property
    def loaded(self) -> Loaded:
        """What is in effect; read once, before the first generation."""
        ...

    def generate(self, workload: Workload) -> Trace:
        """
        Run the workload once, from an empty context.

        Raises:
            RunnerError: the engine refused, or computed rubbish.
        """
        ...


class Engine(Protocol):
    """
    A local engine: one class and one line in ``registry.py``.

    The framework is imported inside methods, never at module level. ``is_simulated`` engines touch no model and need
    neither the machine's lock nor a model file. ``distribution`` is what pip installs to make it usable, None when it
    needs nothing; an engine that comes in another way has a method ``how_to_install() -> str`` besides.
    """

    name: ClassVar[str]
    distribution: ClassVar[str | None]
    formats: ClassVar[tuple[str, ...]]
    options: ClassVar[Mapping[str, Option]]
    is_simulated: ClassVar[bool]

    def unavailable_because(self) -> str | None:
        """Why it cannot be used in this environment; None when it can. Quick, never raises."""
        ...

    def facts(self) -> EngineFacts:
        """Version and build; may import the framework, so only a worker calls it."""
        ...

    def open(self, model: ModelRef, options: Mapping[str, Scalar]) -> AbstractContextManager[Session]:
        """
        Load a model with options from the table above.

        The worker fills ``n_ctx`` (tokens of context to make room for) from the workload unless the arm sets it, so
        every engine's table has it.

        Raises:
            RunnerError: of the kind that says what is wrong.
        """
        ...


class Inbox(Protocol):
    """Whatever receives events: the store, the bridge's queue, a test's list."""

    def accept(self, launch_id: str, events: Sequence[Event]) -> int:
        """
        Take events of one launch, in any order, any number of times.

        Idempotent on (launch, boot, seq): what is known already is passed over; the same key with another content is
        recorded as an error and not stored.

        Returns:
            The highest contiguous seq of the boot of these events, -1 when even 0 is missing.
        """
        ...


class Launcher(Protocol):
    """Runs one job somewhere and yields its events, the last of them ``done`` or ``failed``."""

    def __call__(self, job: Job) -> Generator[Event]:
        """Yield the events as they come; never raises for a fault of engine or model; closing it ends the launch."""
        ...
