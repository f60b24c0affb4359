"""Events and jobs as rows: pure, so that what is stored can be tested without a database."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from collector import metrics
from collector.packing import pack_times
from runners.contract import Event, EventType, Job, ModelRef, Trace, Workload, check_data
from runners.texts import printable
from runners.wire import WireError, canonical, from_wire, to_wire

Row = dict[str, Any]
_TIMES = ("dt_ns", "n_tokens")
_DIGEST_BYTES = 16
_MAX_TEXT = 20_000
"""A failure's text or an engine's figure longer than this is cut: it is for people to read."""


def digest(value: Any) -> bytes:
    """What identifies a record: 16 bytes of the SHA-256 of its one JSON text."""
    return hashlib.sha256(canonical(value)).digest()[:_DIGEST_BYTES]


def json_text(value: Any) -> str:
    """The one JSON text of a record."""
    return canonical(value).decode()


def artifact_row(model: ModelRef) -> Row:
    """The artifact of a job; where its content has no digest, its path tells it from others."""
    row: Row = {
        name: getattr(model, name)
        for name in ("model", "format", "quant", "n_bytes", "tensor_bytes", "digest", "is_synthetic", "has_tokenizer")
    }
    identity = {name: row[name] for name in ("model", "format", "quant", "n_bytes", "digest", "is_synthetic")}
    place = model.path if model.digest is None else None
    row["identity"] = digest({**identity, "path": place})
    row["path"] = model.path
    row["shape_json"] = None if model.shape is None else json_text(model.shape)
    return row


def arm_row(job: Job, artifact: Row, artifact_key: int) -> Row:
    """The arm of a job: artifact, engine, options and interpreter."""
    options = json_text(job.options)
    identity = digest([artifact["identity"].hex(), job.engine, options, job.python])
    return {
        "identity": identity,
        "artifact_key": artifact_key,
        "engine": job.engine,
        "options_json": options,
        "python": job.python,
    }


def workload_row(workload: Workload) -> Row:
    """The workload as it was asked."""
    return {**to_wire(workload), "prompt_path": workload.prompt_path, "identity": digest(workload)}


def event_row(event: Event, launch_key: int) -> Row:
    """All of an event but its token times, which the sample holds packed."""
    data = dict(event.data)
    if event.type is EventType.ITERATION:
        data["trace"] = {k: v for k, v in event.data["trace"].items() if k not in _TIMES or v is None}
    return {
        "launch_key": launch_key,
        "boot": event.boot,
        "seq": event.seq,
        "t_ns": event.t_ns,
        "type": str(event.type),
        "digest": digest(event),
        "data_json": json_text(data),
    }


def conflict_row(event: Event, launch_key: int, received_at_utc: str) -> Row:
    """An event whose place was taken by another content."""
    return {
        "launch_key": launch_key,
        "boot": event.boot,
        "seq": event.seq,
        "digest": digest(event),
        "received_at_utc": received_at_utc,
        "event_json": json_text(event)[:_MAX_TEXT],
    }


def trace_of(event: Event) -> Trace:
    """
    The trace of an ``iteration`` event.

    Raises:
        WireError: it has none, or one that does not hold together.
    """
    return from_wire(Trace, event.data.get("trace"), "iteration.trace")


def sample_row(event: Event, launch_key: int, workload: Workload, n_threads: int | None) -> Row:
    """The sample of an ``iteration`` event, its metrics derived."""
    trace = trace_of(event)
    n_generated = len(trace.dt_ns) if trace.n_tokens is None else sum(trace.n_tokens)
    return {
        "launch_key": launch_key,
        "boot": event.boot,
        "seq": event.seq,
        "iteration": event.data["index"],
        "is_warmup": event.data["is_warmup"],
        "n_prompt_tokens": trace.n_prompt_tokens,
        "n_cached_tokens": trace.n_cached_tokens,
        "n_generated_tokens": n_generated if workload.n_generated_tokens else 0,
        "granularity": str(trace.granularity),
        "finish_reason": printable(trace.finish_reason),
        "token_hash": _hash_bytes(trace.token_hash),
        "cpu_time_ns": trace.cpu_time_ns,
        **metrics.derive(trace, workload, n_threads),
        "packed_times": pack_times(trace.dt_ns, trace.n_tokens),
    }


def reported_rows(event: Event, launch_key: int) -> list[Row]:
    """The engine's own figures as reported values: never mixed with ours, so their definition is the engine's."""
    if event.type is EventType.ITERATION:
        figures, iteration = event.data["trace"].get("engine_reported", {}), event.data["index"]
        level = "sample"
    elif event.type is EventType.LOADED:
        figures, iteration, level = event.data.get("engine_reported", {}), None, "launch"
    else:
        return []
    return [
        {
            "launch_key": launch_key,
            "iteration": iteration,
            "metric": name,
            "definition": "unknown",
            "level": level,
            "value": _number(value),
            "value_text": None if _number(value) is not None else json_text(value)[:_MAX_TEXT],
        }
        for name, value in _flat(figures)
    ]


def check(event: Event) -> None:
    """
    Refuse an event whose content cannot be used, before anything is stored.

    Raises:
        WireError: the message names the field.
    """
    check_data(event.type, event.data)
    if event.type is EventType.HELLO and event.data.get("device") is None:
        raise WireError("hello.device: missing")


def cut(text: str | None) -> str | None:
    """A text for people, fit to be shown and no longer than a database row should be."""
    return None if text is None else printable(text[:_MAX_TEXT], is_one_line=False)


def _hash_bytes(token_hash: str | None) -> bytes | None:
    """Hex digits as the bytes they stand for, any other text as a digest of itself."""
    if token_hash is None:
        return None
    try:
        return bytes.fromhex(token_hash)
    except ValueError:
        return digest(token_hash)


def _flat(figures: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested figures by dotted name."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _number(value: Any) -> float | None:
    """A finite number; NaN, infinity, booleans and texts are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def loads(text: str | None) -> Any:
    """JSON text as stored, None for NULL."""
    return None if text is None else json.loads(text)
