"""The phone's program when it is asked what it can do, and when it is called wrongly."""

import subprocess

import pytest

pytestmark = pytest.mark.phone


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "--help"]])
def test_help_is_no_fault(phone_path: str, words: list[str]) -> None:
    told = subprocess.run([phone_path, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert "phone pair LINK --home DIR" in told.stdout


@pytest.mark.parametrize("words", [[], ["nosuch"], ["run", "--nosuch"], ["show", "--home"]])
def test_a_wrong_call_says_what_is_wrong_and_how_it_goes(phone_path: str, words: list[str]) -> None:
    told = subprocess.run([phone_path, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("Error: ")
    assert "phone pair LINK --home DIR" in told.stderr
