"""
Launches in this process, with known truth and a simulated clock.

``device`` makes the events of a launch as a worker would send them, drawn around rates that are known; ``facts`` is
what the device says of itself in them; ``archive`` keeps in memory what a run needs of them. Everything above runs
unchanged: the loop with its order and its stop rule, the metrics, the intervals, the verdicts; with the real store in
place of the archive, the tables and pages too. So it can be tested whether an analysis finds the truth again, as often
as it says.

Nothing is computed and no time is spent; whatever comes of it is flagged ``simulated``.
"""

from collector.simulate.archive import MemoryArchive, Unwatched, perform
from collector.simulate.device import Scatter, SimulatedDevice, Truth
from collector.simulate.facts import Condition, simulated_snapshot

__all__ = [
    "Condition", "MemoryArchive", "Scatter", "SimulatedDevice", "Truth", "Unwatched", "perform", "simulated_snapshot",
]  # fmt: skip
