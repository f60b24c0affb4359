"""Predictions of memory and rates: by hand where that can be done, against published figures where there are any."""

import pytest

from collector import catalog, chips, fit, physics
from collector.errors import UsageError
from collector.fit import Here, RoomKind, Verdict
from collector.models import layout
from runners.contract import ModelShape

GIB = 1 << 30
PHI, LLAMA = catalog.find("phi-3-mini-4k").shape, catalog.find("llama-2-7b").shape


def predict(on: str | Here, shape: ModelShape = PHI, context: int = 2048, quant: str = "q4_0", **more: int) -> fit.Fit:
    device = chips.find_device(on) if isinstance(on, str) else on
    return fit.predict(device, model="m", shape=shape, quant=quant, n_context_tokens=context, **more)


def test_mlx_sizes_are_those_that_are_published() -> None:
    assert fit.weights_bytes(PHI, "mlx_4bit_g64") == 2_149_644_288
    assert fit.weights_bytes(LLAMA, "mlx_4bit_g64") == 3_790_741_504
    assert fit.weights_bytes(PHI, "q4_0") == layout.tensor_bytes(PHI, "q4_0")


def test_phi_3_mini_on_an_iphone_14_pro_needs_the_entitlement() -> None:
    found = predict("iPhone15,2")
    plain, entitled = found.rooms
    assert (plain.kind, plain.verdict) == (RoomKind.APP, Verdict.DOES_NOT_FIT)
    assert (entitled.kind, entitled.verdict) == (RoomKind.ENTITLED_APP, Verdict.FITS)
    need = found.need.total_bytes
    assert found.need == physics.memory_bytes(PHI, layout.tensor_bytes(PHI, "q4_0"), 2048)
    assert plain.low_bytes is not None
    assert plain.spare_low_bytes == plain.low_bytes - need < 0
    assert entitled.spare_low_bytes is not None
    assert entitled.spare_low_bytes > 0


@pytest.mark.parametrize(
    ("device", "shape", "verdicts"),
    [
        ("iPhone14,5", PHI, [Verdict.DOES_NOT_FIT]),
        ("iPhone16,1", PHI, [Verdict.FITS, Verdict.FITS]),
        ("iPhone15,2", LLAMA, [Verdict.DOES_NOT_FIT, Verdict.DOES_NOT_FIT]),
        ("iPhone16,1", LLAMA, [Verdict.DOES_NOT_FIT, Verdict.FITS]),
        ("iPhone18,1", PHI, [Verdict.UNKNOWN]),
        ("M1", PHI, [Verdict.FITS, Verdict.FITS]),
        ("DDR5-5600 dual", PHI, [Verdict.UNKNOWN]),
    ],
)
def test_what_fits_where(device: str, shape: ModelShape, verdicts: list[Verdict]) -> None:
    assert [room.verdict for room in predict(device, shape).rooms] == verdicts


def test_a_need_inside_the_range_of_a_limit_is_unsure() -> None:
    """6 GB phones: 2.05 to 2.80 GiB; Phi-3-mini takes 2.4 at 512 tokens of context."""
    room = predict("iPhone15,2", context=512).rooms[0]
    assert room.verdict is Verdict.UNSURE
    assert room.spare_low_bytes is not None
    assert room.spare_high_bytes is not None
    assert room.spare_low_bytes < 0 < room.spare_high_bytes


def test_memory_that_is_named_takes_the_place_of_the_tables() -> None:
    (room,) = predict("M1", memory_bytes=16 * GIB).rooms
    assert room.low_bytes == pytest.approx(16 * GIB * 2 / 3, rel=1e-3)
    (room,) = predict("DDR5-5600 dual", memory_bytes=2 * GIB).rooms
    assert (room.kind, room.verdict) == (RoomKind.WHOLE, Verdict.DOES_NOT_FIT)
    assert room.spare_high_bytes is not None
    assert room.spare_high_bytes < 0


