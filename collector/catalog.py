"""
The models that phibench knows by name: shape, licence, source, what runs them, which files are published.

The data lies in ``data/catalog.json``; each parameter count is recomputed from its shape by a test.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from collector.errors import ModelNotFound
from runners.contract import ModelShape
from runners.errors import FailureKind, ModelError
from runners.wire import from_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Whether an engine runs a model, and why not, or with what catch."""

    is_supported: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file that is published for an engine; unknown parts are None. ``is_verified``: its name and size were read."""

    engine: str
    format: str
    repo: str
    quant: str | None = None
    file: str | None = None
    revision: str | None = None
    n_bytes: int | None = None
    sha256: str | None = None
    is_verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """
    One model.

    ``rope`` holds ``theta`` and, for a model with long rope factors, ``original_context``; ``engines`` is by engine.
    """

    id: str
    name: str
    family: str
    hf_repo: str
    licence: str
    is_gated: bool
    shape: ModelShape
    rope: Mapping[str, float | int] = field(default_factory=dict)
    engines: Mapping[str, Support] = field(default_factory=dict)
    files: tuple[PublishedFile, ...] = ()
    sources: tuple[str, ...] = ()
    note: str | None = None


@cache
def models() -> Mapping[str, CatalogModel]:
    """The whole catalogue by id, in its order."""
    text = resources.files("collector").joinpath("data", "catalog.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    found = [from_wire(CatalogModel, item) for item in data["models"]]
    return {model.id: model for model in found}


def find(model_id: str) -> CatalogModel:
    """
    One model by id.

    Raises:
        ModelNotFound: with the nearest id.
    """
    known = models()
    if model_id in known:
        return known[model_id]
    begun = [known_id for known_id in known if known_id.startswith(model_id.lower()) and model_id]
    close = begun or difflib.get_close_matches(model_id.lower(), known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}?" if close else "phibench models list shows them; a path works too."
    raise ModelNotFound(f"there is no model {model_id!r}", hint)


def refuse(model_id: str, engine: str) -> None:
    """
    Say no before anything is loaded.

    Raises:
        ModelError: unsupported: the engine cannot run this model; the remedy names one that can.
    """
    model = find(model_id)
    support = model.engines.get(engine)
    if support is None or support.is_supported:
        return
    others = [name for name, other in model.engines.items() if other.is_supported]
    able = f"{' and '.join(others)} can run it, where phibench has that engine;\n" if others else ""
    raise ModelError(
        FailureKind.UNSUPPORTED,
        f"{model_id} cannot run on {engine}: {support.reason}",
        f"{able}models that {engine} runs: phibench models list --engine {engine}",
    )
