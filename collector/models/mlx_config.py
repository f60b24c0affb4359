"""
The JSON files of a synthetic MLX folder: configuration and the smallest tokenizer that loads offline.

The configuration says under ``phibench`` that the weights are random. The tokenizer cuts text into bytes and has a
filler for every further id, because ids outside a vocabulary decode to wrong text without an error.
"""

from typing import Any

from collector.models import mlx_layout
from collector.models.recipe import Recipe

_EPSILON = 1e-5
_SPECIAL = ("<unk>", "<s>", "</s>")
_CLASSES = {
    "phi3": "Phi3ForCausalLM", "llama": "LlamaForCausalLM", "gemma": "GemmaForCausalLM", "qwen2": "Qwen2ForCausalLM",
    "phi3small": "Phi3SmallForCausalLM",
}  # fmt: skip
_QUANTIZATION = {"group_size": mlx_layout.GROUP, "bits": mlx_layout.BITS, "mode": "affine"}


def config(recipe: Recipe) -> dict[str, Any]:
    """``config.json``: the hyperparameters under the names that mlx-lm reads, and that the weights are random."""
    shape = recipe.shape
    return {
        "architectures": [_CLASSES[shape.architecture]],
        "model_type": shape.architecture,
        "hidden_size": shape.n_embd,
        "num_hidden_layers": shape.n_layers,
        "num_attention_heads": shape.n_heads,
        "num_key_value_heads": shape.n_kv_heads,
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.context_length,
        "tie_word_embeddings": mlx_layout.is_tied(shape),
        **(_phi3small(recipe) if shape.architecture == "phi3small" else _usual(recipe)),
        **_long_rope(recipe),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "quantization": _QUANTIZATION,
        "quantization_config": _QUANTIZATION,
        "phibench": {
            "synthetic": True,
            "model": recipe.model,
            "name": recipe.name,
            "recipe": recipe.digest,
            "generator_version": recipe.generator_version,
            "seed": recipe.seed,
        },
    }


def file_metadata(recipe: Recipe) -> dict[str, str]:
    """``__metadata__`` of each shard, so that a shard says by itself what it is; texts alone are allowed there."""
    return {"format": "mlx", "phibench.synthetic": "true", "phibench.recipe": recipe.digest}


def tokenizer(vocab_size: int) -> dict[str, Any]:
    """``tokenizer.json``: special tokens, 256 bytes as ByteLevel writes them, fillers up to the vocabulary's size."""
    words = [*_SPECIAL, *_byte_characters()]
    words += [f"Ġw{index}" for index in range(len(words), vocab_size)]
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, "content": word, **special} for index, word in enumerate(_SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {word: index for index, word in enumerate(words)},
            "merges": [],
        },
    }


def tokenizer_config() -> dict[str, Any]:
    """``tokenizer_config.json``."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "clean_up_tokenization_spaces": False,
        "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
    }


def _usual(recipe: Recipe) -> dict[str, Any]:
    shape = recipe.shape
    own_width = {} if shape.architecture in {"phi3", "qwen2"} else {"head_dim": shape.head_dim}
    return {
        "intermediate_size": shape.n_ff,
        "rms_norm_eps": _EPSILON,
        "rope_theta": float(recipe.rope.get("theta") or 10000.0),
        **own_width,
    }


def _phi3small(recipe: Recipe) -> dict[str, Any]:
    """
    Its own names and its multipliers.

    Source:
        published configuration of Phi-3-small, as mlx-lm's defaults repeat it.
    """
    return {
        "ff_intermediate_size": recipe.shape.n_ff,
        "layer_norm_epsilon": _EPSILON,
        "rope_embedding_base": float(recipe.rope.get("theta") or 1e6),
        "dense_attention_every_n_layers": 2,
        "gegelu_limit": 20.0,
    }


def _long_rope(recipe: Recipe) -> dict[str, Any]:
    """Stand-ins for the published factors, of the right number and plausible size; speed does not depend on them."""
    original = recipe.rope.get("original_context")
    if recipe.shape.architecture != "phi3" or not original:
        return {}
    n = recipe.shape.head_dim // 2
    stretch = recipe.shape.context_length / original
    long = [1.0 + (stretch - 1.0) * index / max(1, n - 1) for index in range(n)]
    return {
        "original_max_position_embeddings": int(original),
        "rope_scaling": {"type": "longrope", "short_factor": [1.0] * n, "long_factor": long},
    }


def _byte_characters() -> list[str]:
    """
    The character that stands for each byte.

    Source:
        GPT-2's ``bytes_to_unicode``: printable bytes are themselves, the others follow from U+0100 on.
    """
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
