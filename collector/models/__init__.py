"""
Models on this machine: pulled, synthesised, found in the cache folder, or given by path.

A GGUF is one file, an MLX model a folder; the engine decides which of the two a catalogue model is. What is there is
read, not guessed; what is written here carries ``synthetic`` and is used again. Real weights that were pulled are used
before synthetic ones: ``real`` is the one place that says which.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from collector import catalog
from collector.errors import UsageError
from collector.models import artifact, disk, formats, mlx_artifact, pulled, synth_gguf, synth_mlx
from collector.models.formats import (
    DEFAULT_QUANT,
    ENGINES,
    QUANTS,
    QUANTS_OF,
    check_quant,
    default_quant,
    engine_of_format,
    format_of_engine,
)
from collector.models.gguf_header import read_header
from collector.models.recipe import Recipe
from collector.paths import cache_folder
from runners.contract import ModelRef, ModelShape
from runners.errors import FailureKind, ModelError

__all__ = [
    "DEFAULT_QUANT", "ENGINES", "QUANTS", "QUANTS_OF", "cache_dir", "check_path", "check_quant", "default_quant",
    "engine_of_format", "find_or_synthesise", "format_of_engine", "format_of_path", "from_path", "is_path", "local",
    "path_of", "real", "real_quants", "remove", "resolve", "size_bytes",
]  # fmt: skip

OnBytes = Callable[[int, int], None]
_PARTS = (".safetensors", ".json")


def cache_dir() -> Path:
    """Where models lie: ``PHIBENCH_MODELS``, or ``models`` in the cache folder."""
    override = os.environ.get("PHIBENCH_MODELS")
    return Path(override).expanduser() if override else cache_folder() / "models"


def is_path(model: str) -> bool:
    """Whether a model is given by path rather than by its name in the catalogue."""
    if model in catalog.models():
        return False
    return model.endswith(".gguf") or os.sep in model or os.path.lexists(model)


def format_of_path(path: str | Path) -> str:
    """The format that a path is taken for: an MLX model is a folder."""
    return formats.MLX if os.path.isdir(Path(path).expanduser()) else formats.GGUF  # noqa: PTH112  # never raises


def from_path(path: str | Path) -> ModelRef:
    """
    An artifact from a GGUF file or an MLX folder, by what it says of itself.

    Raises:
        ModelError: missing, damaged, of another kind, or no whole language model; says what it looks like.
    """
    place = Path(path).expanduser()
    if format_of_path(place) == formats.MLX:
        return mlx_artifact.from_folder(place)
    if place.suffix in _PARTS and os.path.isfile(place.parent / "config.json"):  # noqa: PTH113  # never raises
        message = f"{place.name} is one file of an MLX model, which is a folder"
        raise ModelError(FailureKind.MODEL_INVALID, message, f"give the folder: {place.parent}")
    return artifact.from_path(place)


def size_bytes(model_id: str, quant: str) -> int:
    """
    Exact bytes of a model's tensors in a format; nothing is written.

    Raises:
        UsageError: unknown format. ModelError: no such file of this architecture can be made.
    """
    check_quant(quant)
    return formats.tensor_bytes(_synthesisable(model_id, quant), quant)


def path_of(model_id: str, quant: str) -> Path:
    """Where a synthetic model lies, or would: a file or a folder."""
    ending = "" if formats.format_of(quant) == formats.MLX else ".gguf"
    return cache_dir() / "synthetic" / f"{model_id}-{quant}{ending}"


def find_or_synthesise(
    model_id: str, quant: str, on_progress: OnBytes | None = None, *, is_forced: bool = False
) -> ModelRef:
    """
    The synthetic model, written if it is not there, is damaged, or would be written otherwise today.

    Raises:
        PhibenchError: too little disk, folder not writable. UsageError, ModelError: unknown name or format.
    """
    check_quant(quant)
    model, shape = catalog.find(model_id), _synthesisable(model_id, quant)
    recipe = Recipe(model=model_id, name=f"{model.name} (synthetic)", shape=shape, quant=quant, rope=dict(model.rope))
    path = path_of(model_id, quant)
    found = None if is_forced else _current(path, recipe)
    if found is not None:
        return found
    write = synth_mlx.write_recipe if formats.format_of(quant) == formats.MLX else synth_gguf.write_recipe
    write(path, recipe, on_progress)
    return from_path(path)


def resolve(model: str, quant: str | None, engine: str, on_progress: OnBytes | None = None) -> ModelRef:
    """
    The artifact for an arm: a file or folder by path, else the catalogue's model, as it was pulled or synthesised.

    Raises:
        UsageError, ModelError, PhibenchError: as the functions above.
    """
    if is_path(model):
        check_path(model, engine)
        return from_path(model)
    catalog.refuse(model, engine)
    found = real(model, quant, engine)
    if found is not None:
        return found
    wanted = quant or default_quant(engine)
    check_quant(wanted, engine)
    return find_or_synthesise(model, wanted, on_progress)


def real(model: str, quant: str | None, engine: str) -> ModelRef | None:
    """
    The weights that were pulled for a model of the catalogue; without a quant those of 4 bits.

    They go before any synthetic ones, which are had by path where both are there.

    Raises:
        ModelError: they are damaged by now.
    """
    return pulled.find(cache_dir(), model, quant, engine)


def real_quants(model: str, engine: str) -> list[str]:
    """The formats in which a model's weights were pulled for an engine, the newest first."""
    return pulled.quants(cache_dir(), model, engine)


