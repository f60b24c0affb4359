"""Drawing a launch's figures and flags from all that is stored of it, inside the transaction that ended it."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from collector import metrics, schema
from collector.metrics import TimedReading
from collector.packing import unpack_times
from collector.store import evidence as ev
from collector.store import rows
from collector.store.evidence import Evidence, GateEvidence, Siblings
from runners.contract import DeviceSnapshot, EngineFacts, EventType, Flag, Job, Loaded, Phase, Reading, Trace
from runners.wire import from_wire

_LAUNCH, _STAT, _EVENT, _SAMPLE = schema.launch, schema.launch_stat, schema.event, schema.sample


def conclude(connection: Connection, launch_key: int) -> None:
    """Write the ``launch_stat`` rows and the flags of an ended launch, in place of those it may have."""
    launch = connection.execute(select(_LAUNCH).where(_LAUNCH.c.key == launch_key)).one()
    evidence = gather(connection, launch)
    _fill_cpu_shares(connection, launch)
    connection.execute(delete(_STAT).where(_STAT.c.launch_key == launch_key))
    common = _stat_columns(connection, launch)
    new = [{**common, **asdict(stat)} for stat in ev.stats(evidence)]
    if new:
        connection.execute(insert(_STAT), new)
    siblings = Siblings(first_token_hash=_first_hash(connection, launch))
    add_flags(connection, launch_key, ev.flags(evidence, siblings))
    _look_for_contention(connection, launch)


def add_flags(connection: Connection, launch_key: int, flags: Iterable[str]) -> None:
    """Add flags to a launch; what it has stays."""
    query = select(_LAUNCH.c.flags).where(_LAUNCH.c.key == launch_key)
    old = ev.split(connection.execute(query).scalar_one())
    new = old | {str(flag) for flag in flags}
    if new != old:
        connection.execute(update(_LAUNCH).where(_LAUNCH.c.key == launch_key).values(flags=ev.joined(new)))


def gather(connection: Connection, launch: Any) -> Evidence:
    """The evidence of a launch as it is stored, in the contract's types."""
    wanted = (EventType.HELLO, EventType.LOADED, EventType.READING, EventType.ITERATION)
    query = (
        select(_EVENT.c.boot, _EVENT.c.seq, _EVENT.c.type, _EVENT.c.t_ns, _EVENT.c.data_json, _SAMPLE.c.packed_times)
        .outerjoin(
            _SAMPLE,
            (_SAMPLE.c.launch_key == _EVENT.c.launch_key)
            & (_SAMPLE.c.boot == _EVENT.c.boot)
            & (_SAMPLE.c.seq == _EVENT.c.seq),
        )
        .where(_EVENT.c.launch_key == launch.key, _EVENT.c.type.in_(wanted))
        .order_by(_EVENT.c.key)
    )
    found = [
        _Stored(row.boot, row.seq, row.type, row.t_ns, rows.loads(row.data_json), row.packed_times)
        for row in connection.execute(query)
    ]
    hello: dict[str, Any] = next((e.data for e in found if e.type == EventType.HELLO), {})
    loaded = next((e.data for e in found if e.type == EventType.LOADED), None)
    iterations = [e for e in found if e.type == EventType.ITERATION]
    readings = [e for e in found if e.type == EventType.READING and e.data.get("phase") != Phase.GATE]
    return Evidence(
        job=from_wire(Job, rows.loads(launch.job_json)),
        device=from_wire(DeviceSnapshot, hello["device"]) if hello else None,
        engine=from_wire(EngineFacts, hello["engine"]) if hello.get("engine") else None,
        gate=_gate(found),
        before=_before(found),
        loaded=None if loaded is None else from_wire(Loaded, loaded),
        readings=tuple(TimedReading(t_ns=e.t_ns, reading=from_wire(Reading, e.data["reading"])) for e in readings),
        traces=tuple(trace_of(e.data, e.packed_times) for e in iterations if not e.data["is_warmup"]),
        warmups=tuple(trace_of(e.data, e.packed_times) for e in iterations if e.data["is_warmup"]),
    )


class _Stored(NamedTuple):
    """An event as the database gives it."""

    boot: str
    seq: int
    type: str
    t_ns: int
    data: dict[str, Any]
    packed_times: bytes  # None where no sample belongs to it


