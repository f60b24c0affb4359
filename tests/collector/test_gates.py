"""The gate: what is waited for, what is not, and that nothing ever hangs or stays silent."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from collector import gates
from collector.gates import Admission
from collector.suite import DEFAULT_GATE
from runners.contract import Gate, Reading

QUIET = Reading(
    other_cpu_cores=0.1, thermal_state="nominal", is_low_power=False, is_on_battery=False, free_memory_bytes=8 << 30
)
ALL = Gate(
    max_other_cpu_cores=0.25, is_thermal_nominal=True, is_low_power_off=True, is_mains_power=True,
    min_free_bytes=1 << 30, longest_wait_s=30.0,
)  # fmt: skip


class Machine:
    """A simulated machine: each look takes ``look_s`` and gives the next reading; the last one stays."""

    def __init__(self, readings: Iterable[Reading], look_s: float = 1.0) -> None:
        self._readings: Iterator[Reading] = iter(readings)
        self._now: Reading | None = None
        self._look_s = look_s
        self.time_s = 100.0
        self.n_looks = 0
        self.slept_s = 0.0

    def read(self) -> Reading:
        self._now = next(self._readings, self._now)
        self.time_s += self._look_s
        self.n_looks += 1
        assert self._now is not None
        return self._now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept_s += seconds
        self.time_s += seconds

    def admit(
        self, gate: Gate, on_wait: Callable[[tuple[str, ...]], None] | None = None, n_until_cancelled: int = 10**9
    ) -> Admission:
        return gates.admit(
            gate,
            read=self.read,
            clock=lambda: self.time_s,
            sleep=self.sleep,
            on_wait=on_wait,
            is_cancelled=lambda: self.n_looks >= n_until_cancelled,
        )


@pytest.mark.parametrize(
    ("reading", "broken"),
    [
        (QUIET, ()),
        (Reading(other_cpu_cores=0.25, free_memory_bytes=1 << 30), ()),
        (Reading(other_cpu_cores=0.26), ("max_other_cpu_cores",)),
        (Reading(thermal_state="fair"), ("is_thermal_nominal",)),
        (Reading(is_low_power=True, is_on_battery=True), ("is_low_power_off", "is_mains_power")),
        (Reading(free_memory_bytes=(1 << 30) - 1), ("min_free_bytes",)),
        (Reading(), ()),
    ],
)
def test_what_a_reading_breaks(reading: Reading, broken: tuple[str, ...]) -> None:
    assert gates.unmet(ALL, reading) == broken


def test_what_is_not_said_is_unknown_and_what_is_not_asked_is_neither() -> None:
    names = ("max_other_cpu_cores", "is_thermal_nominal", "is_low_power_off", "is_mains_power", "min_free_bytes")
    assert gates.unknown(ALL, Reading()) == names
    assert gates.unknown(ALL, QUIET) == ()
    hot = Reading(thermal_state="critical", is_on_battery=True)
    nothing = Gate(is_thermal_nominal=False)
    assert (gates.unmet(nothing, hot), gates.unknown(nothing, Reading())) == ((), ())


def test_a_quiet_machine_is_let_through_after_one_look() -> None:
    machine = Machine([QUIET])
    admission = machine.admit(ALL)
    assert admission == Admission(waited_s=1.0, unmet=(), unknown=(), reading=QUIET)
    assert (machine.n_looks, machine.slept_s) == (1, 0.0)


def test_other_programs_are_waited_for() -> None:
    busy = Reading(other_cpu_cores=1.3)
    said: list[tuple[str, ...]] = []
    machine = Machine([busy, busy, QUIET])
    admission = machine.admit(ALL, said.append)
    assert (admission.waited_s, admission.unmet, admission.reading) == (3.0, (), QUIET)
    assert said == [("other programs use 1.3 cores",)] * 2


@pytest.mark.parametrize("reading", [Reading(thermal_state="serious"), Reading(other_cpu_cores=2.0)])
def test_what_never_passes_ends_flagged_and_does_not_hang(reading: Reading) -> None:
    machine = Machine([reading])
    admission = machine.admit(ALL)
    assert len(admission.unmet) == 1
    assert 30.0 <= admission.waited_s <= 31.0


def test_a_look_that_takes_no_time_is_not_repeated_in_a_busy_loop() -> None:
    machine = Machine([Reading(thermal_state="fair")], look_s=0.0)
    machine.admit(ALL)
    assert machine.n_looks == 31
    assert machine.slept_s == pytest.approx(30.0)


@pytest.mark.parametrize("reading", [Reading(is_on_battery=True), Reading(is_low_power=True)])
def test_what_only_a_person_can_change_is_not_waited_for(reading: Reading) -> None:
    machine = Machine([reading])
    admission = machine.admit(ALL)
    assert (len(admission.unmet), machine.n_looks, machine.slept_s) == (1, 1, 0.0)


def test_unknown_readings_are_named_and_neither_waited_for_nor_held_against_the_launch() -> None:
    machine = Machine([Reading(other_cpu_cores=0.0)])
    admission = machine.admit(DEFAULT_GATE)
    assert (admission.unmet, machine.n_looks) == ((), 1)
    assert admission.unknown == ("is_thermal_nominal", "is_low_power_off", "is_mains_power")


def test_nominal_has_to_last_without_interruption() -> None:
    gate = Gate(is_thermal_nominal=True, nominal_hold_s=2.0, longest_wait_s=30.0)
    nominal, fair = Reading(thermal_state="nominal"), Reading(thermal_state="fair")
    machine = Machine([fair, nominal, nominal, fair, nominal, nominal, nominal])
    admission = machine.admit(gate)
    assert (admission.unmet, admission.waited_s, machine.n_looks) == ((), 7.0, 7)


def test_a_state_that_flickers_until_the_end_is_flagged_though_the_last_look_was_good() -> None:
    gate = Gate(is_thermal_nominal=True, nominal_hold_s=2.0, longest_wait_s=9.0)
    nominal, fair = Reading(thermal_state="nominal"), Reading(thermal_state="fair")
    admission = Machine([fair, nominal] * 20).admit(gate)
    assert admission.unmet == ("is_thermal_nominal",)


def test_ctrl_c_opens_the_gate_at_once() -> None:
    machine = Machine([Reading(other_cpu_cores=2.0)])
    assert machine.admit(ALL, n_until_cancelled=2).waited_s == 2.0


def test_every_condition_has_words_and_a_remedy() -> None:
    bad = Reading(
        other_cpu_cores=1.3, thermal_state="serious", temperature_c=97.4, is_low_power=True, is_on_battery=True,
        battery_frac=0.61, free_memory_bytes=1 << 29,
    )  # fmt: skip
    names = gates.unmet(ALL, bad)
    assert len(names) == 5
    assert [gates.words(name, bad) for name in names] == [
        "other programs use 1.3 cores",
        "temperature serious, not nominal, 97 °C",
        "a low-power mode is on",
        "on battery (61%)",
        "only 0.5 GiB of memory free",
    ]
    assert all(gates.remedy(name) for name in names)
