"""Which paired device a person means."""

from collections.abc import Iterable, Sequence

from collector.errors import UsageError
from runners.bridging import PairedDevice
from runners.registry import did_you_mean

_PAIR = "phibench bridge pair"


def find_device(ref: str, devices: Iterable[PairedDevice]) -> PairedDevice:
    """
    A device by its name or the beginning of its id; case does not matter, a revoked one is never meant.

    Raises:
        UsageError: none or several fit, it was revoked, or it never said what it can do.
    """
    every = list(devices)
    usable = [one for one in every if not one.is_revoked]
    found = [one for one in usable if ref in {one.name, one.device_id}] or [
        one for one in usable if one.name.lower() == ref.lower()
    ]
    found = found or [one for one in usable if ref and one.device_id.startswith(ref.lower())]
    if len(found) > 1:
        message = f"{len(found)} paired devices are called {ref!r}: {_ids(found)}"
        raise UsageError(message, f"name it by its id: --device {found[-1].device_id[:8]}")
    if not found:
        raise _unknown(ref, every, usable)
    if found[0].hello is None:
        message = f"{found[0].name} was paired but its app has never said what it can do"
        raise UsageError(message, "open the app while the bridge runs: phibench bridge serve")
    return found[0]


def _unknown(ref: str, every: Sequence[PairedDevice], usable: Sequence[PairedDevice]) -> UsageError:
    if any(ref in {one.name, one.device_id} for one in every):
        return UsageError(f"the device {ref!r} was revoked and is refused", f"pair it again: {_PAIR}")
    if not usable:
        return UsageError(f"there is no device {ref!r}: none is paired", _PAIR)
    names = dict.fromkeys(one.name for one in usable)
    return UsageError(f"there is no paired device {ref!r}", f"{did_you_mean(ref, names)}   (phibench bridge devices)")


def _ids(devices: Iterable[PairedDevice]) -> str:
    return ", ".join(f"{one.device_id[:8]} (paired {one.paired_at_utc[:10]})" for one in devices)
