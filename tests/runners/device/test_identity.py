"""Fingerprints hide the id and tell machines apart; names are short."""

import pytest

from runners.device.identity import display_name, fingerprint


def test_a_fingerprint_is_stable_and_hides_the_id() -> None:
    first = fingerprint("3d1219c7c4c5404aaa1f6d2a48adfda4", "AMD EPYC", 1)
    assert first == fingerprint("3d1219c7c4c5404aaa1f6d2a48adfda4", "AMD EPYC", 2), "memory may change a little"
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert first != fingerprint("3d1219c7c4c5404aaa1f6d2a48adfda4", "AMD EPYC 2", 1), "a clone on another machine"
    assert first != fingerprint("4d1219c7c4c5404aaa1f6d2a48adfda4", "AMD EPYC", 1)


def test_without_an_id_the_hardware_stands_in() -> None:
    assert fingerprint(None, "x", 8 << 30) == fingerprint(None, "x", (8 << 30) - 4096)
    assert fingerprint(None, "x", 8 << 30) != fingerprint(None, "x", 16 << 30)
    assert len(fingerprint(None, None, None)) == 16


@pytest.mark.parametrize(
    ("model", "n", "name"),
    [
        ("Intel(R) Xeon(R) Platinum 8480+", 56, "Intel Xeon Platinum 8480+, 56 cores"),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", 4, "Intel Core i7-8550U, 4 cores"),
        ("AMD Ryzen 7 7840U w/ Radeon 780M Graphics", 8, "AMD Ryzen 7 7840U w/ Radeon 780M Graphics, 8 cores"),
        ("AMD EPYC 7763 64-Core Processor", 1, "AMD EPYC 7763, 1 core"),
        ("Apple M1", None, "Apple M1"),
        (None, 2, "unknown CPU, 2 cores"),
    ],
)
def test_names(model: str | None, n: int | None, name: str) -> None:
    assert display_name(model, n) == name
