"""`phibench run`: a suite, as plan, on this machine."""

import secrets
from typing import Any

import click

from collector.cli._common import (
    Duration,
    db_option,
    json_option,
    leave,
    quiet_option,
    warn,
)

_ARM_HELP = 'One arm, such as "engine=llama_cpp quant=q4_0 threads=2 python=PATH"; may be given several times.'


@click.command()
@click.argument("suite_name", metavar="[SUITE]", default="quick")
@click.option("--model", "model_names", metavar="M", multiple=True, help="Catalogue id or path of a GGUF.")
@click.option("--engine", "engines", metavar="E", multiple=True, help="Engine: llama_cpp, fake, replay.")
@click.option("--quant", "quants", metavar="Q", multiple=True, help="Format: q4_0, q4_k_m, q8_0, f16.")
@click.option("--arm", "arms", metavar="TEXT", multiple=True, help=_ARM_HELP)
@click.option("--blocks", "n_blocks", type=click.IntRange(min=1), help="Times that every cell is run.")
@click.option("--seed", type=click.IntRange(min=0, max=(1 << 63) - 1), help="Seed of the order.  [default: drawn]")
@click.option("--timeout", "timeout_s", type=Duration(least_s=1.0), help="Longest silence of a launch, such as 15m.")
@click.option("--wait", "wait_s", type=Duration(), default="0s", help="Wait so long for another run to end.")
@click.option("--resume", is_flag=True, help="Go on with the last run that was cut.")
@db_option
@json_option
@quiet_option
def run(suite_name: str, *, db: str, as_json: bool, is_quiet: bool, resume: bool, wait_s: float, **asked: Any) -> None:
    """
    Run SUITE (a shipped one or a .toml file; default quick).

    Every cell, a model and format on an engine with a workload, runs in fresh processes, once a block, the blocks in
    drawn order. What is measured is stored at once; Ctrl-C keeps it, and --resume goes on.
    """
    from collector import suite
    from collector.cli import _estimates as estimates
    from collector.cli._output import console
    from collector.cli._perform import exit_code, machine_lock, perform
    from collector.cli._report import report
    from collector.cli._resume import engines_of_cut_run, find_resumption

    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    wanted = suite.load(suite_name)
    specs = _specs(wanted, asked)
    engines = [spec.engine for spec in specs] + list(engines_of_cut_run(db) if resume else ())
    with machine_lock(f"phibench run {wanted.name}", engines, screen, wait_s) as lock_fd:
        found = find_resumption(db, screen) if resume else None
        if resume and found is None:
            warn("there is nothing to resume; starting the run")
        if found and (suite_name != found[0].suite or any(asked.values())):
            warn(f"going on with run {found[1].run_id} as it was planned; the suite and the options given are not used")
        plan, resumption = found or (_plan(wanted, specs, asked, screen), None)
        forecast = estimates.for_plan(plan, db)
        _announce(screen, plan, forecast)
        outcome = perform(plan, db=db, console=screen, lock_fd=lock_fd, forecast=forecast, resumption=resumption)
    cells = report(outcome, db, as_json=as_json)
    leave(exit_code(outcome, cells))


def _specs(wanted: Any, asked: dict[str, Any]) -> Any:
    from collector.plan import arm_specs

    return arm_specs(
        wanted,
        model_names=asked["model_names"],
        quants=asked["quants"],
        engines=asked["engines"],
        arms=asked["arms"],
    )


def _plan(wanted: Any, specs: Any, asked: dict[str, Any], screen: Any) -> Any:
    from dataclasses import replace

    from collector.cli._perform import synthesis_progress
    from collector.plan import make_plan

    timed = replace(wanted, timeout_s=asked["timeout_s"] or wanted.timeout_s)
    seed = secrets.randbelow(1 << 31) if asked["seed"] is None else asked["seed"]
    with synthesis_progress(screen) as on_progress:
        return make_plan(timed, specs, seed=seed, n_blocks=asked["n_blocks"], on_progress=on_progress)


def _announce(screen: Any, plan: Any, forecast: Any) -> None:
    from collector.cli import _estimates as estimates

    arms, workloads = len(plan.arms), len(plan.workloads)
    cells = f"{arms} {'arm' if arms == 1 else 'arms'} × {workloads} {'workload' if workloads == 1 else 'workloads'}"
    blocks = f"{plan.n_blocks} {'block' if plan.n_blocks == 1 else 'blocks'}"
    screen.print(f"plan    {plan.suite}: {cells} × {blocks}, a fresh process each, seed {plan.seed}")
    screen.print(f"time    {estimates.sentence(forecast)}; shorter: --blocks N")
