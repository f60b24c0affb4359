"""
A database to look around in: three simulated devices, four weeks of runs, through the real loop and the real store.

Everything in it is flagged ``simulated``. The same seed and the same day give the same numbers. ``devices`` are the
three and their speed, ``plans`` what is run on them.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Event as Cancel
from typing import Any

from collector import provenance
from collector.demo import devices, plans
from collector.demo.devices import Machine
from collector.demo.plans import Entry, Mishap
from collector.queries import Reader, exists
from collector.run import Outcome, Surroundings, execute
from collector.simulate import Condition, SimulatedDevice, Truth, Unwatched
from collector.store import RunRecord, Store
from collector.suite import DEFAULT_GATE, Plan
from runners.contract import Gate, Job, Phase, Reading
from runners.wire import to_wire

COMMAND = "phibench demo"
NOTE = "a demonstration: simulated, nothing was measured"
NAMED = {"old-engine": "pc-week-4", "main": "pc-main"}
"""Baselines by name."""

_HOT_FACTOR = 0.84
_LOAD_BYTE_PER_S = 1.6e9
_GATE = Gate(
    max_other_cpu_cores=DEFAULT_GATE.max_other_cpu_cores, is_thermal_nominal=True, is_low_power_off=True,
    is_mains_power=True, nominal_hold_s=2.0, longest_wait_s=300.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One run that was made."""

    run_id: str
    device: str
    what: str
    n_done: int
    n_failed: int


class _Dates:
    """The date of the store: that of whichever device is running."""

    def __init__(self) -> None:
        self.device: SimulatedDevice | None = None

    def now(self) -> datetime:
        return self.device.now() if self.device else datetime.now(UTC)


def n_measured_runs(db: str) -> int:
    """How many runs a database holds that no demonstration made; 0 where there is no database."""
    if not exists(db):
        return 0
    with Reader.open(db) as reader:
        return sum(not (run.command_line or "").startswith(COMMAND) for run in reader.runs())


def fill(db: str, *, seed: int, today: date, on_run: Callable[[Made], None] = lambda _: None) -> list[Made]:
    """
    Make the demonstration; one that is there already is replaced, and other runs stay as they are.

    Args:
        today: in UTC; the runs lie in the four weeks before it.
        on_run: told of each run as it is done.

    Raises:
        StoreError: the database cannot be written, or belongs to something else.
    """
    dates, made = _Dates(), []
    with Store.open(db, is_bulk=True, now=dates.now) as store, Reader.open(db) as reader:
        for run in reader.runs():
            if (run.command_line or "").startswith(COMMAND):
                store.remove_run(run.id)
        for machine in devices.MACHINES:
            store.record_bandwidth(machine.snapshot, _bandwidth(machine))
        for entry in plans.entries():
            begins_at = datetime.combine(today - timedelta(days=entry.days_ago), time(entry.hour), UTC)
            device = _device(entry, seed, begins_at)
            dates.device = device
            outcome = _perform(entry, seed, begins_at, device=device, store=store, reader=reader)
            made.append(_made(entry, outcome))
            on_run(made[-1])
        for name, run_id in NAMED.items():
            store.set_baseline(name, run_id)
    return made


def _made(entry: Entry, outcome: Outcome) -> Made:
    device = entry.machine.snapshot.name
    return Made(
        run_id=entry.run_id, device=device, what=entry.what, n_done=outcome.n_done, n_failed=outcome.n_failed
    )  # fmt: skip


def _perform(
    entry: Entry, seed: int, begins_at: datetime, *, device: SimulatedDevice, store: Store, reader: Reader
) -> Outcome:
    plan = _plan(entry, seed)
    store.begin_run(
        RunRecord(
            id=entry.run_id,
            started_at_utc=begins_at.isoformat(timespec="seconds"),
            suite=plan.suite,
            seed=plan.seed,
            plan=to_wire(plan),
            phibench_version=provenance.version(),
            git_commit=provenance.git_commit(),
            command_line=f"{COMMAND} --seed {seed}",
            note=NOTE,
        )
    )
    around = Surroundings(
        archive=store,
        launch=device.launch,
        admit=None,
        measured=lambda: reader.measured(entry.run_id),
        clock=device.clock,
        listener=Unwatched(),
        cancel=Cancel(),
    )
    return execute(plan, run_id=entry.run_id, around=around)


