"""CPU model, features and cores on Linux, from ``/proc/cpuinfo`` and ``/sys/devices/system/cpu``."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

from runners.device import files
from runners.device.arm_parts import ARM_PARTS

# What the kernels of inference engines choose by; the other hundred flags of a CPU say nothing about its speed here.
_X86 = re.compile(
    r"sse3|pni|ssse3|sse4_[12]|avx|avx2|avx512\w*|avx_vnni\w*|avx10\w*|f16c|fma|fma4|bmi[12]|gfni|vaes|amx_\w+"
)
_OTHERS = re.compile(
    r"asimd|asimdhp|asimddp|fphp|bf16|i8mm|sve2?|svei8mm|svebf16|sme2?|neon|vfpv4|lsx|lasx|altivec|vsx"
)
_LITTLE_BELOW = 0.6  # of the largest capacity: a Cortex-A55 beside an A76 has 0.5, the second cluster of three 0.7


def model(root: Path = files.ROOT) -> str | None:
    """The vendor's name of the CPU; on Arm, which gives none, the kinds of core such as ``Cortex-A76 + Cortex-A55``."""
    info = files.fields(root / "proc/cpuinfo")
    for name in ("model name", "cpu model", "cpu", "Model Name", "uarch"):
        if info.get(name):
            return " ".join(info[name].split())
    return _arm_model(files.text(root / "proc/cpuinfo") or "")


def _arm_model(cpuinfo: str) -> str | None:
    kinds: dict[str, None] = {}
    for block in re.split(r"\n\s*\n", cpuinfo):
        info = files.parse_fields(block)
        implementer, part = info.get("CPU implementer"), info.get("CPU part")
        if implementer and part:
            kinds[ARM_PARTS.get((implementer.lower(), part.lower()), f"Arm core {implementer}:{part}")] = None
    return " + ".join(reversed(kinds)) or None  # little cores are numbered first; the big ones name a chip


def features(root: Path = files.ROOT) -> tuple[str, ...]:
    """Instruction sets that inference engines use, as the kernel spells them."""
    flags = _flags(root)
    wanted = _X86 if "fpu" in flags else _OTHERS  # AMD's "sme" encrypts memory, Arm's multiplies matrices
    return tuple(sorted(flag for flag in flags if wanted.fullmatch(flag)))


def has_hypervisor_flag(root: Path = files.ROOT) -> bool | None:
    """Whether CPUID says that a hypervisor is present; None where there is no such flag (not x86)."""
    flags = _flags(root)
    return "hypervisor" in flags if "fpu" in flags else None


def _flags(root: Path) -> frozenset[str]:
    info = files.fields(root / "proc/cpuinfo")
    return frozenset((info.get("flags") or info.get("Features") or "").split())


def online(root: Path = files.ROOT) -> tuple[int, ...]:
    """The logical CPUs that are switched on."""
    cpus = files.cpu_list(files.text(root / "sys/devices/system/cpu/online"))
    if cpus:
        return cpus
    numbers = re.findall(r"^processor\s*:\s*(\d+)", files.text(root / "proc/cpuinfo") or "", re.MULTILINE)
    return tuple(sorted(map(int, numbers)))


def affinity(root: Path = files.ROOT) -> tuple[int, ...]:
    """The logical CPUs that this process may use; all that are online when unknown."""
    return files.cpu_list(files.fields(root / "proc/self/status").get("Cpus_allowed_list")) or online(root)


def cores(cpus: Iterable[int], root: Path = files.ROOT) -> list[tuple[int, ...]]:
    """
    Physical cores that these logical CPUs belong to, each as its hardware threads.

    Distinct ``thread_siblings_list`` files; a CPU without one counts as a core of its own.
    """
    found: dict[tuple[int, ...], None] = {}
    for cpu in cpus:
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        siblings = files.text(folder / "core_cpus_list") or files.text(folder / "thread_siblings_list")
        found[files.cpu_list(siblings) or (cpu,)] = None
    return list(found)


def performance_cpus(cpus: tuple[int, ...], root: Path = files.ROOT) -> tuple[int, ...]:
    """
    Those of these CPUs that are performance cores; all of them on a chip of one kind, or where only others are left.

    Intel hybrids list them in ``/sys/devices/cpu_core/cpus``; elsewhere ``cpu_capacity`` tells big from little.
    """
    listed = files.cpu_list(files.text(root / "sys/devices/cpu_core/cpus"))
    if listed:
        return tuple(cpu for cpu in cpus if cpu in listed) or cpus
    capacity = {cpu: files.number(root / f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity") or 0 for cpu in cpus}
    largest = max(capacity.values(), default=0)
    return tuple(cpu for cpu in cpus if capacity[cpu] >= _LITTLE_BELOW * largest) or cpus


def default_threads(quota_cores: float | None, root: Path = files.ROOT) -> int:
    """Physical performance cores within affinity and quota (rounded down); at least 1."""
    n = len(cores(performance_cpus(affinity(root), root), root))
    return max(1, n if quota_cores is None else min(n, math.floor(quota_cores)))


def allowed_logical_cpus(quota_cores: float | None, root: Path = files.ROOT) -> int:
    """Logical CPUs within affinity and quota (rounded up); at least 1."""
    n = len(affinity(root))
    return max(1, n if quota_cores is None else min(n, math.ceil(quota_cores)))
