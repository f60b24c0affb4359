"""A plan for a phone: what the phone has, clear words for what it has not, and its own gate."""

from dataclasses import replace

import pytest
from evidence_helpers import CHAT
from phones import HELLO, PHI, simulated

from collector.errors import UsageError
from collector.remote import Wanted, find_device, for_device, gate_for_phone
from collector.remote.planning import PHONE_GATE
from collector.suite import DEFAULT_GATE, ArmSpec, Plan, Suite
from runners.bridging import PairedDevice, PhoneHello
from runners.contract import Gate, ReplicationUnit, Workload
from runners.wire import from_wire, to_wire

SUITE = Suite(name="quick", models=("phi-3-mini-4k", "llama-2-7b"), quants=("q4_0",), workloads=(CHAT,), n_blocks=3)


def device(name: str = "My iPhone", *, device_id: str = "0d" * 16, hello: PhoneHello | None = HELLO) -> PairedDevice:
    return PairedDevice(
        device_id=device_id, name=name, key_digest=b"", paired_at_utc="2026-03-01T00:00:00+00:00", hello=hello
    )


def plan(suite: Suite = SUITE, hello: PhoneHello = HELLO, **wanted: tuple[str, ...]) -> Plan:
    return for_device(suite, device(hello=hello), Wanted(**wanted), seed=7)


def refusal(suite: Suite = SUITE, hello: PhoneHello = HELLO, **wanted: tuple[str, ...]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        plan(suite, hello, **wanted)
    return caught.value


def test_a_suite_runs_with_what_the_phone_has_and_really_computes() -> None:
    found = plan()
    assert [(arm.engine, arm.model) for arm in found.arms] == [("mlc", PHI)]
    assert found.replication_unit is ReplicationUnit.RELOAD
    assert found.device_id == "0d" * 16
    assert found.gate == PHONE_GATE
    assert from_wire(Plan, to_wire(found)) == found


def test_an_engine_that_pretends_takes_any_model_by_name() -> None:
    found = plan(engines=("echo",))
    assert [arm.label for arm in found.arms] == ["phi-3-mini-4k q4_0 echo", "llama-2-7b q4_0 echo"]
    assert {arm.model.format for arm in found.arms} == {"none"}
    assert found.gate is not None
    assert (found.gate.nominal_hold_s, found.gate.longest_wait_s) == (0.0, 0.0)


def test_a_computer_that_plays_a_phone_runs_what_it_has() -> None:
    assert {arm.engine for arm in plan(hello=simulated()).arms} == {"echo"}


def test_arms_with_options_are_checked_against_what_the_phone_knows() -> None:
    found = plan(arms=("engine=echo model=m seed=1", "engine=echo model=m seed=2 ttft_s=0.5"))
    assert [dict(arm.options) for arm in found.arms] == [{"seed": 1}, {"seed": 2, "ttft_s": 0.5}]
    assert "Did you mean 'seed'" in refusal(arms=("engine=echo model=m sede=1",)).remedy
    assert "python" in refusal(arms=("engine=echo model=m python=/usr/bin/python3",)).message
    assert "no name=value" in refusal(arms=("engine",)).message


def test_the_arms_of_a_suite_are_kept() -> None:
    suite = replace(SUITE, models=(), arms=(ArmSpec(model="phi-3-mini-4k", engine="mlc", quant="q4f16_1"),))
    assert [arm.label for arm in plan(suite).arms] == ["phi-3-mini-4k q4f16_1 mlc"]


@pytest.mark.parametrize(
    ("wanted", "message", "remedy"),
    [
        ({"engines": ("mcl",)}, "has no engine 'mcl'; it has: mlc, echo", "Did you mean 'mlc'?"),
        ({"engines": ("llama_cpp",)}, "has no engine 'llama_cpp'", "There are: mlc, echo."),
        ({"models": ("llama-2-7b",)}, "phi-3-mini-4k q4f16_1 (mlc)", "copy the model's folder"),
        ({"models": ("llama-2-7b",), "engines": ("mlc",)}, "has no 'llama-2-7b' for mlc", "copy the model's folder"),
        ({"models": ("phi-3-mini-4k", "llama-2-7b")}, "has no 'llama-2-7b'", "copy the model's folder"),
        ({"quants": ("q8_0",)}, "as q4f16_1, not as q8_0", "--quant q4f16_1"),
    ],
)
def test_what_the_phone_has_not_is_refused_with_what_it_has(
    wanted: dict[str, tuple[str, ...]], message: str, remedy: str
) -> None:
    found = refusal(**wanted)
    assert message in found.message
    assert remedy in found.remedy


def test_a_prompt_of_this_machine_and_one_that_is_too_long_are_refused() -> None:
    text = Workload(name="text", n_prompt_tokens=8, n_generated_tokens=4, prompt_path="p.txt")
    assert "file of this machine" in refusal(replace(SUITE, workloads=(text,))).message
    deep = Workload(name="deep", n_prompt_tokens=5000, n_generated_tokens=4)
    assert "has room for 4,096" in refusal(replace(SUITE, workloads=(deep,)), engines=("echo",)).message


def test_a_gate_asks_of_a_phone_what_a_phone_can_tell() -> None:
    assert gate_for_phone(None, is_simulated=False) is None
    assert gate_for_phone(DEFAULT_GATE, is_simulated=False) == PHONE_GATE
    own = Gate(max_other_cpu_cores=0.1, is_thermal_nominal=True, is_mains_power=True, longest_wait_s=5.0)
    assert gate_for_phone(own, is_simulated=False) == replace(own, max_other_cpu_cores=None)


def test_a_device_is_meant_by_name_or_id() -> None:
    mine, other = device(), device("Other phone", device_id="ab" * 16)
    assert find_device("My iPhone", [mine, other]) is mine
    assert find_device("my iphone", [mine, other]) is mine
    assert find_device("abab", [mine, other]) is other


@pytest.mark.parametrize(
    ("devices", "ref", "message", "remedy"),
    [
        ([], "x", "none is paired", "phibench bridge pair"),
        ([device()], "My iPhne", "no paired device 'My iPhne'", "Did you mean 'My iPhone'?"),
        ([device(), device(device_id="ab" * 16)], "My iPhone", "2 paired devices", "--device abababab"),
        ([replace(device(), revoked_at_utc="2026-03-02")], "My iPhone", "was revoked", "phibench bridge pair"),
        ([device(hello=None)], "My iPhone", "never said what it can do", "phibench bridge serve"),
    ],
)
def test_a_device_that_cannot_be_meant_says_why(
    devices: list[PairedDevice], ref: str, message: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as caught:
        find_device(ref, devices)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_device_that_was_paired_again_is_the_new_one() -> None:
    old = replace(device(), revoked_at_utc="2026-03-02")
    new = device(device_id="ab" * 16)
    assert find_device("My iPhone", [old, new]) is new
