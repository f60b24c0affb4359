"""One run: what it came to, its launches in the order of time, how to run it again; live while it goes on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from collector import numbers
from collector.compare import BAND_FRAC
from collector.metrics import BY_NAME
from collector.queries import CellResult, LaunchRow, Progress, RunRow, Surrounding
from dashboard import data, parts, rows, state, theme
from dashboard.charts.caption import Caption
from dashboard.charts.order import MOST_ARMS, OrderPoint, legend_words, order

LIVE_S = 120.0
"""A run that has not ended and was silent for longer is taken for cut, or for one in a very long load."""

EVERY_S, LOOK_EVERY_S = 2.0, 5.0
MOST_ROWS = 400
_DRAWN, _KNOWN = "drawn-of-run", "known-runs"
_CHOICES = ("workload", "metric", "raw", "failed", "generation")
_METRICS = (
    "decode_tok_per_s", "ttft_s", "prefill_tok_per_s", "kernel_decode_tok_per_s", "kernel_prefill_tok_per_s",
    "burst_tok_per_s", "sustained_tok_per_s", "load_s",
)  # fmt: skip
_PHASES = {
    "gate": "waits until the machine is quiet", "load": "loads the model", "warmup": "warms up",
    "iteration": "generates", "done": "is done", "failed": "has failed", None: "is about to begin",
}  # fmt: skip


def go(**params: str) -> None:
    """Show another part of the page; the address says which."""
    _turn_to(params)
    st.rerun()


def _turn_to(params: dict[str, str]) -> None:
    """Choices of the part that is left do not come along: another run has other workloads."""
    for key in _CHOICES:
        st.session_state.pop(key, None)
    st.query_params.from_dict(params)


def way(label: str, key: str, **params: str) -> None:
    """
    A way to another part of this page.

    A button, because a link of Streamlit's to the page that is open changes what is drawn and leaves the address as it
    was, and the next choice would lead back.
    """
    st.button(label, key=key, type="tertiary", on_click=_turn_to, args=(params,))


def state_word(run: RunRow) -> str:
    """'all blocks done', or that it has not ended."""
    return run.stop_reason or "not ended"


def is_live(run: RunRow) -> bool:
    """Whether it goes on, as far as a reader can tell: it has not ended and was heard of a moment ago."""
    return run.stop_reason is None and silent_s(data.progress(run.id)) <= LIVE_S


def silent_s(progress: Progress) -> float:
    """Seconds since the newest event, by this machine's clock."""
    at = datetime.fromisoformat(progress.last_event_at_utc)
    return max(0.0, (datetime.now(UTC) - (at if at.tzinfo else at.replace(tzinfo=UTC))).total_seconds())


def draw(run_id: str) -> None:
    """Draw the run."""
    run = next(one for one in data.runs() if one.id == run_id)
    launches, cells = data.launches(run_id), data.cells([run_id])
    way("← All runs", "all-runs")
    parts.head(_finding(run, launches), _caption(run, launches))
    if run.note:
        st.markdown(f"note: {state.escaped(run.note)}")
    if run.stop_reason is None:
        _open(run)
    if launches:
        _order(launches, cells)
        _table(run, launches)
    else:
        st.info("No launch of this run has begun.")
    _again(run)
    parts.flags(flag for one in launches for flag in one.flags)
    parts.done()


def _open(run: RunRow) -> None:
    """A run that has not ended: watched while it speaks; else how to go on with it."""
    if is_live(run):
        watch(run.id)
        return
    silent = numbers.duration(silent_s(data.progress(run.id)))
    st.info(f"Not ended, and silent for {silent}: it was cut, or its engine takes very long. To go on with it:")
    st.code("phibench run --resume", language="sh", wrap_lines=True)


def watch(run_id: str, *, is_short: bool = False) -> None:
    """The live part of a page that is drawn now; ``is_short``: without its table, where a list follows."""
    st.session_state[_DRAWN] = None  # the page has just read everything: no reason to draw it once more
    _live(run_id, is_short=is_short)


def look_for_new(runs: Sequence[RunRow]) -> None:
    """Draw the page again once another run has begun, so that nobody needs to reload it."""
    st.session_state[_KNOWN] = _newest(runs)
    _look()


@st.fragment(run_every=LOOK_EVERY_S)
def _look() -> None:
    if _newest(data.runs()) != st.session_state.get(_KNOWN):
        st.rerun()


def _newest(runs: Sequence[RunRow]) -> tuple[int, str | None]:
    return len(runs), runs[0].id if runs else None


