"""Series by the device that they were measured on, by a name that stands in an address. Pure."""

from collections import Counter
from collections.abc import Sequence

from collector.queries import SeriesRow
from dashboard.filters import device_of


def by_device(series: Sequence[SeriesRow]) -> dict[str, list[SeriesRow]]:
    """
    The series of each device, the one measured last first; a name that several devices have gets their fingerprint.

    Args:
        series: the ones measured last first.
    """
    shared: dict[str, set[str | None]] = {}
    for one in series:
        shared.setdefault(device_of(one), set()).add(one.fingerprint)
    found: dict[str, list[SeriesRow]] = {}
    for one in series:
        name = device_of(one)
        if len(shared[name]) > 1:
            name = f"{name} ({(one.fingerprint or 'unknown')[:6]})"
        found.setdefault(name, []).append(one)
    return found


def in_turns(arms: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """
    The first arm of every device, then the second of each: no device is left out because another was measured later.

    Args:
        arms: label and device, the ones measured last first.
    """
    seen: Counter[str | None] = Counter()
    turns = []
    for arm in arms:
        turns.append((seen[arm[1]], arm))
        seen[arm[1]] += 1
    return [arm for _, arm in sorted(turns, key=lambda turn: turn[0])]
