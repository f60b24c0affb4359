"""
What is run on them: four weeks of runs, as a person might have made them.

Every page has something to show: three arms on each device, several prompt lengths, kernels, A against A, long
launches, a new version of each engine that changed its speed, and what goes wrong: memory that does not suffice, a
crash, a hang, an app sent to the background, launches on battery and launches on a phone that would not cool down.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from collector.demo.devices import MAC, NEW, OLD, PC, PHONE, Machine, arm
from collector.suite import DEFAULT_GATE, Arm
from runners.contract import Job, Workload, WorkloadKind
from runners.errors import FailureKind

CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=128)
SEARCH = Workload(name="search", n_prompt_tokens=1024, n_generated_tokens=64)
ANSWER = Workload(name="long-answer", n_prompt_tokens=32, n_generated_tokens=384)
ON_END = Workload(name="on-end", n_prompt_tokens=64, n_generated_tokens=256)
PROMPTS = tuple(Workload(name=f"prompt-{n}", n_prompt_tokens=n, n_generated_tokens=16) for n in (128, 256, 512, 2048))
PP512 = Workload(name="pp512", kind=WorkloadKind.KERNEL, n_prompt_tokens=512)
TG128 = Workload(name="tg128", kind=WorkloadKind.KERNEL, n_generated_tokens=128)

_LLAMA, _PHI = "llama-2-7b", "phi-3-mini-4k"
ARMS: Mapping[str, tuple[Arm, ...]] = {
    "iphone": (
        arm(_LLAMA, "mlx_4bit_g64", "mlx"), arm(_PHI, "mlx_4bit_g64", "mlx"), arm(_PHI, "q4f16_1", "mlc"),
    ),
    "mac": (
        arm(_LLAMA, "mlx_4bit_g64", "mlx"), arm(_PHI, "mlx_4bit_g64", "mlx"), arm(_PHI, "q4_0", "llama_cpp"),
    ),
    "pc": (arm(_LLAMA, "q4_0", "llama_cpp"), arm(_PHI, "q4_0", "llama_cpp"), arm(_PHI, "q8_0", "llama_cpp")),
}  # fmt: skip
"""By device: the baseline, the model that is asked about, and that model in one more way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """How one launch of a run fails, whatever it runs; ``{launch}`` in the remedy is its name."""

    kind: FailureKind
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One run.

    Args:
        days_ago, hour: when it begins.
        name: ends the name of the run.
        what: in words.
        mishaps: by the number of the launch.
        hot: numbers of the launches that begin although the device did not cool down.
    """

    days_ago: int
    hour: int
    machine: Machine
    name: str
    what: str
    arms: tuple[Arm, ...]
    workloads: tuple[Workload, ...] = (CHAT,)
    n_blocks: int = 6
    version: str = NEW
    duration_s: float | None = None
    is_on_battery: bool = False
    mishaps: Mapping[int, Mishap] = field(default_factory=dict)
    hot: range = range(0)
    gate_waits_s: float = DEFAULT_GATE.nominal_hold_s

    @property
    def run_id(self) -> str:
        """'mac-main'."""
        return f"{self.machine.key}-{self.name}"


_CRASH = Mishap(
    kind=FailureKind.CRASHED,
    message="the worker was ended by SIGSEGV while it generated (simulated)",
    remedy="phibench show {launch} tells what it did last; another version of the engine may not crash",
)
_HANG = Mishap(
    kind=FailureKind.TIMED_OUT,
    message="nothing was heard of the worker for 900 s (simulated)",
    remedy="phibench run --timeout 30m, if it may be that slow",
)
_AWAY = Mishap(
    kind=FailureKind.BACKGROUNDED,
    message="the app went to the background while it generated (simulated)",
    remedy="keep the phone unlocked and the app in front: guided access does that",
)


def too_large(job: Job) -> Mishap:
    """What happens on the phone when a model and its context do not fit."""
    model, n_tokens = job.model.model, job.workload.n_context_tokens
    return Mishap(
        kind=FailureKind.OUT_OF_MEMORY,
        message=f"the system ended the app: {model} with {n_tokens:,} tokens of context takes more memory than an app "
        "may have (simulated)",
        remedy=f"phibench fit --on iPhone15,2 --model {model}",
    )


def entries() -> tuple[Entry, ...]:
    """All runs, the oldest first."""
    found = (*_history(), *_noise(), *_long(), *_kernels(), *_prompts(), *_main())
    return tuple(sorted(found, key=lambda entry: (-entry.days_ago, entry.hour)))


def _history() -> Iterator[Entry]:
    """The same cell again and again; each engine gets its new version on the way."""
    days = ((PC, (27, 23, 20, 16, 12, 7)), (MAC, (26, 22, 18, 14, 9, 6)), (PHONE, (25, 21, 17, 13, 8)))
    for machine, when in days:
        for number, days_ago in enumerate(when, 1):
            yield Entry(
                days_ago=days_ago, hour=9, machine=machine, name=f"week-{number}", what="chat, two models",
                arms=ARMS[machine.key][:2], n_blocks=8, version=OLD if number <= len(when) - 2 else NEW,
                is_on_battery=machine is not PC and number == 3,
            )  # fmt: skip


def _noise() -> Iterator[Entry]:
    """One arm against itself, on three days."""
    for place, machine in enumerate((PC, MAC, PHONE)):
        for number in (1, 2, 3):
            yield Entry(
                days_ago=6 - number, hour=12 + place, machine=machine, name=f"noise-{number}",
                what="one arm against itself", arms=ARMS[machine.key][1:2] * 2, n_blocks=8,
            )  # fmt: skip


def _long() -> Iterator[Entry]:
    """Ten minutes on end."""
    for machine, arms, n_blocks in (
        (PHONE, ARMS["iphone"][1:], 6), (MAC, ARMS["mac"][:2], 2), (PC, ARMS["pc"][:2], 2),
    ):  # fmt: skip
        yield Entry(
            days_ago=3, hour=15, machine=machine, name="long", what="ten minutes on end, with heat", arms=arms,
            workloads=(ON_END,), n_blocks=n_blocks, duration_s=600.0, gate_waits_s=180.0,
        )  # fmt: skip


def _kernels() -> Iterator[Entry]:
    for machine in (PHONE, MAC, PC):
        yield Entry(
            days_ago=2, hour=10, machine=machine, name="kernels", what="kernels: pp512 and tg128",
            arms=ARMS[machine.key][:2], workloads=(PP512, TG128),
        )  # fmt: skip


def _prompts() -> Iterator[Entry]:
    for machine in (PHONE, MAC, PC):
        yield Entry(
            days_ago=2, hour=16, machine=machine, name="prompts", what="prompts of 128 to 2,048 tokens",
            arms=ARMS[machine.key][1:2], workloads=PROMPTS,
        )  # fmt: skip


def _main() -> Iterator[Entry]:
    """Three arms, three workloads, and most of what goes wrong."""
    of_machine = ((PC, {5: _CRASH}), (MAC, {17: _HANG}), (PHONE, {12: _AWAY}))
    for place, (machine, mishaps) in enumerate(of_machine):
        yield Entry(
            days_ago=1, hour=9 + 3 * place, machine=machine, name="main", what="three arms, three workloads",
            arms=ARMS[machine.key], workloads=(CHAT, SEARCH, ANSWER), n_blocks=10, mishaps=mishaps,
            hot=range(44, 51) if machine is PHONE else range(0),
        )  # fmt: skip
