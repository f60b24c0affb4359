"""What drawing and reading tokens needs of a model's tokenizer, read from its JSON files; no code of a model is run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runners.engines.mlx.folder import Folder
from runners.errors import FailureKind, ModelError
from runners.prompt import Vocabulary


def of_folder(folder: Folder, n_tokens: int) -> Vocabulary:
    """
    Control tokens are those that ``tokenizer.json`` calls special and those that end a text.

    A model begins with its begin token only where ``tokenizer_config.json`` says so, as llama.cpp does it by the same
    word in its own format.

    Args:
        n_tokens: rows of the embedding.
    """
    found = _json(folder, "tokenizer.json")
    special = {token.get("id") for token in found.get("added_tokens") or () if token.get("special")}
    special |= set(_ids(folder.config.get("eos_token_id")))
    begins = _json(folder, "tokenizer_config.json").get("add_bos_token") is True
    bos = next(iter(_ids(folder.config.get("bos_token_id"))), None)

    def tokenize(text: bytes) -> Sequence[int]:
        return _tokenized(folder, text)

    return Vocabulary(
        n_tokens=n_tokens,
        bos=bos if begins and bos is not None and bos < n_tokens else None,
        is_special=special.__contains__,
        tokenize=tokenize,
    )


def _ids(value: Any) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if type(one) is int and one >= 0]


def _json(folder: Folder, name: str) -> Mapping[str, Any]:
    """Empty where there is none: ids alone need no tokenizer."""
    try:
        found = json.loads((folder.path / name).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _tokenized(folder: Folder, text: bytes) -> Sequence[int]:
    """
    A text cut by the model's own tokenizer.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    from tokenizers import Tokenizer

    path = folder.path / "tokenizer.json"
    if not path.is_file():
        message = f"{folder.path.name} holds no tokenizer.json, so no text can be its prompt"
        raise ModelError(FailureKind.MODEL_INVALID, message, "leave out the prompt file, or fetch the tokenizer too")
    try:
        ids: list[int] = Tokenizer.from_file(str(path)).encode(text.decode()).ids
    except Exception as exc:
        message = f"tokenizer.json of {folder.path.name} cannot be used: {str(exc)[:200]}"
        raise ModelError(FailureKind.MODEL_INVALID, message, "fetch it again, or leave out the prompt file") from exc
    return ids
