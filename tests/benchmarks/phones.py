"""
Fifty phones at once poll and post for a minute on loopback: nothing may be lost, every poll and post be answered.

    python -P tests/benchmarks/phones.py [--phones 50] [--seconds 60] [--rate 4]

`phibench bridge serve` runs as a person starts it, in a process of its own. Each phone is paired, takes a job by a long
poll, posts one event after the other, keeps another long poll open meanwhile, and ends with its seal; half-way a second
job is put into its queue, which the open poll has to bring. Afterwards each launch is done with its seal right, and the
database holds every event that was acknowledged, with its content. Exit code 1 otherwise.
"""

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))

import psutil
from evidence_helpers import make_job, run_record  # found by the line above
from phones import phone_events, seal

from collector.queries import Reader
from collector.store import Store
from runners.bridge import keys, signing
from runners.bridge.keys import Keys
from runners.contract import Event, EventType, Job
from runners.wire import canonical, from_wire, to_wire


@dataclass
class Phone:
    """One phone on loopback, with a connection for its polls and one for its posts."""

    port: int
    number: int
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    waits_s: list[float] = field(default_factory=list)
    n_polls: int = 0
    sent: dict[str, list[Event]] = field(default_factory=dict)
    streams: dict[str, Any] = field(default_factory=dict)

    @property
    def device_id(self) -> str:
        return f"{self.number:032x}"

    async def ask(self, lane: str, method: str, target: str, value: Any = None) -> tuple[int, Any]:
        """One signed call on the connection of this name."""
        if lane not in self.streams:
            self.streams[lane] = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams[lane]
        body = b"" if value is None else json.dumps(value).encode()
        ts_ms, nonce = time.time_ns() // 1_000_000, secrets.token_hex(16)
        signed = signing.sign_request(
            self.key, method=method, target=target, body=body, device_id=self.device_id, ts_ms=ts_ms, nonce=nonce
        )
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-Bench-Protocol: 1\r\n{signing.AUTH_HEADER}: {signed}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode("latin-1").lower().split("\r\n")
        n_bytes = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        answer = await reader.readexactly(n_bytes)
        return int(lines[0].split(" ")[1]), json.loads(answer) if answer else None

    async def live(self, n_jobs: int, end_s: float, rate: float) -> None:
        """Take so many jobs and measure each until its share of the time is over; poll all the while."""
        works = []
        while len(works) < n_jobs:
            status, body = await self.ask("poll", "GET", "/v1/jobs/next?wait=25&max=1")
            self.n_polls += 1
            if status == 200:
                for one in body["jobs"]:
                    if one["job"]["launch_id"] in self.sent:  # offered until its first event is there
                        await asyncio.sleep(0.05)
                        continue
                    left_s = (end_s - time.monotonic()) / (n_jobs - len(works))
                    self.sent[one["job"]["launch_id"]] = []
                    works.append(asyncio.create_task(self.work(one, time.monotonic() + left_s, rate)))
            elif status != 204:
                raise RuntimeError(f"phone {self.number}: poll {status} {body}")
        await asyncio.gather(*works)
        for _, writer in self.streams.values():
            writer.close()

    async def work(self, leased: dict[str, Any], end_s: float, rate: float) -> None:
        """The events of a launch, with readings until its time is over, then its end."""
        job = from_wire(Job, leased["job"])
        *begun, end = phone_events(job, boot=f"b{self.number}")
        events = self.sent[job.launch_id]
        for event in begun:
            await self.post(job, leased, event)
        while time.monotonic() < end_s:
            await asyncio.sleep(1 / rate)
            data = {"phase": "iteration", "reading": {"footprint_bytes": 10**9 + len(events)}}
            await self.post(job, leased, replace(begun[2], seq=len(events), t_ns=10**9 + len(events), data=data))
        await self.post(job, leased, replace(end, seq=len(events), data={**end.data, **seal(events)}))

    async def post(self, job: Job, leased: dict[str, Any], event: Event) -> None:
        begun_s = time.monotonic()
        body = {"lease_id": leased["lease"]["id"], "events": [to_wire(event)]}
        status, answer = await self.ask(job.launch_id, "POST", f"/v1/launches/{job.launch_id}/events", body)
        if status != 200 or answer["acked_seq"] != event.seq or "seal_fault" in answer:
            raise RuntimeError(f"phone {self.number}: {job.launch_id} {event.seq}: {status} {answer}")
        self.waits_s.append(time.monotonic() - begun_s)
        self.sent[job.launch_id].append(event)


