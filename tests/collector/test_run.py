"""The loop with an archive in memory: order, failures, cancelling, resuming; no process is started."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from threading import Event as Cancel
from typing import Any

import pytest

from collector.gates import Admission
from collector.run import Outcome, Start, Surroundings, execute
from collector.schedule import Measured, block_order
from collector.suite import Arm, Plan
from runners.contract import Event, EventType, Gate, Job, ModelRef, Reading, Workload
from runners.errors import FailureKind
from runners.wire import WireError


def plan(n_blocks: int = 4) -> Plan:
    names = ("a", "b")
    return Plan(
        suite="test",
        arms=tuple(Arm(model=ModelRef(model=n, format="none", quant="none"), engine="fake") for n in names),
        workloads=(Workload(name="chat", n_prompt_tokens=8, n_generated_tokens=4),),
        seed=4711,
        n_blocks=n_blocks,
    )


class Diary:
    """An archive and a listener that only write down what they are told."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str, int, int]] = []
        self.accepted: dict[str, list[EventType]] = {}
        self.blocks: list[int] = []
        self.ended: str | None = None
        self.told: list[str] = []

    def begin_launch(self, job: Job, *, run_id: str, block: int, position: int, arm_index: int) -> None:
        self.begun.append((job.launch_id, job.model.model, block, position))

    def accept(self, launch_id: str, events: list[Event]) -> int:
        self.accepted.setdefault(launch_id, []).extend(e.type for e in events)
        return events[-1].seq

    def end_block(self, run_id: str, block: int) -> None:
        self.blocks.append(block)

    def end_run(self, run_id: str, stop_reason: str) -> None:
        self.ended = stop_reason

    def launch_started(self, job: Job, block: int, position: int, n_cells: int) -> None:
        self.told.append(f"start {job.launch_id}")

    def event(self, job: Job, event: Event) -> None:
        assert self.accepted[job.launch_id][-1] is event.type, "told before it was stored"

    def launch_ended(self, job: Job, last: Event, duration_s: float) -> None:
        self.told.append(f"end {job.launch_id}")

    def block_ended(self, n_blocks_done: int, measured: Iterable[Measured]) -> None:
        self.told.append(f"block {n_blocks_done}")


def launcher(**failing: FailureKind) -> Any:
    """A launcher whose models fail as said."""

    def launch(job: Job) -> Iterator[Event]:
        yield Event(boot="b", seq=0, t_ns=0, type=EventType.HELLO)
        kind = failing.get(job.model.model)
        end = EventType.DONE if kind is None else EventType.FAILED
        yield Event(boot="b", seq=1, t_ns=1, type=end, data={} if kind is None else {"kind": kind})

    return launch


def run(
    diary: Diary,
    launch: Any,
    the_plan: Plan | None = None,
    *,
    cancel: Cancel | None = None,
    measured: Any = list,
    admit: Any = None,
    start: Start | None = None,
) -> Outcome:
    """Run with a clock that goes on by a second whenever it is read."""
    clock = iter(range(10_000))
    around = Surroundings(
        archive=diary,
        launch=launch,
        admit=admit,
        measured=measured,
        clock=lambda: float(next(clock)),
        listener=diary,
        cancel=cancel or Cancel(),
    )
    return execute(the_plan or plan(), run_id="7f3a", around=around, start=start)


def test_every_cell_runs_once_a_block_in_the_drawn_order() -> None:
    diary = Diary()
    outcome = run(diary, launcher())
    expected = [("a", "b")[arm] for block in range(4) for _, arm in block_order(1, 2, block, 4711)]
    assert [model for _, model, _, _ in diary.begun] == expected
    assert [launch for launch, *_ in diary.begun] == [f"7f3a/{n}" for n in range(1, 9)]
    assert diary.blocks == [0, 1, 2, 3]
    assert (outcome.n_done, outcome.n_failed, outcome.stop_reason) == (8, 0, "all blocks done")
    assert diary.ended == "all blocks done"
    assert all(events == [EventType.HELLO, EventType.DONE] for events in diary.accepted.values())


def test_a_cell_that_can_only_fail_again_is_dropped_and_the_run_goes_on() -> None:
    diary = Diary()
    outcome = run(diary, launcher(b=FailureKind.MODEL_INVALID))
    assert sorted(model for _, model, *_ in diary.begun) == ["a", "a", "a", "a", "b"]
    assert (outcome.n_done, outcome.n_failed) == (4, 1)


def test_a_crash_gets_a_second_try() -> None:
    diary = Diary()
    run(diary, launcher(b=FailureKind.CRASHED))
    assert [model for _, model, *_ in diary.begun].count("b") == 2


def test_a_run_in_which_everything_fails_ends_early_and_says_so() -> None:
    diary = Diary()
    outcome = run(diary, launcher(a=FailureKind.MODEL_MISSING, b=FailureKind.MODEL_MISSING))
    assert (outcome.n_done, outcome.n_failed, outcome.stop_reason) == (0, 2, "every cell failed")
    assert diary.blocks == [0]


def test_cancelling_leaves_the_block_open_and_the_run_unfinished() -> None:
    diary = Diary()
    outcome = run(diary, launcher(a=FailureKind.CANCELLED, b=FailureKind.CANCELLED))
    assert outcome.stop_reason == "cancelled"
    assert (diary.blocks, diary.ended, len(diary.begun)) == ([], None, 1)


def test_a_launch_that_ended_before_ctrl_c_was_seen_completes_its_block() -> None:
    diary, cancel, good = Diary(), Cancel(), launcher()

    def launch(job: Job) -> Iterator[Event]:
        yield from good(job)
        if job.launch_id == "7f3a/2":
            cancel.set()

    outcome = run(diary, launch, cancel=cancel)
    assert (outcome.stop_reason, outcome.n_done, diary.blocks, diary.ended) == ("cancelled", 2, [0], None)


