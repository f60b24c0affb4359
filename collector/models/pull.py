"""
Real weights from a model hub: which files stand for a model, fetched whole, checked, and never run.

Of a repository only weights (safetensors, GGUF), JSON and tokenizer files are fetched, by name. No pickle, no Python:
what comes with a model cannot run here, and nothing that loads a model is told to trust it.
"""

import fnmatch
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from collector import catalog, numbers
from collector.catalog import CatalogModel, PublishedFile
from collector.errors import PhibenchError, UsageError
from collector.models import fetch, hub, mlx_folder, pulled
from collector.models.formats import ENGINES
from collector.models.hub import Hub, Listed, RemoteFile, Repository
from collector.models.pulled import Pulled
from runners.contract import ModelRef, ModelShape
from runners.errors import FailureKind, ModelError

OnProgress = Callable[[int, int], None]
TOKENIZER_FILES = ("tokenizer.model", "*.tiktoken", "merges.txt", "vocab.txt")
_SHARDS = "model*.safetensors"
ALLOWED = (_SHARDS, "*.json", *TOKENIZER_FILES)
"""Of an MLX model, in the repository's root; of a GGUF its one file is fetched."""
DEFAULT_REVISION = "main"
_ROOM_BYTES = 64 << 20
_QUANT = re.compile(r"(?<![a-z0-9])(i?q\d(?:_[0-9a-z]+)*|bf16|fp16|f16|f32)(?![a-z0-9])", re.IGNORECASE)
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
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
    """What will be fetched: files of one commit, ``n_missing_bytes`` of which are not here yet."""

    model: str
    format: str
    repository: Repository
    files: tuple[RemoteFile, ...]
    n_missing_bytes: int
    entry: CatalogModel | None = None

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
    format_ = known.format if known else _format(repository, asked.engine)
    listed = _gguf(repository, known, asked) if format_ == "gguf" else _folder(repository)
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
        if file.name == "config.json" and chosen.format == "mlx":
            mlx_folder.read_config(fetch.pointer(at, chosen.repository, file.name).parent)  # before gigabytes follow
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
        path=str(first if chosen.format == "gguf" else first.parent),
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
    engine = asked.engine or fitting[0].engine
    fitting = [f for f in fitting if f.engine == engine]
    if asked.quant is not None:
        named = [f for f in fitting if f.quant == asked.quant.lower()]
        if not named:
            have = ", ".join(str(f.quant) for f in fitting)
            raise UsageError(
                f"the catalogue knows no {asked.quant} of {entry.id} for {engine}; it knows {have}",
                f"phibench models pull {fitting[0].repo} --quant {asked.quant} looks into the repository itself",
            )
        fitting = named
    if len(fitting) > 1:
        have = ", ".join(str(f.quant) for f in fitting)
        raise UsageError(
            f"{entry.id} is published for {engine} as {have}",
            f"phibench models pull {entry.id} --engine {engine} --quant {fitting[0].quant}",
        )
    return fitting[0]


def _format(repository: Repository, engine: str | None) -> str:
    """GGUF where there is one, unless an engine was named."""
    names = {file.name for file in repository.files}
    has = {
        "gguf": any(name.endswith(".gguf") for name in names),
        "mlx": "config.json" in names and any(fnmatch.fnmatch(name, _SHARDS) and "/" not in name for name in names),
    }
    wanted = ENGINES[engine] if engine else next((name for name in has if has[name]), None)
    if wanted is None or not has[wanted]:
        kind = {"gguf": "no GGUF", "mlx": f"no config.json with {_SHARDS}", None: "neither a GGUF nor an MLX model"}[
            wanted
        ]
        other = next((name for name, form in ENGINES.items() if form != wanted and has[form]), None)
        remedy = f"phibench models pull {repository.id} --engine {other}" if other and wanted else "name another one"
        raise ModelError(FailureKind.UNSUPPORTED, f"{repository.id} holds {kind}; other files are not fetched", remedy)
    return wanted


def _gguf(repository: Repository, known: PublishedFile | None, asked: Asked) -> list[Listed]:
    """
    The one GGUF that was asked for.

    Raises:
        UsageError: there are several, or none in that format; lists what there is. ModelError: gone, or in parts.
    """
    present = [file for file in repository.files if file.name.endswith(".gguf")]
    whole = [file for file in present if not _PART.search(file.name) and "mmproj" not in file.name.lower()]
    if known is not None and known.file is not None:
        found = [file for file in whole if file.name == known.file]
        if not found:
            raise ModelError(
                FailureKind.MODEL_MISSING,
                f"{repository.id} no longer holds {known.file}; it holds {_names(whole)}",
                f"phibench models pull {repository.id} --quant Q",
            )
        return found
    found = whole if asked.quant is None else [f for f in whole if _is_quant(f.name, asked.quant)]
    if len(found) == 1:
        return found
    if not whole:
        raise ModelError(
            FailureKind.UNSUPPORTED,
            f"{repository.id} holds no GGUF in one piece ({len(present)} parts)",
            "name a repository that has it in one file",
        )
    what = "several files" if asked.quant is None or found else f"no {asked.quant}"
    best = _quant_of((found or whole)[0].name) or "Q"
    command = f"phibench models pull {repository.id} --quant {best}"
    raise UsageError(f"{repository.id} holds {what}: {_names(found or whole)}", command)


def _folder(repository: Repository) -> list[Listed]:
    """Weights that an MLX loader reads, JSON and tokenizer files, in the root."""
    root = [f for f in repository.files if "/" not in f.name and any(fnmatch.fnmatch(f.name, p) for p in ALLOWED)]
    shards = [file for file in root if fnmatch.fnmatch(file.name, _SHARDS)]
    others = [file for file in root if not file.name.endswith(".safetensors")]
    # the configuration comes before the weights: what it says may make them useless
    return sorted(others, key=lambda file: file.name) + sorted(shards, key=lambda file: file.name)


def _is_quant(name: str, quant: str) -> bool:
    return quant.lower() in {(_quant_of(name) or "").lower(), name.lower(), name.lower().removesuffix(".gguf")}


def _quant_of(name: str) -> str | None:
    found = _QUANT.findall(Path(name).stem)
    return found[-1] if found else None


def _names(files: list[Listed]) -> str:
    labels = []
    for file in sorted(files, key=lambda file: file.n_bytes or 0):
        size = f" ({numbers.size(file.n_bytes)})" if file.n_bytes else ""
        labels.append(f"{_quant_of(file.name) or file.name}{size}")
    return ", ".join(labels) or "no GGUF"


def _check_known(known: PublishedFile, file: RemoteFile, repository: Repository) -> None:
    """The hub must announce what the catalogue knows, where it knows it; nothing has been fetched yet."""
    wrong = None
    if known.n_bytes is not None and known.is_verified and file.n_bytes != known.n_bytes:
        wrong = f"{file.n_bytes:,} bytes, the catalogue {known.n_bytes:,}"
    elif known.sha256 is not None and file.sha256 is not None and file.sha256 != known.sha256:
        wrong = f"sha256 {file.sha256[:12]}…, the catalogue {known.sha256[:12]}…"
    if wrong is not None:
        raise ModelError(
            FailureKind.MODEL_INVALID,
            f"{repository.id}/{file.name} is not the file that the catalogue knows: the hub says {wrong}",
            f"to take it as it is: phibench models pull {repository.id} --revision {repository.commit}",
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
                f"use it under its own name: phibench models pull {chosen.repository.id}",
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
