"""
Which files of a repository stand for a model: one GGUF, or the root of an MLX model. Pure.

Weights, JSON and tokenizer files alone, by name: whatever else lies beside them is not looked at.
"""

import fnmatch
import re
from pathlib import Path

from collector import numbers
from collector.errors import UsageError
from collector.models.formats import ENGINES
from collector.models.hub import Listed, Repository
from runners.errors import FailureKind, ModelError

_SHARDS = "model*.safetensors"
ALLOWED = (_SHARDS, "*.json", "tokenizer.model", "*.tiktoken", "merges.txt", "vocab.txt")
"""Of an MLX model, in the repository's root; of a GGUF its one file is fetched."""
_QUANT = re.compile(r"(?<![a-z0-9])(i?q\d(?:_[0-9a-z]+)*|bf16|fp16|f16|f32)(?![a-z0-9])", re.IGNORECASE)
_OF_GGUF = re.compile(r"i?q\d.*|.*\.gguf", re.IGNORECASE)
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


def format_of(repository: Repository, engine: str | None) -> str:
    """
    GGUF where there is one, unless an engine was named.

    Raises:
        ModelError: unsupported: no such files are there.
    """
    names = {file.name for file in repository.files}
    has = {
        "gguf": any(name.endswith(".gguf") for name in names),
        "mlx": "config.json" in names and any(fnmatch.fnmatch(name, _SHARDS) and "/" not in name for name in names),
    }
    wanted = ENGINES[engine] if engine else next((name for name in has if has[name]), None)
    if wanted is None or not has[wanted]:
        kind = {"gguf": "no GGUF", "mlx": f"no config.json with {_SHARDS}", None: "neither a GGUF nor an MLX model"}[
            wanted
        ]
        other = next((name for name, form in ENGINES.items() if form != wanted and has[form]), None)
        remedy = f"phibench models pull {repository.id} --engine {other}" if other and wanted else "name another one"
        raise ModelError(FailureKind.UNSUPPORTED, f"{repository.id} holds {kind}; other files are not fetched", remedy)
    return wanted


def gguf(repository: Repository, known: str | None, quant: str | None) -> list[Listed]:
    """
    The one GGUF that was asked for.

    Args:
        repository: what is there.
        known: the file that the catalogue names; ``quant`` says nothing then.
        quant: a format, or the whole name of a file.

    Raises:
        UsageError: there are several, or none in that format; lists what there is. ModelError: gone, or in parts.
    """
    present = [file for file in repository.files if file.name.endswith(".gguf")]
    whole = [file for file in present if not _PART.search(file.name) and "mmproj" not in file.name.lower()]
    best = f" --quant {_quant_of(whole[0].name) or whole[0].name}" if whole else ""
    if known is not None:
        found = [file for file in whole if file.name == known]
        if not found:
            message = f"{repository.id} no longer holds {known}; it holds {_names(whole)}"
            raise ModelError(FailureKind.MODEL_MISSING, message, f"phibench models pull {repository.id}{best}")
        return found
    found = whole if quant is None else [file for file in whole if _is_quant(file.name, quant)]
    if len(found) == 1:
        return found
    if not whole:
        raise ModelError(
            FailureKind.UNSUPPORTED,
            f"{repository.id} holds no GGUF in one piece ({len(present)} parts)",
            "name a repository that has it in one file",
        )
    what = "several files" if quant is None or found else f"no {quant}"
    first = (found or whole)[0].name
    # two files of one format are told apart by their whole names alone
    label = first if len(found) > 1 and quant is not None else _quant_of(first) or first
    command = f"phibench models pull {repository.id} --quant {label}"
    raise UsageError(f"{repository.id} holds {what}: {_names(found or whole)}", command)


def folder(repository: Repository, quant: str | None) -> list[Listed]:
    """
    Weights that an MLX loader reads, JSON and tokenizer files, in the root.

    Raises:
        UsageError: a format of GGUF files was asked for; which one an MLX model has is read when it comes.
    """
    if quant is not None and _OF_GGUF.fullmatch(quant):
        raise UsageError(
            f"{repository.id} is an MLX model, and {quant} is a format of GGUF files",
            f"phibench models pull {repository.id} --engine mlx",
        )
    root = [f for f in repository.files if "/" not in f.name and any(fnmatch.fnmatch(f.name, p) for p in ALLOWED)]
    shards = [file for file in root if fnmatch.fnmatch(file.name, _SHARDS)]
    others = [file for file in root if not file.name.endswith(".safetensors")]
    # the configuration comes before the weights: what it says may make them useless
    return sorted(others, key=lambda file: file.name) + sorted(shards, key=lambda file: file.name)


def _is_quant(name: str, quant: str) -> bool:
    return quant.lower() in {(_quant_of(name) or "").lower(), name.lower(), name.lower().removesuffix(".gguf")}


def _quant_of(name: str) -> str | None:
    found = _QUANT.findall(Path(name).stem)
    return found[-1] if found else None


def _names(files: list[Listed]) -> str:
    labels = []
    for file in sorted(files, key=lambda file: file.n_bytes or 0):
        size = f" ({numbers.size(file.n_bytes)})" if file.n_bytes else ""
        labels.append(f"{_quant_of(file.name) or file.name}{size}")
    return ", ".join(labels) or "no GGUF"