@st.fragment(run_every=EVERY_S)
def _live(run_id: str, *, is_short: bool) -> None:
    """How far the run is; drawn again by itself, and the whole page once another launch has ended."""
    now = data.progress(run_id)
    n_ended = now.counts.n_done + now.counts.n_failed + now.counts.n_orphaned
    stop_reason = next((run.stop_reason for run in data.runs() if run.id == run_id), None)
    drawn = st.session_state.get(_DRAWN)
    st.session_state[_DRAWN] = (n_ended, stop_reason)
    if drawn not in {None, (n_ended, stop_reason)}:
        st.rerun()
    planned = f"of at most {now.n_planned}" if now.precision_frac is not None else f"of {now.n_planned}"
    text = (
        f"{n_ended} {planned} launches ended, {now.counts.n_failed} failed; block "
        f"{min(now.n_blocks_done + 1, now.n_blocks_planned)} of {now.n_blocks_planned}"
    )
    st.progress(min(1.0, n_ended / now.n_planned) if now.n_planned else 0.0, text=text)
    doing = f"Launch {now.launch_id} ({now.cell}) {_PHASES.get(now.phase, now.phase)}" if now.launch_id else "Starting"
    at = now.last_event_at_utc.replace("T", " ")[:19]
    st.markdown(state.escaped(f"{doing}; newest event {at} UTC, {numbers.duration(silent_s(now))} ago."))
    if not is_short:
        _narrowing(now)


def _narrowing(now: Progress) -> None:
    """The intervals so far, and what the run aims at."""
    if not now.narrowing:
        return
    aim = f", aim ±{100 * now.precision_frac:g} %" if now.precision_frac is not None else ""
    what = "ratios to the first arm" if any(one.is_ratio for one in now.narrowing) else "values"
    st.caption(f"95 % intervals so far: {what}{aim}")
    found = []
    for one in now.narrowing:
        unit = 1.0 if one.is_ratio else numbers.scale(one.metric)
        value, n = one.estimate, one.estimate.n
        width = None if value.low is None or value.high is None else 50 * (value.high - value.low) / value.value
        found.append(
            {
                "workload": one.workload,
                "arm": one.arm_label,
                "metric": f"{numbers.header(one.metric)}{' ratio' if one.is_ratio else ''}",
                "so far": numbers.with_interval(value.value, value.low, value.high, n, unit),
                "± %": None if width is None else round(width, 2),
                "blocks": n,
            }
        )
    parts.table(found, "narrowing")


def _finding(run: RunRow, launches: Sequence[LaunchRow]) -> str:
    failed = [one for one in launches if one.state == "failed"]
    what = f"Run {run.id}: {len(launches)} {'launch' if len(launches) == 1 else 'launches'}"
    if not failed:
        return f"{what}, none failed"
    kinds = ", ".join(sorted({one.failure_kind or "unknown" for one in failed}))
    return f"{what}, {len(failed)} failed ({kinds})"


def _caption(run: RunRow, launches: Sequence[LaunchRow]) -> str:
    blocks = f"{run.n_blocks_done} of {run.plan.get('n_blocks', '?')} blocks"
    started = run.started_at_utc.replace("T", " ")[:16]
    doubt = ", ".join(sorted({flag for one in launches for flag in one.flags})) or "none"
    return f"{run.suite}, started {started} UTC, {blocks}, {state_word(run)}, seed {run.seed}; doubt: {doubt}"


