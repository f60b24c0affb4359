"""What A against A came to, for people and programs."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from collector import numbers, stats
from collector.cli import _estimates as estimates
from collector.cli._common import echo_json
from collector.cli._output import console
from collector.cli._sides import N_RECENT_RUNS
from collector.cli._tables import plain_table
from collector.compare.findings import ratio
from collector.compare.noise import LEAST_SESSIONS, Noise, noise_of
from collector.forecast import Forecast
from collector.paths import shown
from collector.queries import CellResult, Reader
from collector.run import Outcome
from collector.suite import Plan

_BLOCKS = (6, 10, 20)
"""Numbers of blocks for which the table says what difference they could show."""


def announce(screen: Console, plan: Plan, forecast: Forecast) -> None:
    """What will run and how long it takes, before it does."""
    chat = plan.workloads[0]
    shape = f"{chat.name} {chat.n_prompt_tokens}+{chat.n_generated_tokens}"
    blocks = f"{plan.n_blocks} block{'' if plan.n_blocks == 1 else 's'}"
    what = f"{plan.arms[0].label} against itself, {shape}: {blocks}"
    screen.print(f"plan    {what}, a fresh process each, seed {plan.seed}", soft_wrap=True)
    budget = "" if plan.budget_s is None else f", at most {numbers.duration(plan.budget_s)}"
    screen.print(f"time    {estimates.sentence(forecast)}{budget}; shorter: --blocks N or --budget 5m")


def found(reader: Reader, cells: Sequence[CellResult]) -> Mapping[str, Noise]:
    """By headline metric the noise of the device, this run among all others."""
    history = reader.cells([run.id for run in reader.runs(N_RECENT_RUNS)])
    return noise_of(history, [cell for cell in cells if cell.n_launches])


def report(
    outcome: Outcome, noise: Mapping[str, Noise], cells: Sequence[CellResult], db: str, *, as_json: bool
) -> None:
    """The floor on standard output."""
    if as_json:
        echo_json("noise", {"outcome": outcome, "noise": noise})
        return
    screen = console()
    if outcome.stop_reason == "cancelled":
        screen.print("\nstopped by hand; everything measured so far is kept")
    screen.print()
    screen.print(Text(_sentence(noise, outcome.run_id, outcome.n_blocks)), soft_wrap=True)
    if noise:
        _print_table(screen, noise, cells[0], outcome.run_id)
        for line in _besides(noise):
            screen.print(Text(line), soft_wrap=True)
    screen.print(f"\nstored in {shown(db)}, run {outcome.run_id}", soft_wrap=True)


def _sentence(noise: Mapping[str, Noise], run_id: str, n_blocks: int) -> str:
    floors = {metric: one.floor for metric, one in noise.items() if one.floor and one.floor.run_id == run_id}
    known = {metric: one.floor_frac for metric, one in floors.items() if one.floor_frac is not None}
    if known:
        words = ", ".join(f"{_short(metric)} ±{100 * frac:.1f} %" for metric, frac in known.items())
        n = min(one.ratio.n for one in floors.values())
        return f"Noise floor here (A against A, {n} blocks): {words}."
    return f"No noise floor from this run: {numbers.count(n_blocks, 'block')}, and {stats.MIN_N} are needed."


def _print_table(screen: Console, noise: Mapping[str, Noise], cell: CellResult, run_id: str) -> None:
    title = f"{cell.workload.name} {cell.workload.shape_label}"
    headers = ["sd", *(f"{n} blocks" for n in _BLOCKS)]
    table = plain_table(title, "A/A ratio", *headers, right=headers)
    for metric, one in noise.items():
        if one.floor is None:
            continue
        sd = one.floor.log_sd
        widths = [None if sd is None else stats.expected_half_width(sd, n) for n in _BLOCKS]
        table.add_row(numbers.header(metric), ratio(one.floor.ratio), _share(sd), *map(_within, widths))
    screen.print()
    screen.print(table)
    for older in dict.fromkeys(one.floor.run_id for one in noise.values() if one.floor and one.floor.run_id != run_id):
        screen.print(f"of run {older}, the newest with an interval")
    screen.print(Text("sd: of a block's ratio; N blocks: the interval of a ratio that so many would give"))


def _besides(noise: Mapping[str, Noise]) -> list[str]:
    """The noise between sessions, or what is missing; and a word on an A/A that does not look like one."""
    lines = []
    known = {metric: one.sessions for metric, one in noise.items() if one.sessions}
    if known:
        words = ", ".join(f"{_short(metric)} {_share(one.sd)} (n={one.n})" for metric, one in known.items())
        lines.append(f"between sessions (sd of one arm from run to run): {words}")
    else:
        missing = LEAST_SESSIONS - max(one.n_runs for one in noise.values())
        again = "once more" if missing == 1 else f"{missing} times more"
        lines.append(f"between sessions: unknown; phibench noise {again}, at other times, measures it")
    off = [_short(metric) for metric, one in noise.items() if one.floor and _leaves_out_1(one.floor.ratio)]
    if off:
        lines.append(
            f"note: the interval of {', '.join(off)} leaves out 1, as one in twenty does by chance; "
            "if it does so again, something on this machine is not quiet"
        )
    return lines


def _leaves_out_1(found: stats.Estimate) -> bool:
    return found.low is not None and found.high is not None and not found.low <= 1 <= found.high


def _short(metric: str) -> str:
    return numbers.header(metric).rsplit(" ", 1)[0]


def _share(frac: float | None) -> str:
    return numbers.UNKNOWN if frac is None else f"{100 * frac:.1f} %"


def _within(frac: float | None) -> str:
    return numbers.UNKNOWN if frac is None else f"±{100 * frac:.1f} %"