def test_resuming_starts_with_the_block_that_was_cut() -> None:
    diary = Diary()
    run(diary, launcher(), start=Start(block=2, launch_number=6))
    assert [block for _, _, block, _ in diary.begun] == [2, 2, 3, 3]
    assert diary.begun[0][0] == "7f3a/6"


def test_an_event_that_makes_no_sense_is_a_typed_failure_and_the_run_goes_on() -> None:
    class Strict(Diary):
        def accept(self, launch_id: str, events: list[Event]) -> int:
            if events[0].data.get("is_nonsense"):
                raise WireError("iteration.trace: missing")
            return super().accept(launch_id, events)

    def launch(job: Job) -> Iterator[Event]:
        yield Event(boot="b", seq=0, t_ns=0, type=EventType.HELLO)
        yield Event(boot="b", seq=1, t_ns=1, type=EventType.ITERATION, data={"is_nonsense": True})
        yield Event(boot="b", seq=2, t_ns=2, type=EventType.DONE)

    diary = Strict()
    outcome = run(diary, launch, plan(1))
    assert (outcome.n_done, outcome.n_failed) == (0, 2)
    assert diary.accepted["7f3a/1"] == [EventType.HELLO, EventType.FAILED]


def test_a_launcher_that_ends_without_a_word_is_our_own_fault() -> None:
    with pytest.raises(RuntimeError, match="without done or failed"):
        run(Diary(), lambda _job: (event for event in ()))


def values(n_blocks: int, spread: float) -> list[Measured]:
    """Two arms whose ratio scatters by so much from block to block."""
    return [
        Measured(
            workload=0, arm=arm, block=block, metric="decode_tok_per_s", value=10 * (1 + arm * spread * (block % 2))
        )
        for block in range(n_blocks)
        for arm in (0, 1)
    ]


def precise(diary: Diary, spread: float, **more: Any) -> Outcome:
    the_plan = replace(plan(20), precision_frac=0.02, **more)
    return run(diary, launcher(), the_plan, measured=lambda: values(len(diary.blocks), spread))


def test_a_run_stops_when_the_intervals_are_narrow_enough_and_says_so() -> None:
    diary = Diary()
    outcome = precise(diary, 0.01)
    assert outcome.n_blocks == 6
    assert outcome.stop_reason.startswith("precision reached")
    assert diary.ended == outcome.stop_reason


def test_a_run_whose_intervals_stay_wide_goes_on_to_its_most_blocks() -> None:
    outcome = precise(Diary(), 0.5)
    assert (outcome.n_blocks, outcome.stop_reason) == (20, "most blocks done")


def test_a_budget_is_checked_between_blocks_and_the_first_block_always_runs() -> None:
    tight, roomy = Diary(), Diary()
    assert precise(tight, 0.5, budget_s=0.1).stop_reason == "budget spent"
    assert tight.blocks == [0]
    assert precise(roomy, 0.5, budget_s=60.0).stop_reason == "budget spent"
    assert 1 < len(roomy.blocks) < 20


def test_what_the_gate_saw_is_stored_before_the_launch_begins() -> None:
    diary, asked = Diary(), []

    def admit(gate: Gate) -> Admission:
        asked.append(gate)
        return Admission(waited_s=3.0, unmet=("max_other_cpu_cores",), unknown=(), reading=Reading(other_cpu_cores=1.5))

    gated = replace(plan(1), gate=Gate(max_other_cpu_cores=0.25))
    run(diary, launcher(), gated, admit=admit)
    assert asked == [gated.gate] * 2
    assert diary.accepted["7f3a/1"] == [EventType.STARTING, EventType.READING, EventType.HELLO, EventType.DONE]


def test_a_device_that_evaluates_the_gate_itself_is_only_told_of_it() -> None:
    diary, gates = Diary(), []
    good = launcher()

    def launch(job: Job) -> Iterator[Event]:
        gates.append(job.gate)
        yield from good(job)

    gated = replace(plan(1), gate=Gate(max_other_cpu_cores=0.25))
    run(diary, launch, gated)
    assert gates == [gated.gate] * 2
    assert diary.accepted["7f3a/1"][0] is EventType.HELLO


def test_a_person_who_stops_a_run_at_the_gate_starts_no_process() -> None:
    diary, cancel, started = Diary(), Cancel(), []

    def admit(gate: Gate) -> Admission:
        cancel.set()
        return Admission(waited_s=1.0, unmet=(), unknown=(), reading=Reading())

    def launch(job: Job) -> Iterator[Event]:
        started.append(job)
        yield from launcher()(job)

    gated = replace(plan(1), gate=Gate(max_other_cpu_cores=0.25))
    outcome = run(diary, launch, gated, admit=admit, cancel=cancel)
    assert (outcome.stop_reason, started, diary.ended) == ("cancelled", [], None)
    assert diary.accepted["7f3a/1"] == [EventType.STARTING, EventType.READING, EventType.FAILED]


def test_a_run_that_was_cut_between_its_last_block_and_its_end_does_not_run_another_block() -> None:
    diary = Diary()
    diary.blocks = list(range(6))
    the_plan = replace(plan(20), precision_frac=0.02)
    start = Start(block=6, launch_number=13)
    outcome = run(diary, launcher(), the_plan, measured=lambda: values(6, 0.01), start=start)
    assert outcome.stop_reason.startswith("precision reached")
    assert diary.begun == []
