"""
The number of GPU cores of an Apple chip, which its name does not tell: there are M1s with 7 and with 8.

``ioreg`` answers in milliseconds and is asked first, ``system_profiler`` takes up to a second and is asked when the
first says nothing. Both are read once a process. Unverified on a Mac.
"""

import json
import re
from typing import Any

from runners.device import files
from runners.device.macos.commands import Ask


def n_cores(ask: Ask) -> int | None:
    """Cores of the GPU; None where neither command says so; unverified on a Mac."""
    return of_registry(ask("gpu")) or of_displays(ask("displays"))


def of_registry(printed: str | None) -> int | None:
    """
    The line ``"gpu-core-count" = 8``.

    Source:
        ``ioreg -rc AGXAccelerator -d 1``; unverified on a Mac.
    """
    found = re.search(r'"gpu-core-count"\s*=\s*(\d+)', printed or "")
    return int(found[1]) or None if found else None


def of_displays(printed: str | None) -> int | None:
    """
    ``SPDisplaysDataType[...].sppci_cores``, a number in quotes; None on an Intel Mac, which has no such key.

    Source:
        ``system_profiler -json SPDisplaysDataType``; unverified on a Mac.
    """
    cards = _cards(printed)
    counts = [files.to_int(str(card.get("sppci_cores"))) for card in cards]
    return next((n for n in counts if n), None)


def _cards(printed: str | None) -> list[dict[str, Any]]:
    try:
        found = json.loads(printed or "")
        return [card for card in found["SPDisplaysDataType"] if isinstance(card, dict)]
    except (ValueError, KeyError, TypeError):
        return []
