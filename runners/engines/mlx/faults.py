"""From what mlx and mlx-lm raise to one failure kind with a remedy. Pure, apart from a second look at the shards."""

import difflib
import importlib.util
import re
from pathlib import Path

from runners.contract import ModelRef
from runners.engines.mlx.folder import AGAIN, Folder, check_shards
from runners.errors import EngineDied, FailureKind, ModelError, RunnerError, RunnerUnavailable

SMALLER = "choose a smaller model, format or context: phibench models list tells what fits"
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|malloc|allocat\w+|Insufficient Memory|out of memory|Resource limit|max_buffer", re.IGNORECASE
)
_CANNOT_READ = re.compile(r"\[read\]|Unable to read")
_LONGEST = 300


def of_load(exc: Exception, folder: Folder, model: ModelRef) -> RunnerError:
    """
    Why no model came of a folder whose shards were whole when they were looked at.

    ``[read] Unable to read from file`` is what the library says when it gets no memory for the tensor, too: if the
    shards are still whole, it was memory.
    """
    text = _text(exc)
    unknown = re.search(r"Model type (\S+) not supported", text)
    if unknown:
        return of_model_type(unknown[1])
    if isinstance(exc, MemoryError) or _OUT_OF_MEMORY.search(text):
        return no_memory(f"the weights of {model.model}", text)
    if _CANNOT_READ.search(text):
        try:
            check_shards(folder.path)
        except ModelError as cut:
            return ModelError(cut.kind, f"the model changed while it was read: {cut.message}", cut.remedy)
        return no_memory(f"the weights of {model.model}", text)
    if isinstance(exc, NotImplementedError):
        return RunnerUnavailable(FailureKind.UNSUPPORTED, f"mlx-lm cannot run this model: {text}", _ANOTHER_ENGINE)
    return ModelError(
        FailureKind.MODEL_INVALID, f"{folder.path.name} is no whole model: {_explained(exc, text)}", AGAIN
    )


_ANOTHER_ENGINE = "another engine or a newer version may: --engine llama_cpp with a GGUF file of the model"


def of_model_type(name: str) -> RunnerUnavailable:
    """mlx-lm has no such architecture."""
    known = _model_types()
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; it has {close[0]!r}" if close else ""
    message = f"mlx-lm does not know the model type {name!r}{hint}"
    return RunnerUnavailable(FailureKind.UNSUPPORTED, message, _ANOTHER_ENGINE)


def of_run(exc: Exception) -> RunnerError:
    """Why a generation ended."""
    text = _text(exc)
    if isinstance(exc, MemoryError) or _OUT_OF_MEMORY.search(text):
        return no_memory("what a generation computes", text)
    if isinstance(exc, NotImplementedError) or "[quantize]" in text:
        remedy = "leave out kv_bits, or choose another kv_group_size"
        return RunnerUnavailable(FailureKind.UNSUPPORTED, f"mlx cannot compute this: {text}", remedy)
    return EngineDied(FailureKind.CRASHED, f"mlx gave up: {text}", "phibench doctor")


def of_logits(what: str) -> ModelError:
    """The model computes rubbish."""
    message = f"the model computes rubbish: its first logits are {what}"
    return ModelError(FailureKind.MODEL_INVALID, message, f"the weights are damaged: {AGAIN}")


def no_memory(for_what: str, text: str) -> ModelError:
    """Memory, or the room for it that the process may have, does not suffice."""
    return ModelError(FailureKind.OUT_OF_MEMORY, f"no memory for {for_what}: {text}", SMALLER)


def _explained(exc: Exception, text: str) -> str:
    if isinstance(exc, KeyError):
        return f"{'its weights lack' if '.' in text else 'config.json lacks'} {text}"
    absent = re.search(r"missing \d+ required positional arguments?: (.+)", text)
    return f"config.json lacks {absent[1]}" if absent else text


def _model_types() -> list[str]:
    spec = importlib.util.find_spec("mlx_lm")
    folders = spec.submodule_search_locations or () if spec is not None else ()
    return sorted(path.stem for folder in folders for path in (Path(folder) / "models").glob("*.py"))


def _text(exc: Exception) -> str:
    """The first line of a message, without folders and not endless: a shard's absence lists all its parameters."""
    first = " ".join(str(exc).split())
    without = re.sub(r"(?<![\w.])/(?:[^\s:'\"]*/)+", "", first)
    return without if len(without) <= _LONGEST else f"{without[:_LONGEST]}…"
