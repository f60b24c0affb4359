"""Compare: a finding, a verdict a row, every block with its order, and words where nothing can be compared."""

from collections.abc import Callable

import pytest
from dashboard_helpers import array, figure_specs, open_page, texts

from collector.compare import compare
from collector.queries import Reader
from dashboard import sides

Database = Callable[[str], str]
ACROSS = "across runs and devices"


def test_two_arms_of_a_run_give_a_finding_a_table_and_their_blocks(database: Database) -> None:
    at = open_page("compare", database("simulated"), run="lap1")
    with Reader.open(database("simulated")) as reader:
        arms = sides.arms_of(reader.cells(["lap1"]))
        row = compare([sides.two_sides(*arms.values(), {})]).pairs[0].rows[0]
    assert "faster" in at.title[0].value
    table = at.dataframe[0].value
    assert table["verdict"][0] == "▲ faster"
    assert list(table["workload"]) == sorted(table["workload"]), "one workload after the other"
    assert row.ratio is not None
    assert table["ratio B/A"][0].startswith(f"{row.ratio.value:.3f}"[:4])
    blocks, order = figure_specs(at)
    assert sum(len(array(trace["y"])) for trace in blocks["data"]) == 8
    assert {trace["name"] for trace in blocks["data"]} == {"A ran first", "B ran first"}
    assert sorted(x for trace in order["data"] for x in array(trace["x"])) == sorted(
        int(launch.rpartition("/")[2]) for launch in (*row.baseline_launches, *row.other_launches)
    )
    assert "simulated" in texts(at)
    assert "Paired: 8 blocks" in texts(at).replace("\\", "")
    assert texts(at).count("8 good launches") == 2


def test_blocks_and_launches_are_told_by_workload_where_they_differ(database: Database) -> None:
    at = open_page("compare", database("simulated"), run="phone1")
    with Reader.open(database("simulated")) as reader:
        counts = [c.n_launches for c in reader.cells(["phone1"]) if c.arm.model == "phi-3-mini-4k"]
    assert f"{counts[0]} good launches" in texts(at)


def test_a_link_is_applied_and_says_what_it_could_not_apply(database: Database) -> None:
    at = open_page("compare", database("simulated"), run="lap2", row="search first token s", b="no such arm")
    assert at.selectbox(key="run").value == "lap2"
    assert at.selectbox(key="row").value == "search first token s"
    assert "first token" in figure_specs(at)[0]["layout"]["yaxis"]["title"]["text"]
    assert "no such arm" in "".join(one.value for one in at.info).replace("\\", "")


def test_what_is_chosen_stands_in_the_address_as_an_id(database: Database) -> None:
    at = open_page("compare", database("simulated"))
    at.selectbox(key="run").select("lap3").run()
    assert not at.exception
    assert at.query_params["run"] in ("lap3", ["lap3"])


def test_an_arm_against_itself_is_not_called_faster_and_the_floor_is_shown(database: Database) -> None:
    at = open_page("compare", database("simulated"), run="aa1")
    assert not {"▲ faster", "▼ slower"} & set(at.dataframe[0].value["verdict"])
    assert "Noise floor of laptop (A against A, 8 blocks" in texts(at).replace("\\", "")
    grey = [shape for shape in figure_specs(at)[0]["layout"]["shapes"] if shape.get("opacity") == 0.22]
    assert len(grey) == 1


def test_a_device_without_noise_runs_names_the_command(database: Database) -> None:
    at = open_page("compare", database("simulated"), run="phone1")
    found = texts(at).replace("\\", "")
    assert "Noise floor of phone: unknown; phibench noise" in found
    assert "every launch of A failed in search: timed_out" in found


def test_devices_get_the_weaker_words_and_strips(database: Database) -> None:
    at = open_page("compare", database("simulated"), how=ACROSS, shape="64+32")
    assert "looks" in at.title[0].value
    assert set(at.dataframe[0].value["verdict"]) <= {
        "△ looks faster",
        "▽ looks slower",
        "? unclear",
        "",
        "not compared",
    }
    strips, _ = figure_specs(at)
    assert sum(len(array(trace["x"])) for trace in strips["data"]) >= 16
    fields = set(at.dataframe[2].value["field"])
    assert {"device", "memory bytes"} <= fields


def test_two_workloads_are_not_offered_as_one_and_the_same_side_is_told(database: Database) -> None:
    at = open_page("compare", database("simulated"), how=ACROSS, shape="64+32")
    at.selectbox(key="to").select(at.selectbox(key="from").value).run()
    assert not at.exception
    assert "same launches" in at.title[0].value
    assert all("64+32" in option or "·" in option for option in at.selectbox(key="to").options)


@pytest.mark.parametrize(
    ("kind", "words", "command"),
    [
        ("no rows", "Nothing was measured yet", "phibench quickstart"),
        ("one row", "One arm was measured", "phibench run standard"),
        ("only failures", "Every launch so far failed", "phibench list"),
    ],
)
def test_nothing_to_compare_names_the_next_command(kind: str, words: str, command: str, database: Database) -> None:
    at = open_page("compare", database(kind))
    assert words in at.title[0].value
    assert command in [one.value for one in at.code]
    assert not at.get("plotly_chart")


def test_every_metric_adds_rows_and_each_has_its_definition(database: Database) -> None:
    at = open_page("compare", database("simulated"), run="lap1")
    few = len(at.dataframe[0].value)
    at.toggle(key="all").set_value(True).run()
    assert not at.exception
    table = at.dataframe[0].value
    assert len(table) > few
    assert all(table["definition"])
