"""
Models on this machine: synthesised, found in the cache folder, or given by path.

A file's metadata is read, not guessed; what is written here carries ``synthetic`` and is used again.
"""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from collector import catalog
from collector.errors import UsageError
from collector.models import layout
from collector.models.artifact import from_path
from collector.models.gguf_header import read_header
from collector.models.layout import QUANTS
from collector.models.recipe import Recipe
from collector.models.synth_gguf import sweep, write_recipe
from collector.paths import cache_folder
from runners.contract import ModelRef, ModelShape
from runners.errors import FailureKind, ModelError

__all__ = [
    "QUANTS", "cache_dir", "find_or_synthesise", "from_path", "is_path", "local", "path_of", "remove", "resolve",
    "size_bytes",
]  # fmt: skip

DEFAULT_QUANT = "q4_0"
OnBytes = Callable[[int, int], None]


def cache_dir() -> Path:
    """Where models lie: ``PHIBENCH_MODELS``, or ``models`` in the cache folder."""
    override = os.environ.get("PHIBENCH_MODELS")
    return Path(override).expanduser() if override else cache_folder() / "models"


def is_path(model: str) -> bool:
    """Whether a model is given by path rather than by its name in the catalogue."""
    if model in catalog.models():
        return False
    return model.endswith(".gguf") or os.sep in model or Path(model).is_file()


def size_bytes(model_id: str, quant: str) -> int:
    """
    Exact bytes of a model's tensors in a format; nothing is written.

    Raises:
        UsageError: unknown format. ModelError: no GGUF of this architecture can be made.
    """
    check_quant(quant)
    return layout.tensor_bytes(_synthesisable(model_id), quant)


def path_of(model_id: str, quant: str) -> Path:
    """Where a synthetic model lies, or would."""
    return cache_dir() / "synthetic" / f"{model_id}-{quant}.gguf"


def find_or_synthesise(
    model_id: str, quant: str, on_progress: OnBytes | None = None, *, is_forced: bool = False
) -> ModelRef:
    """
    The synthetic model, written if it is not there, is damaged, or would be written otherwise today.

    Raises:
        PhibenchError: too little disk, folder not writable. UsageError, ModelError: unknown name or format.
    """
    check_quant(quant)
    model, shape = catalog.find(model_id), _synthesisable(model_id)
    recipe = Recipe(model=model_id, name=f"{model.name} (synthetic)", shape=shape, quant=quant, rope=dict(model.rope))
    path = path_of(model_id, quant)
    found = None if is_forced else _current(path, recipe)
    if found is not None:
        return found
    write_recipe(path, recipe, on_progress)
    return from_path(path)


def resolve(model: str, quant: str | None, engine: str, on_progress: OnBytes | None = None) -> ModelRef:
    """
    The artifact for an arm: a file by path, else the catalogue's model, synthesised if need be.

    Raises:
        UsageError, ModelError, PhibenchError: as the functions above.
    """
    if is_path(model):
        return from_path(model)
    catalog.refuse(model, engine)
    return find_or_synthesise(model, quant or DEFAULT_QUANT, on_progress)


def local() -> list[ModelRef]:
    """Every readable model in the cache folder, by name; a damaged one is left out."""
    found = []
    for path in sorted(cache_dir().glob("**/*.gguf")):
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
    freed = sweep(path_of(model_id, DEFAULT_QUANT).parent, f"{model_id}-")
    if not paths and not freed:
        raise UsageError(f"no {model_id} {quant or ''}".rstrip() + " is here", "phibench models list")
    for path in paths:
        freed += path.stat().st_size
        path.unlink()
    return freed


def check_quant(quant: str) -> None:
    """
    Refuse a format that cannot be synthesised.

    Raises:
        UsageError: with the nearest one.
    """
    if quant in QUANTS:
        return
    close = difflib.get_close_matches(quant.lower(), QUANTS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(QUANTS)}."
    raise UsageError(f"there is no format {quant!r}", hint)


def _synthesisable(model_id: str) -> ModelShape:
    shape = catalog.find(model_id).shape
    if shape.architecture not in layout.ARCHITECTURES:
        raise ModelError(
            FailureKind.UNSUPPORTED,
            f"{model_id} cannot be written as GGUF: llama.cpp has no {shape.architecture} architecture",
            "models that can: phibench models list --engine llama_cpp",
        )
    return shape


def _current(path: Path, recipe: Recipe) -> ModelRef | None:
    """The file, if it is whole and says that it was made by this very recipe."""
    try:
        if read_header(path).metadata.get("phibench.recipe") != recipe.digest:
            return None
        return from_path(path)
    except ModelError:
        return None
