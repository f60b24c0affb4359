"""
From what the library said to one failure kind with a remedy. Pure, apart from a look at a file's first bytes.

llama.cpp returns NULL and leaves the reason in its log; the first line of level error is the cause.
"""

import os
import re
from pathlib import Path

from runners.contract import ModelRef
from runners.errors import EngineDied, FailureKind, ModelError, RunnerError, RunnerUnavailable

_AGAIN = "fetch or write the file again: phibench models rm, then phibench models synth"
_SMALLER = "choose a smaller model, format or context: phibench models list tells what fits"
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|(failed|unable) to allocate|cannot allocate|out ?of ?memory|insufficient memory", re.IGNORECASE
)
_LOOKS_LIKE = (
    (b"<!DOCTYPE", "an HTML page"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"PK\x03\x04", "a ZIP archive or a PyTorch checkpoint"),
    (b"\x80\x02", "a Python pickle"),
    (b"{", "JSON"),
    (b"FUGG", "a GGUF file with its bytes swapped"),
)
_REASONS = (
    (r"not within the file bounds", "the file is cut short: {line}"),
    (r"failed to read (header|key-value pairs|tensor info)", "the file is cut short in its header: {line}"),
    (
        r"no longer supported|only supports up to version|endianness",
        "this version of the file format is not read: {line}",
    ),
    (r"has invalid data", "the weights hold NaN or infinity: {line}"),
    (r"error loading model vocabulary", "the vocabulary is incomplete: {line}"),
)


def check_file(model: ModelRef) -> Path:
    """
    The model's file, looked at before the library sees it.

    Raises:
        ModelError: model_missing or model_invalid, saying what the file looks like.
    """
    if model.path is None:
        raise ModelError(FailureKind.MODEL_MISSING, f"{model.model} has no file", "phibench models synth writes one")
    path = Path(model.path)
    if not path.exists():
        raise ModelError(
            FailureKind.MODEL_MISSING, f"there is no file {path.name}", "phibench models list; or check the path"
        )
    if not path.is_file():
        raise ModelError(
            FailureKind.MODEL_INVALID, f"{path.name} is a folder, not a GGUF file", "give the .gguf file in it"
        )
    if not os.access(path, os.R_OK):
        raise ModelError(FailureKind.MODEL_MISSING, f"{path.name} may not be read", "check the file's permissions")
    with path.open("rb") as file:
        head = file.read(64)
    if head[:4] != b"GGUF":
        raise ModelError(FailureKind.MODEL_INVALID, f"{path.name} is no GGUF file{_looks_like(head)}", _AGAIN)
    return path


def of_load(first_error: str | None, model: ModelRef) -> RunnerError:
    """Why no model came of a file."""
    line = _without_function(first_error or "the library gave no reason")
    if _OUT_OF_MEMORY.search(line):
        return ModelError(FailureKind.OUT_OF_MEMORY, f"no memory for the weights of {model.model}: {line}", _SMALLER)
    if "No such file" in line or "Permission denied" in line:
        return ModelError(FailureKind.MODEL_MISSING, f"the file cannot be opened: {line}", "check the path")
    if "unknown model architecture" in line:
        remedy = "this version of llama.cpp does not know it; another engine or a newer version may"
        return ModelError(FailureKind.UNSUPPORTED, f"llama.cpp cannot run this model: {line}", remedy)
    for pattern, sentence in _REASONS:
        if re.search(pattern, line):
            return ModelError(FailureKind.MODEL_INVALID, sentence.format(line=line), _AGAIN)
    return ModelError(FailureKind.MODEL_INVALID, f"the model file is damaged or incomplete: {line}", _AGAIN)


def of_context(first_error: str | None, n_ctx: int) -> RunnerError:
    """Why no context came of a model."""
    line = _without_function(first_error or "the library gave no reason")
    if _OUT_OF_MEMORY.search(line):
        message = f"no memory for a context of {n_ctx:,} tokens: {line}"
        return ModelError(FailureKind.OUT_OF_MEMORY, message, _SMALLER)
    message = f"llama.cpp makes no context with these options: {line}"
    return RunnerUnavailable(FailureKind.UNSUPPORTED, message, "phibench suites show tells the options of an arm")


def of_decode(code: int, first_error: str | None) -> RunnerError:
    """What a return code of ``llama_decode`` other than 0 means."""
    line = f": {_without_function(first_error)}" if first_error else ""
    if code == 1:
        return RunnerUnavailable(FailureKind.UNSUPPORTED, f"the context is full{line}", "give the arm a larger n_ctx")
    if code == -2 or _OUT_OF_MEMORY.search(line):  # Metal gives -3 and says so in words alone
        return ModelError(FailureKind.OUT_OF_MEMORY, f"no memory to compute a batch{line}", _SMALLER)
    return EngineDied(FailureKind.CRASHED, f"llama_decode gave up with code {code}{line}", "phibench doctor")


def of_logits(what: str) -> ModelError:
    """The model computes rubbish."""
    message = f"the model computes rubbish: its first logits are {what}"
    return ModelError(FailureKind.MODEL_INVALID, message, f"the weights are damaged: {_AGAIN}")


def _looks_like(head: bytes) -> str:
    if len(head) < 4:
        return f": it has {len(head)} bytes" if head else ": it is empty"
    found = [words for start, words in _LOOKS_LIKE if head.lstrip().startswith(start)]
    return f": it looks like {found[0]}" if found else f": it begins with {head[:4]!r} instead of 'GGUF'"


def _without_function(line: str) -> str:
    """The message without the C++ function's name before it, and without folders."""
    without = re.sub(r"^[a-z_0-9]+: ", "", line.strip())
    return re.sub(r"(?<![\w.])/(?:[^\s:'\"]*/)+", "", without)
