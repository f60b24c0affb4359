"""What fits where: the same answers as a single prediction gives, and no answer where none is known."""

import pytest

from collector import catalog, chips, fit
from collector.fit import RoomKind, Verdict

GIB = 1 << 30
SHAPES = {name: catalog.find(name).shape for name in ("phi-3-mini-4k", "llama-2-7b", "tinyllama-1.1b")}


def test_needs_are_those_of_the_prediction_and_leave_out_what_has_less_context() -> None:
    found = fit.needs(SHAPES, "q4_0", 4096)
    assert set(found) == {"phi-3-mini-4k", "llama-2-7b"}
    one = fit.predict(
        chips.find_device("M1"), model="m", shape=SHAPES["llama-2-7b"], quant="q4_0", n_context_tokens=4096
    )  # fmt: skip
    assert found["llama-2-7b"] == one.need


def test_a_place_judges_as_the_prediction_for_one_of_its_devices_does() -> None:
    found = {place.name: place for place in fit.places(fit.needs(SHAPES, "q4_0", 2048))}
    phone = found["iPhone, 6 GiB"].rooms["phi-3-mini-4k"]
    one = fit.predict(
        chips.find_device("iPhone15,2"), model="m", shape=SHAPES["phi-3-mini-4k"], quant="q4_0", n_context_tokens=2048
    )  # fmt: skip
    assert phone == one.rooms
    assert [room.verdict for room in phone] == [Verdict.DOES_NOT_FIT, Verdict.FITS]
    assert [room.kind for room in found["Mac, 8 GiB"].rooms["phi-3-mini-4k"]] == [RoomKind.GPU_SHARE]
    assert found["iPhone, 12 GiB"].rooms["phi-3-mini-4k"][0].verdict is Verdict.UNKNOWN
    assert {name for name in found if name.startswith("PC")} == {"PC, 8 GiB", "PC, 16 GiB", "PC, 32 GiB"}


@pytest.mark.parametrize(
    ("product_type", "cpu_model", "kinds"),
    [
        ("iPhone15,2", None, [RoomKind.APP, RoomKind.ENTITLED_APP]),
        (None, "Apple M1", [RoomKind.GPU_SHARE]),
        (None, "some x86", [RoomKind.WHOLE]),
        (None, None, [RoomKind.WHOLE]),
    ],
)
def test_the_room_of_a_machine_is_what_its_kind_may_use(
    product_type: str | None, cpu_model: str | None, kinds: list[RoomKind]
) -> None:
    assert [room.kind for room in fit.rooms_of(product_type, cpu_model, 6 * GIB, GIB)] == kinds
    assert fit.rooms_of(product_type, cpu_model, None, GIB) == ()
