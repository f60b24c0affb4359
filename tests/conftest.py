"""No test touches what a person has: models, caches, database and the machine's lock are the test's own."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="keep a picture of every page that a browser opens")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home: Path = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("PHIBENCH_CACHE", str(home / "cache"))
    monkeypatch.setenv("PHIBENCH_MODELS", str(home / "models"))
    monkeypatch.setenv("PHIBENCH_LOCK", str(home / "lock"))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "ollama"))
    monkeypatch.setenv("PHIBENCH_DB", str(home / "phibench.db"))
    monkeypatch.delenv("PHIBENCH_LAUNCH", raising=False)
