"""Databases that pages are tried on, each made once."""

from collections.abc import Callable, Iterator

import dashboard_helpers
import pytest
import streamlit as st


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A database by its kind (see ``dashboard_helpers.KINDS``): to be read; who writes makes one of their own."""
    folder, made = tmp_path_factory.mktemp("databases"), {}

    def find(kind: str) -> str:
        if kind not in made:
            made[kind] = dashboard_helpers.KINDS[kind](folder / f"{kind.replace(' ', '_')}.db")
        return made[kind]

    return find


@pytest.fixture(autouse=True)
def _own_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test read is not shown to the next, and the address of its database goes with it."""
    monkeypatch.setenv("PHIBENCH_DB", "")
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