def queue(store: Store, phones: list[Phone], turn: int) -> None:
    """One more job for each phone."""
    for n, phone in enumerate(phones):
        job = make_job(f"run1/{turn * len(phones) + n + 1}", engine="mlc")
        store.begin_launch(job, run_id="run1", block=turn, position=n, arm_index=0)
        store.orders.put(phone.device_id, job)


async def minute(store: Store, phones: list[Phone], seconds: float, rate: float) -> None:
    """All phones at once; half-way each gets a second job."""
    end_s = time.monotonic() + seconds
    lives = [asyncio.create_task(phone.live(2, end_s, rate)) for phone in phones]
    await asyncio.sleep(seconds / 2)
    await asyncio.to_thread(queue, store, phones, 1)
    await asyncio.gather(*lives)


def lost(database: Path, phones: list[Phone]) -> list[str]:
    """What is not in the database as it was acknowledged."""
    faults = []
    with Reader.open(str(database)) as reader:
        for phone in phones:
            for launch_id, sent in phone.sent.items():
                found = sorted(reader.events(launch_id), key=lambda event: event.seq)
                if list(map(canonical, found)) != list(map(canonical, sent)):
                    faults.append(f"{launch_id}: {len(found)} of {len(sent)} events, or another content")
                if sent[-1].type is not EventType.DONE or reader.launch(launch_id).launch.state != "done":
                    faults.append(f"{launch_id}: not done")
    return faults


def start(database: Path) -> tuple[subprocess.Popen[str], int]:
    """`phibench bridge serve`, and its port."""
    words = [sys.executable, "-P", "-c", "from collector.cli import main; main()", "bridge", "serve", "--port", "0"]
    env = {**os.environ, "PHIBENCH_DB": str(database), "PHIBENCH_BRIDGE": str(database.parent / "bridge")}
    process = subprocess.Popen(
        [*words, "--json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["data"]["port"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=4.0, help="posts a second of each phone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        database = Path(name) / "phi.db"
        with Store.open(str(database)) as store:
            store.begin_run(run_record())
            phones = [Phone(port=0, number=n + 1) for n in range(asked.phones)]
            for phone in phones:
                store.devices.add(phone.device_id, f"phone {phone.number}", keys.digest(phone.key))
                Keys(database.parent / "bridge").add(phone.device_id, phone.key)
            queue(store, phones, 0)
            process, port = start(database)
            try:
                for phone in phones:
                    phone.port = port
                begun_s, server = time.monotonic(), psutil.Process(process.pid)
                asyncio.run(minute(store, phones, asked.seconds, asked.rate))
                took_s, cpu = time.monotonic() - begun_s, server.cpu_times()
                memory = server.memory_info().rss
            finally:
                process.terminate()
                process.communicate(timeout=30)
        faults = lost(database, phones)
    waits_s = sorted(wait for phone in phones for wait in phone.waits_s)
    p50, p99, worst = (waits_s[min(len(waits_s) - 1, int(len(waits_s) * q))] for q in (0.5, 0.99, 1.0))
    n_polls = sum(phone.n_polls for phone in phones)
    print(f"{asked.phones} phones, {took_s:.0f} s: {len(waits_s)} events acknowledged ({len(waits_s) / took_s:.0f}/s)")
    print(f"  {n_polls} polls; a post took {1e3 * p50:.0f} ms, p99 {1e3 * p99:.0f}, worst {1e3 * worst:.0f}")
    print(f"  server: {cpu.user + cpu.system:.0f} s of processor time, {memory / 1e6:.0f} MB")
    for fault in faults[:10]:
        print(f"LOST {fault}")
    print(f"{len(faults)} launches with something lost of {sum(len(phone.sent) for phone in phones)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
