"""The phone's program: built once, or the one that PHIBENCH_PHONE names."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from phone_programs import Site, site

APP = Path(__file__).resolve().parents[2] / "runners" / "iphone" / "app"
BUILT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "phibench-ci" / "swift"


@pytest.fixture(scope="session")
def phone_path() -> str:
    """Path of the executable; without Swift these tests fail, as what they are for was not shown."""
    given = os.environ.get("PHIBENCH_PHONE")
    if given:
        return given
    if shutil.which("swift") is None:
        pytest.fail("these tests drive the phone's Swift program and there is no swift here: https://swift.org/install")
    build = ["swift", "build", "--package-path", str(APP), "--scratch-path", str(BUILT), "--product", "phone"]
    done = subprocess.run(build, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(BUILT / "debug" / "phone")


@pytest.fixture
def place(tmp_path: Path, phone_path: str) -> Iterator[Site]:
    """An owner with nothing paired yet."""
    with site(tmp_path, phone_path) as one:
        yield one
