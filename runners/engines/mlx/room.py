"""
Room in the address space, asked for before the library needs it.

On the CPU mlx does not look whether it got the memory that it asked for: too little ends the process with SIGSEGV. So
as much is reserved and given back at once before a load and before a generation; nothing is touched, so it costs
microseconds. Memory that the system promises and then cannot give is the parent's to find out.
"""

import mmap

from runners.engines.mlx import faults


def check(n_bytes: int, for_what: str) -> None:
    """
    Refuse what this process has no room for.

    Args:
        n_bytes: room that will be needed at least.
        for_what: named in the message.

    Raises:
        ModelError: of kind out_of_memory.
    """
    if n_bytes <= 0:
        return
    try:
        mmap.mmap(-1, n_bytes).close()
    except (OSError, OverflowError, ValueError) as exc:
        raise faults.no_memory(for_what, f"{n_bytes:,} bytes are needed and this process cannot have them") from exc
