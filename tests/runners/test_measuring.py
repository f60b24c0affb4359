"""What stands round every timed loop."""

import gc
import hashlib
import struct
from array import array

import pytest

from runners import measuring


def test_the_hash_is_of_the_ids_alone() -> None:
    ids = [5, 70000, 0]
    expected = hashlib.sha256(struct.pack("<3i", *ids)).hexdigest()[:16]
    assert measuring.hash_of(array("i", ids)) == expected


def test_garbage_collection_rests_inside_and_works_after() -> None:
    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    with pytest.raises(KeyError), measuring.undisturbed():
        fail()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
