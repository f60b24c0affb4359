"""Runs: the list of them; one run with its launches in order, live while it goes on; one launch with its raw trace."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from collector import numbers
from collector.queries import LaunchCounts, RunRow
from dashboard import data, one_launch, one_run, parts, state

PER_PAGE = 50
ALL, GOING_ON = "all", "going on"


def main() -> None:
    """Draw what the address asks for: ``?launch=RUN/N``, ``?run=ID``, or the list."""
    parts.need_database()
    launch, run = st.query_params.get("launch"), st.query_params.get("run")
    if launch and (found := _resolved(launch.rpartition("/")[0])):
        if any(one.id == f"{found}/{launch.rpartition('/')[2]}" for one in data.launches(found)):
            one_launch.draw(f"{found}/{launch.rpartition('/')[2]}")
            return
        run = found
    if run and (found := _resolved(run)):
        if launch:
            _missing("launch", launch)
        one_run.draw(found)
        return
    if launch or run:
        _missing("launch" if launch else "run", launch or run or "")
    _list(data.runs())


def _resolved(ref: str) -> str | None:
    """The id of a run by its beginning, or ``last``; None where none or several fit."""
    ids = [run.id for run in data.runs()]
    if ref == "last":
        return ids[0]
    fitting = [run_id for run_id in ids if run_id.startswith(ref)] if ref else []
    return ref if ref in fitting else (fitting[0] if len(fitting) == 1 else None)


def _missing(what: str, ref: str) -> None:
    st.info(f"The link asks for {what} {state.escaped(ref)}, which is not there: showing another.")


def _list(runs: Sequence[RunRow]) -> None:
    live = next((run for run in runs[:3] if one_run.is_live(run)), None)
    states = {run.id: GOING_ON if run is live else one_run.state_word(run) for run in runs}
    fitting = _filtered(runs, states)
    n_pages = max(1, math.ceil(len(fitting) / PER_PAGE))
    page = 1
    if n_pages > 1:
        page = int(state.choose("Page", [str(i + 1) for i in range(n_pages)], "page", width=120))
    shown = fitting[(page - 1) * PER_PAGE : page * PER_PAGE]
    counts = data.counts([run.id for run in shown])
    parts.head(
        _finding(runs, fitting, live, counts.values()),
        "launches of the runs shown; the newest first; choose a row to open a run",
    )
    if live is not None:
        one_run.watch(live.id, is_short=True)
        one_run.way(f"Open run {state.escaped(live.id)}", "live-run", run=live.id)
    else:
        one_run.look_for_new(runs)
    if not shown:
        st.info("No run fits these choices: take one of them away.")
        parts.done()
        return
    found = [_row(run, counts.get(run.id, LaunchCounts()), states[run.id]) for run in shown]
    chosen = parts.table(
        found, "runs", columns={"state": st.column_config.Column("state", width=180)}, is_pickable=True
    )
    st.caption(f"{len(shown)} of {len(fitting)} runs")
    parts.done()
    if chosen is not None:
        one_run.go(run=shown[chosen].id)


def _filtered(runs: Sequence[RunRow], states: Mapping[str, str]) -> list[RunRow]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        suite = state.choose("Suite", [ALL, *sorted({run.suite for run in runs})], "suite", width=190)
        how = state.choose("State", [ALL, *sorted(set(states.values()))], "state", width=230)
        text = st.text_input("Id, note or command", key="text", bind="query-params", width=260) or ""
    return [
        run
        for run in runs
        if suite in {ALL, run.suite}
        and how in {ALL, states[run.id]}
        and text.casefold() in f"{run.id} {run.note or ''} {run.command_line or ''}".casefold()
    ]


def _finding(
    runs: Sequence[RunRow], fitting: Sequence[RunRow], live: RunRow | None, counts: Iterable[LaunchCounts]
) -> str:
    """'38 runs; 9 launches failed', or which run is going on."""
    if live is not None:
        return f"Run {live.id} is going on"
    what = f"{len(fitting)} of " if len(fitting) < len(runs) else ""
    n_failed = sum(one.n_failed for one in counts)
    failed = f"; {n_failed} {'launch' if n_failed == 1 else 'launches'} failed" if n_failed else ""
    return f"{what}{numbers.count(len(runs), 'run')}{failed}"


def _row(run: RunRow, counted: LaunchCounts, state_word: str) -> dict[str, Any]:
    return {
        "run": run.id,
        "started (UTC)": run.started_at_utc.replace("T", " ")[:16],
        "suite": run.suite,
        "launches": counted.n_launches,
        "of them failed": counted.n_failed,
        "set aside": counted.n_orphaned or None,
        "state": state_word,
        "blocks": run.n_blocks_done,
        "note": run.note,
        "phibench": run.phibench_version,
        "command": run.command_line,
    }


main()
