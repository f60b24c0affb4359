"""
The files of an MLX model: its configuration, its shards, and whether they belong together.

mlx-lm takes every ``model*.safetensors`` of a folder and never reads the index; so do we, but an index that names a
shard whose tensors are nowhere tells a download that was cut.
"""

import json
import os
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.models.gguf_header import invalid
from collector.models.safetensors import Shard, Stored, read_shard
from runners.errors import FailureKind, ModelError

INDEX = "model.safetensors.index.json"
_MAX_JSON_BYTES = 64 << 20
_DROPPED = "rotary_emb.inv_freq"
"""Precomputed frequencies, which mlx-lm leaves out."""
_CONVERT = "convert it: mlx_lm.convert --hf-path FOLDER -q --q-bits 4 --q-group-size 64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder whose files can be read; ``config_bytes`` as they lie there."""

    path: Path
    config: Mapping[str, Any]
    config_bytes: bytes
    shards: tuple[Shard, ...]
    tensors: Mapping[str, Stored]

    @property
    def n_bytes(self) -> int:
        """Of all shards."""
        return sum(shard.n_file_bytes for shard in self.shards)

    @property
    def tensor_bytes(self) -> int:
        """Of the weights in them."""
        return sum(tensor.n_bytes for tensor in self.tensors.values())


def read_folder(path: Path) -> Folder:
    """
    Everything of a folder but the weights themselves.

    Raises:
        ModelError: model_missing; model_invalid with what is missing or damaged; unsupported.
    """
    content, config = read_config(path)
    shards = tuple(read_shard(file) for file in sorted(path.glob("model*.safetensors")))
    if not shards and not _may_be_read(path):
        raise _unreadable(path)
    if not shards:
        raise _no_weights(path)
    names = Counter(tensor.name for shard in shards for tensor in shard.tensors)
    twice = next((name for name, n in names.items() if n > 1), None)
    if twice is not None:
        where = [shard.path.name for shard in shards if any(t.name == twice for t in shard.tensors)]
        raise invalid(
            f"{path.name} holds the tensor {twice!r} twice, in {' and '.join(where)}", "remove what is not its own"
        )
    if not names:
        raise invalid(f"{path.name} holds no weights")
    _check_index(path, names)
    found = {tensor.name: tensor for shard in shards for tensor in shard.tensors}
    _check_quantisation(path, config, found)
    return Folder(path=path, config=config, config_bytes=content, shards=shards, tensors=found)


def read_json(path: Path) -> tuple[bytes, Mapping[str, Any]]:
    """
    A JSON object from a file of moderate size.

    Raises:
        ModelError: model_invalid: no file, too large, not JSON.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_JSON_BYTES:
            raise invalid(f"{name} is no configuration: no regular file, or far too large")
        content = path.read_bytes()
    except OSError as exc:
        raise invalid(f"{name} cannot be read: {exc.strerror or exc}") from exc
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise invalid(f"{name} is not JSON") from None
    if not isinstance(found, dict):
        raise invalid(f"{name} is no table of names and values")
    return content, found


def read_config(path: Path) -> tuple[bytes, Mapping[str, Any]]:
    """
    A model's configuration; its weights need not be there yet.

    Raises:
        ModelError: model_invalid: none, or not one of a model; unsupported: it needs code of its own.
    """
    if not os.path.lexists(path / "config.json"):
        if not _may_be_read(path):
            raise _unreadable(path)
        ggufs = sorted(path.glob("*.gguf"))
        remedy = f"give the GGUF file in it: {ggufs[0]}" if ggufs else "phibench models list"
        raise invalid(f"{path} is a folder without config.json, so no MLX model", remedy)
    content, config = read_json(path / "config.json")
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise invalid(f"{path.name}/config.json does not say the model_type")
    if config.get("model_file") is not None:
        message = f"{path.name} comes with code of its own ({config['model_file']}), which phibench never runs"
        raise ModelError(FailureKind.UNSUPPORTED, message, "choose a model that mlx-lm knows: phibench models list")
    return content, config


def _may_be_read(path: Path) -> bool:
    """Asked before a folder is listed: of one that may not be, pathlib raises or finds nothing in it."""
    return os.access(path, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _unreadable(path: Path) -> ModelError:
    return ModelError(FailureKind.MODEL_MISSING, f"{path} may not be read", "check the folder's permissions")


def _no_weights(path: Path) -> ModelError:
    others = sorted(file.name for file in path.iterdir() if file.suffix in {".bin", ".npz", ".safetensors", ".pt"})
    if others:
        return invalid(f"{path.name} has no model*.safetensors, only {others[0]}", _CONVERT)
    return invalid(f"{path.name} has no weights (model*.safetensors)")


def _check_index(path: Path, present: Mapping[str, int]) -> None:
    """An index left over from before the conversion names files that are gone; their tensors must be somewhere."""
    if not (path / INDEX).exists():
        return
    weight_map = read_json(path / INDEX)[1].get("weight_map")
    if not isinstance(weight_map, dict):
        return
    absent = {str(file) for file in weight_map.values() if not (path / str(file)).is_file()}
    needed = {name: str(file) for name, file in weight_map.items() if not name.endswith(_DROPPED)}
    lost = sorted(file for name, file in needed.items() if file in absent and name not in present)
    if lost:
        raise invalid(f"{path.name} lacks {lost[0]}, which its index names")


def method_of(config: Mapping[str, Any]) -> str | None:
    """Which other method than MLX's the weights are quantised by, such as "awq"; mlx-lm converts some of them."""
    foreign = config.get("quantization_config")
    method = foreign.get("quant_method") if isinstance(foreign, dict) and "quantization" not in config else None
    return method if isinstance(method, str) else None


def _check_quantisation(path: Path, config: Mapping[str, Any], tensors: Mapping[str, Stored]) -> None:
    """mlx-lm looks for packed weights only when the configuration says that there are some."""
    packed = next((tensor for tensor in tensors if tensor.endswith(".scales")), None)
    inner = config.get("text_config")
    places = (config, inner if isinstance(inner, dict) else {})
    is_said = any(isinstance(place.get("quantization"), dict) for place in places)
    is_foreign = any(method_of(place) for place in places) or (path / "hf_quant_config.json").exists()
    if packed is not None and not is_said and not is_foreign:
        raise invalid(
            f"{path.name} holds quantised weights ({packed}), and its config.json has no quantization",
            'add what it was converted with, such as "quantization": {"group_size": 64, "bits": 4}',
        )
