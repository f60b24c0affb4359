"""One launch: its numbers with their definitions, gate, surroundings, options, the engine's own figures, raw trace."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from collector import numbers
from collector.metrics import METRICS
from collector.queries import Event, LaunchDetail, Surrounding, engine_rates, event_lines, traces
from dashboard import data, parts, rows, state
from dashboard.charts.caption import Caption
from dashboard.charts.timeline import timeline
from dashboard.one_run import way

_HEADLINES = (
    "decode_tok_per_s", "kernel_decode_tok_per_s", "kernel_prefill_tok_per_s", "burst_tok_per_s", "sustained_tok_per_s",
)  # fmt: skip


def draw(launch_id: str) -> None:
    """Draw the launch."""
    run_id = launch_id.rpartition("/")[0]
    detail, events = data.launch(launch_id), data.events(launch_id)
    where = data.surroundings(run_id).get(launch_id, Surrounding())
    _ways(detail, run_id)
    parts.head(_finding(detail), _caption(detail, where))
    _failure(detail)
    _trace(detail, events)
    _numbers(detail)
    _reported(detail)
    _gate(detail, where)
    _in_effect(detail)
    _surroundings(detail, where)
    _events(launch_id, events)
    parts.flags(detail.launch.flags)
    parts.done()


def _ways(detail: LaunchDetail, run_id: str) -> None:
    """To the whole run, and to the launches before and after it."""
    numbers_there = [one.number for one in data.launches(run_id)]
    own = detail.launch.number
    with st.container(horizontal=True):
        way(f"← Run {state.escaped(run_id)}", "whole-run", run=run_id)
        for number, word in ((own - 1, "Launch before"), (own + 1, "Launch after")):
            if number in numbers_there:
                way(word, word.replace(" ", "-").lower(), launch=f"{run_id}/{number}")


def _finding(detail: LaunchDetail) -> str:
    launch = detail.launch
    if launch.failure_kind:
        return f"Launch {launch.id} failed: {launch.failure_kind}"
    metric = next((m for m in _HEADLINES if m in launch.stats), None)
    if metric is None:
        return f"Launch {launch.id}: {launch.state}, no rate"
    return f"Launch {launch.id}: {numbers.header(metric)} {numbers.plain(launch.stats[metric])}"


def _caption(detail: LaunchDetail, where: Surrounding) -> str:
    launch = detail.launch
    started = (launch.started_at_utc or "never").replace("T", " ")[:19]
    aside = ", set aside" if launch.is_orphaned else ""
    doubt = rows.doubt_words(launch.flags) or "none"
    return (
        f"{launch.arm_label}, {launch.workload}, on {where.device or 'an unknown device'}; block {launch.block + 1}, "
        f"position {launch.position + 1}; started {started} UTC; {launch.state}{aside}; doubt: {doubt}. "
        "One launch has no interval: the run has"
    )


def _failure(detail: LaunchDetail) -> None:
    launch = detail.launch
    if not launch.failure_kind:
        return
    phase = f" in {launch.failure_phase}" if launch.failure_phase else ""
    st.error(state.escaped(f"{launch.failure_kind}{phase}: {launch.failure_message or 'no message'}"))
    if launch.failure_remedy:
        st.markdown(f"Try: {state.escaped(launch.failure_remedy)}")
    if launch.failure_detail:
        with st.expander("Last words of the engine"):
            st.code(launch.failure_detail.rstrip(), language=None, wrap_lines=True)


def _trace(detail: LaunchDetail, events: Sequence[Event]) -> None:
    """The token timeline of one generation."""
    found = traces(events)
    if not found:
        return
    parts.section("Raw trace")
    by_name = {f"{'warm-up' if t.is_warmup else 'generation'} {t.index + 1}": t for t in found}
    measured = next((name for name, t in by_name.items() if not t.is_warmup), next(iter(by_name)))
    name = state.choose("Generation", list(by_name), "generation", default=measured, width=220)
    row = by_name[name]
    first = f"first delivery after {numbers.plain(1e3 * row.first_s)} ms, {row.n_deliveries} deliveries"
    if not row.gaps_s:
        st.info(state.escaped(f"{first}. No timeline: {row.why_no_gaps}."))
        return
    title = f"launch {detail.launch.id}, {name}"
    n_stalls = sum(gap > row.stall_s for gap in row.gaps_s) if row.stall_s is not None else 0
    stalls = numbers.count(n_stalls, "stall")
    limit = "" if row.stall_s is None else f"; {stalls} (gaps above {numbers.plain(1e3 * row.stall_s)} ms)"
    figure = timeline(row.gaps_s, parts.palette(), name=title, colour=_colour(detail), stall_s=row.stall_s)
    launch, where = detail.launch, (detail.device or {}).get("name") or "an unknown device"
    caption = Caption(
        title=f"Token by token: {launch.arm_label}, {launch.workload}",
        lines=(f"{rows.marked(where, launch.flags)}; {title}", f"{first}{limit}"),
    )
    parts.chart(figure, "timeline", f"gap before each token of {title}, in ms; {first}{limit}", caption)
    st.caption(f"{first}{limit}")


def _colour(detail: LaunchDetail) -> str:
    """Of its device."""
    colours = parts.palette()
    fingerprint = (detail.device or {}).get("fingerprint")
    return rows.device_colours(data.series(), colours).get(fingerprint, colours.devices[0])


def _numbers(detail: LaunchDetail) -> None:
    found = [
        {
            "metric": metric.name,
            "value": f"{value:,.0f}" if metric.is_integer else numbers.plain(value, 5),
            "unit": metric.unit,
            "better": metric.better,
            "definition": f"{metric.definition}, version {metric.version}",
        }
        for metric in METRICS
        if (value := detail.launch.stats.get(metric.name)) is not None
    ]
    parts.section("Numbers, and how each is defined")
    if found:
        parts.table(found, "numbers")
    else:
        st.info("This launch has given no number.")


def _reported(detail: LaunchDetail) -> None:
    """The engine's own figures, which nobody but the engine defines."""
    if not detail.reported:
        return
    parts.section("The engine's own figures")
    rates = engine_rates(detail.reported)
    if rates:
        st.caption("its counters for the last generation beside our clock outside it")
        parts.table([_beside(detail, metric, theirs) for metric, theirs in rates.items()], "beside")
    found = [
        {
            "generation": None if one["iteration"] is None else one["iteration"] + 1,
            "figure": one["metric"],
            "the engine says": _text(one["value"] if one["value"] is not None else one["value_text"]),
        }
        for one in detail.reported
    ]
    with st.expander("All that it told; the definitions are its own"):
        parts.table(found, "reported")


