"""
A suite of two arms on the phone's real program through the real bridge, both killed in the middle of it.

The phone is killed by SIGKILL while it generates and started again; the bridge is killed by SIGKILL while the phone
measures and comes back when the phone has finished that launch. Whoever looks afterwards finds what the phone wrote.
"""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dashboard_helpers import open_page, texts
from phone_programs import NAME, Record, Site, free_port, site

from collector.metrics import SAMPLE_METRICS
from collector.packing import unpack_times
from collector.queries import Reader
from runners.wire import canonical, to_wire

pytestmark = pytest.mark.phone

SUITE = """
n_blocks = 3
n_warmups = 1
n_iterations = 2
[[arm]]
model = "phi-3-mini-4k"
engine = "echo"
quant = "q4_0"
options = { ttft_s = 0.05, decode_tok_per_s = 80.0, seed = 1 }
[[arm]]
model = "llama-2-7b"
engine = "echo"
quant = "q4_0"
options = { ttft_s = 0.1, decode_tok_per_s = 40.0, seed = 2 }
[[workload]]
name = "chat"
n_prompt_tokens = 32
n_generated_tokens = 48
"""
KILLED, OVER_THE_GAP, N_LAUNCHES = 2, 4, 6


@dataclass
class Story:
    """What is left when all of it is over."""

    site: Site
    run_id: str
    code: int
    said: str
    n_acked_before_kill: int

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.site.db)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query, values).fetchall()

    def phibench(self, *words: str) -> str:
        program = self.site.phibench(*words)
        assert program.ended() == 0, program.errors
        return "\n".join(program.seen)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, phone_path: str) -> Iterator[Story]:
    with site(tmp_path_factory.mktemp("story"), phone_path) as place:
        yield _lived(place)


def _lived(place: Site) -> Story:
    suite, port = place.folder / "two-arms.toml", free_port()
    suite.write_text(SUITE)
    bridge, _ = place.bridge(port)
    place.pair()
    phone = place.running()
    phone.record(type="note", kind="connected")
    run = place.phibench("run", str(suite), "--device", NAME, "--seed", "7", "--json")

    first = phone.record(event="hello")["launch_id"]
    run_id = first.split("/")[0]
    killed, over_the_gap = f"{run_id}/{KILLED}", f"{run_id}/{OVER_THE_GAP}"
    phone.record(event="starting", launch_id=killed, phase="iteration", index=0)
    place.until_tokens(2)
    phone.kill()

    phone = place.running()
    phone.record(type="recovered", launch_id=killed)
    phone.record(event="starting", launch_id=over_the_gap, phase="iteration", index=0)
    bridge.kill()
    phone.record(type="outcome", launch_id=over_the_gap)
    n_acked = len(_events_on_host(place.db, over_the_gap))
    place.bridge(port)
    code = run.ended()
    phone.record(type="note", kind="uploaded", text=f"{run_id}/{N_LAUNCHES} is on the host")
    assert phone.stop() == 0, phone.errors
    return Story(
        site=place, run_id=run_id, code=code, said="\n".join([*run.seen, run.errors]), n_acked_before_kill=n_acked
    )


def _events_on_host(db: Path, launch_id: str) -> list[Record]:
    """The events of a launch as the host gives them out again."""
    with Reader.open(str(db)) as reader:
        return sorted(map(to_wire, reader.events(launch_id)), key=lambda event: event["t_ns"])


def test_each_launch_has_an_end_and_the_killed_one_says_how_it_died(story: Story) -> None:
    found = story.rows("SELECT * FROM launch ORDER BY number")
    assert [row["state"] for row in found] == ["done" if n != KILLED else "failed" for n in range(1, N_LAUNCHES + 1)]
    killed = found[KILLED - 1]
    assert (killed["failure_kind"], killed["failure_phase"]) == ("crashed", "iteration")
    assert "ended from outside while generating, after about" in killed["failure_message"]
    assert story.code == 3
    assert not any(row["is_end_waiting"] or row["is_provisional"] for row in found)


def test_the_killed_launch_was_reported_by_the_next_life_of_the_app(story: Story) -> None:
    events = story.site.journals()[f"{story.run_id}/{KILLED}"]
    boots = list(dict.fromkeys(event["boot"] for event in events))
    last = events[-1]
    assert len(boots) == 2
    assert (last["type"], last["boot"], last["seq"]) == ("failed", boots[1], 0)
    assert last["data"]["suspected"] is True
    assert last["data"]["boots"] == boots
    assert last["data"]["n_events"] == len(events)


def test_the_bridge_was_away_when_a_launch_ended_and_nothing_of_it_is_missing(story: Story) -> None:
    launch_id = f"{story.run_id}/{OVER_THE_GAP}"
    assert story.n_acked_before_kill < len(story.site.journals()[launch_id])
    assert "bridge does not run" in story.said or story.n_acked_before_kill > 0


