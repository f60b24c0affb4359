"""What fits where: models against the memory that phones, Macs and PCs are sold with, and the room of one machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from collector import chips
from collector.chips import Device
from collector.errors import UsageError
from collector.fit.prediction import need_of, weights_bytes
from collector.fit.records import Room
from collector.fit.rooms import rooms
from collector.physics import MemoryNeed
from runners.contract import ModelShape

PC_GIB = (8, 16, 32)
MOST_MAC_GIB = 36
"""Beyond it everything of the catalogue fits in four bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Devices that a model meets the same room on.

    Args:
        name: 'iPhone, 6 GiB'; ``example``: one or two devices that are meant.
        rooms: by model, in the same order for each; a phone has two, without and with the entitlement.
    """

    name: str
    example: str
    rooms: Mapping[str, tuple[Room, ...]]


def needs(shapes: Mapping[str, ModelShape], quant: str, n_context_tokens: int) -> dict[str, MemoryNeed]:
    """By model: its predicted memory in a format; without the ones that have less context or unknown tensors."""
    found = {}
    for model, shape in shapes.items():
        if n_context_tokens > shape.context_length:
            continue
        try:
            size = weights_bytes(shape, quant)
        except UsageError:
            continue
        found[model] = need_of(shape, size, quant, n_context_tokens)
    return found


def places(of_models: Mapping[str, MemoryNeed]) -> list[Place]:
    """Every size of memory that phones, Macs and PCs are sold with, and the room that each model has there."""
    return [
        Place(
            name=name,
            example=example,
            rooms={model: tuple(rooms(on, need.total_bytes, size)) for model, need in of_models.items()},
        )
        for name, example, on, size in _kinds()
    ]


def rooms_of(
    product_type: str | None, cpu_model: str | None, memory_bytes: int | None, need_bytes: int
) -> tuple[Room, ...]:
    """
    The memory that a model may have on a machine as it describes itself; empty where it does not tell its memory.

    Of a phone that is what an app may use, of a Mac the share of its GPU, of any other machine all of it.
    """
    if memory_bytes is None:
        return ()
    return tuple(rooms(chips.vendor_device(product_type, cpu_model) or _pc(), need_bytes, memory_bytes))


def _kinds() -> Iterator[tuple[str, str, Device, int]]:
    phones = sorted(chips.table().phones, key=lambda phone: phone.memory_bytes)
    for size, group in groupby(phones, key=lambda phone: phone.memory_bytes):
        sold = list(group)
        yield _named("iPhone", size), _either([p.name for p in sold]), chips.find_device(sold[0].product_type), size
    macs: dict[int, list[str]] = {}
    for chip in chips.table().chips:
        for size in chip.memory_bytes if chip.device_class != "phone" else ():
            macs.setdefault(size, []).append(chip.name)
    for size in sorted(size for size in macs if size <= MOST_MAC_GIB << 30):
        yield _named("Mac", size), _either(macs[size]), chips.find_device(macs[size][0]), size
    for gib in PC_GIB:
        yield _named("PC", gib << 30), "all of its memory", _pc(), gib << 30


def _named(kind: str, n_bytes: int) -> str:
    return f"{kind}, {n_bytes / (1 << 30):g} GiB"


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _pc() -> Device:
    """Any machine without a limit of its own: its bandwidth does not matter here."""
    return chips.find_device("DDR4-3200 dual")