def _plan(entry: Entry, seed: int) -> Plan:
    return Plan(
        suite="demo",
        arms=entry.arms,
        workloads=entry.workloads,
        seed=_draw(seed, entry, "order"),
        n_blocks=entry.n_blocks,
        duration_s=entry.duration_s,
        gate=_GATE,
        replication_unit=entry.machine.unit,
    )


def _device(entry: Entry, seed: int, begins_at: datetime) -> SimulatedDevice:
    """The device of one run; each run is a session of its own."""
    return SimulatedDevice(
        lambda job: _truth(entry, job),
        scatter=entry.machine.scatter,
        seed=_draw(seed, entry, "noise"),
        snapshot=entry.machine.snapshot,
        versions=dict.fromkeys(entry.machine.engines, entry.version),
        condition=lambda job: _condition(entry, job),
        begins_at=begins_at,
    )


def _truth(entry: Entry, job: Job) -> Truth:
    machine, factor = entry.machine, _HOT_FACTOR if _number(job) in entry.hot else 1.0
    usual = Truth(
        decode_tok_per_s=factor * machine.decode_tok_per_s(job, entry.version),
        prefill_tok_per_s=factor * machine.prefill_tok_per_s(job, entry.version),
        load_s=round((job.model.tensor_bytes or 0) / _LOAD_BYTE_PER_S, 2),
        heat_frac=machine.heat_frac if entry.duration_s else 0.0,
        heat_tau_s=machine.heat_tau_s,
        hottest_c=machine.hottest_c,
    )
    mishap = entry.mishaps.get(_number(job))
    if machine.is_too_small_for(job):
        return replace(usual, failure_phase=Phase.LOAD, failure_frac=1.0, **_failure(plans.too_large(job), job))
    return usual if mishap is None else replace(usual, failure_frac=1.0, **_failure(mishap, job))


def _failure(mishap: Mishap, job: Job) -> dict[str, Any]:
    remedy = mishap.remedy.format(launch=job.launch_id)
    return {"failure": mishap.kind, "failure_message": mishap.message, "failure_remedy": remedy}


def _condition(entry: Entry, job: Job) -> Condition:
    """What the gate sees; an iPhone says nothing of the work of others."""
    is_phone, is_hot = entry.machine is devices.PHONE, _number(job) in entry.hot
    return Condition(
        reading=Reading(
            other_cpu_cores=None if is_phone else 0.05,
            thermal_state="fair" if is_hot else "nominal",
            is_on_battery=entry.is_on_battery,
            battery_frac=0.71 if entry.is_on_battery else None,
            is_low_power=False,
        ),
        waited_s=_GATE.longest_wait_s if is_hot else entry.gate_waits_s,
    )


def _bandwidth(machine: Machine) -> dict[str, object]:
    best = machine.bandwidth_byte_per_s
    return {
        "byte_per_s": best, "median_byte_per_s": 0.97 * best, "n_threads": machine.snapshot.n_physical_cores,
        "buffer_bytes": 1 << 29, "n_reads": 12, "method": "simulated",
    }  # fmt: skip


def _draw(seed: int, entry: Entry, what: str) -> int:
    """A seed of its own for each run, so that one that is added changes no other."""
    return random.Random(f"{seed}/{entry.run_id}/{what}").randrange(1 << 31)  # noqa: S311  # noise, not a secret


def _number(job: Job) -> int:
    """The place of a launch in its run."""
    return int(job.launch_id.rpartition("/")[2])
