"""Refusals as lines of a log: the first of each kind at once, those that follow it counted."""

from collections.abc import Callable


class Refusals:
    """Notes what was refused to whom; a flood of them makes one line each ``pause_s``."""

    MOST = 1000

    def __init__(self, log: Callable[[str], None], clock_s: Callable[[], float], pause_s: float = 10.0) -> None:
        self._log = log
        self._clock_s = clock_s
        self._pause_s = pause_s
        self._held: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, code: str, address: str) -> None:
        """One refusal."""
        now_s, key = self._clock_s(), (code, address)
        since_s, n_held = self._held.get(key, (-self._pause_s, 0))
        if now_s - since_s < self._pause_s:
            self._held[key] = (since_s, n_held + 1)
            return
        more = f" ({n_held} more before)" if n_held else ""
        self._log(f"refused a call from {address}: {code}{more}")
        if len(self._held) >= self.MOST:
            self._held.clear()
        self._held[key] = (now_s, 0)