def check_path(path: str | Path, engine: str) -> None:
    """
    Refuse a file or folder whose format the engine does not read.

    Raises:
        ModelError: unsupported; the remedy names the engine that does. Whatever ``from_path`` says of what is none.
    """
    form = format_of_path(path)
    if form == format_of_engine(engine):
        return
    from_path(path)
    kind = {formats.GGUF: "a GGUF file", formats.MLX: "a folder, as MLX models are"}
    message = f"{engine} cannot run {path}: it is {kind[form]}"
    raise ModelError(FailureKind.UNSUPPORTED, message, f"--engine {engine_of_format(form)}")


def local() -> list[ModelRef]:
    """Every readable model that was pulled, and in the cache folder, by name; a damaged one is left out."""
    found = pulled.local(cache_dir())
    for path in sorted([*cache_dir().glob("**/*.gguf"), *_mlx_folders(cache_dir())]):
        try:
            found.append(from_path(path))
        except ModelError:
            continue
    return found


def remove(model_id: str, quant: str | None = None) -> int:
    """
    Delete synthetic files of a model, one format or all; bytes that were freed.

    Raises:
        UsageError: there is none, or no such model or format.
    """
    catalog.find(model_id)
    if quant is not None:
        check_quant(quant)
    paths = [p for q in ((quant,) if quant else QUANTS) if (p := path_of(model_id, q)).exists()]
    freed = disk.sweep(path_of(model_id, DEFAULT_QUANT).parent, f"{model_id}-")
    if not paths and not freed:
        raise UsageError(f"no {model_id} {quant or ''}".rstrip() + " is here", "phibench models list")
    return freed + sum(disk.remove(path) for path in paths)


def _mlx_folders(root: Path) -> Iterator[Path]:
    """Folders with a configuration; those of writers at work begin with a dot and are none yet."""
    for config in root.glob("**/config.json"):
        if not config.parent.name.startswith("."):
            yield config.parent


def _synthesisable(model_id: str, quant: str) -> ModelShape:
    shape = catalog.find(model_id).shape
    formats.check_writable(model_id, shape, quant)
    return shape


def _current(path: Path, recipe: Recipe) -> ModelRef | None:
    """The artifact, if it is whole and says that it was made by this very recipe."""
    try:
        said = mlx_artifact.recipe_of(path) if path.is_dir() else read_header(path).metadata.get("phibench.recipe")
        return from_path(path) if said == recipe.digest else None
    except ModelError:
        return None
