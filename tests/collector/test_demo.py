"""The demonstration: made by the real loop and store, flagged as what it is, with all that pages have to show."""

import dataclasses
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from evidence_helpers import run_record

from collector import demo
from collector.compare import compare
from collector.compare.noise import noise_of
from collector.compare.siding import against_baseline
from collector.demo import devices, plans
from collector.demo.plans import Entry
from collector.paths import demo_database
from collector.queries import CellResult, Reader, ceiling
from collector.store import Store
from runners.contract import Job

TODAY = date(2026, 11, 25)


def few(*names: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in plans.entries() if entry.run_id in names)


def fill(monkeypatch: pytest.MonkeyPatch, path: Path, entries: Sequence[Entry], seed: int = 1) -> str:
    """Only some of the runs: the whole takes long."""
    monkeypatch.setattr(plans, "entries", lambda: tuple(entries))
    monkeypatch.setattr(demo, "NAMED", {})
    demo.fill(str(path), seed=seed, today=TODAY)
    return str(path)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as monkeypatch:
        names = ("iphone-main", "mac-week-3", "pc-week-4", "pc-week-5", "pc-noise-1", "pc-noise-2", "pc-noise-3")
        return fill(monkeypatch, tmp_path_factory.mktemp("demo") / "demo.db", few(*names))


def cells(db: str, *runs: str) -> list[CellResult]:
    with Reader.open(db) as reader:
        return reader.cells(list(runs) or None)


def test_everything_is_flagged_simulated_and_of_a_device_that_says_so(some: str) -> None:
    found = cells(some)
    assert found
    for cell in found:
        assert "simulated" in cell.flags
        assert cell.engine_build == {"is_simulated": True}
    assert {machine.snapshot.kind for machine in devices.MACHINES} == {"simulated"}


def test_a_long_prompt_is_too_much_for_the_phone_and_a_short_one_is_not(some: str) -> None:
    llama = {c.workload.name: c for c in cells(some, "iphone-main") if c.arm.model == "llama-2-7b"}
    assert llama["chat"].n_launches >= 9
    assert (llama["search"].n_launches, llama["search"].n_failed) == (0, 2)
    (failure,) = llama["search"].failures
    assert failure.kind == "out_of_memory"
    assert failure.remedy == "phibench fit --on iPhone15,2 --model llama-2-7b"


def test_the_phone_reloads_and_some_of_its_launches_began_hot(some: str) -> None:
    with Reader.open(some) as reader:
        launches = reader.launches("iphone-main")
    done = [launch for launch in launches if launch.state == "done"]
    assert all("reload" in launch.flags for launch in done)
    hot = [launch.number for launch in done if "hot" in launch.flags]
    assert hot
    assert set(hot) <= set(range(44, 51))
    assert all("ungated" in launch.flags for launch in done if launch.number in hot)
    assert {launch.failure_kind for launch in launches if launch.state == "failed"} == {
        "out_of_memory", "backgrounded",
    }  # fmt: skip


def test_a_run_on_battery_says_so(some: str) -> None:
    assert all("on_battery" in cell.flags for cell in cells(some, "mac-week-3"))


def test_the_dates_of_a_run_are_those_of_its_clock(some: str) -> None:
    with Reader.open(some) as reader:
        run = next(run for run in reader.runs() if run.id == "pc-week-4")
        launches = reader.launches("pc-week-4")
    assert run.started_at_utc == "2026-11-09T09:00:00+00:00"
    assert run.started_at_utc < str(launches[0].started_at_utc) < str(launches[0].ended_at_utc)
    assert str(launches[-1].ended_at_utc) <= str(run.ended_at_utc) < "2026-11-09T11"


def test_a_comparison_finds_what_physics_put_in(some: str) -> None:
    (pair,) = compare(against_baseline(cells(some, "pc-week-5"))).pairs
    row = next(row for row in pair.rows if row.metric == "decode_tok_per_s")
    assert row.verdict == "faster"
    job = Job(launch_id="x/1", model=plans.ARMS["pc"][0].model, engine="llama_cpp", workload=plans.CHAT)
    other = dataclasses.replace(job, model=plans.ARMS["pc"][1].model)
    true = devices.PC.decode_tok_per_s(other, devices.NEW) / devices.PC.decode_tok_per_s(job, devices.NEW)
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(true, rel=0.02)


