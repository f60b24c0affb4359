"""`phibench run`: a suite, as plan, on this machine or on a paired phone."""

import secrets
from typing import Any

import click
from click.core import ParameterSource

from collector.cli._common import (
    Duration,
    Share,
    db_option,
    json_option,
    leave,
    quiet_option,
    warn,
)

_ARM_HELP = 'One arm, such as "engine=llama_cpp quant=q4_0 threads=2 python=PATH"; may be given several times.'
_BUDGET_HELP = "Begin no block that would end after, say, 20m; --resume counts anew."
_PRECISION_HELP = "Stop when the 95 % intervals (of the ratio, with several arms) are within it, such as 1%."


@click.command()
@click.argument("suite_name", metavar="[SUITE]", default="quick")
@click.option("--model", "model_names", metavar="M", multiple=True, help="Catalogue id, GGUF file or MLX folder.")
@click.option("--engine", "engines", metavar="E", multiple=True, help="Engine: llama_cpp, mlx, fake, replay.")
@click.option("--quant", "quants", metavar="Q", multiple=True, help="Format: q4_0, q4_k_m, q8_0, f16, mlx_4bit_g64.")
@click.option("--arm", "arms", metavar="TEXT", multiple=True, help=_ARM_HELP)
@click.option("--device", "device_ref", metavar="NAME", help="Run on this paired phone (phibench bridge devices).")
@click.option("--blocks", "n_blocks", type=click.IntRange(min=1), help="Run every cell exactly so many times.")
@click.option("--precision", "precision_frac", type=Share(), help=_PRECISION_HELP)
@click.option("--max-blocks", type=click.IntRange(min=1), help="Most blocks of a run with a precision.")
@click.option(
    "--budget",
    "budget_s",
    type=Duration(least_s=1.0),
    help="Begin no block that would end after, say, 20m; --resume counts anew.",
)
@click.option("--duration", "duration_s", type=Duration(least_s=1.0), help="Repeat the generation so long in a launch.")
@click.option("--seed", type=click.IntRange(min=0, max=(1 << 63) - 1), help="Seed of the order.  [default: drawn]")
@click.option("--no-gate", is_flag=True, help="Do not wait until the machine is quiet; results are flagged ungated.")
@click.option("--timeout", "timeout_s", type=Duration(least_s=1.0), help="Longest silence of a launch, such as 15m.")
@click.option("--wait", "wait_s", type=Duration(), default="0s", help="Wait so long for another run to end.")
@click.option("--resume", is_flag=True, help="Go on with the last run that was cut; without one, start SUITE.")
@click.option("--like", metavar="RUN", help="Repeat a run: the same arms, seed, order and number of blocks.")
@db_option
@json_option
@quiet_option
def run(
    suite_name: str,
    *,
    db: str,
    as_json: bool,
    is_quiet: bool,
    resume: bool,
    like: str | None,
    wait_s: float,
    **asked: Any,
) -> None:
    """
    Run SUITE (a shipped one or a .toml file; default quick).

    Every cell, a model and format on an engine with a workload, runs in fresh processes, once a block, the blocks in
    drawn order. What is measured is stored at once; Ctrl-C keeps it, and --resume goes on. A suite without a number of
    blocks runs until its intervals are narrow enough.
    """
    from collector import suite
    from collector.cli import _asked, _phone, _planned
    from collector.cli import _estimates as estimates
    from collector.cli._output import console
    from collector.cli._perform import exit_code, machine_lock, perform
    from collector.cli._report import report

    _asked.check_together(asked, has_suite=suite_name != "quick", is_resumed=resume, like=like)
    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    source = click.get_current_context().get_parameter_source("suite_name")
    is_suite_given = source is not ParameterSource.DEFAULT
    wanted = _asked.adjusted(suite.load(suite_name), asked)
    is_elsewhere = asked["device_ref"] is not None or (resume and _planned.is_cut_elsewhere(db))
    specs = () if like or is_elsewhere else _asked.specs(wanted, asked)
    engines = [spec.engine for spec in specs]
    engines += _planned.engines_of(db, like) if like else _planned.engines_of_cut_run(db) if resume else []
    with machine_lock(f"phibench run {wanted.name}", engines, screen, wait_s) as lock_fd:
        found = _planned.find_resumption(db, screen) if resume else None
        if resume and found is None:
            warn("there is nothing to resume; starting the run")
        if found and ((is_suite_given and suite_name != found[0].suite) or _asked.is_any_given(asked)):
            warn(f"going on with run {found[1].run_id} as it was planned; the suite and the options given are not used")
        resumption = None
        if found:
            plan, resumption = found
        elif like:
            plan = _planned.repeated(db, like, screen)
        elif asked["device_ref"] is not None:
            device = _phone.named(db, asked["device_ref"])
            plan = _phone.plan_for(wanted, device, asked, _seed(asked["seed"]))
        else:
            plan = _plan(wanted, specs, _seed(asked["seed"]), screen)
        phone = _phone.of_plan(db, plan)
        forecast = estimates.for_plan(plan, db, phone)
        if phone is not None:
            _phone.announce(screen, phone)
        estimates.announce(screen, plan, forecast, is_fixed=found is not None or like is not None)
        outcome = perform(
            plan, db=db, console=screen, lock_fd=lock_fd, forecast=forecast, resumption=resumption, phone=phone
        )
    cells = report(outcome, db, as_json=as_json)
    leave(exit_code(outcome, cells))


def _seed(given: int | None) -> int:
    return secrets.randbelow(1 << 31) if given is None else given


def _plan(wanted: Any, specs: Any, seed: int, screen: Any) -> Any:
    from collector.cli._perform import synthesis_progress
    from collector.plan import make_plan

    with synthesis_progress(screen) as on_progress:
        return make_plan(wanted, specs, seed=seed, on_progress=on_progress)
