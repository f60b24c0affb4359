"""
mlx-lm's own figures for a workload, from its own generator; asked for by an option, since it is a second generation.

They cannot be had of our loops: the library computes them from its own stamps, which are late. Its ``generation_tps``
is N tokens over the N - 1 gaps between them, so it is N/(N - 1) too high; it is kept as the library says it.
"""

import importlib
from typing import Any

from runners.engines.mlx.calls import Opened
from runners.engines.mlx.folder import Folder
from runners.errors import FailureKind, ModelError

FIGURES = ("prompt_tokens", "prompt_tps", "generation_tokens", "generation_tps", "peak_memory")


def tokenizer(folder: Folder) -> Any:
    """
    The folder's tokenizer, which the generator wants although it is given ids; no text ends a generation.

    Raises:
        ModelError: there is none, or it is damaged; code that comes with it is not run.
    """
    try:
        load = importlib.import_module("mlx_lm.utils").load_tokenizer
        found = load(folder.path, tokenizer_config_extra={"trust_remote_code": False})
    except Exception as exc:
        message = f"mlx-lm's own generator needs a tokenizer, and that of {folder.path.name} cannot be used: {exc}"
        raise ModelError(FailureKind.MODEL_INVALID, message, "leave out library_figures") from exc
    found.eos_token_ids = set()
    return found


def figures(opened: Opened, words: Any, ids: list[int], n: int, cache: list[Any]) -> dict[str, float]:
    """
    What ``stream_generate`` says after ``n`` tokens.

    Args:
        words: a tokenizer of :func:`tokenizer`.
        ids: the prompt.
        cache: new, or filled to the workload's depth.
    """
    generate = importlib.import_module("mlx_lm.generate")
    asked, last = opened.asked, None
    for last in generate.stream_generate(  # noqa: B007  # the last one counts
        opened.network,
        words,
        ids,
        max_tokens=n,
        prompt_cache=cache,
        prefill_step_size=asked.prefill_step_size,
        kv_bits=asked.kv_bits,
        kv_group_size=opened.kv_group_size or 64,
        quantized_kv_start=asked.quantized_kv_start,
    ):
        pass
    opened.api.core.synchronize(generate.generation_stream)  # a step that nobody reads is still computed
    return {name: getattr(last, name) for name in FIGURES}