def test_the_new_version_of_an_engine_is_a_step(some: str) -> None:
    old, new = (
        next(c for c in cells(some, run) if c.arm.model == "phi-3-mini-4k") for run in ("pc-week-4", "pc-week-5")
    )
    assert [c.machine.engine_version if c.machine else None for c in (old, new)] == [devices.OLD, devices.NEW]
    rates = [c.estimate("decode_tok_per_s") for c in (old, new)]
    assert rates[0] is not None
    assert rates[1] is not None
    assert rates[1].value / rates[0].value == pytest.approx(0.94, rel=0.03)


def test_there_is_a_noise_floor_and_a_noise_between_sessions(some: str) -> None:
    history = cells(some)
    noise = noise_of(history, [c for c in history if c.run_id == "pc-noise-3"])["decode_tok_per_s"]
    assert noise.floor is not None
    assert noise.floor.floor_frac is not None
    assert noise.floor.floor_frac < 0.03
    assert noise.sessions is not None


def test_physics_stands_beside_the_numbers_and_nothing_is_faster_than_it_allows(some: str) -> None:
    for cell in cells(some, "pc-week-5", "iphone-main"):
        if cell.n_launches:
            found = ceiling(cell)
            assert found.bandwidth_source == "simulated"
            assert found.bandwidth_utilisation_frac is not None
            assert 0.5 < found.bandwidth_utilisation_frac < 1
            assert "implausible" not in cell.flags


def test_a_long_answer_has_its_percentiles_and_a_launch_its_memory(some: str) -> None:
    cell = next(c for c in cells(some, "iphone-main") if c.workload.name == "long-answer" and c.arm.engine == "mlc")
    assert {"itl_p99_s", "peak_footprint_bytes", "weights_bytes", "kv_bytes", "compute_bytes"} <= cell.values.keys()
    assert len(set(cell.values["peak_footprint_bytes"])) > 1


def test_the_same_seed_gives_the_same_numbers_and_a_second_time_replaces_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fill(monkeypatch, tmp_path / "one.db", few("pc-week-1"))
    with Store.open(one) as store:
        store.begin_run(run_record("mine"))
    first = [cell.values for cell in cells(one, "pc-week-1")]
    fill(monkeypatch, tmp_path / "one.db", few("pc-week-1"))
    assert [cell.values for cell in cells(one, "pc-week-1")] == first
    with Reader.open(one) as reader:
        assert sorted(run.id for run in reader.runs()) == ["mine", "pc-week-1"]
    assert demo.n_measured_runs(one) == 1
    other = fill(monkeypatch, tmp_path / "two.db", few("pc-week-1"), seed=2)
    assert [cell.values for cell in cells(other, "pc-week-1")] != first


def test_four_weeks_have_all_that_pages_show() -> None:
    entries = plans.entries()
    assert len({entry.run_id for entry in entries}) == len(entries)
    assert [entry.days_ago for entry in entries] == sorted((e.days_ago for e in entries), reverse=True)
    assert set(demo.NAMED.values()) <= {entry.run_id for entry in entries}
    for machine in devices.MACHINES:
        own = [entry for entry in entries if entry.machine is machine]
        weeks = [entry.version for entry in own if entry.name.startswith("week")]
        assert len(weeks) >= 4
        assert set(weeks) == {devices.OLD, devices.NEW}
        assert sum(len(entry.arms) == 2 and entry.arms[0] == entry.arms[1] for entry in own) >= 3
        assert any(entry.duration_s for entry in own)
        assert any(len(entry.arms) == 3 for entry in own)


def test_made_up_results_go_beside_the_measured_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHIBENCH_DB", str(tmp_path / "mine.db"))
    assert demo_database() == str(tmp_path / "demo.db")
    monkeypatch.setenv("PHIBENCH_DB", "postgresql://host/name")
    assert Path(demo_database()).name == "demo.db"


def test_models_have_the_very_size_of_their_format() -> None:
    assert devices.arm("phi-3-mini-4k", "mlx_4bit_g64", "mlx").model.tensor_bytes == 2_149_644_288
    assert devices.arm("llama-2-7b", "mlx_4bit_g64", "mlx").model.tensor_bytes == 3_790_741_504
