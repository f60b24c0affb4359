"""`phibench models`: what there is, what fits here, writing and removing synthetic ones."""

from typing import Any

import click

from collector.cli._common import echo_json, json_option, quiet_option
from collector.cli._pull import pull


@click.group()
def models() -> None:
    """List, show, pull, synthesise and remove models."""


models.add_command(pull)


@models.command("list")
@click.option("--engine", metavar="E", help="Only what this engine runs.")
@click.option("--found", "is_found", is_flag=True, help="Only what other programs have here, to be used by path.")
@json_option
def list_models(*, engine: str | None, is_found: bool, as_json: bool) -> None:
    """List the models, their sizes, what fits in this machine's memory, what is present, what other programs have."""
    from collector.cli import _found
    from collector.cli import _models as shown
    from collector.cli._output import console

    screen = console()
    rows = [] if is_found else shown.overview(engine)
    if as_json:
        echo_json("found" if is_found else "models", _found.found(engine) if is_found else rows)
        return
    if not is_found:
        shown.print_overview(screen, rows)
    _found.print_found(screen, _found.found(engine), is_all=is_found)


@models.command("show")
@click.argument("model")
@json_option
def show_model(model: str, *, as_json: bool) -> None:
    """Show one model: MODEL is a catalogue id, the path of a GGUF or the folder of an MLX model."""
    from collector import catalog
    from collector import models as present
    from collector.cli import _models as shown
    from collector.cli._output import console

    found: Any = present.from_path(model) if present.is_path(model) else catalog.find(model)
    if as_json:
        echo_json("model", found)
    else:
        shown.print_model(console(), found)


@models.command("synth")
@click.argument("model")
@click.option("--engine", metavar="E", help="Write it for this engine: llama_cpp (GGUF) or mlx.  [default: llama_cpp]")
@click.option("--quant", metavar="Q", help="q4_0 (default), q4_k_m, q8_0, f16; for mlx mlx_4bit_g64.")
@click.option("--force", "is_forced", is_flag=True, help="Write it again even if it is there.")
@json_option
@quiet_option
def synth(model: str, *, engine: str | None, quant: str | None, is_forced: bool, as_json: bool, is_quiet: bool) -> None:
    """
    Write MODEL in full size with random weights.

    Its speed and its memory are those of the real model in that format; its text means nothing, and it says so in
    every table.
    """
    from collector import models as present
    from collector.cli import _models
    from collector.cli._output import console
    from collector.cli._perform import synthesis_progress
    from collector.paths import shown

    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    quant = _models.quant_to_write(model, engine, quant)
    label = f"{model} {quant}"
    with synthesis_progress(screen) as on_progress:
        ref = present.find_or_synthesise(
            model, quant, lambda done, total: on_progress(label, done, total), is_forced=is_forced
        )
    if as_json:
        echo_json("model_ref", ref)
    else:
        screen.print(f"{label}: {shown(str(ref.path))}", soft_wrap=True)


@models.command("rm")
@click.argument("model")
@click.option("--quant", metavar="Q", help="Only this format.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@quiet_option
def remove_model(model: str, *, quant: str | None, is_sure: bool, is_quiet: bool) -> None:
    """Remove the synthetic files of MODEL."""
    from collector import catalog
    from collector import models as present
    from collector.numbers import size

    catalog.find(model)
    if quant is not None:
        present.check_quant(quant)
    if not is_sure:
        click.confirm(f"Remove {model} {quant or 'in every format'} from {present.cache_dir()}?", abort=True)
    freed = present.remove(model, quant)
    if not is_quiet:
        click.echo(f"freed {size(freed)}")