def _beside(detail: LaunchDetail, metric: str, theirs: float) -> dict[str, Any]:
    ours = detail.launch.stats.get(metric)
    return {
        "metric": numbers.header(metric),
        "ours": None if ours is None else numbers.plain(ours, 4),
        "the engine's": numbers.plain(theirs, 4),
        "theirs / ours": None if not ours else f"{theirs / ours:.4f}",
    }


def _gate(detail: LaunchDetail, where: Surrounding) -> None:
    parts.section("Gate")
    asked = detail.job.get("gate")
    if not asked:
        st.markdown("Nothing was asked of the machine before this launch.")
        return
    found = [
        {
            "condition": name,
            "asked": _text(value),
            "came to": "not met" if name in where.unmet else "unknown here" if name in where.unknown else "met",
        }
        for name, value in asked.items()
        if value is not None and name not in {"nominal_hold_s", "longest_wait_s"}
    ]
    waited = "unknown" if where.waited_s is None else numbers.duration(where.waited_s)
    st.markdown(state.escaped(f"waited {waited}, at most {numbers.duration(asked.get('longest_wait_s'))}"))
    parts.table(found, "gate")


def _in_effect(detail: LaunchDetail) -> None:
    loaded = detail.loaded
    if not loaded:
        return
    parts.section("In effect, as the engine said")
    known = {"backend": loaded.get("backend"), "threads": loaded.get("n_threads"), **(loaded.get("options") or {})}
    asked = detail.job.get("options") or {}
    parts.table(
        [{"option": n, "in effect": _text(v), "asked": _text(asked.get(n))} for n, v in known.items()], "options"
    )


def _surroundings(detail: LaunchDetail, where: Surrounding) -> None:
    """Device, system and versions."""
    found: dict[str, Any] = {
        "operating system": where.os, "engine": where.engine, "Python": where.python_version,
        "phibench": where.phibench_version,
    }  # fmt: skip
    found |= _flat("device", detail.device or {}) | _flat("build", (detail.engine or {}).get("build") or {})
    parts.section("Surroundings")
    parts.table([{"what": n, "value": _text(v)} for n, v in found.items() if v not in {None, ""}], "surroundings")


def _flat(head: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{head}: {name}": _text(value) for name, value in given.items()}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else str(value)


def _events(launch_id: str, events: Sequence[Event]) -> None:
    """All events, as phibench can play them back."""
    parts.section("Events")
    file_name = f"phibench-{launch_id.replace('/', '-')}.jsonl"
    st.download_button(
        f"{len(events)} events as JSON lines", event_lines(events).encode(), file_name=file_name,
        mime="application/x-ndjson", key="events", on_click="ignore",
    )  # fmt: skip
    st.caption("the engine `replay` plays them back:")
    st.code(
        f"phibench show {launch_id}\nphibench show {launch_id} --events > launch.jsonl", language="sh", wrap_lines=True
    )
