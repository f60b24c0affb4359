"""`phibench models pull`: real weights from a model hub."""

import shlex
from typing import Any

import click

from collector.cli._common import echo_json, json_option, quiet_option


@click.command("pull")
@click.argument("model")
@click.option("--engine", metavar="E", help="llama_cpp (a GGUF) or mlx (a folder); default: what is published.")
@click.option("--quant", metavar="Q", help="The format, where there are several; without it they are listed.")
@click.option("--revision", metavar="R", help="Branch, tag or commit instead of the one that the catalogue pins.")
@json_option
@quiet_option
def pull(
    model: str, *, engine: str | None, quant: str | None, revision: str | None, as_json: bool, is_quiet: bool
) -> None:
    """
    Fetch the real weights of MODEL: a catalogue id, or ORGANISATION/NAME on the hub.

    A download that broke off goes on where it stopped; size and sha256 are checked. Only weights, JSON and tokenizer
    files are fetched, and no code that comes with a model is run. `HF_ENDPOINT`, `HF_HUB_CACHE` and `HF_TOKEN` count.
    """
    from collector.cli._output import console
    from collector.models import cache_dir, hub
    from collector.models import pull as pulling
    from runners.errors import RunnerUnavailable

    screen = console(is_stderr=as_json, is_quiet=is_quiet)
    at = hub.here()
    asked = pulling.Asked(model=model, engine=engine, quant=quant, revision=revision)
    licence = pulling.explain_licence(asked, at)
    if licence:
        screen.print(f"licence {licence}", soft_wrap=True)
    try:
        chosen = pulling.choose(asked, at)
    except RunnerUnavailable as exc:
        before = pulling.earlier(asked, cache_dir())
        if before is not None:
            exc.remedy = f"it was pulled before and is here: {_command(before)}\n{exc.remedy}"
        raise
    _announce(screen, chosen, hub.host(at))
    with _progress(screen) as on_progress:
        record, ref = pulling.bring(chosen, at, cache_dir(), on_progress)
    if as_json:
        echo_json("pulled", {"pulled": record, "model_ref": ref})
    else:
        _conclude(screen, record)


def _announce(screen: Any, chosen: Any, host: str) -> None:
    from collector import numbers

    repository = chosen.repository
    names = chosen.files[0].name if len(chosen.files) == 1 else numbers.count(len(chosen.files), "file")
    screen.print(f"from    {repository.id} on {host}, commit {repository.commit}", soft_wrap=True)
    screen.print(
        f"fetch   {names}, {numbers.size(chosen.n_bytes)}; {numbers.size(chosen.n_missing_bytes)} of it missing here",
        soft_wrap=True,
    )


def _conclude(screen: Any, record: Any) -> None:
    from collector.paths import shown

    screen.print(f"here    {record.model} {record.quant}: {shown(record.path)}", soft_wrap=True)
    screen.print(f"next    {_command(record)}", soft_wrap=True)


def _command(record: Any) -> str:
    """A model of the catalogue is measured by its name, any other by its path."""
    from collector.models.formats import engine_of_format

    model = shlex.quote(record.path) if "/" in record.model else f"{record.model} --quant {record.quant}"
    return f"phibench run quick --engine {engine_of_format(record.format)} --model {model}"


def _progress(screen: Any) -> Any:
    """A callback (bytes done, bytes in all) that draws a bar with rate and time left."""
    from contextlib import contextmanager

    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    @contextmanager
    def drawing() -> Any:
        columns = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
            task = progress.add_task("fetching", total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    return drawing()