def test_the_host_holds_every_event_of_the_journal_and_no_other(story: Story) -> None:
    journals = story.site.journals()
    assert len(journals) == N_LAUNCHES
    for launch_id, journal in journals.items():
        found = _events_on_host(story.site.db, launch_id)
        assert list(map(canonical, found)) == list(map(canonical, journal))
    assert story.rows("SELECT * FROM event_conflict") == []


def test_the_samples_are_the_phones_traces_to_the_nanosecond(story: Story) -> None:
    n_samples = 0
    for launch_id, journal in story.site.journals().items():
        traces = {(e["boot"], e["seq"]): e["data"] for e in journal if e["type"] == "iteration"}
        query = "SELECT sample.* FROM sample JOIN launch ON launch.key = sample.launch_key WHERE launch.id = ?"
        rows = story.rows(query, launch_id)
        assert {(row["boot"], row["seq"]) for row in rows} == set(traces)
        for row in rows:
            data = traces[row["boot"], row["seq"]]
            assert list(unpack_times(row["packed_times"])[0]) == data["trace"]["dt_ns"]
            assert (row["iteration"], bool(row["is_warmup"])) == (data["index"], data["is_warmup"])
            assert row["token_hash"].hex() == data["trace"]["token_hash"]
            n_samples += 1
    assert n_samples == 3 * (N_LAUNCHES - 1) + 1


def test_no_launch_is_left_in_the_queue(story: Story) -> None:
    states = [row["state"] for row in story.rows("SELECT state FROM job ORDER BY key")]
    assert states == ["done" if n != KILLED else "failed" for n in range(1, N_LAUNCHES + 1)]


def test_the_metrics_are_those_of_the_same_traces_through_another_engine(story: Story, tmp_path: Path) -> None:
    done = [launch_id for launch_id in story.site.journals() if launch_id != f"{story.run_id}/{KILLED}"]
    words = ["run", str(story.site.folder / "two-arms.toml"), "--model", "phi-3-mini-4k", "--blocks", "1", "--no-gate"]
    for launch_id in done:
        path = story.site.home / "outbox" / launch_id / "journal.jsonl"
        words += ["--arm", f"engine=replay path={path}"]
    again = story.site.phibench(*words, "--db", str(tmp_path / "again.db"), "--json")
    assert again.ended() == 0, again.errors
    names = ", ".join(f"sample.{metric.name}" for metric in SAMPLE_METRICS)
    query = (
        f"SELECT launch.job_json, launch.id, sample.token_hash, {names} FROM sample "
        "JOIN launch ON launch.key = sample.launch_key ORDER BY launch.id, sample.seq"
    )
    phone = [row for row in story.rows(query) if row["id"] in done]
    with closing(sqlite3.connect(tmp_path / "again.db")) as connection:
        connection.row_factory = sqlite3.Row
        replayed = connection.execute(query).fetchall()
    by_path = {
        launch_id: [tuple(row)[2:] for row in replayed if f"{launch_id}/journal.jsonl" in row["job_json"]]
        for launch_id in done
    }
    n_compared = 0
    for launch_id in done:
        ours = [tuple(row)[2:] for row in phone if row["id"] == launch_id]
        assert len(ours) == len(by_path[launch_id]) == 3
        for own, other in zip(ours, by_path[launch_id], strict=True):
            assert own[0] == other[0]
            for value, expected in zip(other[1:], own[1:], strict=True):
                assert value == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=0))
                n_compared += expected is not None
    assert n_compared >= 3 * len(done) * 5


def test_compare_shows_the_phone_like_any_other_device(story: Story) -> None:
    found = json.loads(story.phibench("compare", "last", "--json"))["data"]
    text = json.dumps(found)
    assert "simulated" in text
    assert NAME in text
    (pair,) = found["pairs"]
    rates = [row for row in pair["rows"] if row["metric"] == "decode_tok_per_s"]
    assert len(rates) == 1
    assert rates[0]["ratio"]["value"] == pytest.approx(2.0, rel=0.05)


def test_export_has_the_phone_its_flags_and_its_failure(story: Story) -> None:
    rows = list(csv.DictReader(io.StringIO(story.phibench("export", "csv", "-"))))
    assert {row["device"] for row in rows} == {NAME}
    assert {row["model"]: row["n_failed"] for row in rows}
    assert sorted(row["n_failed"] for row in rows) == ["0", "1"]
    assert all("simulated" in row["flags"] and "reload" in row["flags"] for row in rows)
    samples = list(csv.DictReader(io.StringIO(story.phibench("export", "csv", "-", "--samples"))))
    assert len(samples) == 3 * (N_LAUNCHES - 1) + 1


@pytest.mark.parametrize("page", ["overview", "runs", "compare", "latency"])
def test_the_dashboard_shows_it_flagged_simulated(story: Story, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIBENCH_DB", "")
    at = open_page(page, str(story.site.db))
    shown = texts(at) + "".join(table.value.to_string() for table in at.dataframe)
    assert NAME in shown
    assert "simulated" in shown.lower()
