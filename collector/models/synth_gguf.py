"""
Full-size GGUF files with random weights: the right tensors, types and hyperparameters, valid for llama.cpp.

The speed of a dense model does not depend on what its weights are, only on shape and format. Such a file says of itself
that it is synthetic (``general.synthetic``), and no quality is ever claimed of it. Written beside, flushed to the disk
and renamed, so a half-written model cannot be taken for one; memory stays at one pool of random blocks a tensor type.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from collector.errors import PhibenchError
from collector.models import layout
from collector.models.layout import Tensor
from runners.contract import ModelShape

GENERATOR_VERSION = 1
"""Of the files' content; a cached file of another version is written anew."""

OnBytes = Callable[[int, int], None]
_SLICE_BYTES = 4 << 20
_HEADER_ROOM = 16 << 20
_FILE_TYPE = {"f16": 1, "q4_0": 2, "q8_0": 7, "q4_k_m": 15}
_SPECIAL = {"<unk>": 2, "<s>": 3, "</s>": 3}
_PHI3_END = "<|endoftext|>"


def write_gguf(
    path: Path,
    *,
    name: str,
    shape: ModelShape,
    quant: str,
    seed: int = 1,
    on_progress: OnBytes | None = None,
    rope: Mapping[str, Any] | None = None,
) -> None:
    """
    Write one model.

    Args:
        path: where; an existing file is replaced only when the new one is whole.
        name: ``general.name``.
        shape: hyperparameters; small ones for tests work too.
        quant: one of ``layout.QUANTS``.
        seed: of all random bits; the same seed gives the same file.
        on_progress: told bytes written and bytes in all.
        rope: ``theta``, and ``original_context`` for a model with long rope factors.

    Raises:
        PhibenchError: too little room on the disk, or the folder cannot be written.
        ValueError: an architecture or a format that is not known.
    """
    tensors = layout.tensors(shape, quant)
    n_bytes = sum(t.n_bytes for t in tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_room(path, n_bytes)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".partial", delete=False) as held:
        beside = Path(held.name)
    try:
        recipe = _Recipe(name=name, shape=shape, quant=quant, seed=seed, rope=rope or {})
        _write(beside, recipe, tensors, on_progress or _ignore)
        beside.replace(path)
    except OSError as exc:
        raise _disk_error(exc, path) from exc
    finally:
        beside.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What fixes every byte of a file."""

    name: str
    shape: ModelShape
    quant: str
    seed: int
    rope: Mapping[str, Any]


def _write(path: Path, recipe: _Recipe, tensors: tuple[Tensor, ...], on_progress: OnBytes) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, recipe.shape.architecture)
    _add_metadata(writer, recipe)
    factors = _rope_factors(recipe.shape, recipe.rope)
    for factor_name, values in factors.items():
        writer.add_tensor_info(factor_name, values.shape, values.dtype, values.nbytes)
    for tensor in tensors:
        _add_info(writer, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    file: IO[bytes] = cast("list[IO[bytes]]", writer.fout)[0]
    try:
        writer.write_padding(file, file.tell())
        for values in factors.values():
            file.write(values.tobytes())
            writer.write_padding(file, values.nbytes)
        _write_tensors(file, writer, tensors, recipe.seed, on_progress)
        file.flush()
        os.fsync(file.fileno())
    finally:
        writer.close()


def _write_tensors(file: IO[bytes], writer: Any, tensors: tuple[Tensor, ...], seed: int, on_progress: OnBytes) -> None:
    import numpy as np

    from collector.models import blocks

    pools: dict[tuple[str, int], memoryview] = {}
    draw = np.random.default_rng(seed)
    n_done, n_total = 0, sum(t.n_bytes for t in tensors)
    for tensor in tensors:
        if len(tensor.shape) == 1:
            n_done += file.write(_vector(tensor))
        else:
            key = (tensor.type, tensor.shape[0])
            if key not in pools:
                pools[key] = memoryview(blocks.pool(*key, seed).tobytes())
            for piece in _pieces(pools[key], tensor, draw):
                n_done += file.write(piece)
                on_progress(n_done, n_total)
        writer.write_padding(file, tensor.n_bytes)
    on_progress(n_done, n_total)


def _pieces(pool: memoryview, tensor: Tensor, draw: Any) -> Any:
    """Slices of the pool from random blocks on, until the tensor is full."""
    block = layout.BLOCK_BYTES[tensor.type][1]
    left = tensor.n_bytes
    while left:
        start = int(draw.integers(0, max(1, (len(pool) - _SLICE_BYTES) // block))) * block
        piece = pool[start : start + min(left, _SLICE_BYTES // block * block)]
        left -= len(piece)
        yield piece


def _vector(tensor: Tensor) -> bytes:
    """Norms are one; biases are zero."""
    import numpy as np

    values = np.zeros if tensor.name.endswith(".bias") else np.ones
    return values(tensor.shape[0], dtype="<f4").tobytes()


def _add_info(writer: Any, tensor: Tensor) -> None:
    import gguf
    import numpy as np

    kind = gguf.GGMLQuantizationType[tensor.type]
    rows = tensor.shape[::-1]
    if tensor.type in {"F32", "F16"}:
        dtype = np.dtype(np.float32 if tensor.type == "F32" else np.float16)
        writer.add_tensor_info(tensor.name, rows, dtype, tensor.n_bytes)
    else:
        byte_shape = gguf.quant_shape_to_byte_shape(rows, kind)
        writer.add_tensor_info(tensor.name, byte_shape, np.dtype(np.uint8), tensor.n_bytes, raw_dtype=kind)


def _add_metadata(writer: Any, recipe: _Recipe) -> None:
    shape, quant = recipe.shape, recipe.quant
    writer.add_name(recipe.name)
    writer.add_file_type(_FILE_TYPE[quant])
    writer.add_quantization_version(2)
    writer.add_bool("general.synthetic", True)
    writer.add_uint32("phibench.generator_version", GENERATOR_VERSION)
    writer.add_uint64("phibench.seed", recipe.seed)
    writer.add_string("phibench.mixture", layout.mixture(shape, quant))
    writer.add_vocab_size(shape.vocab_size)
    writer.add_context_length(shape.context_length)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layers)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_heads)
    writer.add_head_count_kv(shape.n_kv_heads)
    if shape.head_dim * shape.n_heads != shape.n_embd or shape.architecture == "gemma":
        writer.add_key_length(shape.head_dim)
        writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(float(recipe.rope.get("theta") or 10000.0))
    if recipe.rope.get("original_context"):
        _add_long_rope(writer, shape, int(recipe.rope["original_context"]))
    _add_tokenizer(writer, shape)


def _add_long_rope(writer: Any, shape: ModelShape, original: int) -> None:
    """Attention is scaled by sqrt(1 + ln(context/original)/ln(original)) (Phi-3's longrope)."""
    import math

    scale = math.sqrt(1 + math.log(shape.context_length / original) / math.log(original))
    writer.add_rope_scaling_orig_ctx_len(original)
    writer.add_rope_scaling_attn_factors(scale)


def _rope_factors(shape: ModelShape, rope: Mapping[str, Any]) -> dict[str, Any]:
    """Stand-ins for the published factors, of the right number and plausible size; speed does not depend on them."""
    import numpy as np

    if shape.architecture != "phi3" or not rope.get("original_context"):
        return {}
    n = shape.head_dim // 2
    long = np.linspace(1.0, shape.context_length / int(rope["original_context"]), n, dtype=np.float32)
    return {"rope_factors_long.weight": long, "rope_factors_short.weight": np.ones(n, dtype=np.float32)}


def _add_tokenizer(writer: Any, shape: ModelShape) -> None:
    """A SentencePiece vocabulary of the right size; Phi-3's loader wants four special tokens by name."""
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))][: shape.vocab_size]
    types = [*_SPECIAL.values(), *([6] * 256)][: shape.vocab_size]
    n_words = shape.vocab_size - len(tokens)
    tokens += [f"▁t{index:06d}" for index in range(n_words)]
    types += [1] * n_words
    if n_words:
        at = 32000 if shape.vocab_size > 32000 else shape.vocab_size - 1
        tokens[at], types[at] = _PHI3_END, 3
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(index) for index in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)


def _check_room(path: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < n_bytes + _HEADER_ROOM:
        missing = (n_bytes + _HEADER_ROOM - free) / (1 << 30)
        raise PhibenchError(
            f"{path.name} takes {n_bytes / (1 << 30):.2f} GiB and {missing:.2f} GiB of that are missing on the disk",
            "free some room (phibench models rm MODEL), or set PHIBENCH_MODELS to a folder on another disk",
        )


def _disk_error(exc: OSError, path: Path) -> PhibenchError:
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        message = f"the disk filled up while {path.name} was written; what was written is removed again"
        return PhibenchError(message, "free some room, or set PHIBENCH_MODELS to a folder on another disk")
    return PhibenchError(f"{path} cannot be written: {exc.strerror}", "set PHIBENCH_MODELS to a folder you may write")


def _ignore(n_done: int, n_total: int) -> None:
    """Nobody wants to know."""
