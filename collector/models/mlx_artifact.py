"""One MLX folder as an artifact: what its files say, checked, and what tells it from other folders."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from collector.models import mlx_layout
from collector.models.gguf_header import invalid
from collector.models.mlx_check import check_tensors
from collector.models.mlx_folder import Folder, method_of, read_folder
from collector.models.mlx_quant import quant_of, weights_of
from runners.contract import ModelRef, ModelShape

_DIGEST_PART = 1 << 20
_ARCHITECTURES = {**{name: name for name in mlx_layout.ARCHITECTURES}, "mistral": "llama"}
"""By model_type; mlx-lm takes a Mistral for a LLaMA, as GGUF does."""
_CONTEXT = {"phi3": 131_072, "qwen2": 32_768}
"""What mlx-lm assumes where the configuration does not say."""
_MIXTURES = ("num_experts", "num_local_experts", "n_routed_experts")


def from_folder(path: Path) -> ModelRef:
    """
    An artifact from an MLX folder, by what its configuration and its shards say.

    ``quant`` follows from the tensors themselves, as mlx-lm reads them, not from the configuration. ``digest`` is
    sha256 over config.json and over size, first and last MiB of each shard.

    Raises:
        ModelError: missing, damaged, or no whole language model; says what it looks like.
    """
    folder = read_folder(path)
    shape = _shape(folder)
    own = folder.config.get("phibench")
    said: Mapping[str, Any] = own if isinstance(own, dict) else {}
    marks = [shard.metadata.get("phibench.synthetic") for shard in folder.shards]
    is_synthetic = said.get("synthetic") is True or "true" in marks
    name = _name(path)
    return ModelRef(
        model=str(said.get("model") or name) if is_synthetic else name,
        format="mlx",
        quant=method_of(folder.config) or quant_of(folder.tensors, shape, folder.config),
        path=str(path.absolute()),
        n_bytes=folder.n_bytes,
        tensor_bytes=folder.tensor_bytes,
        digest=_digest(folder),
        is_synthetic=is_synthetic,
        has_tokenizer=not is_synthetic and (path / "tokenizer.json").is_file(),
        shape=shape,
    )


def recipe_of(path: Path) -> str | None:
    """
    The digest of the recipe by which a folder was written; None when its files do not agree on one, or one is gone.

    Raises:
        ModelError: it cannot be read.
    """
    folder = read_folder(path)
    if not (path / "tokenizer.json").is_file():
        return None
    said = folder.config.get("phibench")
    found = {said.get("recipe") if isinstance(said, dict) else None}
    found |= {shard.metadata.get("phibench.recipe") for shard in folder.shards}
    return found.pop() if len(found) == 1 else None


def _name(path: Path) -> str:
    """The folder's, or the repository's for one that lies in the hub's cache under a revision."""
    whole = path.absolute()
    repository = whole.parent.parent.name
    if whole.parent.name == "snapshots" and repository.startswith("models--"):
        return repository.rpartition("--")[2]
    return whole.name


def _shape(folder: Folder) -> ModelShape | None:
    """
    The hyperparameters; None when they are not all there, for a mixture of experts, or for a foreign quantisation.

    Raises:
        ModelError: tensors of a known architecture are missing or do not follow from the configuration.
    """
    config = folder.config
    kind = str(config["model_type"])
    if any(config.get(key) for key in _MIXTURES) or method_of(config):
        return None
    try:
        n_embd, n_heads = _count(config, "hidden_size"), _count(config, "num_attention_heads")
        shape = ModelShape(
            architecture=_ARCHITECTURES.get(kind, kind),
            n_layers=_count(config, "num_hidden_layers"),
            n_embd=n_embd,
            n_ff=_count(config, "ff_intermediate_size" if kind == "phi3small" else "intermediate_size"),
            n_heads=n_heads,
            n_kv_heads=_count(config, "num_key_value_heads", n_heads),
            head_dim=_count(config, "head_dim", n_embd // n_heads),
            vocab_size=_count(config, "vocab_size"),
            context_length=_count(config, "max_position_embeddings", _CONTEXT.get(kind)),
            is_tied=not any(name.startswith("lm_head.") for name in folder.tensors),
            n_params=0,
        )
    except ValueError as exc:
        if kind in _ARCHITECTURES:
            raise invalid(f"{folder.path.name}/config.json makes no {kind}: {exc}") from None
        return None
    check_tensors(folder.tensors, shape, folder.path.name)
    weights = weights_of(folder.tensors, shape, config)
    return replace(shape, n_params=sum(weight.n_elements for weight in weights))


def _count(config: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if type(value) is not int or value < 1:
        raise ValueError(f"{key} is {value!r}" if value is not None else f"it lacks {key}")
    return value


def _digest(folder: Folder) -> str:
    digest = hashlib.sha256(folder.config_bytes)
    for shard in folder.shards:
        digest.update(str(shard.n_file_bytes).encode())
        with shard.path.open("rb") as file:
            digest.update(file.read(_DIGEST_PART))
            file.seek(max(0, shard.n_file_bytes - _DIGEST_PART))
            digest.update(file.read(_DIGEST_PART))
    return digest.hexdigest()
