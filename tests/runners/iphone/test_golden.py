"""The golden files of the Swift package, read by Python: same values, same canonical bytes."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from runners import bridging, contract
from runners.bridge import bodies, pairing
from runners.wire import WireError, canonical, from_wire, to_wire

GOLDEN = Path(__file__).parents[3] / "runners/iphone/app/Tests/BenchProtocolTests/Golden"
RECORDS: dict[str, type[Any]] = {
    "Job": contract.Job,
    "Workload": contract.Workload,
    "ModelRef": contract.ModelRef,
    "Gate": contract.Gate,
    "Event": contract.Event,
    "Trace": contract.Trace,
    "Loaded": contract.Loaded,
    "EngineFacts": contract.EngineFacts,
    "DeviceSnapshot": contract.DeviceSnapshot,
    "Reading": contract.Reading,
    "HelloRequest": bridging.PhoneHello,
    "JobReport": bridging.JobStatus,
    "PairRequest": pairing.PairRequest,
}
FILES = [json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))]
CASES = [
    pytest.param(golden["type"], case, id=f"{golden['type']}: {case['name']}")
    for golden in FILES
    if "cases" in golden
    for case in golden["cases"]
]
VALUES = json.loads((GOLDEN / "values.json").read_text())


def whole_as_integers(value: Any) -> Any:
    """As the wire has it: 24.0 is 24 where 64 bits hold it."""
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**63:
        return int(value)
    if isinstance(value, dict):
        return {name: whole_as_integers(item) for name, item in value.items()}
    return [whole_as_integers(item) for item in value] if isinstance(value, list) else value


def test_every_record_has_its_file() -> None:
    assert set(RECORDS) <= {golden.get("type") for golden in FILES}


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_canonical_bytes_stand_still(kind: str, case: dict[str, Any]) -> None:
    text = case["canonical"].encode()
    assert canonical(json.loads(text)) == text


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_python_reads_what_swift_writes(kind: str, case: dict[str, Any]) -> None:
    record = RECORDS.get(kind)
    if record is None:  # no record of Python's: its bytes are all there is to compare
        assert canonical(whole_as_integers(case["wire"])).decode() == case["canonical"]
        return
    if case.get("is_python_strict"):  # a word that Python does not know
        with pytest.raises(WireError, match="is none of"):
            from_wire(record, case["wire"])
        return
    ours = from_wire(record, case["wire"])
    assert from_wire(record, json.loads(case["canonical"])) == ours
    assert canonical(whole_as_integers(to_wire(ours))).decode() == case["canonical"]


@pytest.mark.parametrize(("kind", "case"), [p for p in CASES if p.values[0] == "Event"])
def test_events_say_what_their_type_promises(kind: str, case: dict[str, Any]) -> None:
    if not case.get("is_python_strict"):
        event = from_wire(contract.Event, json.loads(case["canonical"]))
        contract.check_data(event.type, event.data)


def test_the_bridge_takes_the_bodies_of_the_phone() -> None:
    golden = {one["type"]: one["cases"] for one in FILES if "cases" in one}
    for case in golden["HelloRequest"]:
        assert bodies.hello(case["canonical"].encode()).device.kind == "simulated"
    for case in golden["EventsRequest"]:
        post = bodies.post(case["canonical"].encode(), device_id="d", launch_id="r/1")
        assert [event.seq for event in post.events] == [e["seq"] for e in case["wire"]["events"]]
    for case in golden["ReleaseRequest"]:
        assert bodies.release(case["canonical"].encode()) == ("l", "the app is about to close")


def test_values() -> None:
    for text in VALUES["canonical"]:
        assert canonical(json.loads(text)).decode() == text
    for row in VALUES["read_as"]:
        assert canonical(whole_as_integers(json.loads(row["text"]))).decode() == row["canonical"]


def test_what_swift_refuses_is_no_number_that_python_can_store() -> None:
    for text in ("NaN", "1e400", "-Infinity"):
        assert text in VALUES["refused"]
        assert not math.isfinite(json.loads(text))
