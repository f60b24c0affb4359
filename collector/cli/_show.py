"""Runs and launches, shown to people."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from collector import numbers
from collector.cli._compare import print_ratios
from collector.cli._physics import print_ceilings
from collector.cli._report import finding_of_run
from collector.cli._tables import fitted, peak_metrics, plain_table, print_cells
from collector.metrics import METRICS
from collector.paths import shown
from collector.queries import CellResult, LaunchCounts, LaunchDetail, LaunchRow, Reader, RunRow
from collector.schedule import HEADLINE_METRICS
from runners import device
from runners.contract import FLAG_MEANING, Flag
from runners.wire import to_wire

_BUILD = ("llama_version", "ggml_version", "build_commit", "features")
"""What a build says of itself that tells two builds of one version apart."""


def print_runs(screen: Console, runs: Sequence[RunRow], counts: Mapping[str, LaunchCounts], db: str) -> None:
    """One line a run; of its launches some may have failed."""
    if not runs:
        screen.print(f"{shown(db)} holds no runs yet; phibench quickstart makes the first one")
        return
    table = plain_table(
        "run", "started (UTC)", "suite", "launches", "of them failed", "state", "note",
        right=["launches", "of them failed"],
    )  # fmt: skip
    for run in runs:
        of_run = counts.get(run.id, LaunchCounts())
        started = run.started_at_utc.replace("T", " ")[:16]
        n_launches, n_failed = str(of_run.n_launches), str(of_run.n_failed or "")
        table.add_row(run.id, started, run.suite, n_launches, n_failed, state(run), run.note or "")
    screen.print(table)
    screen.print(f"database {shown(db)}")


def state(run: RunRow) -> str:
    """'all blocks done', or that it was cut or still runs."""
    blocks = "1 block" if run.n_blocks_done == 1 else f"{run.n_blocks_done} blocks"
    return run.stop_reason or f"not ended, {blocks} whole"


def print_run(screen: Console, run: RunRow, launches: Sequence[LaunchRow], cells: Sequence[CellResult]) -> None:
    """Finding, tables, launches, and what each doubt means."""
    screen.print(f"run {run.id} · {run.suite} · {run.started_at_utc} · seed {run.seed} · {state(run)}")
    if run.note:
        screen.print(Text(f"note: {run.note}"))
    if run.command_line:
        screen.print(Text(f"command: {run.command_line}"), soft_wrap=True)
    sentence = finding_of_run(cells, device.snapshot().name)
    if sentence:
        screen.print(Text(f"\n{sentence}"), soft_wrap=True)
    print_cells(screen, cells)
    print_ratios(screen, cells, run.id)
    _print_memory(screen, cells)
    print_ceilings(screen, cells)
    _print_launches(screen, run, launches)
    print_flags(screen, sorted({flag for launch in launches for flag in launch.flags}))


def print_launch(screen: Console, detail: LaunchDetail) -> None:
    """Everything of one launch."""
    launch = detail.launch
    screen.print(f"launch {launch.id} · {launch.arm_label} · {launch.workload} · {launch.state}")
    screen.print(f"block {launch.block + 1}, position {launch.position + 1}, started {launch.started_at_utc}")
    if launch.failure_kind:
        screen.print(Text(f"\n{launch.failure_kind}: {launch.failure_message}"), soft_wrap=True)
        if launch.failure_remedy:
            screen.print(Text(f"  Try: {launch.failure_remedy}"), soft_wrap=True)
        if launch.failure_detail:
            screen.print(Text(f"last words of the engine:\n{launch.failure_detail.rstrip()}"), soft_wrap=True)
    table = plain_table("metric", "value", "unit", "definition", right=["value"])
    for metric in METRICS:
        if metric.name in launch.stats:
            value = launch.stats[metric.name]
            text = f"{value:,.0f}" if metric.is_integer else numbers.plain(value, 5)
            table.add_row(metric.name, text, metric.unit, metric.definition)
    if launch.stats:
        screen.print()
        screen.print(table)
    _print_in_effect(screen, detail)
    print_flags(screen, launch.flags)


def print_flags(screen: Console, flags: Sequence[str]) -> None:
    """Each word of doubt in a sentence."""
    if flags:
        screen.print()
    for flag in flags:
        screen.print(Text(f"{flag}: {FLAG_MEANING[Flag(flag)]}"), soft_wrap=True)


def print_events(reader: Reader, ref: str) -> None:
    """The events as JSON lines, which `--engine replay` plays back."""
    for event in reader.events(ref):
        sys.stdout.write(json.dumps(to_wire(event), ensure_ascii=False) + "\n")


def _print_memory(screen: Console, cells: Sequence[CellResult]) -> None:
    """Measured memory beside what the engine says it took and what was predicted, in GiB."""
    cells = [cell for cell in cells if peak_metrics([cell]) and cell.backend != "simulated"]
    if not cells:
        return
    said = ("weights_bytes", "kv_bytes", "compute_bytes")
    peaks = {metric: numbers.header(metric) for metric in peak_metrics(cells)}
    if "peak_rss_bytes" in peaks:
        peaks["peak_anon_bytes"] = "of it anonymous"
    names = (*peaks, *said)
    headers = (*peaks.values(), "weights", "KV", "compute", "predicted")
    table = plain_table("memory", *headers, right=headers)
    for cell in cells:
        highest = [max(cell.values[name]) if cell.values.get(name) else None for name in names]
        row = [numbers.gib(value, 2) for value in (*highest, cell.predicted_bytes)]
        table.add_row(f"{cell.workload.name}: {cell.arm.label}", *row)
    screen.print()
    screen.print(fitted(screen, table))


def _print_launches(screen: Console, run: RunRow, launches: Sequence[LaunchRow]) -> None:
    """In the order in which they ran; one column a metric that they have, so that none stands for two."""
    names = [name for name in (*HEADLINE_METRICS, "load_s") if any(name in launch.stats for launch in launches)]
    right = ("block", *(numbers.header(name) for name in names))
    table = plain_table("launch", "block", "workload", "arm", *right[1:], "state", right=right)
    for launch in launches:
        words = [launch.failure_kind or launch.state, *(["set aside"] if launch.is_orphaned else [])]
        table.add_row(
            f"{run.id}/{launch.number}",
            str(launch.block + 1),
            launch.workload,
            launch.arm_label,
            *(numbers.plain(launch.stats.get(name)) for name in names),
            ", ".join(words),
        )
    screen.print()
    screen.print(fitted(screen, table))


def _of(detail: LaunchDetail) -> str:
    """The environment that a worker's engine came from, where it is not ours."""
    python = detail.job.get("python")
    return f" of {python}" if python else ""


def _print_in_effect(screen: Console, detail: LaunchDetail) -> None:
    loaded, engine = detail.loaded or {}, detail.engine or {}
    if engine:
        screen.print(
            Text(f"\nengine {engine.get('engine')} {engine.get('version') or ''}{_of(detail)}"), soft_wrap=True
        )
    build = {name: value for name in _BUILD if (value := (engine.get("build") or {}).get(name)) not in {None, ""}}
    if build:
        screen.print(Text(f"built: {', '.join(f'{n} {v}' for n, v in build.items())}"), soft_wrap=True)
    options = loaded.get("options") or {}
    if options:
        words = ", ".join(f"{name} {value}" for name, value in sorted(options.items()))
        screen.print(Text(f"in effect: {words}; backend {loaded.get('backend')}"), soft_wrap=True)
    figures = [r for r in detail.reported if r["value"] is not None and r["iteration"] is not None]
    if figures:
        words = ", ".join(f"{r['metric']} {r['value']:g}" for r in figures)
        screen.print(Text(f"the engine's own figures: {words}"), soft_wrap=True)