def _gate(events: Iterable[_Stored]) -> GateEvidence | None:
    """The last word of the gate, which reads before the worker begins: none of it is the worker's."""
    seen = [e.data for e in events if e.type == EventType.READING and e.data.get("phase") == Phase.GATE]
    if not seen:
        return None
    return GateEvidence(reading=from_wire(Reading, seen[-1]["reading"]), unmet=tuple(seen[-1].get("unmet") or ()))


def _before(events: Iterable[_Stored]) -> Reading | None:
    """
    How the device was as its worker began.

    A phone says hello and then waits at its gate, where it may cool down: of it the gate's last word counts alone.
    """
    found = list(events)
    hello = next((e for e in found if e.type == EventType.HELLO), None)
    if hello is None or not hello.data.get("reading"):
        return None
    gates = (e for e in found if e.type == EventType.READING and e.data.get("phase") == Phase.GATE)
    is_older = any(gate.boot == hello.boot and gate.seq > hello.seq for gate in gates)
    return None if is_older else from_wire(Reading, hello.data["reading"])


def trace_of(data: dict[str, Any], packed_times: bytes) -> Trace:
    """The trace of a stored iteration, exactly as it came."""
    dt_ns, n_tokens = unpack_times(packed_times)
    return from_wire(Trace, {**data["trace"], "dt_ns": dt_ns, "n_tokens": n_tokens})


def _stat_columns(connection: Connection, launch: Any) -> dict[str, Any]:
    """What every row of the launch says beside its metric: what pages filter by."""
    environment = schema.environment
    query = select(environment.c.device_key).where(environment.c.key == launch.environment_key)
    names = ("arm_key", "workload_key", "run_key", "environment_key", "block", "started_at_utc")
    return {
        **{name: getattr(launch, name) for name in names},
        "launch_key": launch.key,
        "device_key": connection.execute(query).scalar(),
        "is_good": launch.state == "done" and not launch.is_orphaned,
    }


def _fill_cpu_shares(connection: Connection, launch: Any) -> None:
    """Samples that came before the engine had said how many threads compute."""
    if not launch.n_threads:
        return
    query = select(_SAMPLE.c.key, _SAMPLE.c.cpu_time_ns, _SAMPLE.c.packed_times).where(
        _SAMPLE.c.launch_key == launch.key, _SAMPLE.c.cpu_share.is_(None), _SAMPLE.c.cpu_time_ns.is_not(None)
    )
    derive = metrics.BY_NAME["cpu_share"].derive
    for row in connection.execute(query).all():
        trace = Trace(t0_ns=0, dt_ns=unpack_times(row.packed_times)[0], cpu_time_ns=row.cpu_time_ns)
        share = derive(trace, None, launch.n_threads)
        connection.execute(update(_SAMPLE).where(_SAMPLE.c.key == row.key).values(cpu_share=share))


def _first_hash(connection: Connection, launch: Any) -> str | None:
    """Token hash, in hex, of the first good launch of the same cell in the same environment."""
    query = (
        select(_SAMPLE.c.token_hash)
        .join(_LAUNCH, _LAUNCH.c.key == _SAMPLE.c.launch_key)
        .where(
            _LAUNCH.c.arm_key == launch.arm_key,
            _LAUNCH.c.workload_key == launch.workload_key,
            _LAUNCH.c.environment_key == launch.environment_key,
            _LAUNCH.c.state == "done",
            ~_LAUNCH.c.is_orphaned,
            _LAUNCH.c.key < launch.key,
            _SAMPLE.c.token_hash.is_not(None),
        )
        .order_by(_SAMPLE.c.key)
        .limit(1)
    )
    found: bytes | None = connection.execute(query).scalar()
    return found.hex() if found is not None else None


def _look_for_contention(connection: Connection, launch: Any) -> None:
    """Flag every launch of this cell and run that got far less of the processor than the others."""
    query = select(_STAT.c.launch_key, _STAT.c.median).where(
        _STAT.c.metric == "cpu_share",
        _STAT.c.arm_key == launch.arm_key,
        _STAT.c.workload_key == launch.workload_key,
        _STAT.c.run_key == launch.run_key,
        _STAT.c.is_good,
    )
    shares = {row.launch_key: row.median for row in connection.execute(query)}
    for key, share in shares.items():
        if ev.is_contended(share, [other for k, other in shares.items() if k != key]):
            add_flags(connection, key, [Flag.CONTENDED])
