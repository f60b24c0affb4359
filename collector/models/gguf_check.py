"""
Whether a GGUF's metadata and tensor table make a whole model, before an engine is asked.

llama.cpp refuses much of this itself, but aborts on an absurd number of layers or a token that stands twice, and never
comes back from its first step when the rotary width is 0. What only the engine can know (an architecture that it does
not have, weights that make no sense) is left to it.
"""

from collections import Counter
from typing import Any

from collector.models import layout
from collector.models.gguf_header import TOKENS, Header, invalid
from runners.contract import ModelShape
from runners.errors import FailureKind, ModelError

_MAX_LAYERS = 512
"""llama.cpp's own limit; above it the process aborts."""
_PHI3_NAMES = ("phi-3", "phi3")
_PHI3_TOKENS = (b"<s>", b"</s>", b"<unk>", b"<|endoftext|>")
_NEEDED = ("context_length", "embedding_length", "block_count")
_NO_MODEL = {"mmproj": "the vision part of a model", "adapter": "a LoRA adapter", "imatrix": "quantisation statistics"}


def check_whole(header: Header, name: str) -> None:
    """
    Refuse a file whose data does not lie where the tensor table says, or not all of it.

    Raises:
        ModelError: model_invalid, saying what is missing or out of place.
    """
    names = Counter(tensor.name for tensor in header.tensors)
    twice = [tensor for tensor, n in names.items() if n > 1]
    if twice:
        raise invalid(f"{name} holds the tensor {twice[0]!r} twice")
    end = 0
    for tensor in header.tensors:
        if tensor.n_bytes is None:
            return  # a type newer than this reader: the engine knows its size
        if tensor.offset != end:
            raise invalid(f"{name}: tensor {tensor.name!r} has offset {tensor.offset:,}, expected {end:,}")
        end = -(-(tensor.offset + tensor.n_bytes) // header.alignment) * header.alignment
    last = max((t.offset + t.n_bytes for t in header.tensors if t.n_bytes is not None), default=0)
    missing = header.data_start + last - header.n_file_bytes
    if missing > 0:
        raise invalid(f"{name} is cut: {missing:,} bytes are missing at its end")


def check_model(header: Header, name: str) -> None:
    """
    Refuse metadata that no model can have.

    Raises:
        ModelError: model_invalid; unsupported for a part of a model (a shard, an adapter, a vision tower).
    """
    _check_kind(header, name)
    architecture = header.metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise invalid(f"{name} does not say its architecture")
    for key in _NEEDED:
        if not _is_count(header.metadata.get(f"{architecture}.{key}")):
            raise invalid(f"{name} lacks {architecture}.{key}")
    n_layers = header.metadata[f"{architecture}.block_count"]
    if not 1 <= n_layers <= _MAX_LAYERS:
        raise invalid(f"{name} claims {n_layers:,} layers")
    if not header.tensors:
        raise invalid(f"{name} holds no weights")
    _check_tokens(header, name)


def check_tensors(header: Header, shape: ModelShape, name: str) -> None:
    """
    Refuse a dense model of a known architecture whose tensors do not follow from its shape.

    Raises:
        ModelError: model_invalid: a tensor is missing or of another shape, or the rotary width cannot be.
    """
    architecture = shape.architecture
    if architecture not in layout.ARCHITECTURES or header.metadata.get(f"{architecture}.expert_count"):
        return
    n_rotary = header.metadata.get(f"{architecture}.rope.dimension_count", shape.head_dim)
    if not _is_count(n_rotary) or not 1 <= n_rotary <= shape.head_dim:
        raise invalid(f"{name} claims a rotary width of {n_rotary!r}; its heads are {shape.head_dim} wide")
    there = {tensor.name: tensor.shape for tensor in header.tensors}
    for tensor in layout.tensors(shape, "f16"):
        found = there.get(tensor.name)
        if found is None and not _is_optional(tensor.name, there):
            raise invalid(f"{name} lacks the tensor {tensor.name!r}")
        if found is not None and found != tensor.shape:
            raise invalid(f"{name}: tensor {tensor.name!r} is {list(found)}, expected {list(tensor.shape)}")


def _check_kind(header: Header, name: str) -> None:
    n_parts = header.metadata.get("split.count", 0)
    if _is_count(n_parts) and n_parts > 1:
        message = f"{name} is one of {n_parts} parts of a model"
        raise ModelError(FailureKind.UNSUPPORTED, message, "join them first: llama-gguf-split --merge PART1 WHOLE")
    what = _NO_MODEL.get(str(header.metadata.get("general.type")))
    if header.metadata.get("general.architecture") == "clip":
        what = _NO_MODEL["mmproj"]
    if what:
        raise ModelError(FailureKind.UNSUPPORTED, f"{name} is {what}, not a language model", "give the model's file")


def _check_tokens(header: Header, name: str) -> None:
    tokenizer = header.metadata.get("tokenizer.ggml.model")
    if not isinstance(tokenizer, str):
        raise invalid(f"{name} does not say its tokenizer (tokenizer.ggml.model)")
    if tokenizer in {"none", "no_vocab"}:
        return
    if TOKENS not in header.array_lengths:
        raise invalid(f"{name} has a tokenizer without tokens ({TOKENS})")
    known = set(header.tokens)
    n_empty = max(0, header.tokens.count(b"") - 1)  # the engine gives empty ones a name of their own
    if len(known) + n_empty < len(header.tokens):
        twice = next(token for token, n in Counter(header.tokens).items() if n > 1 and token)
        raise invalid(f"{name} has the token {twice.decode(errors='replace')!r} twice")
    title = str(header.metadata.get("general.name", "")).lower()
    missing = [token.decode() for token in _PHI3_TOKENS if token not in known]
    if missing and any(word in title for word in _PHI3_NAMES):
        raise invalid(f"{name} calls itself a Phi-3 and lacks its token {missing[0]!r}")


def _is_optional(tensor: str, there: Any) -> bool:
    """Joined and separate forms of one tensor stand for each other; biases and a tied output may be left out."""
    before, _, part = tensor.removesuffix(".weight").rpartition(".")
    if part in {"attn_q", "attn_k", "attn_v"}:
        return f"{before}.attn_qkv.weight" in there
    if part == "attn_qkv":
        return f"{before}.attn_q.weight" in there
    return tensor.endswith(".bias")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
