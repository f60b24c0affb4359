"""Sustained: launches over time, what they kept, and words where there is none."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from dashboard_helpers import array, figure_specs, open_page, plan, ref, texts
from evidence_helpers import make_events, make_job, make_trace, run_record

from collector.queries import Reader, course
from collector.store import Store
from runners.contract import DeviceSnapshot, Event, EventType, Reading, Workload
from runners.wire import canonical, to_wire

LONG = Workload(name="chat-long-run", n_prompt_tokens=64, n_generated_tokens=64)


def heated(rate: float) -> list[Event]:
    """Ten minutes that lose a third of the rate from the third minute on, with what the machine said of itself."""
    traces, begin_s = [replace(make_trace(n=64), t0_ns=0)], 100.0
    while begin_s < 700:
        gap_ns = round(1e9 / (rate if begin_s < 250 else rate * 2 / 3))
        traces.append(replace(make_trace(gap_ns=gap_ns, n=64), t0_ns=round(begin_s * 1e9)))
        begin_s += traces[-1].dt_ns[-1] / 1e9
    mac = DeviceSnapshot(fingerprint="of mac", name="Mac", kind="mac", os_name="macOS", is_virtual=False)
    *events, final, _ = make_events(*traces, device=mac)
    for at_s in range(0, 600, 5):
        told = Reading(thermal_state="nominal" if at_s < 150 else "serious", frequency_hz=3e9 if at_s < 150 else 2e9)
        data = {"reading": to_wire(told), "phase": "iteration"}
        t_ns = round((100 + at_s) * 1e9)
        events.append(Event(boot="b", seq=len(events), t_ns=t_ns, type=EventType.READING, data=data))
    events.append(replace(final, seq=len(events)))
    digest = hashlib.sha256(b"".join(canonical(e) + b"\n" for e in events)).hexdigest()
    seal = {"n_events": len(events) + 1, "events_sha256": digest}
    return [*events, Event(boot="b", seq=len(events), t_ns=10**12, type=EventType.DONE, data=seal)]


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two arms, two launches each."""
    db = str(tmp_path_factory.mktemp("hot") / "hot.db")
    models = ("phi-3-mini-4k", "llama-2-7b")
    the_plan = plan(*models, workloads=(LONG,), n_blocks=2, duration_s=600.0, suite="sustained")
    with Store.open(db, is_bulk=True) as store:
        store.begin_run(run_record("hot1", plan=to_wire(the_plan), suite="sustained"))
        for number in range(4):
            block, arm = divmod(number, 2)
            job = make_job(f"hot1/{number + 1}", model=ref(models[arm]), workload=LONG, duration_s=600.0)
            store.begin_launch(job, run_id="hot1", block=block, position=arm, arm_index=arm)
            store.accept(job.launch_id, heated(20.0 - 8 * arm))
    return db


def test_each_launch_is_drawn_with_its_heat_and_its_clock(hot: str) -> None:
    at = open_page("sustained", hot)
    specs = figure_specs(at)
    assert len(specs) == 2, "the first launch of each arm"
    launch = specs[0]["data"][0]["customdata"][0][0]
    with Reader.open(hot) as reader:
        known = course(reader.events(launch))
    assert array(specs[0]["data"][0]["y"]).tolist() == pytest.approx([r.tok_per_s for r in known.repetitions])
    assert [a["text"] for a in specs[0]["layout"]["annotations"] if a["text"] in {"nominal", "serious"}] == [
        "nominal",
        "serious",
    ]
    assert specs[0]["layout"]["yaxis2"]["title"]["text"] == "GHz"
    assert specs[0]["layout"]["yaxis"]["range"] == specs[1]["layout"]["yaxis"]["range"]
    assert "67 % kept" in texts(at).replace("\\", "")
    assert "2 more launches" in texts(at)


def test_the_title_says_what_is_kept_and_every_chart_has_words(hot: str) -> None:
    at = open_page("sustained", hot)
    assert "keeps 67 % of its first speed" in at.title[0].value.replace("\\", "")
    alts = [element.proto.alt for element in at.get("plotly_chart")]
    assert all("decode tok/s over time" in alt and "serious from 150" in alt for alt in alts)


def test_a_link_shows_the_launches_that_it_names(hot: str) -> None:
    names = [option for option in open_page("sustained", hot).multiselect(key="shown").options if "hot1/3" in option]
    at = open_page("sustained", hot, shown=names)
    assert [spec["data"][0]["customdata"][0][0] for spec in figure_specs(at)] == ["hot1/3"]
    assert "is not there" not in texts(at)
    assert "is not there" in texts(open_page("sustained", hot, shown=["gone/9"]))


def test_the_table_has_burst_and_sustained_in_columns_of_their_own(hot: str) -> None:
    at = open_page("sustained", hot)
    arms, curves = (element.value for element in at.dataframe)
    assert {"burst tok/s", "sustained tok/s", "retained %", "plateau tok/s"} <= set(arms.columns)
    assert set(arms["retained %"]) == {"66.7 ·n=2"}
    assert set(curves["thermal state"]) == {"nominal", "serious"}


def test_simulated_launches_say_so(database: Callable[[str], str]) -> None:
    at = open_page("sustained", database("simulated"))
    assert len(figure_specs(at)) == 1
    assert "simulated" in texts(at)


@pytest.mark.parametrize("kind", ["one row", "only failures", "many tokens"])
def test_without_a_sustained_launch_the_command_stands_there(kind: str, database: Callable[[str], str]) -> None:
    at = open_page("sustained", database(kind))
    assert figure_specs(at) == []
    assert "phibench run sustained" in texts(at)
    assert ("failed" in texts(at)) is (kind == "only failures")


def test_choices_leave_the_others_out(hot: str) -> None:
    at = open_page("sustained", hot)
    at.multiselect(key="model").set_value(["phi-3-mini-4k"]).run()
    assert not at.exception
    assert len(figure_specs(at)) == 1
    assert set(at.dataframe[0].value["arm"]) == {"phi-3-mini-4k q4_0"}
