"""Which series a page shows: the row of choices that several pages have, kept in the address."""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.queries import FailureCount, SeriesRow
from dashboard import state

UNKNOWN_DEVICE = "unknown device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The devices, models and engines that are shown; None where nothing is chosen, which means all."""

    devices: frozenset[str] | None
    models: frozenset[str] | None
    engines: frozenset[str] | None

    @property
    def is_any(self) -> bool:
        """Whether something is chosen."""
        return any(one is not None for one in (self.devices, self.models, self.engines))

    def has(self, device: str | None, model: str, engine: str) -> bool:
        """Whether something of this device, model and engine is shown."""
        wanted = ((self.devices, device or UNKNOWN_DEVICE), (self.models, model), (self.engines, engine))
        return all(names is None or name in names for names, name in wanted)

    def series(self, found: Sequence[SeriesRow]) -> list[SeriesRow]:
        """Those of some series that are shown."""
        return [one for one in found if self.has(one.device, one.arm.model, one.arm.engine)]

    def failures(self, found: Sequence[FailureCount]) -> list[FailureCount]:
        """Those of some failures that are shown."""
        return [one for one in found if self.has(one.device, one.model, one.engine)]


def device_of(one: SeriesRow) -> str:
    """The name of its device."""
    return one.device or UNKNOWN_DEVICE


def chosen(series: Sequence[SeriesRow]) -> Chosen:
    """The row of choices: devices, models and engines of the series."""
    return Chosen(
        devices=_some("Devices", [device_of(s) for s in series], "device"),
        models=_some("Models", [s.arm.model for s in series], "model"),
        engines=_some("Engines", [s.arm.engine for s in series], "engine"),
    )


def narrowed(series: Sequence[SeriesRow]) -> list[SeriesRow]:
    """The series of the chosen devices, models and engines; nothing chosen means all."""
    return chosen(series).series(series)


def _some(label: str, names: Sequence[str], key: str) -> frozenset[str] | None:
    found = state.choose_several(label, sorted(set(names)), key, usual=())
    return frozenset(found) if found else None
