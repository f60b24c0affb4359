"""
The metadata of a synthetic GGUF: hyperparameters, a vocabulary of the right size, and that it is synthetic.

The vocabulary is SentencePiece's: special tokens, 256 byte tokens, distinct words. Text can be cut with it (into
bytes, mostly), which says nothing of the real tokenizer.
"""

import math
from typing import Any

from collector.models import layout
from collector.models.recipe import Recipe
from runners.contract import ModelShape

_FILE_TYPE = {"f16": 1, "q4_0": 2, "q8_0": 7, "q4_k_m": 15}
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_SPECIAL = {"<unk>": _UNKNOWN, "<s>": _CONTROL, "</s>": _CONTROL}
_PHI3_END, _PHI3_END_AT = "<|endoftext|>", 32000


def add_metadata(writer: Any, recipe: Recipe) -> None:
    """Everything that stands before the tensor table, into a ``gguf.GGUFWriter``."""
    _add_provenance(writer, recipe)
    _add_shape(writer, recipe.shape)
    writer.add_rope_freq_base(float(recipe.rope.get("theta") or 10000.0))
    original = recipe.rope.get("original_context")
    if original:
        writer.add_rope_scaling_orig_ctx_len(int(original))
        writer.add_rope_scaling_attn_factors(_attention_factor(recipe.shape.context_length, int(original)))
    _add_tokenizer(writer, recipe.shape.vocab_size)


def rope_factors(recipe: Recipe) -> dict[str, Any]:
    """Stand-ins for the published factors, of the right number and plausible size; speed does not depend on them."""
    import numpy as np

    original = recipe.rope.get("original_context")
    if recipe.shape.architecture != "phi3" or not original:
        return {}
    n = recipe.shape.head_dim // 2
    long = np.linspace(1.0, recipe.shape.context_length / original, n, dtype=np.float32)
    return {"rope_factors_long.weight": long, "rope_factors_short.weight": np.ones(n, dtype=np.float32)}


def _add_provenance(writer: Any, recipe: Recipe) -> None:
    writer.add_name(recipe.name)
    writer.add_file_type(_FILE_TYPE[recipe.quant])
    writer.add_quantization_version(2)
    writer.add_bool("general.synthetic", True)
    if recipe.model:
        writer.add_string("phibench.model", recipe.model)
    writer.add_string("phibench.recipe", recipe.digest)
    writer.add_uint32("phibench.generator_version", recipe.generator_version)
    writer.add_uint64("phibench.seed", recipe.seed)
    writer.add_string("phibench.mixture", layout.mixture(recipe.shape, recipe.quant))


def _add_shape(writer: Any, shape: ModelShape) -> None:
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


def _attention_factor(context: int, original: int) -> float:
    """How longrope scales attention: 1.190 for 4,096 tokens stretched to 131,072 (Phi-3's configuration)."""
    return math.sqrt(1 + math.log(context / original) / math.log(original))


def _add_tokenizer(writer: Any, vocab_size: int) -> None:
    """llama.cpp looks up four tokens by name in a model called Phi-3, and aborts on a token that stands twice."""
    tokens = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    types = [*_SPECIAL.values(), *([_BYTE] * 256)]
    n_words = vocab_size - len(tokens)
    tokens += [f"▁t{index:06d}" for index in range(n_words)]
    types += [_NORMAL] * n_words
    at = min(_PHI3_END_AT, vocab_size - 1)
    tokens[at], types[at] = _PHI3_END, _CONTROL
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(index) for index in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
