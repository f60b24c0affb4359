"""
The database that the pages are timed on: 100,000 launches with a million samples, 40 devices, 20 models, 1,000 runs.

The first block of every newest run goes through the real loop and the real store, on simulated devices; all else are
copies of those rows, each launch faster or slower by a factor of its own. Of each sample of the ten newest runs, one in
a hundred in all, every token's time is kept; of the others the first and the last.
"""

import random
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[1] / room) for room in ("dashboard", "collector")]

from dashboard_helpers import BANDWIDTH, CHAT, plan, simulate  # found by the line above

from collector import migrations
from collector.packing import pack_times, unpack_times
from collector.simulate import Scatter, Truth
from collector.simulate.device import simulated_snapshot
from collector.store import Store
from collector.suite import Plan
from runners.contract import DeviceSnapshot, Job, Workload
from runners.wire import canonical, to_wire

N_DEVICES, N_GROUPS, N_REPEATS, N_BLOCKS, N_ITERATIONS = 40, 5, 5, 10, 10
N_LAUNCHES_A_BLOCK = 10
"""Five arms under two workloads: the baseline and four others."""

BASELINE = "llama-2-7b"
OTHERS = ("phi-3-mini-4k", *(f"model-{n:02}" for n in range(1, 19)))
WORKLOADS = (CHAT, Workload(name="long-answer", n_prompt_tokens=32, n_generated_tokens=96))
N_RUNS = N_DEVICES * N_GROUPS * N_REPEATS
KEEPS_TOKENS_FROM = N_RUNS - 10


def database(folder: Path) -> Path:
    """The database, made once and kept for as long as the schema stays."""
    path = folder / f"phibench-pages-{migrations.HEAD}.db"
    if not path.exists():
        half_made, templates = path.with_suffix(".half"), path.with_suffix(".templates")
        for old in (half_made, templates):
            old.unlink(missing_ok=True)
        _templates(templates)
        _copies(half_made, templates)
        _extras(half_made)
        templates.unlink()
        half_made.rename(path)
    return path


def devices() -> list[DeviceSnapshot]:
    """Forty devices with names of the usual length."""
    return [replace(simulated_snapshot(f"simulated device {n:02}"), memory_bytes=8 << 30) for n in range(N_DEVICES)]


def _plans() -> Iterator[Plan]:
    for group in range(N_GROUPS):
        models = (BASELINE, *(OTHERS[n % len(OTHERS)] for n in range(4 * group, 4 * group + 4)))
        yield plan(*models, workloads=WORKLOADS, n_blocks=1, n_iterations=N_ITERATIONS)


def _truth(device: int, job: Job) -> Truth:
    faster = 1 + random.Random(job.model.model).random() / 2
    return Truth(decode_tok_per_s=(5.0 + device) * faster, prefill_tok_per_s=40.0 + 8 * device)


def _templates(path: Path) -> None:
    """One block of every run, as the store writes it."""
    with Store.open(str(path), is_bulk=True) as store:
        for number, snapshot in enumerate(devices()):
            for group, the_plan in enumerate(_plans()):
                name, truth = f"d{number:02}g{group}", partial(_truth, number)
                simulate(store, str(path), name, the_plan, snapshot=snapshot, truth=truth, scatter=Scatter(), seed=1)


# Where a copy goes: runs in the order of time, launches in the order of their runs; the newest repeat has what the
# templates' keys ask for, so that a page's first choice is a run of every device.
RUN_KEY = f"(p.repeat * {N_DEVICES * N_GROUPS} + r.key)"
LAUNCH_KEY = f"(({RUN_KEY} * {N_BLOCKS} + p.block) * {N_LAUNCHES_A_BLOCK} + l.number)"
STARTED = f"strftime('%Y-%m-%dT%H:%M:%S+00:00', '2025-01-01', '+' || ({RUN_KEY} * 3) || ' hours')"
JOINED = "t.launch AS l JOIN t.run AS r ON r.key = l.run_key CROSS JOIN place AS p"
FAILS = f"({LAUNCH_KEY} % 53 = 0)"
FACTOR = f"(1 + (({LAUNCH_KEY} * 7919) % 997 - 498) / 498.0 * 0.03)"
KINDS = f"CASE {LAUNCH_KEY} % 3 WHEN 0 THEN 'out_of_memory' WHEN 1 THEN 'crashed' ELSE 'timed_out' END"


def _copies(path: Path, templates: Path) -> None:
    """Every block of every run from the one block that there is."""
    Store.open(str(path), is_bulk=True).close()
    connection = sqlite3.connect(path)
    connection.create_function("thin", 1, _thin, deterministic=True)
    for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("ATTACH ? AS t", (str(templates),))
    for table in ("device", "environment", "artifact", "arm", "workload"):
        connection.execute(f"INSERT INTO {table} SELECT * FROM t.{table}")
    connection.execute("CREATE TEMP TABLE place (repeat INTEGER, block INTEGER)")
    places = [(repeat, block) for repeat in range(N_REPEATS) for block in range(N_BLOCKS)]
    connection.executemany("INSERT INTO place VALUES (?, ?)", places)
    _copy_runs(connection)
    _copy_launches(connection)
    _copy_samples(connection)
    _copy_events(connection)
    connection.commit()
    connection.execute("DETACH t")
    connection.execute("ANALYZE")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _copy_runs(connection: sqlite3.Connection) -> None:
    plans = [canonical(to_wire(replace(p, n_blocks=N_BLOCKS))).decode() for p in _plans()]
    connection.create_function("plan_of", 1, lambda run_id: plans[int(run_id[-1])])
    changed = {
        "key": RUN_KEY, "id": "r.id || 'r' || p.repeat", "started_at_utc": STARTED, "ended_at_utc": STARTED,
        "plan_json": "plan_of(r.id)", "n_blocks_done": str(N_BLOCKS),
    }  # fmt: skip
    _insert(connection, "run", "r", changed, "t.run AS r CROSS JOIN place AS p WHERE p.block = 0")


