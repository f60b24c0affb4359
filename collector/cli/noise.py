"""`phibench noise`: one arm against itself."""

import secrets
from typing import Any

import click

from collector.cli._common import Duration, db_option, json_option, leave, quiet_option

MODEL = "phi-3-mini-4k"


@click.command()
@click.option("--model", default=MODEL, show_default=True, metavar="M", help="Catalogue id or path of a GGUF.")
@click.option("--quant", metavar="Q", help="Format: q4_0, q4_k_m, q8_0, f16, mlx_4bit_g64.  [default: 4 bits]")
@click.option("--engine", default="llama_cpp", show_default=True, metavar="E", help="Engine: llama_cpp, mlx, fake.")
@click.option("--blocks", "n_blocks", type=click.IntRange(min=1), default=12, show_default=True, help="Pairs to run.")
@click.option(
    "--budget",
    "budget_s",
    type=Duration(1.0),
    default="15m",
    help="Begin no block that would end after it.  [default: 15m]",
)
@click.option("--seed", type=click.IntRange(min=0, max=(1 << 63) - 1), help="Seed of the order.  [default: drawn]")
@click.option("--no-gate", is_flag=True, help="Do not wait until the machine is quiet; results are flagged ungated.")
@click.option("--wait", "wait_s", type=Duration(), default="0s", help="Wait so long for another run to end.")
@db_option
@json_option
@quiet_option
def noise(*, db: str, as_json: bool, is_quiet: bool, wait_s: float, seed: int | None, **asked: Any) -> None:
    """
    Run one arm against itself: how small a difference this machine can show.

    A against A, the quick workload, in interleaved blocks of fresh processes, as any comparison runs; the true ratio
    is 1, so what is seen is noise. The run is stored, and later comparisons on this machine show its floor. After
    three of them, at different times, the noise between sessions is known too, and widens what is not paired.
    """
    from collector.cli import _estimates as estimates
    from collector.cli import _noise
    from collector.cli._output import console
    from collector.cli._perform import exit_code, machine_lock, perform
    from collector.queries import Reader

    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    wanted, spec = _asked(asked)
    with machine_lock("phibench noise", [spec.engine], screen, wait_s) as lock_fd:
        plan = _plan(wanted, spec, secrets.randbelow(1 << 31) if seed is None else seed, screen)
        forecast = estimates.for_plan(plan, db)
        _noise.announce(screen, plan, forecast)
        outcome = perform(plan, db=db, console=screen, lock_fd=lock_fd, forecast=forecast)
    with Reader.open(db) as reader:
        cells = reader.cells([outcome.run_id])
        found = _noise.found(reader, cells)
    _noise.report(outcome, found, cells, db, as_json=as_json)
    leave(exit_code(outcome, cells))


def _asked(asked: dict[str, Any]) -> Any:
    """The quick suite as `noise`, and the one arm."""
    from dataclasses import replace

    from collector import suite
    from collector.plan import arm_specs

    quick = replace(suite.load("quick"), name="noise", n_blocks=asked["n_blocks"], budget_s=asked["budget_s"])
    if asked["no_gate"]:
        quick = replace(quick, gate=None)
    quants = [asked["quant"]] if asked["quant"] else []
    (spec,) = arm_specs(quick, model_names=[asked["model"]], quants=quants, engines=[asked["engine"]])
    return quick, spec


def _plan(wanted: Any, spec: Any, seed: int, screen: Any) -> Any:
    from collector.cli._perform import synthesis_progress
    from collector.plan import against_itself

    with synthesis_progress(screen) as on_progress:
        return against_itself(wanted, spec, seed=seed, on_progress=on_progress)
