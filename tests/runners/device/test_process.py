"""Readings of real processes."""

import os
import resource
import subprocess
import sys
import threading
import time

import pytest

from runners.contract import Reading
from runners.device import process
from runners.device.process import final_reading, worker_reading


@pytest.fixture
def _any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is the tests' own, and the servers that were tried before have left threads in it."""
    monkeypatch.setattr(process, "_THREADS_AT_MOST", 10_000)


@pytest.mark.usefixtures("_any_number_of_threads")
def test_this_process_has_everything_that_linux_tells() -> None:
    reading = worker_reading(os.getpid())
    assert reading.rss_bytes
    assert reading.peak_rss_bytes
    assert reading.anon_bytes
    assert reading.file_bytes is not None
    assert reading.peak_rss_bytes >= reading.rss_bytes
    assert reading.cpu_user_s is not None
    assert reading.n_minor_faults
    assert reading.n_major_faults is not None
    assert reading.n_voluntary_switches is not None
    assert reading.free_memory_bytes is None, "that is the machine's"


def test_memory_that_was_touched_shows_as_anonymous() -> None:
    before = worker_reading(os.getpid())
    block = bytearray(b"x") * (64 << 20)
    after = worker_reading(os.getpid())
    assert before.anon_bytes is not None
    assert after.anon_bytes is not None
    assert after.anon_bytes - before.anon_bytes > 60 << 20
    assert len(block) == 64 << 20


@pytest.mark.usefixtures("_any_number_of_threads")
def test_switches_of_all_threads_are_summed() -> None:
    """A thread that sleeps often switches; the main thread's own file would not show it."""
    before = worker_reading(os.getpid()).n_voluntary_switches
    done = threading.Event()

    def doze() -> None:
        for _ in range(100):
            time.sleep(0.0005)
        done.set()
        time.sleep(0.5)  # a thread that ended is counted no more

    thread = threading.Thread(target=doze)
    thread.start()
    done.wait()
    after = worker_reading(os.getpid()).n_voluntary_switches
    thread.join()
    assert before is not None
    assert after is not None
    assert after - before >= 100


def test_many_threads_leave_the_switches_unknown() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    reading = worker_reading(os.getpid())
    stop.set()
    for thread in threads:
        thread.join()
    assert (reading.n_voluntary_switches, reading.n_involuntary_switches) == (None, None)
    assert reading.cpu_user_s is not None


def test_a_process_that_is_gone_reads_as_unknown() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert worker_reading(child.pid) == Reading()


def test_a_dead_process_that_nobody_waited_for_has_no_memory() -> None:
    child = subprocess.Popen([sys.executable, "-c", "x = bytearray(9000000)"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    reading = worker_reading(child.pid)
    child.wait()
    assert (reading.rss_bytes, reading.peak_rss_bytes) == (None, None)
    assert reading.n_minor_faults, "its accounts are still there"


def test_the_totals_at_the_end() -> None:
    code = "import threading, time\nfor _ in range(50): time.sleep(0.001)"
    child = subprocess.Popen([sys.executable, "-c", code])
    usage = os.wait4(child.pid, 0)[2]
    child.returncode = 0
    reading = final_reading(usage)
    assert reading.n_voluntary_switches is not None
    assert reading.n_voluntary_switches >= 50
    assert reading.peak_rss_bytes is None, "a child inherits its parent's peak"
    assert final_reading(resource.getrusage(resource.RUSAGE_SELF)).cpu_user_s


def test_one_reading_is_cheap() -> None:
    """The bar is 0.2 ms; CPU time, best of some, as the machine may be busy."""
    best = min(_cpu_time_of_20() for _ in range(5))
    assert best / 20 < 0.5e-3


def _cpu_time_of_20() -> float:
    start = time.thread_time()
    for _ in range(20):
        worker_reading(os.getpid())
    return time.thread_time() - start
