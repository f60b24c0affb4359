"""Where we run and where not; what a Mac says; what is imported."""

import subprocess
import sys

import pytest

from collector.cli import cli
from collector.cli._common import run_guarded
from runners import device, worker
from runners.contract import Job, ModelRef, Workload
from runners.device import files, macos
from runners.device.macos import facts
from runners.device.platforms import refuse_platform
from runners.errors import RunnerUnavailable

M1 = """\
hw.model: MacBookAir10,1
hw.memsize: 17179869184
hw.physicalcpu: 8
hw.logicalcpu: 8
hw.perflevel0.physicalcpu: 4
hw.optional.arm64: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 0
machdep.cpu.brand_string: Apple M1
kern.osproductversion: 14.5
kern.osversion: 23F79
kern.hv_vmm_present: 0
sysctl.proc_translated: 0
"""


def test_windows_is_refused_with_the_command() -> None:
    assert "wsl --install" in str(refuse_platform("win32"))


def test_rosetta_is_refused() -> None:
    assert "Rosetta" in str(refuse_platform("darwin", lambda: True))
    assert refuse_platform("darwin", lambda: False) is None


def test_a_mac_that_says_it_translates_is_refused_by_command_and_worker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From what sysctl prints to what a person reads: the command ends before it begins, a worker with a kind."""
    monkeypatch.setattr(facts, "read", lambda: files.parse_fields("sysctl.proc_translated: 1\n"))
    monkeypatch.setattr(device, "refuse_platform", lambda: refuse_platform("darwin"))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert run_guarded(cli) == 1
    said = capsys.readouterr().err
    assert "Rosetta" in said
    assert "cpython-3.11-macos-aarch64-none" in said
    job = Job(
        launch_id="a", model=ModelRef(model="m", format="none", quant="none"), engine="fake",
        workload=Workload(name="w", n_prompt_tokens=1, n_generated_tokens=1),
    )  # fmt: skip
    with pytest.raises(RunnerUnavailable, match="Rosetta") as refused:
        worker.run(job, lambda *_: None, lambda: None)
    assert refused.value.kind == "unsupported"
    assert refused.value.remedy.startswith("Use a Python for Apple silicon")


def test_linux_is_welcome_and_others_are_not() -> None:
    assert refuse_platform("linux") is None
    assert device.refuse_platform() is None
    assert "/proc" in str(refuse_platform("freebsd14"))


def test_what_a_mac_says() -> None:
    facts = files.parse_fields(M1)
    found = macos.snapshot(facts)
    assert (found.name, found.kind, found.os_version, found.os_build) == ("Apple M1, 8 cores", "mac", "14.5", "23F79")
    assert (found.cpu_features, found.machine, found.is_virtual) == (("dotprod",), "arm64", False)
    assert found.memory_bytes == 16 << 30
    assert macos.default_threads(facts) == 4
    assert macos.is_translated(lambda: facts) is False
    assert macos.is_translated(lambda: {"sysctl.proc_translated": "1"}) is True


def test_a_mac_that_says_nothing() -> None:
    found = macos.snapshot({})
    assert (found.cpu_model, found.memory_bytes, found.is_virtual, found.hypervisor) == (None, None, None, None)
    assert macos.default_threads({}) >= 1


@pytest.mark.parametrize("text", ["0-1", "0,1", " 0 - 1 \n", "1,0-1"])
def test_cpu_lists(text: str) -> None:
    assert files.cpu_list(text) == (0, 1)


@pytest.mark.parametrize("text", [None, "", "x", "3-", "9-1", "0-99999999999"])
def test_cpu_lists_that_are_none(text: str | None) -> None:
    assert files.cpu_list(text) in {(), (3,)}


def test_importing_the_package_needs_no_psutil() -> None:
    """A worker in another Python has the standard library alone."""
    code = (
        "import sys; sys.modules['psutil'] = None\n"
        "from runners import device; import os\n"
        "device.snapshot(); device.machine_reading(0.01); device.worker_reading(os.getpid())\n"
        "device.default_threads(); device.available_memory_bytes(); device.allowed_logical_cpus()\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
