"""
Models on this machine: synthesised, found in the cache folder, or given by path.

A file's metadata is read, not guessed; what is written here carries ``synthetic`` and is used again.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collector import catalog
from collector.errors import PhibenchError, UsageError
from collector.models import layout
from collector.models.gguf_header import Header, read_header
from collector.models.layout import QUANTS
from collector.models.synth_gguf import GENERATOR_VERSION, write_gguf
from collector.paths import cache_folder
from runners.contract import ModelRef, ModelShape
from runners.errors import FailureKind, ModelError

__all__ = [
    "QUANTS", "cache_dir", "find_or_synthesise", "from_path", "is_path", "local", "path_of", "remove", "resolve",
    "size_bytes",
]  # fmt: skip

DEFAULT_QUANT = "q4_0"
OnBytes = Callable[[int, int], None]
_DIGEST_PART = 1 << 20
_FILE_TYPES = {
    0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1", 10: "q2_k", 11: "q3_k_s", 12: "q3_k_m",
    13: "q3_k_l", 14: "q4_k_s", 15: "q4_k_m", 16: "q5_k_s", 17: "q5_k_m", 18: "q6_k", 25: "iq4_nl", 30: "iq4_xs",
    32: "bf16",
}  # fmt: skip


def cache_dir() -> Path:
    """Where models lie: ``PHIBENCH_MODELS``, or ``models`` in the cache folder."""
    override = os.environ.get("PHIBENCH_MODELS")
    return Path(override).expanduser() if override else cache_folder() / "models"


def is_path(model: str) -> bool:
    """Whether a model is given by path rather than by its name in the catalogue."""
    return model.endswith(".gguf") or (os.sep in model and model not in catalog.models())


def size_bytes(model_id: str, quant: str) -> int:
    """
    Exact bytes of a model's tensors in a format; nothing is written.

    Raises:
        UsageError: unknown format. ModelError: no GGUF of this architecture can be made.
    """
    check_quant(quant)
    shape = _synthesisable(model_id)
    return layout.tensor_bytes(shape, quant)


def path_of(model_id: str, quant: str) -> Path:
    """Where a synthetic model lies, or would."""
    return cache_dir() / "synthetic" / f"{model_id}-{quant}.gguf"


def find_or_synthesise(
    model_id: str, quant: str, on_progress: OnBytes | None = None, *, is_forced: bool = False
) -> ModelRef:
    """
    The synthetic model, written if it is not there or was written by another version.

    Raises:
        PhibenchError: too little disk, folder not writable. UsageError, ModelError: unknown name or format.
    """
    check_quant(quant)
    model, shape = catalog.find(model_id), _synthesisable(model_id)
    path = path_of(model_id, quant)
    if is_forced or not _is_current(path):
        try:
            write_gguf(
                path,
                name=f"{model.name} (synthetic)",
                shape=shape,
                quant=quant,
                on_progress=on_progress,
                rope=model.rope,
            )
        except OSError as exc:
            remedy = "set PHIBENCH_MODELS to a folder you may write"
            raise PhibenchError(f"{path.parent} cannot be written: {exc.strerror}", remedy) from exc
    return from_path(path)


def from_path(path: str | Path) -> ModelRef:
    """
    An artifact from a GGUF file, by what its metadata says.

    ``digest`` is sha256 over size, first and last MiB: enough to tell files apart, quick for any size.

    Raises:
        ModelError: missing, damaged, or not a GGUF; says what it looks like.
    """
    path = Path(path).expanduser()
    header = read_header(path)
    metadata = header.metadata
    is_synthetic = bool(metadata.get("general.synthetic", False))
    tokenizer = metadata.get("tokenizer.ggml.model")
    return ModelRef(
        model=_name(path, header),
        format="gguf",
        quant=_quant(header),
        path=str(path.absolute()),
        n_bytes=header.n_file_bytes,
        tensor_bytes=header.tensor_bytes,
        digest=_digest(path, header.n_file_bytes),
        is_synthetic=is_synthetic,
        has_tokenizer=not is_synthetic and tokenizer not in {None, "none", "no_vocab"},
        shape=_shape(header),
    )


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
        UsageError: there is none.
    """
    catalog.find(model_id)
    paths = [p for q in ((quant,) if quant else QUANTS) if (p := path_of(model_id, q)).exists()]
    if not paths:
        raise UsageError(f"no {model_id} {quant or ''}".rstrip() + " is here", "phibench models list")
    freed = sum(path.stat().st_size for path in paths)
    for path in paths:
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
    import difflib

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


def _is_current(path: Path) -> bool:
    try:
        return read_header(path).metadata.get("phibench.generator_version") == GENERATOR_VERSION
    except ModelError:
        return False


def _name(path: Path, header: Header) -> str:
    """Our own files are named after the catalogue; any other after its file."""
    stem = path.stem
    if header.metadata.get("general.synthetic"):
        for quant in QUANTS:
            if stem.endswith(f"-{quant}") and stem.removesuffix(f"-{quant}") in catalog.models():
                return stem.removesuffix(f"-{quant}")
    return stem


def _quant(header: Header) -> str:
    """By the file type that the file names; else by the type that holds most of the bytes."""
    named = header.metadata.get("general.file_type")
    if isinstance(named, int) and named in _FILE_TYPES:
        return _FILE_TYPES[named]
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        sizes[tensor.type] = sizes.get(tensor.type, 0) + (tensor.n_bytes or 0)
    return max(sizes, key=lambda kind: sizes[kind]) if sizes else "unknown"


def _shape(header: Header) -> ModelShape | None:
    """The hyperparameters, None when the file does not hold them all."""
    metadata = header.metadata
    arch = metadata.get("general.architecture")

    def get(key: str, default: Any = None) -> Any:
        return metadata.get(f"{arch}.{key}", default)

    n_embd, n_heads = get("embedding_length"), get("attention.head_count")
    vocab_size = header.array_lengths.get("tokenizer.ggml.tokens") or get("vocab_size")
    try:
        return ModelShape(
            architecture=str(arch),
            n_layers=get("block_count"),
            n_embd=n_embd,
            n_ff=get("feed_forward_length"),
            n_heads=n_heads,
            n_kv_heads=get("attention.head_count_kv", n_heads),
            head_dim=get("attention.key_length") or n_embd // n_heads,
            vocab_size=vocab_size,
            context_length=get("context_length"),
            is_tied=all(t.name != "output.weight" for t in header.tensors),
            n_params=_n_params(header),
        )
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _n_params(header: Header) -> int:
    total = 0
    for tensor in header.tensors:
        n = 1
        for dimension in tensor.shape:
            n *= dimension
        total += 0 if tensor.name.startswith("rope_") else n
    return total


def _digest(path: Path, n_bytes: int) -> str:
    digest = hashlib.sha256(str(n_bytes).encode())
    with path.open("rb") as file:
        digest.update(file.read(_DIGEST_PART))
        file.seek(max(0, n_bytes - _DIGEST_PART))
        digest.update(file.read(_DIGEST_PART))
    return digest.hexdigest()
