"""Models folder and database: present, absent, damaged, not writable, full."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from collector import models
from collector.cli import quickstart
from collector.doctor import storage
from collector.doctor.finding import Finding, Level
from collector.store import Store
from runners.contract import ModelRef


def first(url: str | Path) -> Finding:
    return next(iter(storage.database(str(url))))


def disk_with(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))


def test_a_database_that_is_not_there_is_made_later(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "phibench.db"
    found = list(storage.database(str(path)))
    assert "made by the first run" in found[0].message
    assert not any(finding.is_blocking for finding in found)
    assert not path.parent.exists(), "the doctor makes nothing"


@pytest.mark.parametrize("prefix", ["", "sqlite:///"])
def test_a_database_that_is_there(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "phibench.db"
    Store.open(str(path)).close()
    finding = first(f"{prefix}{path}")
    assert finding.level is Level.OK
    assert "0 runs" in finding.message


def test_what_is_no_database_stops_a_run(tmp_path: Path) -> None:
    path = tmp_path / "phibench.db"
    path.write_text("a letter, much longer than the header of a database would be" * 20, encoding="utf-8")
    finding = first(path)
    assert finding.is_blocking
    assert finding.remedy


def test_a_folder_that_cannot_be_written_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so what the system would answer others is put in its place."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    blocked = [finding for finding in storage.database(str(tmp_path / "phibench.db")) if finding.is_blocking]
    assert len(blocked) == 1
    assert "cannot be written" in blocked[0].message
    assert "PHIBENCH_DB" in blocked[0].remedy


def test_a_full_disk_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_with(monkeypatch, 10**6)
    assert any(finding.is_blocking for finding in storage.database(str(tmp_path / "phibench.db")))


def test_a_server_is_not_looked_into() -> None:
    finding = first("postgresql://me:secret@host/db")
    assert finding.level is Level.NOTE
    assert "secret" not in finding.message


@pytest.mark.parametrize(("free", "level"), [(50 * 10**9, "ok"), (9 * 10**9, "note"), (10**6, "fix")])
def test_room_for_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))
    disk_with(monkeypatch, free)
    found = list(storage.models())
    assert "none yet" in found[0].message
    assert found[1].level == level
    assert not (tmp_path / "models").exists()


def test_quickstart_wants_room_for_every_engine_of_which_a_model_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))
    disk_with(monkeypatch, 15 * 10**9)
    both = ("llama_cpp", "mlx")
    assert list(storage.models())[1].level is Level.OK
    finding = list(storage.models(both))[1]
    assert finding.level is Level.NOTE
    assert "too little for the full-size models of quickstart (18.6 GiB)" in finding.message
    present = [ModelRef(model=name, format="gguf", quant="q4_0") for name in quickstart.FULL]
    monkeypatch.setattr(models, "local", lambda: present)
    assert list(storage.models(both))[1].level is Level.OK, "only those of one engine are still to be written"


def test_the_doctor_and_quickstart_want_the_same() -> None:
    assert (storage._QUICKSTART, storage._QUICKSTART_BYTES) == (quickstart.FULL, quickstart.LEAST_FREE_BYTES)
