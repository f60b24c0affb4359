"""How long a suite takes here, in words."""

import math

from rich.console import Console

from collector import numbers, queries, stats
from collector.cli._tables import plain_table
from collector.errors import PhibenchError
from collector.forecast import Forecast, plan_forecast
from collector.paths import shown
from collector.plan import arm_specs, of_suite, unwritten
from collector.queries import LastRates
from collector.schedule import headlines
from collector.suite import ArmSpec, Plan, Suite
from runners import device, registry
from runners.bridging import PairedDevice
from runners.contract import ReplicationUnit


def last_rates(db: str, fingerprint: str | None = None) -> dict[str, LastRates]:
    """The rates last measured on a device, by default this machine, by arm label; empty without a database."""
    if not queries.exists(db):
        return {}
    try:
        with queries.Reader.open(db) as reader:
            return reader.last_rates(fingerprint or device.snapshot().fingerprint)
    except PhibenchError:
        return {}


def for_plan(plan: Plan, db: str, phone: PairedDevice | None = None) -> Forecast:
    """Time of a plan that is resolved, on this machine or on a phone."""
    if phone is None:
        return plan_forecast(plan, last_rates(db) | _simulated(plan))
    return plan_forecast(plan, last_rates(db, phone.hello.device.fingerprint) if phone.hello else {})


def for_suite(suite: Suite, db: str) -> Forecast:
    """Time of a suite, nothing written and nothing loaded."""
    arms = tuple(unwritten(spec) for spec in arm_specs(suite))
    return for_plan(of_suite(suite, arms, seed=0), db)


def _simulated(plan: Plan) -> dict[str, LastRates]:
    """Simulators take no time but their process."""
    instant = LastRates(decode_tok_per_s=math.inf, prefill_tok_per_s=math.inf, load_s=0.0)
    return {arm.label: instant for arm in plan.arms if registry.load(arm.engine).is_simulated}


def sentence(forecast: Forecast) -> str:
    """'about 3 min', or '... (a guess: not measured here yet)'."""
    guess = " (a guess: not all of it was measured here yet)" if forecast.is_guess else ""
    if forecast.least_s < forecast.total_s:
        return f"{numbers.duration(forecast.least_s)} to {numbers.duration(forecast.total_s)}{guess}"
    return f"about {numbers.duration(forecast.total_s)}{guess}"


def announce(console: Console, plan: Plan, forecast: Forecast, *, is_fixed: bool = False) -> None:
    """
    Before a run starts: what it does, how long it takes, and what it will be able to tell apart.

    A plan that is_fixed, as that of an earlier run, cannot be made shorter.
    """
    cells = f"{_count(len(plan.arms), 'arm')} × {_count(len(plan.workloads), 'workload')}"
    blocks = _count(plan.n_blocks, "block")
    if plan.precision_frac is not None:
        blocks = f"at most {blocks}, until every interval is within ±{100 * plan.precision_frac:g} %"
    anew = "a fresh process each" if plan.replication_unit is ReplicationUnit.PROCESS else "the model loaded anew each"
    console.print(f"plan    {plan.suite}: {cells} × {blocks}, {anew}, seed {plan.seed}")
    for arm in plan.arms:
        if arm.model.path is not None and not arm.model.is_synthetic:
            console.print(f"weights {arm.label}: real, {shown(arm.model.path)}", soft_wrap=True)
    shorter = "" if is_fixed else "; shorter: --blocks N"
    console.print(f"time    {sentence(forecast)}{shorter}")
    console.print(f"tells   {tellable(plan)}", soft_wrap=True)


def tellable(plan: Plan) -> str:
    """
    What a plan will be able to tell apart, in one sentence.

    The rows of all arms against their baseline are one family of tests: the more of them, the more blocks it takes
    until the smallest p that Holm leaves is small enough.
    """
    if plan.n_blocks < stats.MIN_N:
        return f"points only: {stats.MIN_N} blocks give an interval, this plan has {plan.n_blocks}"
    if len(plan.arms) == 1:
        return "one arm: its values with 95 % intervals; nothing is compared"
    n_rows = sum(len(headlines(w, is_sustained=plan.duration_s is not None)) for w in plan.workloads)
    n_rows *= len(plan.arms) - 1
    rows = _count(n_rows, "row")
    least = stats.least_blocks(n_rows)
    smallest = stats.smallest_p(plan.n_blocks, n_rows)
    if plan.n_blocks < least:
        reason = f"no difference can be shown (smallest p {smallest:.2g}), {least} are needed"
        return f"{rows}, {plan.n_blocks} blocks: {reason}"
    return f"{rows}: a difference can be shown from {least} blocks on (smallest p {smallest:.1g})"


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def print_suite(console: Console, suite: Suite, forecast: Forecast) -> None:
    """The suite as a table, with its time."""
    console.print(f"{suite.name}: {suite.description}")
    console.print(f"arms: {', '.join(_name(spec) for spec in arm_specs(suite))}")
    counts = ("prompt tokens", "generated", "depth")
    table = plain_table("workload", "kind", *counts, right=counts)
    for w in suite.workloads:
        table.add_row(w.name, w.kind, str(w.n_prompt_tokens), str(w.n_generated_tokens), str(w.n_depth_tokens))
    console.print(table)
    console.print(
        f"{_blocks(suite)}, a fresh process for every cell; here a block takes "
        f"about {numbers.duration(forecast.block_s)}, all of it {sentence(forecast)}"
    )
    fewer = 3 if suite.n_blocks is None or suite.n_blocks > 3 else 1
    if suite.n_blocks != fewer:
        console.print(f"shorter: phibench run {suite.name} --blocks {fewer}")


def _blocks(suite: Suite) -> str:
    if suite.n_blocks is not None:
        return f"{suite.n_blocks} blocks"
    return f"6 to {suite.max_blocks} blocks, until every interval is within ±{100 * suite.precision_frac:g} %"


def _name(spec: ArmSpec) -> str:
    return " ".join([spec.model, *([spec.quant] if spec.quant else []), spec.engine])
