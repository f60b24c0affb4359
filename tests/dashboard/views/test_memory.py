"""Memory: what is drawn is what arithmetic and cells say; limits of the device; what fits where."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dashboard_helpers import LAPTOP, array, figure_specs, open_page, plan, simulate, texts

from collector import physics
from collector.queries import Reader
from collector.store import Store

Database = Callable[[str], str]
GIB = 1 << 30


def plain(text: str) -> str:
    return text.replace("\\", "")


def test_bars_are_the_prediction_and_the_peak_of_each_cell(database: Database) -> None:
    at = open_page("memory", database("simulated"), on="laptop", shape="64+32")
    with Reader.open(database("simulated")) as reader:
        cell = next(
            c for c in reader.cells(["lap4"]) if c.arm.model == "llama-2-7b" and c.workload.shape_label == "64+32"
        )  # fmt: skip
    need = physics.memory_of_arm(cell.arm.shape, cell.arm.tensor_bytes, 96, {})
    peak = cell.estimate("peak_rss_bytes")
    assert need is not None
    assert peak is not None
    bars = [trace for trace in figure_specs(at)[0]["data"] if trace.get("customdata")]
    lengths = [float(array(trace["x"])[0]) for trace in bars]
    predicted = [need.weights_bytes, need.kv_bytes, need.compute_bytes]
    assert all(any(n / GIB == pytest.approx(length) for length in lengths) for n in [*predicted, peak.value])
    table = at.dataframe[0].value.set_index("arm")
    assert table.loc[cell.arm.label, "predicted GiB"] == round(need.total_bytes / GIB, 3)
    assert "peak footprint GiB" not in table


def test_the_title_says_how_much_and_by_which_count(database: Database) -> None:
    at = open_page("memory", database("simulated"), on="phone", shape="64+32", arm="phi-3-mini-4k q4_0 fake")
    assert "On phone phi-3-mini-4k q4_0 fake takes 2.17 GiB (peak RSS), predicted 2.16" in plain(at.title[0].value)
    assert "simulated" in plain(at.caption[0].value)


def test_the_limit_of_the_device_is_named(database: Database) -> None:
    at = open_page("memory", database("simulated"), on="phone")
    words = [one["text"] for one in figure_specs(at)[0]["layout"]["annotations"]]
    assert any(word.startswith("the device has 6.0 GiB") for word in words)


def test_keys_and_values_end_where_the_models_context_does(database: Database) -> None:
    at = open_page("memory", database("simulated"), on="laptop")
    grown = figure_specs(at)[1]
    lines = [trace for trace in grown["data"] if trace["mode"] == "lines"]
    assert {trace["name"] for trace in lines} == {"llama-2-7b, KV f16", "phi-3-mini-4k, KV f16"}
    assert {float(array(trace["x"])[-1]) for trace in lines} == {4096.0}


def test_what_fits_follows_format_and_context(database: Database) -> None:
    at = open_page(
        "memory", database("simulated"), quant="f16", context="32768", fits=["phi-3-mini-128k", "llama-2-7b"]
    )
    table = at.dataframe[-1].value
    models = [name for name in table if "GiB)" in name]
    assert len(models) == 1
    assert models[0].startswith("phi-3-mini-128k")
    assert table.set_index("device").loc["PC, 8 GiB", models[0]].endswith("GiB missing")
    assert "llama-2-7b" in plain(at.caption[-1].value), "it has less context, which is said"
    assert "not measured" in at.caption[-1].value


def test_an_arm_of_unknown_shape_has_no_prediction_and_still_a_peak(tmp_path: Path) -> None:
    db = str(tmp_path / "u.db")
    with Store.open(db, is_bulk=True) as store:
        simulate(store, db, "u1", plan("my-own-model", n_blocks=2), snapshot=LAPTOP)
    at = open_page("memory", db)
    assert at.dataframe[0].value["predicted GiB"].isna().all()
    assert "·n=2" in at.dataframe[0].value["peak RSS GiB"][0]
    assert len(figure_specs(at)) == 1, "nothing grows that is not known"


@pytest.mark.parametrize("kind", ["no rows", "only failures"])
def test_where_nothing_came_through_it_says_what_to_do(kind: str, database: Database) -> None:
    at = open_page("memory", database(kind))
    assert any("phibench" in one.value for one in at.code)
    if kind == "only failures":
        assert len(at.dataframe) == 1, "what would have fitted"


def test_a_hostile_name_is_shown_as_it_is(database: Database) -> None:
    at = open_page("memory", database("hostile"))
    assert "![i](http" not in texts(at)
