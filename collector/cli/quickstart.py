"""`phibench quickstart`: from nothing to the comparison, in one command."""

import secrets
from collections.abc import Sequence
from typing import Any

import click

from collector.cli._common import db_option, json_option, leave, quiet_option, warn
from collector.errors import PhibenchError

FULL = ("phi-3-mini-4k", "llama-2-7b")
SMALL = ("llama-3.2-1b", "tinyllama-1.1b")
LEAST_FREE_BYTES = 10_000_000_000
"""Memory, and disk an engine, for both full-size models with room to spare; below it the small pair is measured."""
_ENGINE_HELP = "Engine; several stand in one plan.  [default: llama_cpp; with mlx on a Mac with an Apple chip]"


@click.command()
@click.option(
    "--blocks", "n_blocks", type=click.IntRange(min=1), default=3, show_default=True, help="Fresh processes each."
)
@click.option("--engine", "engines", metavar="E", multiple=True, help=_ENGINE_HELP)
@click.option("--small", "is_small", is_flag=True, help="Measure two models of about 1 billion parameters instead.")
@db_option
@json_option
@quiet_option
def quickstart(
    *, n_blocks: int, engines: tuple[str, ...], is_small: bool, db: str, as_json: bool, is_quiet: bool
) -> None:
    """
    Measure Phi-3-mini against LLaMA-2-7B on this machine, now.

    Writes both models in full size with random weights (their speed and memory are real, their text is not), runs the
    quick suite and shows the comparison. Nothing is downloaded.
    """
    from collector.cli import _estimates as estimates
    from collector.cli._output import console
    from collector.cli._perform import exit_code, machine_lock, perform
    from collector.cli._report import report

    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    chosen_engines = engines or _usual_engines()
    with machine_lock("phibench quickstart", chosen_engines, screen) as lock_fd:
        _introduce(screen, chosen_engines)
        chosen = SMALL if is_small or _is_tight(chosen_engines) else FULL
        plan = _plan(chosen, chosen_engines, n_blocks, screen)
        forecast = estimates.for_plan(plan, db)
        chat = plan.workloads[0]
        blocks = f"{n_blocks} {'block' if n_blocks == 1 else 'blocks'}"
        shape = f"{chat.name}: {chat.n_prompt_tokens} prompt tokens, {chat.n_generated_tokens} generated"
        arms = f"{len(plan.arms)} {'models' if len(chosen_engines) == 1 else 'arms'}"
        screen.print(f"plan    {shape} · {arms} × {blocks}, a fresh process each")
        screen.print(f"time    {estimates.sentence(forecast)}\n")
        outcome = perform(plan, db=db, console=screen, lock_fd=lock_fd, forecast=forecast)
    cells = report(outcome, db, as_json=as_json)
    leave(exit_code(outcome, cells))


def _usual_engines() -> tuple[str, ...]:
    """
    llama.cpp everywhere; on a Mac with an Apple chip MLX beside it, which is what such a machine is asked about.

    MLX on Linux computes on one core, to develop with: it is measured when it is asked for.
    """
    import platform
    import sys

    from runners import registry

    is_apple_chip = sys.platform == "darwin" and platform.machine() == "arm64"
    if is_apple_chip and registry.load("mlx").unavailable_because() is None:
        return ("llama_cpp", "mlx")
    return ("llama_cpp",)


def _introduce(screen: Any, chosen: Sequence[str]) -> None:
    """Who we are, what this machine is, and whether the engines work at all."""
    from collector import provenance
    from collector.doctor import engines
    from runners import device

    machine = device.snapshot()
    memory = f"{(machine.memory_bytes or 0) / (1 << 30):.0f} GiB"
    words = [machine.name, memory, f"{machine.os_name} {machine.os_version or ''}".strip()]
    if machine.is_virtual:
        words.append("virtual machine")
    screen.print(f"phibench {provenance.version()} · this machine: {', '.join(words)}")
    for finding in engines.examine(machine, is_fresh=False):
        if finding.is_blocking:
            raise PhibenchError(finding.message, finding.remedy)
        if finding.message.startswith(tuple(chosen)):
            screen.print(f"engine  {finding.message}")


def _is_tight(chosen: Sequence[str]) -> bool:
    """Whether the full-size pair would be too much for this machine; says so."""
    import shutil

    from collector import models
    from collector.numbers import size
    from runners import device

    folder = models.cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    present = {(ref.model, ref.quant) for ref in models.local()}
    missing = [e for e in chosen if any((name, models.default_quant(e)) not in present for name in FULL)]
    free = {
        "memory": (device.available_memory_bytes(), LEAST_FREE_BYTES),
        "disk": (shutil.disk_usage(folder).free if missing else None, LEAST_FREE_BYTES * len(missing)),
    }
    short = {name: pair for name, pair in free.items() if pair[0] is not None and pair[0] < pair[1]}
    for name, (n_bytes, wanted) in short.items():
        warn(f"{size(n_bytes)} of {name} are free, {size(wanted)} are wanted: measuring two smaller models")
    return bool(short)


def _plan(chosen: Sequence[str], engines: Sequence[str], n_blocks: int, screen: Any) -> Any:
    from dataclasses import replace

    from collector import suite
    from collector.cli._perform import synthesis_progress
    from collector.plan import arm_specs, make_plan

    quick = replace(suite.load("quick"), n_blocks=n_blocks)
    with synthesis_progress(screen) as on_progress:
        plan = make_plan(
            quick,
            arm_specs(quick, model_names=chosen, engines=engines),
            seed=secrets.randbelow(1 << 31),
            on_progress=on_progress,
        )
    baseline = next((a for a in plan.arms if a.model.model == chosen[1] and a.engine == engines[0]), None)
    for arm in plan.arms:
        size = f"{(arm.model.n_bytes or 0) / (1 << 30):.2f} GiB"
        weights = "random weights: speed is real, text is not" if arm.model.is_synthetic else "real weights"
        role = "the baseline" if arm is baseline and arm.model.is_synthetic else weights
        screen.print(f"models  {arm.label:<24} {size:>9}  {role}")
    return plan
