"""
A model's folder looked at before the library sees it: what its config says, and whether its shards are whole.

The library gives one message for a file that was cut and for memory that ran out, and a list of parameter names for a
shard that is missing. Here each is found out by itself. Only JSON and the shards' headers are read, and no code that
comes with a model is ever run.
"""

import json
import math
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.contract import ModelRef
from runners.errors import FailureKind, ModelError, RunnerUnavailable

AGAIN = "fetch or write the folder again; phibench models synth MODEL --engine mlx --force writes one"
_MOST_HEADER_BYTES = 100_000_000
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
_LEAST_VOCABULARY = {"phi3small": 100_352}
"""Model types that write to fixed ids: a smaller vocabulary would have mlx write past the end of its logits."""
_DROPPED = "rotary_emb.inv_freq"
"""Precomputed frequencies, which mlx-lm leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What a folder says of itself; ``vocab_size`` and ``context_length`` None where the config does not say."""

    path: Path
    config: Mapping[str, Any]
    model_type: str
    vocab_size: int | None
    context_length: int | None
    tensor_bytes: int
    n_files: int
    is_synthetic: bool


def read(model: ModelRef) -> Folder:
    """
    The folder of a model, its config parsed and its shards checked.

    Raises:
        ModelError: model_missing or model_invalid. RunnerUnavailable: of kind unsupported.
    """
    path = _folder(model)
    config = _config(path)
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise _invalid(f"config.json of {path.name} names no model_type")
    if config.get("model_file") is not None:
        raise RunnerUnavailable(
            FailureKind.UNSUPPORTED,
            f"{path.name} needs code of its own ({config['model_file']!r}); code that comes with a model is not run",
            "take a conversion of a model type that mlx-lm itself knows",
        )
    vocab_size = _whole(config, "vocab_size")
    if vocab_size is not None and vocab_size < _LEAST_VOCABULARY.get(model_type, 1):
        raise _invalid(f"a {model_type} has at least {_LEAST_VOCABULARY[model_type]:,} tokens, not {vocab_size:,}")
    tensors, metadata, n_files = _shards(path)
    _check_quantisation(path, config, tensors)
    return Folder(
        path=path,
        config=config,
        model_type=model_type,
        vocab_size=vocab_size,
        context_length=_whole(config, "max_position_embeddings"),
        tensor_bytes=sum(tensors.values()),
        n_files=n_files,
        is_synthetic=model.is_synthetic or _is_marked(config, metadata),
    )


def check_shards(path: Path) -> None:
    """
    Whether the weights are whole as they lie there now.

    Raises:
        ModelError: what is missing or cut.
    """
    _shards(path)


def _folder(model: ModelRef) -> Path:
    if model.path is None:
        raise ModelError(
            FailureKind.MODEL_MISSING, f"{model.model} has no folder", "phibench models synth --engine mlx writes one"
        )
    path = Path(model.path)
    if not path.exists():
        message = f"there is no folder {path.name}"
        raise ModelError(FailureKind.MODEL_MISSING, message, "phibench models list; or check the path")
    if not path.is_dir():
        message = f"{path.name} is a file; mlx takes a folder with config.json and model.safetensors"
        remedy = "give the folder; a GGUF file runs with --engine llama_cpp"
        raise ModelError(FailureKind.MODEL_INVALID, message, remedy)
    if not os.access(path, os.R_OK | os.X_OK):
        raise ModelError(FailureKind.MODEL_MISSING, f"{path.name} may not be read", "check the folder's permissions")
    return path


def _config(path: Path) -> dict[str, Any]:
    found = _json(path, "config.json")
    if found is None:
        raise _invalid(f"{path.name} holds no config.json, so it is no MLX model")
    return found


