"""Which series a page shows: the row of choices that several pages have, kept in the address."""

from collections.abc import Sequence

from collector.queries import SeriesRow
from dashboard import state

UNKNOWN_DEVICE = "unknown device"


def device_of(one: SeriesRow) -> str:
    """The name of its device."""
    return one.device or UNKNOWN_DEVICE


def narrowed(series: Sequence[SeriesRow]) -> list[SeriesRow]:
    """The series of the chosen devices, models and engines; nothing chosen means all."""
    devices = state.choose_several("Devices", _unique([device_of(s) for s in series]), "device")
    models = state.choose_several("Models", _unique([s.arm.model for s in series]), "model")
    engines = state.choose_several("Engines", _unique([s.arm.engine for s in series]), "engine")
    return [s for s in series if device_of(s) in devices and s.arm.model in models and s.arm.engine in engines]


def _unique(names: Sequence[str]) -> list[str]:
    return sorted(set(names))
