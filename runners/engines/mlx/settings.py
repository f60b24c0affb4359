"""
The engine's options: the table, and what they come to for one launch.

``loop`` is part of an arm's identity, since the two loops give different rates by design: docs/mlx.md has the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from runners.contract import Option, Scalar
from runners.errors import FailureKind, RunnerUnavailable

STRICT, HYBRID = "strict", "hybrid"
AUTO, STORED, FLOAT32 = "auto", "stored", "float32"
_ROOM_WHEN_NOT_SAID = 2048

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "n_ctx": Option(type=int, default=None, help="tokens of context to make room for; as the workload needs"),
        "loop": Option(
            type=str,
            default=STRICT,
            help="strict: every token's time is exact; hybrid: works one step ahead, first and last time are exact",
            choices=(STRICT, HYBRID),
        ),
        "prefill_step_size": Option(type=int, default=2048, help="most prompt tokens computed at once", least=1),
        "kv_bits": Option(
            type=int, default=None, help="bits of the cached keys and values; unquantised", choices=(2, 4, 8)
        ),
        "kv_group_size": Option(
            type=int,
            default=None,
            help="values that share a scale in a quantised cache; 64, or 32 where the heads ask for it",
            choices=(32, 64, 128),
        ),
        "quantized_kv_start": Option(
            type=int, default=0, help="tokens kept unquantised at first, with kv_bits", least=0
        ),
        "compute_dtype": Option(
            type=str,
            default=AUTO,
            help="number format of scales and activations; auto is float32 on the CPU and as stored on Metal",
            choices=(AUTO, STORED, FLOAT32),
        ),
        "library_figures": Option(
            type=bool,
            default=False,
            help="after each generation run mlx-lm's own generator once, and keep its figures beside ours",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is asked of the engine; ``kv_group_size`` None = as the model's heads allow."""

    n_ctx: int
    loop: str
    prefill_step_size: int
    kv_bits: int | None
    kv_group_size: int | None
    quantized_kv_start: int
    compute_dtype: str
    library_figures: bool


def resolve(options: Mapping[str, Scalar]) -> Settings:
    """
    Fill in what was not said and refuse what cannot work.

    Raises:
        RunnerUnavailable: of kind unsupported.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise refusal(f"mlx has no option {unknown[0]!r}", f"There are: {', '.join(OPTIONS)}.")
    values = {name: options.get(name, option.default) for name, option in OPTIONS.items()}
    if values["kv_bits"] is None:
        idle = [name for name in ("kv_group_size", "quantized_kv_start") if name in options]
        if idle:
            raise refusal(f"{idle[0]} says nothing without kv_bits", f"add kv_bits=8, or leave out {idle[0]}")
    return Settings(
        n_ctx=_whole("n_ctx", values["n_ctx"] or _ROOM_WHEN_NOT_SAID),
        loop=str(_one_of("loop", values["loop"])),
        prefill_step_size=_whole("prefill_step_size", values["prefill_step_size"]),
        kv_bits=_whole_or_none("kv_bits", values["kv_bits"]),
        kv_group_size=_whole_or_none("kv_group_size", values["kv_group_size"]),
        quantized_kv_start=_whole("quantized_kv_start", values["quantized_kv_start"], least=0),
        compute_dtype=str(_one_of("compute_dtype", values["compute_dtype"])),
        library_figures=bool(values["library_figures"]),
    )


def kv_group_size(asked: int | None, head_dims: set[int]) -> int:
    """
    Group size of a quantised cache: 64, or 32 where a head's dimension is no multiple of it.

    Args:
        asked: what the arm says; None = choose.
        head_dims: dimensions of keys and values in all layers; 96 in Phi-3-mini.

    Raises:
        RunnerUnavailable: of kind unsupported; mlx would raise in the middle of a generation.
    """
    fitting = [size for size in (64, 32) if all(dim % size == 0 for dim in head_dims)]
    dims = ", ".join(map(str, sorted(head_dims)))
    if asked is not None and any(dim % asked for dim in head_dims):
        hint = f"kv_group_size={fitting[0]}, or leave it out" if fitting else "leave out kv_bits"
        raise refusal(f"heads of dimension {dims} cannot be cut into groups of {asked}", hint)
    if asked is None and not fitting:
        raise refusal(f"mlx cannot quantise a cache of heads of dimension {dims}", "leave out kv_bits")
    return asked or fitting[0]


def refusal(message: str, remedy: str) -> RunnerUnavailable:
    """What cannot be done with this engine or this model."""
    return RunnerUnavailable(FailureKind.UNSUPPORTED, message, remedy)


def _whole(name: str, value: Scalar | None, least: int = 1) -> int:
    if type(value) is not int or not least <= value < 2**31:
        raise refusal(f"{name} of mlx cannot be {value!r}", f"it is a whole number from {least} on")
    return value


def _whole_or_none(name: str, value: Scalar | None) -> int | None:
    return None if value is None else _whole(name, _one_of(name, value))


def _one_of(name: str, value: Scalar | None) -> Scalar | None:
    choices = OPTIONS[name].choices
    if value not in choices:
        raise refusal(f"{name} of mlx cannot be {value!r}", f"choose one of: {', '.join(map(str, choices))}")
    return value
