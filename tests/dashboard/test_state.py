"""The address: other names for a choice, what it asks for in vain, and the device that goes along."""

from collections.abc import Callable

import pytest
from dashboard_helpers import open_page, texts

Database = Callable[[str], str]


def plain(text: str) -> str:
    return text.replace("\\", "")


@pytest.mark.parametrize("page", ["memory", "latency"])
@pytest.mark.parametrize("name", ["on", "device", "devices"])
def test_a_page_of_one_device_takes_it_under_every_name(page: str, name: str, database: Database) -> None:
    first = open_page(page, database("simulated")).selectbox(key="on").value
    for device in ("laptop", "phone"):
        at = open_page(page, database("simulated"), **{name: device})
        assert at.selectbox(key="on").value == device
        assert "which is not there" not in texts(at)
    assert first in {"laptop", "phone"}


def test_a_page_of_several_takes_its_choices_under_other_names(database: Database) -> None:
    at = open_page("overview", database("simulated"), devices="phone", workload="512+16")
    assert at.multiselect(key="device").value == ["phone"]
    assert at.selectbox(key="shape").value == "512+16"
    assert "does not know" not in texts(at)


def test_history_opens_on_what_the_link_asks_for(database: Database) -> None:
    for device in ("laptop", "phone"):
        at = open_page("history", database("simulated"), device=device)
        assert f"on {device}" in plain(at.title[0].value)
    at = open_page("history", database("simulated"), devices="Nokia")
    assert "The link asks for Nokia, of which there is no history" in plain(texts(at))


def test_names_that_no_page_knows_are_told(database: Database) -> None:
    at = open_page("overview", database("simulated"), id="lap1")
    assert "The link holds id, which this page does not know" in plain(texts(at))
    at = open_page("memory", database("simulated"), colour="red")
    assert "The link holds colour, which this page does not know" in plain(texts(at))


def test_what_is_not_there_says_what_is_shown_instead(database: Database) -> None:
    def said(**params: str | list[str]) -> str:
        return plain(texts(open_page("overview", database("simulated"), **params)))

    assert "The link asks for Nokia (Devices), which is not there: showing all." in said(device="Nokia")
    assert "showing the others." in said(device=["Nokia", "phone"])
    assert "The link asks for 9+9 (Workload), which is not there: showing 64+32." in said(shape="9+9")


def test_the_message_stands_above_the_choices_and_not_between_them(database: Database) -> None:
    at = open_page("overview", database("simulated"), device="Nokia")
    kinds = [element.type for element in at.main]
    assert "multiselect" in kinds
    (place,) = [i for i, element in enumerate(at.main) if element.type == "info" and "Nokia" in element.value]
    assert place < kinds.index("multiselect")


def test_the_device_that_was_chosen_is_the_one_of_the_next_page(database: Database) -> None:
    for device in ("laptop", "phone"):
        at = open_page("overview", database("simulated"), device=device)
        for page in ("memory", "latency"):
            at.switch_page(f"views/{page}.py").run()
            assert not at.exception
            assert at.selectbox(key="on").value == device
        at.switch_page("views/method.py").run()
        assert not at.exception
        at.switch_page("views/overview.py").run()
        assert not at.exception
