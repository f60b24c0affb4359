"""What a prediction consists of."""

from dataclasses import dataclass
from enum import StrEnum

from collector.chips import Device
from collector.physics import MemoryNeed


class Verdict(StrEnum):
    """Whether it fits; ``unsure``: the limit is known as a range and the need lies inside it."""

    FITS = "fits"
    DOES_NOT_FIT = "does_not_fit"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


class RoomKind(StrEnum):
    """Which memory a limit is of."""

    APP = "app"
    ENTITLED_APP = "entitled_app"
    GPU_SHARE = "gpu_share"
    WHOLE = "whole"
    FREE_NOW = "free_now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This machine, as its own readings describe it; every number None where it is not known."""

    name: str
    free_memory_bytes: int | None = None
    bandwidth_byte_per_s: float | None = None
    vendor: Device | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """
    One thing that a prediction rests on.

    ``status`` is one of the chip table's (seen, derived, estimated, observed, recalled), or exact, fitted or measured;
    ``value`` is None for what is no number; ``high`` is set where it is a range.
    """

    name: str
    status: str
    value: float | None = None
    high: float | None = None
    unit: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """
    Memory that a model may have on a device, and whether it fits.

    ``memory_bytes`` is the device's; ``spare_low_bytes`` what is left (negative: missing) at the lower limit,
    ``spare_high_bytes`` at the upper; all None where the limit is not known.
    """

    kind: RoomKind
    verdict: Verdict
    memory_bytes: int | None = None
    low_bytes: int | None = None
    high_bytes: int | None = None
    spare_low_bytes: int | None = None
    spare_high_bytes: int | None = None
    status: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Decode rates at one length of context; the ceiling is what the whole bandwidth would give."""

    context_tokens: int
    bytes_per_token: float
    low_tok_per_s: float
    high_tok_per_s: float
    ceiling_tok_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A prediction; ``bands`` is empty when no bandwidth is known."""

    device: str
    model: str
    quant: str
    n_context_tokens: int
    need: MemoryNeed
    rooms: tuple[Room, ...]
    bands: tuple[Band, ...]
    bases: tuple[Basis, ...]
