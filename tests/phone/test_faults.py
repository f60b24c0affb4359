"""
What goes wrong with a phone, each on purpose, with its real program and the real bridge.

| fault | here | elsewhere |
|---|---|---|
| crash in load | `test_each_death_is_told` | |
| SIGKILL in prefill and in decode | `test_each_death_is_told` | BenchCoreTests, `test_end_to_end.py` |
| an engine's abort, a trap, an error | `test_each_death_is_told` | BenchCoreTests |
| a cut journal | `test_a_journal_that_was_cut_is_ended_and_handed_in` | BenchProtocolTests, BenchCoreTests |
| duplicated, reordered, missing events | | `tests/collector/test_bridge_database.py`, `store/test_queue.py` |
| the same events twice, then different ones | | the same |
| lease expiry, late upload | `test_an_unplugged_phone_hands_in_later` | `store/test_queue.py`, `remote/` |
| clock skew | | `tests/runners/bridge/test_hostile.py`; BenchClientTests (`aStaleTimeIsCorrectedAndTriedOnce`) |
| wrong signature, replay | | `test_hostile.py`, `test_bridge_database.py` |
| a revoked device | `test_a_revoked_phone_stops_and_the_run_says_why` | the same, and BenchClientTests |
| two phones | `test_two_phones_measure_their_own_runs_at_once` | `store/test_queue.py` |
| hot start | `test_a_hot_phone_is_flagged` | BenchCoreTests (GateKeeperTests) |
| cancel between launches | `test_a_run_stopped_by_hand_…` | `remote/test_launching.py`, BenchClientTests |
| unknown protocol major | | `test_hostile.py`; BenchClientTests (`aJobOfAnotherProtocolOrFormEndsInWords`) |
| oversized body | | `test_hostile.py`, `test_limits.py` |
| a full disk | `test_a_full_disk_of_the_host_…` and `…_phone_…` | BenchProtocolTests, BenchCoreTests |
"""

import json
import resource
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
from phone_programs import NAME, Program, Site, free_port

pytestmark = pytest.mark.phone

ARM = '[[arm]]\nmodel = "phi-3-mini-4k"\nengine = "echo"\nquant = "q4_0"\noptions = {{ {options} }}\n'
CHAT = '[[workload]]\nname = "chat"\nn_prompt_tokens = 16\nn_generated_tokens = 24\n'


def write_suite(place: Site, arms: Sequence[str], n_blocks: int = 1, gate: str = "") -> str:
    path = place.folder / "faults.toml"
    head = f"n_blocks = {n_blocks}\nn_warmups = 1\nn_iterations = 1\n"
    path.write_text(head + "".join(ARM.format(options=options) for options in arms) + CHAT + gate)
    return str(path)


def launches(place: Site) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(place.db)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM launch ORDER BY run_key, number").fetchall()
    return [dict(row) | {"options": json.loads(row["job_json"])["options"]} for row in found]


def run(place: Site, suite: str, device: str = NAME) -> Program:
    return place.phibench("run", suite, "--device", device, "--seed", "3", "--json")


def until_over(place: Site, running: Program, most: int = 12) -> list[int]:
    """Start the phone again as often as it dies, as a person does; its exit codes."""
    codes = []
    while running.process.poll() is None and len(codes) < most:
        phone = place.running("--idle-exit", "3")
        codes.append(phone.ended())
    return codes


DEATHS = {
    "load kill": ("out_of_memory", "load"),
    "prefill kill": ("out_of_memory", "iteration"),
    "decode:12 kill": ("crashed", "iteration"),
    "decode:12 abort": ("aborted", "iteration"),
    "decode:12 trap": ("crashed", "iteration"),
    "decode:12 error": ("backend_mismatch", "iteration"),
}


def test_each_death_is_told(place: Site) -> None:
    # 12 tokens at 40 a second: the box, written ten times a second, has seen some of them.
    arms = ["seed = 1, decode_tok_per_s = 200.0"]
    for words in DEATHS:
        at, how = words.split(" ")
        options = f'fail_at = "{at}", fail_how = "{how}", decode_tok_per_s = 40.0'
        arms.append(options if at == "load" else f"{options}, fail_generation = 1")
    place.bridge()
    place.pair()
    place.running("--idle-exit", "0").ended()
    running = run(place, write_suite(place, arms))
    codes = until_over(place, running)
    assert running.ended() == 3, running.errors
    found = {f"{one['options'].get('fail_at')} {one['options'].get('fail_how')}": one for one in launches(place)}
    told = {words: (one["failure_kind"], one["failure_phase"]) for words, one in found.items()}
    assert told == {**DEATHS, "None None": (None, None)}
    assert found["None None"]["state"] == "done"
    assert codes.count(-signal.SIGKILL) == 3
    assert codes.count(-signal.SIGABRT) == 1


def test_a_journal_that_was_cut_is_ended_and_handed_in(place: Site) -> None:
    place.bridge()
    place.pair()
    phone = place.running()
    phone.record(type="note", kind="connected")
    running = run(place, write_suite(place, ["decode_tok_per_s = 10.0, ttft_s = 0.1"]))
    launch_id = phone.record(event="starting", phase="warmup")["launch_id"]
    place.until_tokens()
    phone.kill()
    journal = place.home / "outbox" / launch_id / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"boot":"cut in the mid')
    phone = place.running()
    phone.record(type="recovered", launch_id=launch_id)
    assert running.ended() == 1, running.errors
    assert phone.stop() == 0
    assert b"cut in the mid" not in journal.read_bytes()
    (launch,) = launches(place)
    assert (launch["state"], launch["failure_kind"]) == ("failed", "crashed")


