"""
What a person sees while a run goes on: the first number as soon as it exists, finished launches above, one live line.

Without a terminal it is one line a launch and no control characters.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from collector import metrics, numbers, stats
from collector.forecast import Forecast
from collector.schedule import Measured, widest
from collector.suite import Arm, Plan
from runners.contract import Event, EventType, Job, Loaded, Trace
from runners.texts import printable
from runners.wire import from_wire

_PHASES = {"load": "loading", "warmup": "warming up", "iteration": "generating", "gate": "waiting until quiet"}
_SHOWN = (
    ("decode_tok_per_s", "decode {} tok/s"),
    ("ttft_s", "first token {} s"),
    ("kernel_prefill_tok_per_s", "kernel prefill {} tok/s"),
    ("kernel_decode_tok_per_s", "kernel decode {} tok/s"),
    ("burst_tok_per_s", "burst {} tok/s"),
    ("sustained_tok_per_s", "sustained {} tok/s"),
)


class LiveRun:
    """A listener of the run loop that draws on a console; a context manager."""

    def __init__(self, console: Console, plan: Plan, forecast: Forecast | None, n_launches_done: int = 0) -> None:
        self._console = console
        self._plan = plan
        self._labels = {_key(arm): arm.label for arm in plan.arms}
        self._n_left = len(plan.arms) * len(plan.workloads) * plan.n_blocks - n_launches_done
        self._n_ended = 0
        self._left_s = forecast.total_s if forecast else None
        self._begun_s = time.monotonic()
        self._values: dict[str, float | None] = {}
        self._traces: list[Trace] = []
        self._peak_bytes: float | None = None
        self._n_threads: int | None = None
        self._is_simulated = False
        self._where = ""
        self._live = Live(console=console, refresh_per_second=1, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def launch_started(self, job: Job, block: int, position: int, n_cells: int) -> None:
        """Name the cell."""
        self._traces, self._peak_bytes, self._n_threads = [], None, None
        label = self._labels[_key(job)].ljust(max(map(len, self._labels.values())))
        self._where = f"block {block + 1}/{self._plan.n_blocks}  {label}  {job.workload.name}"
        self._draw("starting")

    def event(self, job: Job, event: Event) -> None:
        """Follow the phases; keep the numbers of the measured iteration."""
        if event.type is EventType.STARTING:
            self._draw(_PHASES.get(event.data["phase"], event.data["phase"]))
        elif event.type is EventType.LOADED:
            loaded = from_wire(Loaded, event.data)
            self._n_threads, self._is_simulated = loaded.n_threads, loaded.backend == "simulated"
        elif event.type is EventType.ITERATION and not event.data["is_warmup"]:
            self._traces.append(from_wire(Trace, event.data["trace"]))
        elif event.type is EventType.READING:
            reading = event.data["reading"]
            self._peak_bytes = reading.get("peak_footprint_bytes") or reading.get("peak_rss_bytes", self._peak_bytes)

    def launch_ended(self, job: Job, last: Event, duration_s: float) -> None:
        """One line that stays."""
        self._n_ended += 1
        self._values = self._derived(job)
        text = self._failed(last.data) if last.type is EventType.FAILED else self._numbers()
        self._print(Text(f"{self._where}  {text}"))

    def _derived(self, job: Job) -> dict[str, float | None]:
        """What the launch came to: of a sustained one burst and tail, of any other its last generation."""
        if not self._traces:
            return {}
        if job.duration_s is None:
            return metrics.derive(self._traces[-1], job.workload, self._n_threads)
        evidence = metrics.LaunchEvidence(workload=job.workload, traces=tuple(self._traces), duration_s=job.duration_s)
        return metrics.derive_launch(evidence)

    def waiting(self, conditions: Sequence[str]) -> None:
        """The gate is not open yet."""
        self._draw(f"waiting: {'; '.join(conditions)}")

    def hint(self, sentence: str) -> None:
        """What a phone or the bridge keeps us waiting for; a line of its own where no live line is drawn."""
        if self._live is None:
            self._print(Text(printable(sentence)))
        self._draw(sentence)

    def block_ended(self, n_blocks_done: int, measured: Iterable[Measured]) -> None:
        """How narrow the intervals are by now, where that decides when the run ends."""
        if self._plan.precision_frac is None or n_blocks_done < stats.MIN_N:
            return
        width = widest(measured, self._plan.baseline_index)
        now = "no interval yet" if width is None else f"widest interval ±{100 * width:.1f} %"
        aim = f"aim ±{100 * self._plan.precision_frac:g} %"
        self._print(Text(f"block {n_blocks_done}/{self._plan.n_blocks}  {now}, {aim}"))

    def _print(self, line: Text) -> None:
        """Show a line; when nobody can read it any more, the run goes on without being shown."""
        try:
            self._console.print(line, soft_wrap=True, highlight=False)
        except OSError:
            self._console.quiet = True

    def _numbers(self) -> str:
        words = [text.format(numbers.plain(self._values[m])) for m, text in _SHOWN if self._values.get(m) is not None]
        if self._peak_bytes is not None and not self._is_simulated:
            words.append(f"peak {numbers.gib(self._peak_bytes)} GiB")
        return "   ".join(words)

    def _failed(self, data: Mapping[str, str]) -> str:
        remedy = f"\n  Try: {data['remedy']}" if data.get("remedy") else ""
        return printable(f"{data['kind']}: {data['message']}{remedy}", is_one_line=False)

    def _draw(self, doing: str) -> None:
        if self._live is None:
            return
        table = Table.grid(padding=(0, 1))
        left = self._remaining_s()
        rest = f"· {numbers.duration(left)} left" if left is not None else ""
        table.add_row(Spinner("line"), Text(printable(f"{self._where}  {doing} {rest}")))
        self._live.update(table)

    def _remaining_s(self) -> float | None:
        """From the launches that have ended once there is one of each cell, before that from the forecast."""
        spent_s = time.monotonic() - self._begun_s
        if self._n_ended >= len(self._plan.arms) * len(self._plan.workloads):
            return max(0.0, spent_s / self._n_ended * (self._n_left - self._n_ended))
        return max(0.0, self._left_s - spent_s) if self._left_s is not None else None


def _key(arm: Arm | Job) -> tuple[object, ...]:
    return (arm.model.model, arm.model.quant, arm.engine, tuple(sorted(arm.options.items())), arm.python)
