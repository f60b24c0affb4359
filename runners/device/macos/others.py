"""
The processor time that others use on a Mac: ``ps`` for each process, psutil for the whole machine.

``ps`` may read every process here, and it is what tells our own from others' and names the busiest. The total comes
from the kernel, since the processes of a look do not hold what ended before it.
"""

import re
from pathlib import PurePosixPath

from runners.device.load import Process, Ticks
from runners.device.macos.commands import Ask, ask
from runners.device.process import ticks_per_s


def look(t_s: float, ask: Ask = ask) -> Ticks:
    """One look at the machine; ``busy`` is None without psutil; unverified on a Mac."""
    return Ticks(t_s=t_s, busy=_busy_ticks(), steal=None, processes=processes(ask("processes")))


def processes(printed: str | None) -> dict[int, Process]:
    """
    Every process by its id.

    Source:
        ``ps -A -o pid=,ppid=,time=,comm=``: time as minutes:seconds.hundredths, comm as the path of the program, which
        may hold blanks; unverified on a Mac.
    """
    found = {}
    for line in (printed or "").splitlines():
        words = line.split(None, 3)
        if len(words) == 4 and words[0].isdigit() and words[1].isdigit():
            name = PurePosixPath(words[3]).name
            found[int(words[0])] = Process(name=name, parent=int(words[1]), ticks=_ticks(words[2]))
    return found


def _ticks(time: str) -> int:
    """``1:02.50``, ``1:02:03.50`` or ``1-02:03:04`` in clock ticks; 0 for what is none of them."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", time.replace(",", "."))
    if found is None:
        return 0
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return round(((days * 24 + hours) * 60 + minutes) * 60 * ticks_per_s() + seconds * ticks_per_s())


def _busy_ticks() -> int | None:
    """Ticks of all processors that did something since the start; None without psutil."""
    try:
        import psutil

        times = psutil.cpu_times()
    except (ImportError, OSError, RuntimeError):
        return None
    return round((times.user + times.system + times.nice) * ticks_per_s())
