"""`phibench demo`: where it writes, what it refuses, what it says; a few runs stand for all."""

from pathlib import Path

import pytest
from command_helpers import envelope, fake_run, phibench

from collector import demo
from collector.demo import plans


@pytest.fixture(autouse=True)
def _few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    few = tuple(entry for entry in plans.entries() if entry.run_id in {"pc-week-1", "mac-week-1"})
    monkeypatch.setattr(plans, "entries", lambda: few)
    monkeypatch.setattr(demo, "NAMED", {"main": "pc-week-1"})


def test_it_fills_a_database_of_its_own_and_names_the_next_command(tmp_path: Path) -> None:
    done = phibench("demo", cwd=tmp_path)
    assert (tmp_path / "demo.db").is_file()
    assert not (tmp_path / "p.db").exists()
    assert (
        "2 devices, 2 runs, 32 launches, of which 0 failed on purpose; everything is flagged simulated" in done.stdout
    )
    assert "phibench dashboard --db demo.db" in done.stdout
    listed = phibench("compare", "main", "--db", "demo.db", cwd=tmp_path).stdout
    assert "doubt on both: simulated" in listed


def test_made_up_runs_are_not_mixed_with_others_unless_a_person_says_so(tmp_path: Path) -> None:
    fake_run(tmp_path, "--blocks", "1", "--db", "demo.db")
    refused = phibench("demo", cwd=tmp_path, code=2)
    assert "demo.db holds 1 run that no demonstration made" in refused.stderr
    assert "Try: phibench demo --db" in refused.stderr
    done = phibench("demo", "--db", "demo.db", "--quiet", cwd=tmp_path)
    assert "beside 1 run that stayed as they were" in done.stdout


def test_it_may_be_done_again(tmp_path: Path) -> None:
    for _ in range(2):
        data = envelope(phibench("demo", "--json", cwd=tmp_path), "demo")
    assert [run["run_id"] for run in data["runs"]] == ["pc-week-1", "mac-week-1"]
    assert data["n_other_runs"] == 0
