"""
The engine's options: the table, and what they come to for one launch.

Whatever the library would take in silence and answer with nonsense, abort or crawl is refused here with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from runners import device
from runners.contract import Option, Scalar
from runners.errors import FailureKind, RunnerUnavailable

FLASH_ATTENTION = MappingProxyType({"auto": -1, "off": 0, "on": 1})
LOAD_MODES = MappingProxyType({"none": 0, "mmap": 1, "mlock": 2, "mmap+mlock": 3, "dio": 4})
KV_TYPES = MappingProxyType(
    {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q5_1": 7, "q5_0": 6, "q4_1": 3, "q4_0": 2, "iq4_nl": 20}
)
_PLAIN_KV_TYPES = ("f32", "f16", "bf16")
_ROOM_WHEN_NOT_SAID = 2048
_ALL_LAYERS = -1  # "a negative value means all layers" from 0.3.20 on; in 0.3.16 it meant none

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "n_ctx": Option(type=int, default=None, help="tokens of context to make room for; as the workload needs"),
        "threads": Option(
            type=int,
            default=None,
            help="threads that compute; the physical cores allowed here",
            least=1,
            most=device.allowed_logical_cpus,
            why="3 threads on 2 cores are 9 times slower",
        ),
        "n_batch": Option(type=int, default=2048, help="most prompt tokens handed to the library at once"),
        "n_ubatch": Option(type=int, default=512, help="most tokens computed at once"),
        "flash_attn": Option(
            type=str,
            default="auto",
            help="Flash Attention; auto lets the library decide",
            choices=tuple(FLASH_ATTENTION),
        ),
        "kv_type": Option(
            type=str, default="f16", help="number format of keys and values in the cache", choices=tuple(KV_TYPES)
        ),
        "load_mode": Option(
            type=str,
            default="none",
            help="none reads the weights into memory; mmap maps the file, which shows double memory when repacked",
            choices=tuple(LOAD_MODES),
        ),
        "repack": Option(type=bool, default=True, help="rearrange weights for this CPU while loading"),
        "n_gpu_layers": Option(
            type=int, default=None, help="layers to put on the GPU, -1 = all, 0 = none; all, so on a Mac Metal computes"
        ),
        "check_tensors": Option(type=bool, default=False, help="read all weights and refuse NaN and infinity"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is asked of the library; ``n_gpu_layers`` -1 = all, ``is_gpu_asked`` when the arm itself asked for one."""

    n_ctx: int
    threads: int
    n_batch: int
    n_ubatch: int
    flash_attn: str
    kv_type: str
    load_mode: str
    repack: bool
    n_gpu_layers: int
    is_gpu_asked: bool
    check_tensors: bool


def resolve(options: Mapping[str, Scalar]) -> Settings:
    """
    Fill in what was not said and refuse what cannot work.

    Raises:
        RunnerUnavailable: of kind unsupported.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise _refusal(f"llama_cpp has no option {unknown[0]!r}", f"There are: {', '.join(OPTIONS)}.")
    values = {name: options.get(name, option.default) for name, option in OPTIONS.items()}
    settings = Settings(
        n_ctx=_at_least_one("n_ctx", values["n_ctx"] or _ROOM_WHEN_NOT_SAID),
        threads=_threads(values["threads"]),
        n_batch=_at_least_one("n_batch", values["n_batch"]),
        n_ubatch=_at_least_one("n_ubatch", values["n_ubatch"]),
        flash_attn=_one_of("flash_attn", values["flash_attn"], FLASH_ATTENTION),
        kv_type=_one_of("kv_type", values["kv_type"], KV_TYPES),
        load_mode=_one_of("load_mode", values["load_mode"], LOAD_MODES),
        repack=bool(values["repack"]),
        n_gpu_layers=_gpu_layers(values["n_gpu_layers"]),
        is_gpu_asked=values["n_gpu_layers"] not in {None, 0},
        check_tensors=bool(values["check_tensors"]),
    )
    if settings.kv_type not in _PLAIN_KV_TYPES and settings.flash_attn == "off":
        raise _refusal(
            f"a cache of {settings.kv_type} values needs Flash Attention, which is switched off",
            "leave out flash_attn=off, or take kv_type=f16",
        )
    return settings


def _threads(value: Scalar | None) -> int:
    if value is None:
        return device.default_threads()
    return _at_least_one("threads", value)


def _gpu_layers(value: Scalar | None) -> int:
    if value is None:
        return _ALL_LAYERS
    if not isinstance(value, int) or value < -1:
        raise _refusal(f"n_gpu_layers cannot be {value!r}", "-1 means all layers, 0 none")
    return value


def _at_least_one(name: str, value: Scalar | None) -> int:
    if type(value) is not int or not 1 <= value < 2**31:
        raise _refusal(f"{name} of llama_cpp cannot be {value!r}", "it is a whole number from 1 on")
    return value


def _one_of(name: str, value: Scalar | None, choices: Mapping[str, int]) -> str:
    if value not in choices:
        raise _refusal(f"{name} of llama_cpp cannot be {value!r}", f"choose one of: {', '.join(choices)}")
    return str(value)


def _refusal(message: str, remedy: str) -> RunnerUnavailable:
    return RunnerUnavailable(FailureKind.UNSUPPORTED, message, remedy)
