"""Series by device: the order in which a page takes them where it cannot show all."""

from dashboard.devices import in_turns


def test_every_device_has_its_turn_before_one_has_its_second() -> None:
    arms = [("a", "phone"), ("b", "phone"), ("c", "phone"), ("a", "mac"), ("a", None), ("b", "mac")]
    assert in_turns(arms) == [("a", "phone"), ("a", "mac"), ("a", None), ("b", "phone"), ("b", "mac"), ("c", "phone")]
