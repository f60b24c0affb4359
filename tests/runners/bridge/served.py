"""The real server on loopback, in a thread of the test's own process, with storage in memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from memory_store import MemoryStore
from phone import Phone

from runners.bridge import folder as folders
from runners.bridge import pairing
from runners.bridge.limits import Limits
from runners.bridge.serve import Address, Server, listening_on
from runners.bridge.server import Around, clock_ms
from runners.bridging import JobQueue, PairedDevices


@dataclass
class Served:
    store: MemoryStore
    folder: Path
    port: int
    lines: list[str]
    host: str = "127.0.0.1"

    def link(self) -> str:
        window = pairing.open_window(self.folder, clock_ms())
        return pairing.link(host=self.host, port=self.port, secret=window.secret, host_id=folders.host_id(self.folder))

    def phone(self, name: str = "iPhone") -> Phone:
        """A phone that is paired."""
        phone = Phone(self.host, self.port, name=name)
        assert phone.pair(self.link()).status == 200
        return phone


@contextmanager
def serving(
    store: MemoryStore,
    folder: Path,
    limits: Limits,
    now_ms: Callable[[], int] = clock_ms,
    *,
    queue: JobQueue | None = None,
    devices: PairedDevices | None = None,
) -> Iterator[Served]:
    """Serve from memory, or from a queue and devices that are given."""
    lines: list[str] = []
    around = Around(
        queue=queue or store, devices=devices or store, folder=folder, limits=limits, log=lines.append, now_ms=now_ms
    )
    server = Server(around)
    is_up = threading.Event()
    with listening_on(Address(port=0)) as listening:
        thread = threading.Thread(target=server.run_until_told, args=(listening, is_up.set))
        thread.start()
        try:
            assert is_up.wait(20)
            yield Served(store=store, folder=folder, port=listening.getsockname()[1], lines=lines)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
