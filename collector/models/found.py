"""
Models that other programs keep on this machine: the hub's cache, Ollama's and LM Studio's folders. Read, never changed.

Found by where they lie and how they begin, so that a list is quick; whether such a file is a whole model is said when
it is used, by path.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.models import formats

HUB, OLLAMA, LM_STUDIO = "hub cache", "Ollama", "LM Studio"
_MAGIC = b"GGUF"
_OLLAMA_WEIGHTS = "application/vnd.ollama.image.model"
_SERVICE = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps models that its service on Linux fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One model of another program: whose, under which name, and what to give as ``--model``."""

    source: str
    name: str
    format: str
    path: str
    n_bytes: int


def search(*, leave_out: Iterable[str] = ()) -> list[Found]:
    """Every model that is found, by source and name; paths in ``leave_out`` are known already."""
    seen = {os.path.realpath(path) for path in leave_out}
    found = []
    for one in (*in_hub_cache(hub_cache()), *_in_ollama(), *_in_lm_studio()):
        real = os.path.realpath(one.path)
        if real not in seen:
            seen.add(real)
            found.append(one)
    return found


def hub_cache() -> Path:
    """
    The hub's cache, as huggingface_hub finds it.

    Source:
        huggingface_hub 2.4.0, constants.py; asked here without the half second that importing it takes.
    """
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if given:
        return Path(os.path.expandvars(given)).expanduser()
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or str(Path(general) / "huggingface")
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def in_hub_cache(cache: Path) -> Iterator[Found]:
    """The newest snapshot's first: models--ORGANISATION--NAME/snapshots/COMMIT/."""
    for repository in _folders(cache, "models--*"):
        name = repository.name.removeprefix("models--").replace("--", "/")
        for snapshot in _folders(repository / "snapshots", "*"):
            yield from _models_in(snapshot, HUB, name)


def _in_ollama() -> Iterator[Found]:
    given = os.environ.get("OLLAMA_MODELS")
    for root in [Path(given)] if given else [Path.home() / ".ollama" / "models", _SERVICE]:
        yield from in_ollama(root)


def in_ollama(root: Path) -> Iterator[Found]:
    """
    By manifests/HOST/NAMESPACE/MODEL/TAG, JSON that names the blob with the weights, which is a GGUF.

    Source:
        ollama server/manifest.go and server/modelpath.go: layers by media type, blobs/sha256-DIGEST.
    """
    manifests = root / "manifests"
    for path in _sorted(manifests, "*/*/*/*"):
        digest = _weights(path)
        if digest is None:
            continue
        blob = root / "blobs" / digest.replace(":", "-")
        _, namespace, model, tag = path.relative_to(manifests).parts
        own = "" if namespace == "library" else f"{namespace}/"
        yield from _gguf(blob, OLLAMA, f"{own}{model}:{tag}")


def _in_lm_studio() -> Iterator[Found]:
    for root in (Path.home() / ".lmstudio" / "models", Path.home() / ".cache" / "lm-studio" / "models"):
        yield from in_lm_studio(root)


def in_lm_studio(root: Path) -> Iterator[Found]:
    """PUBLISHER/NAME/ with GGUF files or the files of an MLX model."""
    for folder in _folders(root, "*/*"):
        yield from _models_in(folder, LM_STUDIO, f"{folder.parent.name}/{folder.name}")


def _models_in(folder: Path, source: str, name: str) -> Iterator[Found]:
    for path in _sorted(folder, "**/*.gguf"):
        if "mmproj" not in path.name.lower():
            yield from _gguf(path, source, f"{name}/{path.name}")
    n_bytes = _quantised_bytes(folder)
    if n_bytes:
        yield Found(source=source, name=name, format=formats.MLX, path=str(folder), n_bytes=n_bytes)


def _gguf(path: Path, source: str, name: str) -> Iterator[Found]:
    with contextlib.suppress(OSError), path.open("rb") as file:
        if file.read(len(_MAGIC)) == _MAGIC:
            n_bytes = os.fstat(file.fileno()).st_size
            yield Found(source=source, name=name, format=formats.GGUF, path=str(path), n_bytes=n_bytes)


def _quantised_bytes(folder: Path) -> int | None:
    """Bytes of the shards of a folder whose configuration has MLX's quantisation; None for any other folder."""
    config = _json(folder / "config.json")
    if not isinstance(config, dict) or not isinstance(config.get("quantization"), dict):
        return None
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in folder.glob("model*.safetensors"))
    return None


def _weights(manifest: Path) -> str | None:
    said = _json(manifest)
    layers = said.get("layers") if isinstance(said, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict) and layer.get("mediaType") == _OLLAMA_WEIGHTS:
            digest = layer.get("digest")
            return digest if isinstance(digest, str) and "/" not in digest else None
    return None


def _json(path: Path) -> Any:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None


def _folders(root: Path, pattern: str) -> list[Path]:
    return [path for path in _sorted(root, pattern) if os.path.isdir(path)]  # noqa: PTH112  # never raises


def _sorted(root: Path, pattern: str) -> list[Path]:
    """What is there; a folder that may not be read has nothing for us."""
    with contextlib.suppress(OSError):
        return sorted(root.glob(pattern))
    return []
