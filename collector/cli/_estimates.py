"""How long a suite takes here, in words."""

import math

from rich.console import Console

from collector import queries
from collector.cli import _numbers as numbers
from collector.cli._tables import plain_table
from collector.errors import PhibenchError
from collector.forecast import Forecast, plan_forecast
from collector.plan import arm_specs, unwritten
from collector.queries import LastRates
from collector.suite import ArmSpec, Plan, Suite
from runners import device, registry


def last_rates(db: str) -> dict[str, LastRates]:
    """The rates last measured on this machine by arm label; empty without a database."""
    if not queries.exists(db):
        return {}
    try:
        with queries.Reader.open(db) as reader:
            return reader.last_rates(device.snapshot().fingerprint)
    except PhibenchError:
        return {}


def for_plan(plan: Plan, db: str) -> Forecast:
    """Time of a plan that is resolved."""
    return plan_forecast(plan, last_rates(db) | _simulated(plan))


def for_suite(suite: Suite, db: str) -> Forecast:
    """Time of a suite, nothing written and nothing loaded."""
    arms = tuple(unwritten(spec) for spec in arm_specs(suite))
    plan = Plan(
        suite=suite.name,
        arms=arms,
        workloads=suite.workloads,
        seed=0,
        n_blocks=suite.n_blocks,
        n_warmups=suite.n_warmups,
        n_iterations=suite.n_iterations,
    )
    return for_plan(plan, db)


def _simulated(plan: Plan) -> dict[str, LastRates]:
    """Simulators take no time but their process."""
    instant = LastRates(decode_tok_per_s=math.inf, prefill_tok_per_s=math.inf, load_s=0.0)
    return {arm.label: instant for arm in plan.arms if registry.load(arm.engine).is_simulated}


def sentence(forecast: Forecast) -> str:
    """'about 3 min', or '... (a guess: not measured here yet)'."""
    guess = " (a guess: not all of it was measured here yet)" if forecast.is_guess else ""
    return f"about {numbers.duration(forecast.total_s)}{guess}"


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
        f"{suite.n_blocks} blocks, a fresh process for every cell; here a block takes "
        f"about {numbers.duration(forecast.block_s)}, all of it {sentence(forecast)}"
    )
    console.print(f"shorter: phibench run {suite.name} --blocks 3")


def _name(spec: ArmSpec) -> str:
    return " ".join([spec.model, *([spec.quant] if spec.quant else []), spec.engine])
