"""
The phone's Swift program, the bridge and `phibench run`, each in a process of its own, as an owner starts them.

Nothing here waits for a time: a line of a program or a word in its black box is waited for, with a time-out.
"""

import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 120.0
NAME = "Test phone"
Record = dict[str, Any]


class Program:
    """A process whose lines are read as they come; it ends with the test."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.seen: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self._errors.extend(lines)

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    def line(self, is_wanted: Callable[[str], bool]) -> str:
        """The next line that is wanted."""
        end_s = time.monotonic() + TIMEOUT_S
        while True:
            try:
                found = self._lines.get(timeout=max(0.01, end_s - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no such line in time; it said {self.seen[-30:]} {self.errors}") from None
            assert found is not None, f"it ended; it said {self.seen[-30:]} {self.errors}"
            self.seen.append(found)
            if is_wanted(found):
                return found

    def record(self, **wanted: Any) -> Record:
        """The next line of JSON that has these fields."""

        def fits(line: str) -> bool:
            record = json.loads(line)
            return all(record.get(name) == value for name, value in wanted.items())

        found: Record = json.loads(self.line(fits))
        return found

    def kill(self) -> None:
        """End it as the kernel does: no handler, no last word."""
        self.process.kill()
        assert self.ended() == -signal.SIGKILL

    def stop(self) -> int:
        self.process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Its exit code; all that it said is in ``seen``."""
        code = self.process.wait(timeout=TIMEOUT_S)
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return code
            if line is not None:
                self.seen.append(line)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.ended()


@dataclass
class Site:
    """One owner: a database with its bridge, a phone with its home."""

    folder: Path
    phone_path: str
    stack: ExitStack

    @property
    def db(self) -> Path:
        return self.folder / "phi.db"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        other = {name: value for name, value in os.environ.items() if name != "PHIBENCH_BRIDGE"}
        own = {"PHIBENCH_DB": str(self.db), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
        return {**other, **own, "SWIFT_BACKTRACE": "enable=no"}

    def _start(self, words: list[str], env: dict[str, str] | None = None) -> Program:
        program = Program(words, env or self.environment)
        self.stack.callback(program.close)
        return program

    def phibench(self, *words: str) -> Program:
        return self._start([sys.executable, "-P", "-c", "from collector.cli import main; main()", *words])

    def phone(self, *words: str, home: str = "home") -> Program:
        return self._start([self.phone_path, *words, "--home", str(self.folder / home)])

    def bridge(self, port: int = 0) -> tuple[Program, Record]:
        """A bridge that serves, and what it says of itself."""
        program = self.phibench("bridge", "serve", "--port", str(port), "--json")
        data: Record = json.loads(program.line(lambda line: "phibench.bridge/1" in line))["data"]
        return program, data

    def pair(self, name: str = NAME, home: str = "home") -> None:
        """Show a code and let the phone scan it."""
        window = self.phibench("bridge", "pair")
        link = window.line(lambda line: "phibench://" in line).split(" ")[-1]
        phone = self.phone("pair", link, "--name", name, home=home)
        assert phone.ended() == 0, phone.errors
        assert window.ended() == 0, window.errors

    def running(self, *options: str, home: str = "home") -> Program:
        return self.phone("run", "--json", *options, home=home)

    def until_tokens(self, least: int = 1) -> None:
        """Wait until the generation that goes on on the phone has delivered some."""
        end_s = time.monotonic() + TIMEOUT_S
        while n_tokens_in_box(self.home / "black_box") < least:
            assert time.monotonic() < end_s, "no token in time"
            time.sleep(0.005)

    def journals(self, home: str = "home") -> dict[str, list[Record]]:
        """The events of each launch as the phone's own files hold them."""
        found = {}
        for path in (self.folder / home / "outbox").glob("*/*/journal.jsonl"):
            events = [json.loads(line) for line in path.read_bytes().splitlines()]
            found[f"{path.parts[-3]}/{path.parts[-2]}"] = events
        return dict(sorted(found.items()))


def n_tokens_in_box(path: Path) -> int:
    """Of the newest record of a black box (``bench_black_box.h``); 0 when there is none."""
    data = path.read_bytes()
    slots = []
    for at in (1024, 1024 + 280):
        front, back = struct.unpack_from("<Q", data, at)[0], struct.unpack_from("<Q", data, at + 272)[0]
        if front and front == back:
            slots.append((front, struct.unpack_from("<5q", data, at + 8)[4]))
    return int(max(slots)[1]) if slots else 0


def free_port() -> int:
    """A port that nobody has: a bridge that comes again needs the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def site(folder: Path, phone_path: str) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(folder=folder, phone_path=phone_path, stack=stack)
