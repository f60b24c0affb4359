"""Method: the floor where it was measured, and every metric, verdict and word of doubt, whatever the database holds."""

from collections.abc import Callable

import pytest
from dashboard_helpers import array, figure_specs, open_page, texts

from collector.metrics import METRICS
from collector.queries import FLAG_MEANING
from dashboard import method

Database = Callable[[str], str]


def test_the_floor_is_the_finding_and_every_block_is_a_dot(database: Database) -> None:
    at = open_page("method", database("simulated"))
    assert "laptop" in at.title[0].value
    assert "simulated" in at.title[0].value
    (figure,) = figure_specs(at)
    assert len(array(figure["data"][0]["x"])) == 8
    table = at.dataframe[0].value
    assert list(table["metric"][:2]) == ["decode tok/s", "first token s"]
    assert (table["floor ±%"][:2] > 0).all()
    assert (table["shown by 20 blocks ±%"][:2] < table["shown by 6 blocks ±%"][:2]).all()


def test_a_device_that_never_ran_against_itself_names_the_command(database: Database) -> None:
    at = open_page("method", database("simulated"))
    at.selectbox(key="device").select_index(_place(at.selectbox(key="device").options, "phone")).run()
    assert not at.exception
    assert "phibench noise" in [one.value for one in at.code]
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("kind", ["no rows", "one row", "only failures", "simulated", "hostile"])
def test_definitions_are_there_whatever_was_measured(kind: str, database: Database) -> None:
    at = open_page("method", database(kind))
    assert list(at.dataframe[-1].value["name"]) == [one.name for one in METRICS]
    assert list(at.dataframe[-1].value["definition"]) == [one.definition for one in METRICS]
    found = texts(at).replace("\\", "")
    assert all(f"**{flag}**: {meaning}" in found for flag, meaning in FLAG_MEANING.items())
    assert all(text in found for text in (*method.DESIGN.values(), *method.VERDICTS.values(), *method.LIMITS))


def _place(options: list[str], name: str) -> int:
    return options.index(name)