def test_the_band_is_the_published_share_of_the_ceiling_and_falls_with_the_context() -> None:
    empty, full = predict("iPhone15,2").bands
    assert (empty.context_tokens, full.context_tokens) == (0, 2048)
    streamed = physics.streamed_bytes(PHI, layout.tensor_bytes(PHI, "q4_0"), "q4_0")
    assert full.bytes_per_token == streamed + 2048 * 393_216
    assert full.ceiling_tok_per_s == pytest.approx(51.2e9 / full.bytes_per_token)
    assert full.low_tok_per_s == pytest.approx(0.40 * full.ceiling_tok_per_s)
    assert full.high_tok_per_s == pytest.approx(0.81 * full.ceiling_tok_per_s)
    assert full.high_tok_per_s < empty.high_tok_per_s


# Published 4-bit decode rates at short context: llama.cpp discussion 4167, and the Phi-3 report
@pytest.mark.parametrize(
    ("device", "shape", "rate"),
    [
        ("M1", LLAMA, 14.19),
        ("M2", LLAMA, 21.91),
        ("M1 Pro", LLAMA, 36.41),
        ("M1 Max", LLAMA, 61.19),
        ("iPhone15,2", PHI, 12.0),
    ],
)
def test_published_rates_lie_in_their_band(device: str, shape: ModelShape, rate: float) -> None:
    band = predict(device, shape, context=128).bands[-1]
    assert band.low_tok_per_s < rate < band.high_tok_per_s


def test_the_claim_of_107_on_an_m1_is_far_outside() -> None:
    assert predict("M1", LLAMA, context=128).bands[0].ceiling_tok_per_s < 18.3


def test_every_number_names_its_status() -> None:
    found = predict("iPhone15,2")
    bases = {basis.name: basis for basis in found.bases}
    assert bases["weights"].status == "exact"
    assert bases["compute buffer"].status == "fitted"
    assert bases["chip A16 of iPhone15,2"].status == "seen"
    assert (bases["memory"].status, bases["memory"].value) == ("recalled", 6 * GIB)
    assert (bases["bandwidth"].status, bases["bandwidth"].value) == ("seen", 51.2e9)
    assert (bases["share of the bandwidth"].value, bases["share of the bandwidth"].high) == (0.40, 0.81)
    assert {room.status for room in found.rooms} == {"observed"}
    assert predict("iPhone16,1").bases[-2].status == "recalled"


def test_here_with_a_measured_bandwidth() -> None:
    found = predict(Here(name="this", free_memory_bytes=4 * GIB, bandwidth_byte_per_s=40e9))
    (room,) = found.rooms
    assert (room.kind, room.verdict) == (RoomKind.FREE_NOW, Verdict.FITS)
    assert found.bands[0].ceiling_tok_per_s == pytest.approx(40e9 / found.bands[0].bytes_per_token)
    assert [b.status for b in found.bases if b.name == "bandwidth"] == ["measured"]


def test_here_without_a_measurement_takes_the_vendors_figure_or_none() -> None:
    unknown = predict(Here(name="this"))
    assert unknown.bands == ()
    assert unknown.rooms[0].verdict is Verdict.UNKNOWN
    vendor = chips.vendor_device("MacBookAir10,1", "Apple M1")
    found = predict(Here(name="this", vendor=vendor))
    assert found.bands[0].ceiling_tok_per_s == pytest.approx(68.25e9 / found.bands[0].bytes_per_token)


@pytest.mark.parametrize(("measured", "counts"), [(50e9, 68.25e9), (70e9, 70e9)])
def test_on_a_mac_the_larger_of_measured_and_vendors_counts(measured: float, counts: float) -> None:
    """CPUs cannot read all that the memory gives the GPU."""
    vendor = chips.vendor_device("MacBookAir10,1", "Apple M1")
    band = predict(Here(name="this", vendor=vendor, bandwidth_byte_per_s=measured)).bands[0]
    assert band.ceiling_tok_per_s == pytest.approx(counts / band.bytes_per_token)


def test_a_file_counts_with_its_own_size() -> None:
    found = predict("M1", quant="unknown", tensor_bytes=2_000_000_000)
    assert found.need.weights_bytes == 2_000_000_000
    assert found.bases[0].source == "read from the file"


def test_what_cannot_be_asked_is_said_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="has 4,096 tokens of context, not 8,192") as caught:
        predict("M1", context=8192)
    assert caught.value.remedy == "--context 4096"
    with pytest.raises(UsageError, match="the size of format 'q3' is not known"):
        predict("M1", quant="q3")
    with pytest.raises(UsageError, match="tensors of phi3small are not known"):
        predict("M1", catalog.find("phi-3-small-8k").shape)
