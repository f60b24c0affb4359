"""
Real weights from a model hub: which files stand for a model, fetched whole, checked, and never run.

Of a repository only weights (safetensors, GGUF), JSON and tokenizer files are fetched, by name. No pickle, no Python:
what comes with a model cannot run here, and nothing that loads a model is told to trust it.
"""

import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from collector import catalog, numbers
from collector.catalog import CatalogModel, PublishedFile
from collector.errors import PhibenchError, UsageError
from collector.models import fetch, formats, hub, mlx_folder, offered, pulled
from collector.models.formats import ENGINES
from collector.models.hub import Hub, RemoteFile, Repository
from collector.models.pulled import Pulled
from runners.contract import ModelRef, ModelShape
from runners.errors import FailureKind, ModelError

OnProgress = Callable[[int, int], None]
DEFAULT_REVISION = "main"
_ROOM_BYTES = 64 << 20
_SHAPE = ("n_layers", "n_embd", "n_ff", "n_heads", "n_kv_heads", "context_length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person wants: ``model`` is a catalogue id or a repository; None is left to the catalogue or the hub."""

    model: str
    engine: str | None = None
    quant: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What will be fetched: files of one commit, ``n_missing_bytes`` of which are not here yet; ``quant`` as asked."""

    model: str
    format: str
    repository: Repository
    files: tuple[RemoteFile, ...]
    n_missing_bytes: int
    entry: CatalogModel | None = None
    quant: str | None = None

    @property
    def n_bytes(self) -> int:
        """Of all files."""
        return sum(file.n_bytes for file in self.files)


def choose(asked: Asked, at: Hub) -> Chosen:
    """
    The files that stand for what was asked; the hub is asked, nothing is fetched.

    Raises:
        UsageError: an unknown name, no published file, or several formats: which the repository has.
        ModelError: the hub's file is not the one that the catalogue knows.
        RunnerError: as ``hub.explained``. PhibenchError: too little room on the disk.
    """
    if asked.engine is not None and asked.engine not in ENGINES:
        raise UsageError(f"no weights are pulled for {asked.engine!r}", f"engines: {', '.join(ENGINES)}")
    entry = catalog.find(asked.model) if "/" not in asked.model else None
    known = _published(entry, asked) if entry else None
    repo = known.repo if known else asked.model
    revision = asked.revision or (known.revision if known else None) or DEFAULT_REVISION
    repository = hub.read(at, repo, revision)
    format_ = known.format if known else offered.format_of(repository, asked.engine)
    if format_ == formats.GGUF:
        listed = offered.gguf(repository, known.file if known else None, asked.quant)
    else:
        listed = offered.folder(repository, asked.quant)
    files = tuple(hub.complete(at, repository, file) for file in listed)
    if known and asked.revision in {None, known.revision}:
        _check_known(known, files[0], repository)
    missing = sum(file.n_bytes - fetch.present_bytes(at, repository, file) for file in files)
    _check_room(at.cache, missing, repository.id)
    return Chosen(
        model=entry.id if entry else repo,
        format=format_,
        repository=repository,
        files=files,
        n_missing_bytes=missing,
        entry=entry,
        quant=asked.quant,
    )


def bring(chosen: Chosen, at: Hub, root: Path, on_progress: OnProgress) -> tuple[Pulled, ModelRef]:
    """
    Fetch what was chosen, read it as a model and remember it below ``root``, the models' folder.

    Raises:
        ModelError: it arrived damaged, or is another model than its name says. Others as ``fetch.fetch``.
    """
    n_before = 0
    for file in chosen.files:
        done = n_before
        fetch.fetch(at, chosen.repository, file, lambda n, done=done: on_progress(done + n, chosen.n_bytes))  # type: ignore[misc]
        if file.name == "config.json" and chosen.format == formats.MLX:
            where = fetch.pointer(at, chosen.repository, file.name).parent
            _check_quant(mlx_folder.read_config(where)[1], chosen)  # before gigabytes follow
        n_before += file.n_bytes
        on_progress(n_before, chosen.n_bytes)
    first = fetch.pointer(at, chosen.repository, chosen.files[0].name)
    record = Pulled(
        model=chosen.model,
        format=chosen.format,
        quant="unknown",
        repo=chosen.repository.id,
        commit=chosen.repository.commit,
        files=tuple(file.name for file in chosen.files),
        path=str(first if chosen.format == formats.GGUF else first.parent),
        n_bytes=chosen.n_bytes,
        sha256=chosen.files[0].sha256 if len(chosen.files) == 1 else None,
    )
    ref = pulled.read(record)
    if chosen.entry is not None:
        _check_shape(chosen.entry, ref.shape, chosen)
    record = replace(record, quant=ref.quant)
    pulled.remember(root, record)
    return record, ref


def earlier(asked: Asked, root: Path) -> Pulled | None:
    """What was pulled before by the same wish and is still here: all that there is without a network."""
    wanted = None if asked.engine is None else ENGINES.get(asked.engine)
    for record in pulled.records(root):
        is_same = record.model == asked.model and wanted in {None, record.format}
        if is_same and asked.quant in {None, record.quant}:
            return record
    return None


def explain_licence(asked: Asked, at: Hub) -> str | None:
    """For a model whose owner asks to accept a licence: where; the files may come from somebody who does not ask."""
    entry = catalog.models().get(asked.model)
    if entry is None or not entry.is_gated:
        return None
    return f"{entry.licence}: its owner asks you to accept it first, at {hub.page(at, entry.hf_repo)}"


def _published(entry: CatalogModel, asked: Asked) -> PublishedFile:
    """
    The catalogue's file for an engine and a format.

    Raises:
        UsageError: none is known, or several and none was named. ModelError: the engine cannot run the model.
    """
    if asked.engine is not None:
        catalog.refuse(entry.id, asked.engine)
    fitting = [f for f in entry.files if asked.engine in {None, f.engine}]
    if not fitting:
        for_engine = f" for {asked.engine}" if asked.engine else ""
        raise UsageError(
            f"the catalogue knows no published file of {entry.id}{for_engine}",
            "name a repository: phibench models pull ORGANISATION/NAME; or phibench models synth " + entry.id,
        )
    quant = None if asked.quant is None else asked.quant.lower()
    engine = asked.engine or next((f.engine for f in fitting if f.quant == quant), fitting[0].engine)
    fitting = [f for f in fitting if f.engine == engine]
    if quant is not None:
        named = [f for f in fitting if f.quant == quant]
        if not named:
            raise _not_published(entry, engine, quant, fitting)
        fitting = named
    if len(fitting) > 1:
        have = ", ".join(str(f.quant) for f in fitting)
        raise UsageError(
            f"{entry.id} is published for {engine} as {have}",
            f"phibench models pull {entry.id} --engine {engine} --quant {fitting[0].quant}",
        )
    return fitting[0]


def _not_published(entry: CatalogModel, engine: str, quant: str, fitting: list[PublishedFile]) -> UsageError:
    """A format that the engine does not read is refused; one that it reads may be in the repository all the same."""
    if quant in formats.QUANTS:
        formats.check_quant(quant, engine)
    have = ", ".join(str(f.quant) for f in fitting)
    remedy = f"phibench models pull {fitting[0].repo} --quant {quant}"
    if formats.format_of_engine(engine) == formats.MLX:  # one repository each
        remedy = f"phibench models pull {entry.id} --engine {engine} --quant {fitting[0].quant}"
    return UsageError(f"the catalogue knows no {quant} of {entry.id} for {engine}; it knows {have}", remedy)


def _check_quant(config: Mapping[str, Any], chosen: Chosen) -> None:
    """What an MLX model says of its packing must be what was asked for; most say it, and the rest is taken."""
    said = config.get("quantization")
    if chosen.quant is None or not isinstance(said, dict) or said.get("mode", "affine") != "affine":
        return
    if not {"bits", "group_size"} <= said.keys():
        return
    found = f"mlx_{said['bits']}bit_g{said['group_size']}"
    if found != chosen.quant.lower():
        raise ModelError(
            FailureKind.UNSUPPORTED,
            f"{chosen.repository.id} is {found}, not {chosen.quant}",
            f"phibench models pull {chosen.repository.id} --engine mlx",
        )


def _under_its_own_name(repository: Repository, form: str, file: RemoteFile) -> str:
    """The command that takes the same files as what the repository calls them."""
    named = f" --quant {shlex.quote(file.name)}" if form == formats.GGUF else ""
    return f"phibench models pull {repository.id} --engine {formats.engine_of_format(form)}{named}"


def _check_known(known: PublishedFile, file: RemoteFile, repository: Repository) -> None:
    """The hub must announce what the catalogue knows, where it knows it; nothing has been fetched yet."""
    wrong = None
    if known.n_bytes is not None and known.is_verified and file.n_bytes != known.n_bytes:
        wrong = f"{file.n_bytes:,} bytes, the catalogue {known.n_bytes:,}"
    elif known.sha256 is not None and file.sha256 is not None and file.sha256 != known.sha256:
        wrong = f"sha256 {file.sha256[:12]}…, the catalogue {known.sha256[:12]}…"
    if wrong is not None:
        command = f"{_under_its_own_name(repository, known.format, file)} --revision {repository.commit}"
        raise ModelError(
            FailureKind.MODEL_INVALID,
            f"{repository.id}/{file.name} is not the file that the catalogue knows: the hub says {wrong}",
            f"to take it as it is: {command}",
        )


def _check_shape(entry: CatalogModel, shape: ModelShape | None, chosen: Chosen) -> None:
    """A file under the name of a model has its shape, or every comparison under that name would be wrong."""
    if shape is None:
        return
    for name in _SHAPE:
        expected, found = getattr(entry.shape, name), getattr(shape, name)
        if expected != found:
            raise ModelError(
                FailureKind.MODEL_INVALID,
                f"{chosen.repository.id} holds another model than {entry.id}: {name} is {found}, not {expected}",
                f"use it under its own name: {_under_its_own_name(chosen.repository, chosen.format, chosen.files[0])}",
            )


def _check_room(cache: Path, n_missing_bytes: int, repo: str) -> None:
    folder = next((path for path in (cache, *cache.parents) if path.exists()), cache)
    free = shutil.disk_usage(folder).free
    if n_missing_bytes and free < n_missing_bytes + _ROOM_BYTES:
        short = n_missing_bytes + _ROOM_BYTES - free
        raise PhibenchError(
            f"{repo} takes {numbers.size(n_missing_bytes)} more in {cache}, where {numbers.size(free)} are free: "
            f"{numbers.size(short)} are missing",
            "free some room (phibench models rm MODEL), or set HF_HUB_CACHE to a folder on another disk",
        )
