"""A prediction of memory and rates, for people."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from collector import catalog, models, numbers
from collector.errors import UsageError
from collector.fit import Band, Basis, Fit, Room, RoomKind, Verdict
from runners.contract import ModelShape

_DEFAULT_QUANT = "q4_0"
_KINDS = {
    RoomKind.APP: "an app may use {limit}{of}",
    RoomKind.ENTITLED_APP: "with the increased-memory entitlement {limit}{of}",
    RoomKind.GPU_SHARE: "the GPU may use {limit}{of} by default",
    RoomKind.WHOLE: "the device has {limit}, other programs included",
    RoomKind.FREE_NOW: "free now {limit}",
}
_UNKNOWN = {
    RoomKind.APP: "an app's limit is not known on a phone{of}",
    RoomKind.WHOLE: "its memory is not known (--memory GIB)",
    RoomKind.FREE_NOW: "this machine does not tell its free memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The model that is asked for; ``tensor_bytes`` is known for a file only."""

    model: str
    shape: ModelShape
    quant: str
    tensor_bytes: int | None = None


def subject(model: str, quant: str | None) -> Subject:
    """
    A catalogue model in a format, or a file as it is.

    Raises:
        UsageError: a format is asked for beside a file, or the file does not tell its shape.
    """
    if not models.is_path(model):
        found = catalog.find(model)
        return Subject(model=found.id, shape=found.shape, quant=quant or _DEFAULT_QUANT)
    ref = models.from_path(model)
    if quant is not None and quant != ref.quant:
        raise UsageError(f"{ref.model} is a file in {ref.quant}; --quant cannot change that", "leave --quant out")
    if ref.shape is None:
        raise UsageError(f"{ref.model} does not tell its shape", "give a catalogue id: phibench models list")
    return Subject(model=ref.model, shape=ref.shape, quant=ref.quant, tensor_bytes=ref.tensor_bytes)


def as_data(found: Fit) -> dict[str, Any]:
    """For programs; unknown values are null."""
    return asdict(found)


def print_fit(screen: Console, found: Fit) -> None:
    """What is needed, what there is, the rates, and what all of it rests on."""
    for line in lines(found):
        screen.print(Text(line), soft_wrap=True)


def lines(found: Fit) -> Iterator[str]:
    """The answer, a line each."""
    context = f"{found.n_context_tokens:,} tokens of context"
    yield f"{found.model} {found.quant} on {found.device}, {context}: predicted, not measured"
    yield ""
    need = found.need
    overhead = need.total_bytes - need.weights_bytes - need.kv_bytes - need.compute_bytes
    parts = {"weights": need.weights_bytes, "KV": need.kv_bytes, "compute": need.compute_bytes, "process": overhead}
    told = ", ".join(f"{name} {numbers.gib(n, 2)}" for name, n in parts.items())
    yield f"memory  needs {_gib(need.total_bytes)}: {told}"
    yield from (f"        {_room(room)}" for room in found.rooms)
    if found.bands:
        yield from _bands(found.bands)
        if all(room.verdict is Verdict.DOES_NOT_FIT for room in found.rooms):
            yield "        where there were room for it"
    else:
        yield "decode  not predicted: no bandwidth is known of this device"
    yield ""
    yield from _bases(found)


def _room(room: Room) -> str:
    of = f" of {_gib(room.memory_bytes)}" if room.memory_bytes else ""
    if room.low_bytes is None or room.high_bytes is None:
        return f"{_UNKNOWN[room.kind].format(of=of)}, so neither is whether it fits"
    limit = _span(room.low_bytes, room.high_bytes)
    return f"{_KINDS[room.kind].format(limit=limit, of=of)}: {_verdict(room)}"


def _verdict(room: Room) -> str:
    low, high = room.spare_low_bytes or 0, room.spare_high_bytes or 0
    if room.verdict is Verdict.FITS:
        return f"fits, {_span(low, high)} to spare"
    if room.verdict is Verdict.DOES_NOT_FIT:
        return f"does not fit, {_span(-high, -low)} too much"
    return f"unsure, between {_gib(-low)} too much and {_gib(high)} to spare"


def _span(low: int, high: int) -> str:
    first, last = numbers.gib(low, 2), numbers.gib(high, 2)
    return f"{first} GiB" if first == last else f"{first} to {last} GiB"


def _gib(n_bytes: int | None) -> str:
    return f"{numbers.gib(n_bytes, 2)} GiB"


def _bands(bands: tuple[Band, ...]) -> Iterator[str]:
    width = max(len(f"{band.context_tokens:,}") for band in bands)
    for index, band in enumerate(bands):
        head = "decode  " if index == 0 else " " * 8
        rates = f"{numbers.plain(band.low_tok_per_s)} to {numbers.plain(band.high_tok_per_s)} tokens/s"
        told = f"{rates} (ceiling {numbers.plain(band.ceiling_tok_per_s)})"
        yield f"{head}at {band.context_tokens:>{width},} tokens of context {told}"


def _bases(found: Fit) -> Iterator[str]:
    yield "rests on"
    for basis in found.bases:
        yield f"  {_basis(basis)}"
    said = {(room.status, room.source) for room in found.rooms if room.status and room.source}
    for status, source in sorted(said, key=str):
        yield f"  limit of the memory: {status}; {source}"


def _basis(basis: Basis) -> str:
    source = f"; {basis.source}" if basis.source else ""
    return f"{basis.name}{_value(basis)}: {basis.status}{source}"


def _value(basis: Basis) -> str:
    if basis.value is None:
        return ""
    shown = {"byte/s": _gigabytes_per_s, "byte": numbers.size}.get(str(basis.unit), numbers.percent)
    high = "" if basis.high is None else f" to {shown(basis.high)}"
    return f" {shown(basis.value)}{high}"


def _gigabytes_per_s(value: float) -> str:
    return f"{value / 1e9:.4g} GB/s"