def _order(launches: Sequence[LaunchRow], cells: Sequence[CellResult]) -> None:
    """Value against order; as a distance from the arm's own value, so that the drift of all is seen at once."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        workload = state.choose(
            "Workload", list(dict.fromkeys(one.workload for one in launches)), "workload", width=190
        )
        of_workload = [one for one in launches if one.workload == workload]
        metrics = [m for m in _METRICS if any(m in one.stats for one in of_workload)]
        if not metrics:
            return
        metric = state.choose("Metric", metrics, "metric", shown=numbers.header, width=200)
        is_raw = state.is_on("as measured", "raw")
    centres = {c.arm.label: found.value for c in cells if c.workload.name == workload and (found := c.estimate(metric))}
    told = [one for one in of_workload if metric in one.stats or one.state == "failed"]
    points = [_point(one, metric, None if is_raw else centres) for one in told]
    faster = "← faster" if BY_NAME[metric].better == "lower" else "→ faster"
    header = numbers.header(metric)
    y_title = f"{header} {faster}" if is_raw else f"{header.rpartition(' ')[0]}: % off the arm's value {faster}"
    figure = order(
        points, parts.palette(), y_title=y_title, symbol=theme.symbol(cells[0].arm.engine) if cells else "circle",
        band_frac=None if is_raw else BAND_FRAC,
    )  # fmt: skip
    where = ", ".join(dict.fromkeys(rows.marked(rows.device_name(c), c.flags) for c in cells))
    caption = Caption(
        title=f"{header} in the order in which launches ran, {workload}",
        lines=(f"run {cells[0].run_id if cells else ''} on {where}", "hollow: in doubt; crosses: failed"),
    )
    alt = f"{y_title} by order of launches. {legend_words(points)}"
    launch = parts.chart(figure, "order", alt, caption, is_selectable=True)
    n_arms = len({p.arm for p in points})
    more = f"; {n_arms - MOST_ARMS} more arms are in the table alone" if n_arms > MOST_ARMS else ""
    shaded = "" if is_raw else f"shaded: within ±{100 * BAND_FRAC:g} %; "
    st.caption(
        f"{shaded}hollow: the machine was not known to be quiet, or set aside; crosses: failed; lines: blocks{more}"
    )
    if launch:
        way(f"Launch {launch}", "chosen-launch", launch=launch)


def _point(one: LaunchRow, metric: str, centres: dict[str, float] | None) -> OrderPoint:
    value, unit = one.stats.get(metric), numbers.scale(metric)
    shown = "no value" if value is None else f"{numbers.header(metric)} {numbers.plain(value / unit, 4)}"
    if value is not None and centres is not None:
        centre = centres.get(one.arm_label)
        value = None if not centre else 100 * (value / centre - 1)
    elif value is not None:
        value /= unit
    why = f"{one.failure_kind}: {one.failure_message}" if one.failure_kind else ", ".join(one.flags) or "no doubt"
    return OrderPoint(
        number=one.number, block=one.block, arm=one.arm_label, value=value, shown=shown,
        is_doubtful=one.is_orphaned or bool({"ungated", "hot"} & set(one.flags)), note=_words(one, why), launch=one.id,
    )  # fmt: skip


def _words(one: LaunchRow, why: str) -> str:
    aside = "set aside; " if one.is_orphaned else ""
    return f"{aside}{why}; {(one.started_at_utc or '').replace('T', ' ')[:16]}"


def _table(run: RunRow, launches: Sequence[LaunchRow]) -> None:
    parts.section("Launches, in the order in which they ran")
    only_failed = any(one.state == "failed" for one in launches) and state.is_on("only those that failed", "failed")
    fitting = [one for one in launches if not only_failed or one.state == "failed"]
    where = data.surroundings(run.id)
    metrics = [m for m in (*_METRICS, "peak_rss_bytes") if any(m in one.stats for one in fitting)]
    shown = fitting[:MOST_ROWS]
    found = [_row(one, metrics, where.get(one.id, Surrounding())) for one in shown]
    chosen = parts.table(found, "launches", is_pickable=True)
    more = f"; the first {MOST_ROWS} of {len(fitting)}: phibench export csv has all" if len(fitting) > MOST_ROWS else ""
    st.caption(f"choose a row to open a launch{more}")
    if chosen is not None:
        go(launch=shown[chosen].id)


def _row(one: LaunchRow, metrics: Sequence[str], where: Surrounding) -> dict[str, Any]:
    found: dict[str, Any] = {
        "launch": one.number, "state": _state(one), "arm": one.arm_label, "workload": one.workload,
        "block": one.block + 1, "position": one.position + 1,
    }  # fmt: skip
    for metric in metrics:
        value = one.stats.get(metric)
        found[numbers.header(metric)] = None if value is None else float(f"{value / numbers.scale(metric):.5g}")
    return found | {
        "doubt": list(one.flags),
        "what happened": one.failure_message,
        "what to try": one.failure_remedy,
        "gate waited s": None if where.waited_s is None else round(where.waited_s, 1),
        "gate unmet": ", ".join(where.unmet),
        "device": where.device,
        "OS": where.os,
        "engine": where.engine,
        "phibench": where.phibench_version,
        "started (UTC)": (one.started_at_utc or "").replace("T", " ")[:19] or None,
    }


def _state(one: LaunchRow) -> str:
    """'done', 'failed: crashed', 'done, set aside'."""
    kind = f": {one.failure_kind}" if one.failure_kind else ""
    return f"{one.state}{kind}{', set aside' if one.is_orphaned else ''}"


def _again(run: RunRow) -> None:
    parts.section("Run it again, or read it in a terminal")
    st.code(f"phibench run --like {run.id}\nphibench show {run.id}", language="sh", wrap_lines=True)
    if run.command_line:
        st.caption("as it was begun:")
        st.code(run.command_line, language="sh", wrap_lines=True)