def _json(path: Path, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads((path / name).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _invalid(f"{name} of {path.name} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise _invalid(f"{name} of {path.name} is no JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise _invalid(f"{name} of {path.name} is no JSON object")
    return found


def _whole(config: Mapping[str, Any], name: str) -> int | None:
    """A number of the text model; models of text and images keep it one level down."""
    inner = config.get("text_config")
    for where in (config, inner if isinstance(inner, dict) else {}):
        value = where.get(name)
        if value is None:
            continue
        if type(value) is not int or value < 1:
            raise _invalid(f"{name} in config.json is {value!r}, which is no number of tokens")
        return value
    return None


def _shards(path: Path) -> tuple[dict[str, int], dict[str, Any], int]:
    """Bytes of every tensor by name, the shards' own remarks, and how many shards there are."""
    files = sorted(path.glob("model*.safetensors"))
    if not files:
        raise _invalid(f"{path.name} holds no model*.safetensors: its weights are missing")
    tensors, metadata = dict[str, int](), dict[str, Any]()
    for file in files:
        found, remarks = _header(file)
        tensors |= found
        metadata |= remarks
    _check_none_is_missing(path, {file.name for file in files}, tensors)
    return tensors, metadata, len(files)


def _check_none_is_missing(path: Path, names: set[str], tensors: Mapping[str, int]) -> None:
    """
    The library takes what it finds; the index, or the shards' own numbers, tell what there should be.

    An index left over from before a conversion names files that are gone: only one whose tensors are nowhere is missed.
    """
    wanted = set[str]()
    weight_map = (_json(path, "model.safetensors.index.json") or {}).get("weight_map")
    if isinstance(weight_map, dict):
        lost = (name for name in weight_map if name not in tensors and not name.endswith(_DROPPED))
        wanted = {str(weight_map[name]) for name in lost}
    for name in names:
        numbered = re.fullmatch(r"(model-)\d{5}(-of-)(\d{5})(\.safetensors)", name)
        if numbered and int(numbered[3]) <= 10_000:
            head, of, count, tail = numbered.groups()
            wanted |= {f"{head}{i:05}{of}{count}{tail}" for i in range(1, int(count) + 1)}
    missing = sorted(wanted - names)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise _invalid(f"{path.name} is incomplete: {missing[0]}{more} is missing")


def _header(file: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """
    Bytes of every tensor of one shard, and its remarks; every offset is checked against the file's size.

    Source:
        safetensors' format: the header's length as a little-endian u64, the header as JSON, then the tensors, whose
        offsets count from the header's end.
    """
    try:
        n_bytes = file.stat().st_size
        with file.open("rb") as stream:
            head = stream.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            is_cut = len(head) < 8 or 8 + length > n_bytes
            raw = b"" if is_cut or length > _MOST_HEADER_BYTES else stream.read(length)
    except OSError as exc:
        raise _invalid(f"{file.name} cannot be read: {exc.strerror}") from exc
    if is_cut and n_bytes < 1 << 20 and not head.startswith(b"\0"):
        raise _invalid(f"{file.name} is cut short or no safetensors file: it has {n_bytes:,} bytes")
    try:
        header = json.loads(raw)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        tensors = {name: _tensor_bytes(file, name, entry, n_bytes - 8 - length) for name, entry in entries.items()}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as exc:
        raise _invalid(f"{file.name} is no safetensors file: its header cannot be read") from exc
    remarks = header.get("__metadata__")
    return tensors, remarks if isinstance(remarks, dict) else {}


def _tensor_bytes(file: Path, name: str, entry: Any, n_data_bytes: int) -> int:
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end:
        raise ValueError(name)
    if end > n_data_bytes:
        raise _invalid(f"{file.name} is cut short: {name} ends {end - n_data_bytes:,} bytes after its end")
    bits = _BITS.get(entry["dtype"])
    if bits is not None and end - begin != math.prod(entry["shape"]) * bits // 8:
        raise _invalid(f"{file.name} is damaged: the bytes of {name} do not fit its shape {entry['shape']}")
    return int(end - begin)


def _check_quantisation(path: Path, config: Mapping[str, Any], tensors: Mapping[str, int]) -> None:
    """Scales without a word in the config: the library would list the scales as parameters it does not know."""
    inner = config.get("text_config")
    places = (config, inner if isinstance(inner, dict) else {})
    if any(place.get(name) for place in places for name in ("quantization", "quantization_config")):
        return
    has_file = (path / "hf_quant_config.json").exists()
    if not has_file and any(name.endswith(".scales") for name in tensors):
        message = f"the weights of {path.name} are quantised, and its config.json has no quantization"
        remedy = 'add "quantization": {"group_size": 64, "bits": 4} with the values of the conversion, or ' + AGAIN
        raise ModelError(FailureKind.MODEL_INVALID, message, remedy)


def _is_marked(config: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether the writer said that the weights are random."""
    ours = config.get("phibench")
    return metadata.get("phibench.synthetic") == "true" or (isinstance(ours, dict) and ours.get("synthetic") is True)


def _invalid(message: str) -> ModelError:
    return ModelError(FailureKind.MODEL_INVALID, message, AGAIN)