def _copy_launches(connection: sqlite3.Connection) -> None:
    changed = {
        "key": LAUNCH_KEY, "id": f"r.id || 'r' || p.repeat || '/' || (p.block * {N_LAUNCHES_A_BLOCK} + l.number)",
        "run_key": RUN_KEY, "number": f"p.block * {N_LAUNCHES_A_BLOCK} + l.number", "block": "p.block",
        "started_at_utc": STARTED, "ended_at_utc": STARTED,
        "state": f"CASE WHEN {FAILS} THEN 'failed' ELSE l.state END",
        "failure_kind": f"CASE WHEN {FAILS} THEN {KINDS} END",
        "failure_message": f"CASE WHEN {FAILS} THEN 'the copied launch was to fail' END",
    }  # fmt: skip
    _insert(connection, "launch", "l", changed, JOINED)
    changed = {
        "launch_key": LAUNCH_KEY, "run_key": RUN_KEY, "block": "p.block", "started_at_utc": STARTED,
        **{name: _scaled(f"x.{name}", "x.metric") for name in ("median", "low", "high")},
    }  # fmt: skip
    _insert(connection, "launch_stat", "x", changed, f"{JOINED} JOIN t.launch_stat AS x ON x.launch_key = l.key "
            f"WHERE NOT {FAILS}")  # fmt: skip


def _scaled(value: str, metric: str) -> str:
    """Rates times the launch's factor, times over it."""
    return (
        f"CASE WHEN {metric} LIKE '%_tok_per_s' THEN {value} * {FACTOR} "
        f"WHEN {metric} LIKE '%_s' THEN {value} / {FACTOR} ELSE {value} END"
    )


def _copy_samples(connection: sqlite3.Connection) -> None:
    names = _columns(connection, "sample")
    changed = {n: f"x.{n} * {FACTOR}" for n in names if n.endswith("_tok_per_s")}
    changed |= {n: f"x.{n} / {FACTOR}" for n in names if n.endswith("_s") and n not in changed}
    changed |= {
        "key": "NULL", "launch_key": LAUNCH_KEY,
        "packed_times": f"CASE WHEN {RUN_KEY} > {KEEPS_TOKENS_FROM} THEN x.packed_times ELSE thin(x.packed_times) END",
    }  # fmt: skip
    where = f"WHERE NOT {FAILS}"
    _insert(connection, "sample", "x", changed, f"{JOINED} JOIN t.sample AS x ON x.launch_key = l.key {where}")


def _copy_events(connection: sqlite3.Connection) -> None:
    changed = {"key": "NULL", "launch_key": LAUNCH_KEY}
    where = f"WHERE x.type != 'starting' AND NOT ({FAILS} AND x.type IN ('iteration', 'done'))"
    _insert(connection, "event", "x", changed, f"{JOINED} JOIN t.event AS x ON x.launch_key = l.key {where}")


@lru_cache(maxsize=1 << 16)
def _thin(packed: bytes) -> bytes:
    """The first and the last time of a sample, with how many tokens came by then."""
    dt_ns, _ = unpack_times(packed)
    return pack_times((dt_ns[0], dt_ns[-1]), (1, len(dt_ns) - 1)) if len(dt_ns) > 2 else packed


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _insert(connection: sqlite3.Connection, table: str, alias: str, changed: dict[str, str], source: str) -> None:
    """Rows of a table as they are in the templates, but for some columns; in the order of their keys."""
    names = _columns(connection, table)
    values = ", ".join(changed.get(name, f"{alias}.{name}") for name in names)
    order = f" ORDER BY {LAUNCH_KEY}" if " t.launch " in f" {source}" else ""
    connection.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {source}{order}")


def _extras(path: Path) -> None:
    """What pages look for beside: sustained runs, A against A, bandwidths, a name."""
    with Store.open(str(path), is_bulk=True) as store:
        for number, snapshot in enumerate(devices()):
            store.record_bandwidth(snapshot, BANDWIDTH)
            if number % 8 == 0:
                hot = plan("phi-3-mini-4k", n_blocks=2, duration_s=60.0, suite="sustained")
                simulate(store, str(path), f"hot{number:02}", hot, snapshot=snapshot, truth=lambda _: Truth())
                for session in range(3):
                    noise = plan("phi-3-mini-4k", "phi-3-mini-4k", suite="noise")
                    name = f"aa{number:02}s{session}"
                    simulate(store, str(path), name, noise, snapshot=snapshot, truth=lambda _: Truth(), seed=session)
        store.set_baseline("before", "d00g0r0")
