"""The bandwidth probe: it reads for real, refuses where it cannot tell, and its failures are typed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runners import probe
from runners.errors import EngineDied, FailureKind, RunnerError, RunnerUnavailable
from runners.probe import __main__ as child
from runners.probe import reading

MIB = 1 << 20


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_a_short_probe_of_this_machine_reads_with_all_threads(n_threads: int) -> None:
    found = probe.measure(n_threads, duration_s=0.02)
    assert (found.n_threads, found.method) == (n_threads, probe.METHOD)
    assert found.n_reads >= 1
    assert 1e8 < found.median_byte_per_s <= found.byte_per_s < 1e14
    assert found.buffer_bytes >= 128 * MIB


def test_one_round_a_turn_is_read_however_short_the_time() -> None:
    """Four rounds cannot have ten witnesses, so all the turns are taken."""
    found = reading.read_memory(2, 256 * MIB, 0.0)
    assert found.n_reads == 4
    assert found.byte_per_s >= found.median_byte_per_s
    assert found.buffer_bytes == 256 * MIB


def test_threads_are_kept_on_cpus_without_keeping_the_process_there() -> None:
    before = os.sched_getaffinity(0)
    reading.read_memory(len(before), 256 * MIB, 0.0)
    assert os.sched_getaffinity(0) == before


def test_lanes_hold_whole_reads() -> None:
    assert reading.read_memory(3, 200 * MIB, 0.0).buffer_bytes == 3 * 64 * MIB
    assert reading.read_memory(4, 96 * MIB, 0.0).buffer_bytes == 96 * MIB  # of 12 MiB a read


@pytest.mark.parametrize(
    ("n_threads", "cache_mib", "free_mib", "expected_mib"),
    [
        (2, 32, 20_000, 512),
        (2, 96, 20_000, 768),
        (64, 32, 100_000, 4096),
        (2, 32, 1_600, 400),
        (2, None, None, 512),
        (2, None, 600, 150),
    ],
)
def test_the_buffer_is_far_larger_than_the_caches_within_a_quarter_of_what_is_free(
    n_threads: int, cache_mib: int | None, free_mib: int | None, expected_mib: int
) -> None:
    cache = None if cache_mib is None else cache_mib * MIB
    free = None if free_mib is None else free_mib * MIB
    assert reading.buffer_bytes(n_threads, cache, free) == expected_mib * MIB


@pytest.mark.parametrize(("cache_mib", "free_mib"), [(32, 500), (256, 3_000), (None, 400)])
def test_without_room_for_such_a_buffer_it_refuses(cache_mib: int | None, free_mib: int) -> None:
    with pytest.raises(RunnerUnavailable, match="MiB of free memory") as caught:
        reading.buffer_bytes(2, None if cache_mib is None else cache_mib * MIB, free_mib * MIB)
    assert caught.value.kind is FailureKind.OUT_OF_MEMORY


def test_memory_that_is_not_to_be_had_is_typed() -> None:
    with pytest.raises(RunnerUnavailable) as caught:
        reading.read_memory(1, 1 << 60, 0.0)
    assert caught.value.kind is FailureKind.OUT_OF_MEMORY


def test_a_c_library_that_is_no_faster_from_cache_is_refused() -> None:
    with pytest.raises(RunnerUnavailable, match="too slow to show what the memory can do"):
        reading._refuse_slow_routine(lambda *_: 0, 0, 1, 1e18)


def test_a_probe_that_takes_too_long_is_ended() -> None:
    with pytest.raises(EngineDied) as caught:
        probe.measure(1, duration_s=60.0, timeout_s=0.5)
    assert caught.value.kind is FailureKind.TIMED_OUT


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the interpreter's place."""

    def replace(script: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return replace


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        ("kill -SEGV $$", FailureKind.CRASHED, "ended with code -11"),
        ("echo 'Error: no such thing' >&2; exit 3", FailureKind.CRASHED, "code 3: Error: no such thing"),
        ("echo hello", FailureKind.PROTOCOL_ERROR, "printed no result"),
        ("echo '{}'", FailureKind.PROTOCOL_ERROR, "printed no result"),
        ('echo \'{"bandwidth": {"byte_per_s": "fast"}}\'', FailureKind.PROTOCOL_ERROR, "printed no result"),
        (
            'echo \'{"failed": {"kind": "unsupported", "words": ["too slow", "glibc"]}}\'',
            FailureKind.UNSUPPORTED,
            "too slow",
        ),
    ],
)
def test_what_goes_wrong_in_the_child_is_typed(
    interpreter: Callable[[str], None], script: str, kind: FailureKind, said: str
) -> None:
    interpreter(script)
    with pytest.raises(RunnerError) as caught:
        probe.measure(1)
    assert caught.value.kind is kind
    assert said in caught.value.message


def test_an_interpreter_that_is_gone_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(RunnerUnavailable, match="cannot be started"):
        probe.measure(1)


@pytest.mark.parametrize(
    ("was_memory_short", "kind"), [(True, FailureKind.OUT_OF_MEMORY), (False, FailureKind.CRASHED)]
)
def test_a_kill_is_lack_of_memory_only_where_the_kernel_says_so(*, was_memory_short: bool, kind: FailureKind) -> None:
    done = subprocess.CompletedProcess(["x"], -signal.SIGKILL, b"", b"")
    with pytest.raises(EngineDied) as caught:
        probe._result(done, was_memory_short=was_memory_short)
    assert caught.value.kind is kind


def test_the_command_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert child.main(["--threads", "1", "--seconds", "0"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["bandwidth"]) == {
        "byte_per_s", "median_byte_per_s", "n_threads", "buffer_bytes", "n_reads", "method",
    }  # fmt: skip


def test_the_child_finds_this_very_package_before_any_other() -> None:
    first = probe._environment()["PYTHONPATH"].split(os.pathsep)[0]
    assert Path(probe.__file__).resolve() == Path(first).resolve() / "runners" / "probe" / "__init__.py"
