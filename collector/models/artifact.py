"""One GGUF file as an artifact: what it says of itself, checked, and what tells it from other files."""

import hashlib
from pathlib import Path
from typing import Any

from collector.models import layout
from collector.models.gguf_check import check_model, check_tensors, check_whole
from collector.models.gguf_header import TOKENS, Header, invalid, read_header
from collector.models.gguf_types import FILE_TYPES
from runners.contract import ModelRef, ModelShape

_DIGEST_PART = 1 << 20


def from_path(path: str | Path) -> ModelRef:
    """
    An artifact from a GGUF file, by what its metadata says.

    ``digest`` is sha256 over size, first and last MiB: enough to tell files apart, quick for any size. A synthetic file
    has a tokenizer that cuts text into bytes, which is no real one, so ``has_tokenizer`` is false for it.

    Raises:
        ModelError: missing, damaged, no GGUF, or no whole language model; says what it looks like.
    """
    path = Path(path).expanduser()
    header = read_header(path)
    check_whole(header, path.name)
    check_model(header, path.name)
    shape = _shape(header)
    _check_shape(header, shape, path.name)
    metadata = header.metadata
    is_synthetic = metadata.get("general.synthetic") is True
    return ModelRef(
        model=str(metadata.get("phibench.model") or path.stem) if is_synthetic else path.stem,
        format="gguf",
        quant=_quant(header),
        path=str(path.absolute()),
        n_bytes=header.n_file_bytes,
        tensor_bytes=header.tensor_bytes,
        digest=_digest(path, header.n_file_bytes),
        is_synthetic=is_synthetic,
        has_tokenizer=not is_synthetic and metadata["tokenizer.ggml.model"] not in {"none", "no_vocab"},
        shape=shape,
    )


def _check_shape(header: Header, shape: ModelShape | None, name: str) -> None:
    if shape is not None:
        check_tensors(header, shape, name)
        return
    architecture = header.metadata["general.architecture"]
    if architecture in layout.ARCHITECTURES and header.metadata[f"{architecture}.context_length"] > 0:
        raise invalid(f"{name}: its numbers of heads and widths make no {architecture} model")


def _quant(header: Header) -> str:
    """By the file type that the file names; else by the type that holds most of the bytes."""
    named = header.metadata.get("general.file_type")
    if type(named) is int and named in FILE_TYPES:
        return FILE_TYPES[named]
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        sizes[tensor.type] = sizes.get(tensor.type, 0) + (tensor.n_bytes or 0)
    return max(sizes, key=lambda kind: sizes[kind]) if any(sizes.values()) else "unknown"


def _shape(header: Header) -> ModelShape | None:
    """The hyperparameters, None when the file does not hold them all as single numbers."""
    metadata = header.metadata
    architecture = str(metadata["general.architecture"])

    def get(key: str, default: Any = None) -> Any:
        return metadata.get(f"{architecture}.{key}", default)

    n_embd, n_heads = get("embedding_length"), get("attention.head_count")
    try:
        return ModelShape(
            architecture=architecture,
            n_layers=get("block_count"),
            n_embd=n_embd,
            n_ff=get("feed_forward_length"),
            n_heads=n_heads,
            n_kv_heads=get("attention.head_count_kv", n_heads),
            head_dim=get("attention.key_length") or n_embd // n_heads,
            vocab_size=header.array_lengths.get(TOKENS) or get("vocab_size"),
            context_length=get("context_length"),
            is_tied=all(t.name != "output.weight" for t in header.tensors),
            n_params=sum(t.n_elements for t in header.tensors if not t.name.startswith("rope_")),
        )
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _digest(path: Path, n_bytes: int) -> str:
    digest = hashlib.sha256(str(n_bytes).encode())
    with path.open("rb") as file:
        digest.update(file.read(_DIGEST_PART))
        file.seek(max(0, n_bytes - _DIGEST_PART))
        digest.update(file.read(_DIGEST_PART))
    return digest.hexdigest()
