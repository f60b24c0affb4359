"""
The commands that macOS is asked with: what each is for, a time-out, and None for one that is not there.

All of them only read, need no administrator and print text that is parsed elsewhere in this package. Written from
documentation and published outputs: unverified on a Mac. ``phibench doctor --report`` sends back what they print.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from types import MappingProxyType

Ask = Callable[[str], str | None]
"""From the name of a command to what it printed; None when it is missing, hangs or prints nothing."""

TIMEOUT_S = 5.0
SYSCTL_NAMES = (
    "hw.model", "hw.memsize", "hw.physicalcpu", "hw.logicalcpu", "hw.nperflevels", "hw.perflevel0.physicalcpu",
    "hw.perflevel1.physicalcpu", "hw.optional.arm64", "hw.optional.arm.FEAT_DotProd", "hw.optional.arm.FEAT_I8MM",
    "hw.optional.arm.FEAT_BF16", "hw.optional.arm.FEAT_SME", "machdep.cpu.brand_string", "kern.osproductversion",
    "kern.osversion", "kern.hv_vmm_present", "sysctl.proc_translated", "iogpu.wired_limit_mb",
)  # fmt: skip
"""What does not change while we run, read once a process; sysctl leaves out names that this macOS does not know."""

COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "facts": ("/usr/sbin/sysctl", *SYSCTL_NAMES),
        "memory": ("/usr/sbin/sysctl", "vm.swapusage", "kern.memorystatus_vm_pressure_level"),
        "gpu": ("/usr/sbin/ioreg", "-rc", "AGXAccelerator", "-d", "1"),
        "displays": ("/usr/sbin/system_profiler", "-json", "SPDisplaysDataType"),
        "thermal": ("/usr/bin/notifyutil", "-g", "com.apple.system.thermalpressurelevel"),
        "settings": ("/usr/bin/pmset", "-g"),
        "supply": ("/usr/bin/pmset", "-g", "batt"),
        "processes": ("/bin/ps", "-A", "-o", "pid=,ppid=,time=,comm="),
    }
)
_SLOW_S = {"displays": 20.0}


def ask(name: str) -> str | None:
    """What one of :data:`COMMANDS` prints, with the decimal point of no country; unverified on a Mac."""
    timeout_s = _SLOW_S.get(name, TIMEOUT_S)
    environment = {**os.environ, "LC_ALL": "C"}  # else "2048,00M" in half of the world
    try:
        run = subprocess.run(  # noqa: S603 (constant)
            COMMANDS[name],
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.decode("utf-8", errors="replace") or None
