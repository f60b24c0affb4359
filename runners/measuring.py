"""What every engine puts round its timed loops and makes of what they sampled. Standard library only."""

import gc
import hashlib
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection inside."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def hash_of(ids: "array[int]") -> str:
    """First 16 hex digits of the SHA-256 of the ids as little-endian 32-bit integers."""
    words = array("i", ids)
    if sys.byteorder == "big":
        words.byteswap()
    return hashlib.sha256(words.tobytes()).hexdigest()[:16]
