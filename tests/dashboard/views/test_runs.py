"""Runs: the list, one run in order and live, one launch with its trace; links that lead nowhere say so."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dashboard_helpers import CHAT, array, figure_specs, open_page, plan, ref, texts
from evidence_helpers import make_events, make_job, run_record

from collector.queries import Reader
from collector.store import Store
from dashboard import one_run
from runners.contract import Event, EventType
from runners.wire import canonical, to_wire

NOW = datetime.now(UTC).isoformat()


@pytest.fixture
def going_on(tmp_path: Path) -> str:
    """A run of which one launch has ended and the next one loads its model."""
    db = str(tmp_path / "live.db")
    the_plan = plan("llama-2-7b", "phi-3-mini-4k", n_blocks=3)
    with Store.open(db) as store:
        store.begin_run(run_record("live1", plan=to_wire(the_plan), started_at_utc=datetime.now(UTC).isoformat()))
        _launch(store, 1, _events())
        _launch(store, 2, _events()[:2])
    return db


def _launch(store: Store, number: int, events: list[Event]) -> None:
    model = ref("llama-2-7b" if number == 1 else "phi-3-mini-4k")
    job = make_job(f"live1/{number}", model=model, workload=CHAT, engine="fake")
    store.begin_launch(job, run_id="live1", block=0, position=number - 1, arm_index=number - 1)
    store.accept(job.launch_id, events)


def _events() -> list[Event]:
    """Of a launch that began a moment ago: hello, what it does, loaded, two generations, its end."""
    hello, *others, last = make_events()
    starting = Event(boot="b", seq=1, t_ns=1, type=EventType.STARTING, data={"phase": "load", "index": 0})
    begun = replace(hello, data={**hello.data, "started_at_utc": NOW})
    found = [begun, starting, *(replace(one, seq=one.seq + 1) for one in others)]
    digest = hashlib.sha256(b"".join(canonical(e) + b"\n" for e in found)).hexdigest()
    return [*found, replace(last, seq=last.seq + 1, data={"n_events": len(found) + 1, "events_sha256": digest})]


def plain(text: str) -> str:
    """As a person reads it: without the marks that keep Markdown from reading it."""
    return text.replace("\\", "")


def test_the_list_has_every_run_the_newest_first(database: Callable[[str], str]) -> None:
    at = open_page("runs", database("simulated"))
    table = at.dataframe[0].value
    with Reader.open(database("simulated")) as reader:
        assert list(table["run"]) == [run.id for run in reader.runs()]
    phone = table[table["run"] == "phone1"].to_dict("records")[0]
    with Reader.open(database("simulated")) as reader:
        launches = reader.launches("phone1")
    assert phone["launches"] == len(launches), "all launches, as an opened run and `phibench list` count them"
    assert phone["of them failed"] == sum(one.state == "failed" for one in launches) > 0


def test_the_list_can_be_narrowed_by_the_address(database: Callable[[str], str]) -> None:
    at = open_page("runs", database("simulated"), suite="noise")
    assert list(at.dataframe[0].value["run"]) == ["aa1"]
    assert "1 of" in at.title[0].value
    found = open_page("runs", database("simulated"), text="no such run")
    assert not found.dataframe
    assert "No run fits" in texts(found)


def test_a_run_shows_its_launches_in_order_and_how_to_repeat_it(database: Callable[[str], str]) -> None:
    at = open_page("runs", database("simulated"), run="phone1", workload="search")
    table = at.dataframe[0].value
    assert list(table["launch"]) == sorted(table["launch"])
    failed = table[table["state"] == "failed: timed_out"]
    assert len(failed) > 0
    assert failed["what happened"].notna().all()
    assert "phibench run --like phone1" in texts(at)
    (figure,) = figure_specs(at)
    crosses = [trace for trace in figure["data"] if trace["marker"]["symbol"] == "x-thin"]
    assert sum(len(trace["x"]) if isinstance(trace["x"], list) else len(array(trace["x"])) for trace in crosses) == len(
        failed[failed["workload"] == "search"]
    )


def test_the_chart_is_the_distance_from_the_arms_value(database: Callable[[str], str]) -> None:
    db = database("simulated")
    (figure,) = figure_specs(open_page("runs", db, run="lap1", workload="chat"))
    with Reader.open(db) as reader:
        cells = [c for c in reader.cells(["lap1"]) if c.workload.name == "chat"]
        launches = {one.id: one for one in reader.launches("lap1")}
    centres = {c.arm.label: c.estimate("decode_tok_per_s").value for c in cells}
    for trace in figure["data"]:
        for y, (launch_id,) in zip(array(trace["y"]), trace["customdata"], strict=True):
            one = launches[launch_id]
            assert y == pytest.approx(100 * (one.stats["decode_tok_per_s"] / centres[one.arm_label] - 1))


def test_a_launch_shows_numbers_definitions_gate_and_trace(database: Callable[[str], str]) -> None:
    with Reader.open(database("simulated")) as reader:
        n_tokens = reader.launch("lap1/3").samples[-1]["n_generated_tokens"]
    at = open_page("runs", database("simulated"), launch="lap1/3")
    assert "Launch lap1/3: decode tok/s" in plain(at.title[0].value)
    table = next(t.value for t in at.dataframe if "definition" in t.value)
    decode = table[table["metric"] == "decode_tok_per_s"].to_dict("records")[0]
    assert decode["definition"] == "decode.gap_mean, version 1"
    assert decode["unit"] == "tok/s"
    (figure,) = figure_specs(at)
    assert len(array(figure["data"][0]["x"])) == n_tokens - 1
    assert [plain(h.value) for h in at.header][:2] == ["Raw trace", "Numbers, and how each is defined"]
    assert "simulated" in at.caption[0].value


def test_a_kernel_and_a_failure_say_why_there_is_no_timeline(database: Callable[[str], str]) -> None:
    db = database("simulated")
    with Reader.open(db) as reader:
        prefill = next(one for one in reader.launches("kern1") if one.workload == "pp512")
        failed = next(one for one in reader.launches("phone1") if one.state == "failed")
    assert "No timeline" in plain(texts(open_page("runs", db, launch=prefill.id)))
    found = open_page("runs", db, launch=failed.id)
    assert "failed: timed_out" in plain(found.title[0].value)
    assert "timed" in found.error[0].value


@pytest.mark.parametrize("params", [{"run": "gone"}, {"launch": "gone/1"}, {"launch": "lap1/999"}, {"launch": "x"}])
def test_a_link_to_what_is_not_there_says_so(params: dict[str, str], database: Callable[[str], str]) -> None:
    at = open_page("runs", database("simulated"), **params)
    assert "which is not there" in texts(at)
    assert at.title


def test_the_beginning_of_an_id_and_last_lead_to_a_run(database: Callable[[str], str]) -> None:
    assert "Run phone1" in open_page("runs", database("simulated"), run="phon").title[0].value
    assert "Run sus1" in open_page("runs", database("simulated"), run="last").title[0].value


def test_a_run_that_goes_on_is_shown_as_it_goes(going_on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_run, "LIVE_S", 1e9)  # a busy machine may take minutes to get from one line to the next
    at = open_page("runs", going_on)
    assert "Run live1 is going on" in at.title[0].value
    at = open_page("runs", going_on, run="live1")
    found = plain(texts(at))
    assert "Launch live1/2 (phi-3-mini-4k q4_0" in found
    assert "loads the model" in found
    assert "1 of 6 launches ended" in at.get("progress")[0].proto.text
    with Store.open(going_on) as store:
        store.accept("live1/2", _events()[2:])
    at.run()
    assert "2 of 6 launches ended" in at.get("progress")[0].proto.text
    with Store.open(going_on) as store:
        store.end_run("live1", "cancelled")
    at.run()
    assert not at.exception
    assert not at.get("progress")


def test_a_run_that_was_cut_says_how_to_go_on(tmp_path: Path) -> None:
    db = str(tmp_path / "cut.db")
    with Store.open(db) as store:
        store.begin_run(run_record("cut1", plan=to_wire(plan()), started_at_utc="2026-01-01T10:00:00+00:00"))
    found = texts(open_page("runs", db, run="cut1"))
    assert "it was cut" in found
    assert "phibench run --resume" in found
    assert "No launch of this run has begun" in found


def test_only_failures_and_one_row_have_their_pages(database: Callable[[str], str]) -> None:
    at = open_page("runs", database("only failures"), run="bad1")
    assert "4 failed (crashed, out_of_memory)" in plain(at.title[0].value)
    at = open_page("runs", database("one row"), launch="one1/1")
    assert at.dataframe


def test_the_state_of_a_run_has_room_for_its_words(database: Callable[[str], str]) -> None:
    frame = open_page("runs", database("simulated")).dataframe[0]
    assert json.loads(frame.proto.columns)["state"]["width"] >= 7 * len("failed: backend_mismatch")
