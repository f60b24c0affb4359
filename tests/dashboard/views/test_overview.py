"""Overview: measured before simulated, a baseline that stands in, filters that reach the failures and carry over."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from dashboard_helpers import LAPTOP, PHONE, add_one, figure_specs, open_page, plan, simulate, texts
from streamlit.testing.v1 import AppTest

from collector.simulate import Truth
from collector.store import Store
from runners.errors import FailureKind

Database = Callable[[str], str]


def plain(text: str) -> str:
    return text.replace("\\", "")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A machine on which one launch was measured, and the simulator ran eight blocks under its name."""
    db = str(tmp_path_factory.mktemp("mixed") / "mixed.db")
    with Store.open(db, is_bulk=True) as store:
        add_one(store, "real1", model="llama-3.2-1b")
        simulate(store, db, "fake1", plan(), snapshot=replace(LAPTOP, fingerprint="of laptop"), day=2)
    return db


def test_simulated_rows_under_the_name_of_a_machine_are_marked_and_come_last(mixed: str) -> None:
    at = open_page("overview", mixed)
    assert at.title[0].value == "No two measured arms to compare yet"
    assert "2 of 3 rows of this page are simulated" in texts(at)
    assert "Simulated: phi-3-mini-4k" in plain(texts(at))
    table = at.dataframe[0].value
    assert list(table["device"]) == ["laptop", "laptop (simulated)", "laptop (simulated)"]
    assert table["verdict"].iloc[0] == ""
    assert list(table["verdict"])[1:] == ["baseline", "▲ faster"]
    words = " ".join(a["text"] for a in figure_specs(at)[0]["layout"]["annotations"])
    assert "nothing to set it against here" in words


def test_a_simulated_baseline_chosen_for_all_leaves_measured_arms_out(mixed: str) -> None:
    at = open_page("overview", mixed)
    options = at.selectbox(key="baseline").options
    chosen = next(one for one in options if one.startswith("llama-2-7b"))
    assert "(simulated)" in chosen
    at.selectbox(key="baseline").select(chosen).run()
    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["ratio"].isna()) == [True, True, False]


@pytest.mark.parametrize("page", ["latency", "memory", "history", "roofline", "trade_off"])
def test_other_pages_say_what_is_simulated_too(page: str, mixed: str, database: Database) -> None:
    pages = texts(open_page(page, mixed))
    assert "Every number here is simulated" not in pages
    assert "Every number here is simulated" in texts(open_page(page, database("simulated")))


@pytest.mark.parametrize("page", ["overview", "compare", "runs", "method", "sustained"])
def test_a_database_of_the_simulator_says_so_on_every_page(page: str, database: Database) -> None:
    assert "Every number here is simulated" in texts(open_page(page, database("simulated")))


def test_without_llama_2_the_first_arm_stands_in_and_the_page_says_so(tmp_path: Path) -> None:
    db = str(tmp_path / "small.db")
    with Store.open(db, is_bulk=True) as store:
        simulate(store, db, "small1", plan("tinyllama-1.1b", "llama-3.2-1b"))
    at = open_page("overview", db)
    assert "No two arms" not in at.title[0].value
    assert "tinyllama-1.1b q4_0 fake, the first arm of its run" in plain(" ".join(one.value for one in at.header))
    assert "On laptop (simulated) no LLaMA-2-7B 4-bit ran this workload" in plain(texts(at))
    assert at.dataframe[0].value["verdict"].iloc[0] == "baseline"


@pytest.fixture
def failing(tmp_path: Path) -> str:
    """Two devices on which llama-2-7b fails, and phi-3 does not."""
    db = str(tmp_path / "failing.db")
    with Store.open(db, is_bulk=True) as store:
        for run_id, snapshot in (("lap", LAPTOP), ("mob", PHONE)):
            simulate(
                store, db, run_id, plan(n_blocks=2), snapshot=snapshot,
                truth=lambda job: Truth(
                    failure=FailureKind.CRASHED, failure_frac=float(job.model.model == "llama-2-7b")
                ),
            )  # fmt: skip
    return db


def failures(at: AppTest) -> list[str]:
    return [name for frame in at.dataframe if "what happened" in frame.value for name in frame.value["device"]]


def test_failures_are_those_of_the_chosen_devices(failing: str) -> None:
    assert sorted(failures(open_page("overview", failing))) == ["laptop", "phone"]
    assert failures(open_page("overview", failing, device="phone")) == ["phone"]
    assert failures(open_page("overview", failing, model="phi-3-mini-4k")) == []


def test_choices_that_nothing_fits_say_what_to_do(mixed: str) -> None:
    at = open_page("overview", mixed, model="llama-3.2-1b")
    assert not at.exception
    with_nothing = open_page("overview", _two(Path(mixed).parent / "two.db"), device="tablet", model="llama-2-7b")
    assert with_nothing.title[0].value == "Nothing fits these choices"
    assert "take one of them away" in texts(with_nothing)
    assert not with_nothing.dataframe


def _two(path: Path) -> str:
    with Store.open(str(path), is_bulk=True) as store:
        add_one(store, "t1", device="tablet")
        add_one(store, "d1", device="desk", model="llama-2-7b")
    return str(path)


def test_rows_stand_by_device_with_their_baseline_first_and_then_by_ratio(database: Database) -> None:
    table = open_page("overview", database("simulated"), shape="64+32").dataframe[0].value
    assert list(table["device"]) == sorted(table["device"])
    first = table.groupby("device").head(1)
    assert set(first["verdict"]) == {"baseline"}


def test_the_page_leads_to_what_its_words_mean(database: Database) -> None:
    at = open_page("overview", database("simulated"))
    assert any("Method" in str(link.proto.label) for link in at.get("page_link"))
    found = plain(texts(at))
    for word in (
        "△ looks faster",
        "p (Holm)",
        "rows tested together",
        "Hodges-Lehmann",
        "gate",
        "set aside",
        "entitled",
    ):
        assert f"**{word}**:" in found


def test_tables_show_first_what_is_asked_first(failing: str, database: Database) -> None:
    """At the width of a desk the verdict, its ratio and the ceiling stand whole, and so does what happened."""
    columns = list(open_page("overview", database("simulated"), shape="64+32").dataframe[0].value.columns)
    assert columns[:6] == ["device", "model", "verdict", "ratio", "decode tok/s", "of ceiling"]
    at = open_page("overview", failing)
    (frame,) = [one for one in at.dataframe if "what happened" in one.value]
    assert list(frame.value.columns)[:4] == ["device", "launch", "arm", "what happened"]
    widths = {name: column["width"] for name, column in json.loads(frame.proto.columns).items() if "width" in column}
    assert widths["what happened"] > 3 * widths["device"]


def test_the_pages_say_what_they_are_of(database: Database) -> None:
    assert any("phibench" in one.value for one in open_page("overview", database("no rows")).sidebar.markdown)