def test_two_phones_measure_their_own_runs_at_once(place: Site) -> None:
    place.bridge()
    names, phones = ("first", "second"), []
    for name in names:
        place.pair(name, home=name)
        phones.append(place.running(home=name))
        phones[-1].record(type="note", kind="connected")
    suite = write_suite(place, ["decode_tok_per_s = 80.0", "decode_tok_per_s = 40.0"], n_blocks=2)
    runs = [run(place, suite, name) for name in names]
    assert [one.ended() for one in runs] == [0, 0], [one.errors for one in runs]
    assert [phone.stop() for phone in phones] == [0, 0]
    journals = [place.journals(home=name) for name in names]
    assert [len(found) for found in journals] == [4, 4]
    assert not set(journals[0]) & set(journals[1])
    with closing(sqlite3.connect(place.db)) as connection:
        asked = "SELECT launch.id, device.name FROM launch JOIN environment ON environment.key = environment_key "
        found = connection.execute(asked + "JOIN device ON device.key = device_key").fetchall()
    assert dict(found) == {one: name for name, own in zip(names, journals, strict=True) for one in own}


def test_a_hot_phone_is_flagged(place: Site) -> None:
    (place.folder / "hot.json").write_text('{"thermal_state": "serious", "is_low_power": true}')
    place.bridge()
    place.pair()
    phone = place.running("--reading", str(place.folder / "hot.json"))
    phone.record(type="note", kind="connected")
    running = run(place, write_suite(place, ["decode_tok_per_s = 200.0"]))
    assert running.ended() == 0, running.errors
    (launch,) = launches(place)
    assert {"hot", "simulated"} <= set(launch["flags"].split(","))
    assert phone.stop() == 0


def test_a_revoked_phone_stops_and_the_run_says_why(place: Site) -> None:
    place.bridge()
    place.pair()
    phone = place.running()
    phone.record(type="note", kind="connected")
    running = run(place, write_suite(place, ["decode_tok_per_s = 20.0"], n_blocks=3))
    phone.record(event="starting", phase="warmup")
    assert place.phibench("bridge", "revoke", NAME).ended() == 0
    assert running.ended() != 0
    assert phone.ended() == 1
    assert "revoked" in phone.errors
    assert "revoked" in running.errors
    refused = run(place, str(place.folder / "faults.toml"))
    assert refused.ended() == 2
    assert "was revoked" in refused.errors


def test_a_run_stopped_by_hand_leaves_the_phone_nothing_to_do(place: Site) -> None:
    place.bridge()
    place.pair()
    phone = place.running()
    phone.record(type="note", kind="connected")
    running = run(place, write_suite(place, ["decode_tok_per_s = 40.0"], n_blocks=5))
    second = [phone.record(event="starting", phase="load")["launch_id"] for _ in range(2)][1]
    running.process.send_signal(signal.SIGINT)
    assert running.ended() == 130, running.errors
    phone.record(type="outcome", launch_id=second)
    with closing(sqlite3.connect(place.db)) as connection:
        states = [state for (state,) in connection.execute("SELECT state FROM job ORDER BY key")]
    assert states[0] == "done"
    assert not {"queued", "leased", "stalled"} & set(states)
    assert phone.stop() == 0
    assert len(place.journals()) == 2


def test_an_unplugged_phone_hands_in_later(place: Site) -> None:
    port = free_port()
    bridge, _ = place.bridge(port)
    place.pair()
    place.running("--idle-exit", "0").ended()
    running = run(place, write_suite(place, ["decode_tok_per_s = 40.0"]))
    phone = place.running("--offline-after-take")
    phone.record(type="note", kind="began")
    bridge.kill()
    assert phone.ended() == 0, phone.errors
    (launch_id,) = place.journals()
    assert launches(place)[0]["state"] != "done"
    place.bridge(port)
    assert place.running("--idle-exit", "1").ended() == 0
    assert running.ended() == 0, running.errors
    (launch,) = launches(place)
    assert (launch["id"], launch["state"]) == (launch_id, "done")


def test_a_full_disk_of_the_host_loses_nothing(place: Site) -> None:
    port = free_port()
    bridge, _ = place.bridge(port)
    place.pair()
    phone = place.running()
    phone.record(type="note", kind="connected")
    running = run(place, write_suite(place, ["decode_tok_per_s = 40.0"]))
    phone.record(event="starting", phase="load")
    # No file of the bridge may grow any more; the run and the phone have the same disk and write on.
    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (1, 1))
    phone.record(type="outcome")
    phone.line(lambda line: "trouble" in line)
    assert launches(place)[0]["state"] != "done"
    bridge.kill()
    place.bridge(port)
    assert running.ended() == 0, running.errors
    assert [launch["state"] for launch in launches(place)] == ["done"]
    assert phone.stop() == 0


def test_a_full_disk_of_the_phone_is_told_when_there_is_room_again(place: Site) -> None:
    place.bridge()
    place.pair()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # inherited: a write fails instead of killing
    try:
        phone = place.running()
    finally:
        signal.signal(signal.SIGXFSZ, before)
    phone.record(type="note", kind="connected")
    running = run(place, write_suite(place, ["decode_tok_per_s = 40.0"]))
    launch_id = phone.record(event="starting", phase="warmup")["launch_id"]
    journal = place.home / "outbox" / launch_id / "journal.jsonl"
    n_bytes = journal.stat().st_size
    resource.prlimit(phone.process.pid, resource.RLIMIT_FSIZE, (n_bytes + 40, n_bytes + 40))
    assert phone.ended() != 0
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())
    phone = place.running()
    phone.record(type="recovered", launch_id=launch_id)
    assert running.ended() == 1, running.errors
    (launch,) = launches(place)
    assert (launch["failure_kind"], "storage was full" in launch["failure_message"]) == ("unavailable", True)
    assert phone.stop() == 0
