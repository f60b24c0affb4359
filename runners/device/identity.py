"""Telling devices apart without telling who they are, and giving them a readable name."""

import hashlib
import re
import uuid

_SALT = "phibench device fingerprint 1"
_MULTICAST = 1 << 40  # set in the random number that uuid.getnode() makes up where there is no network card


def fingerprint(machine_id: str | None, cpu_model: str | None, memory_bytes: int | None) -> str:
    """
    Sixteen hex digits that stay the same on this machine and cannot be turned back.

    The CPU model goes in beside the machine id, because clones of one disk image share the id. Without an id: CPU
    model, memory in GiB (the exact size changes with the kernel) and the network card's address.
    """
    if machine_id:
        parts = ["id", machine_id, cpu_model or ""]
    else:
        node = uuid.getnode()
        gib = "" if memory_bytes is None else str(round(memory_bytes / 2**30))
        parts = ["hardware", cpu_model or "", gib, "" if node & _MULTICAST else f"{node:012x}"]
    return hashlib.sha256("\0".join([_SALT, *parts]).encode()).hexdigest()[:16]


def display_name(cpu_model: str | None, n_physical_cores: int | None) -> str:
    """Such as ``AMD EPYC, 2 cores``: the vendor's string without trade marks, clock and core count."""
    name = re.sub(r"\((R|TM|r|tm)\)|®|™", "", cpu_model or "")
    name = re.sub(r"\s(CPU\b.*|@.*|\d+-Core Processor.*|Processor\b.*|with Radeon.*)$", "", name)
    name = " ".join(name.split()) or "unknown CPU"
    if n_physical_cores is None:
        return name
    return f"{name}, {n_physical_cores} core{'' if n_physical_cores == 1 else 's'}"
