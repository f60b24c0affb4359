"""The chip table: whole, sourced, and found by whatever a person calls a device."""

import json
from importlib import resources

import pytest

from collector import chips
from collector.errors import DeviceNotFound

TABLE = chips.table()
RAW = json.loads(resources.files("collector").joinpath("data", "chips.json").read_text(encoding="utf-8"))
GIB = 1 << 30


def test_every_key_of_the_file_is_read() -> None:
    """A misspelt key would be dropped without a word."""
    assert set(RAW) - {"schema", "statuses"} == set(chips.ChipTable.__slots__)
    for name in ("chips", "memory_systems", "phones", "app_memory", "gpu_memory", "efficiencies"):
        record = type(getattr(TABLE, name)[0])
        for item in RAW[name]:
            assert set(item) <= set(record.__slots__), name


def test_every_number_has_a_status_and_what_was_seen_has_a_source() -> None:
    assert set(RAW["statuses"]) == set(chips.STATUSES)
    for chip in TABLE.chips:
        assert {chip.bandwidth_status, chip.memory_status, chip.gpu_cores_status} <= set(chips.STATUSES)
        assert chip.bandwidth_status not in {"seen", "estimated"} or chip.bandwidth_source, chip.name
        assert (chip.gpu_fp32_flop_per_s is None) == (chip.gpu_flop_status is None), chip.name
        assert chip.gpu_flop_status != "seen" or chip.gpu_flop_source, chip.name
    assert all({phone.chip_status, phone.memory_status} <= set(chips.STATUSES) for phone in TABLE.phones)
    assert all(system.bandwidth_status in chips.STATUSES for system in TABLE.memory_systems)
    assert {TABLE.app_memory_status, TABLE.gpu_memory_status, TABLE.efficiency_status} <= set(chips.STATUSES)


def test_names_are_unique_and_every_phone_has_its_chip() -> None:
    names = [chip.name for chip in TABLE.chips]
    assert len(set(names)) == len(names)
    assert len({phone.product_type for phone in TABLE.phones}) == len(TABLE.phones)
    for phone in TABLE.phones:
        chip = next(chip for chip in TABLE.chips if chip.name == phone.chip)
        assert phone.memory_bytes in chip.memory_bytes
        assert chip.device_class == "phone"


def test_units_are_si_and_memory_is_in_powers_of_two() -> None:
    assert all(20e9 < chip.bandwidth_byte_per_s < 1e12 for chip in TABLE.chips)
    assert all(size % GIB == 0 for chip in TABLE.chips for size in chip.memory_bytes)
    assert all(1e12 < flop < 1e14 for chip in TABLE.chips if (flop := chip.gpu_fp32_flop_per_s) is not None)


def test_every_class_has_an_efficiency_below_1() -> None:
    classes = {chip.device_class for chip in TABLE.chips} | {"x86_cpu"}
    assert {e.device_class for e in TABLE.efficiencies} == classes
    assert all(0 < e.low_frac < e.high_frac < 1 for e in TABLE.efficiencies)


@pytest.mark.parametrize(
    ("said", "name", "gigabytes_per_s", "memory_gib"),
    [
        ("iPhone15,2", "iPhone 14 Pro (iPhone15,2)", 51.2, (6,)),
        ("iphone15,2", "iPhone 14 Pro (iPhone15,2)", 51.2, (6,)),
        ("iPhone 14", "iPhone 14 (iPhone14,7)", 34.1, (6,)),
        ("A16", "A16", 51.2, (6,)),
        ("M1", "M1", 68.25, (8, 16)),
        ("apple m1", "M1", 68.25, (8, 16)),
        ("M3 Max 40-core", "M3 Max 40-core", 400, (48, 64, 128)),
        ("ddr5 5600 dual", "DDR5-5600 dual", 89.6, ()),
    ],
)
def test_a_device_is_found_by_any_of_its_names(
    said: str, name: str, gigabytes_per_s: float, memory_gib: tuple[int, ...]
) -> None:
    found = chips.find_device(said)
    assert found.name == name
    assert found.bandwidth_byte_per_s == gigabytes_per_s * 1e9
    assert found.memory_bytes == tuple(n * GIB for n in memory_gib)


def test_the_plain_iphone_14_is_no_a16() -> None:
    """The Phi-3 report names the one and the chip of the other."""
    found = chips.find_device("iPhone 14").chip
    assert found is not None
    assert found.name == "A15"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("iPhone15,9", "Did you mean 'iPhone15,"),
        ("M3 Max", "Did you mean 'M3 Max 30-core' or 'M3 Max 40-core'?"),
        ("DDR5-5600", "Did you mean 'DDR5-5600 dual'?"),
        ("toaster", "such as iPhone15,2"),
        ("", "such as iPhone15,2"),
    ],
)
def test_an_unknown_device_is_answered_with_the_nearest(said: str, hint: str) -> None:
    with pytest.raises(DeviceNotFound) as caught:
        chips.find_device(said)
    assert hint in caught.value.remedy


@pytest.mark.parametrize(
    ("product_type", "cpu_model", "name"),
    [
        ("iPhone15,2", None, "iPhone 14 Pro (iPhone15,2)"),
        ("MacBookAir10,1", "Apple M1", "M1"),
        (None, "Apple M2 Ultra", "M2 Ultra"),
        ("MacBookPro18,2", "Apple M3 Max", None),
        ("Standard PC", "AMD EPYC", None),
        (None, "DDR5-5600 dual", None),
        (None, None, None),
    ],
)
def test_a_machines_own_words_lead_to_the_vendors_figure_or_to_none(
    product_type: str | None, cpu_model: str | None, name: str | None
) -> None:
    found = chips.vendor_device(product_type, cpu_model)
    assert (found.name if found else None) == name


def test_limits_of_apps_and_shares_of_gpus() -> None:
    six = chips.app_memory_of(6 * GIB)
    assert six is not None
    assert six.low_bytes < six.high_bytes < 6 * GIB
    assert chips.app_memory_of(12 * GIB) is None
    for limit in TABLE.app_memory:
        assert limit.low_bytes <= limit.high_bytes <= limit.memory_bytes
    assert chips.gpu_share_frac(16 * GIB) < chips.gpu_share_frac(64 * GIB) == 0.75
    assert chips.gpu_share_frac(36 * GIB) == chips.gpu_share_frac(8 * GIB)
