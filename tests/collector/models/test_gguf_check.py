"""Metadata that no model can have is refused before an engine aborts, hangs or computes rubbish."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from collector import models
from collector.models.synth_gguf import write_gguf
from runners.contract import ModelShape
from runners.errors import FailureKind, ModelError

SHAPES = {
    name: ModelShape(
        architecture=name, n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
        context_length=4096, is_tied=False, n_params=1,
    )
    for name in ("phi3", "llama")
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    for name, shape in SHAPES.items():
        write_gguf(folder / name, name="Phi-3 tiny" if name == "phi3" else "tiny", shape=shape, quant="q4_0")
    return {name: (folder / name).read_bytes() for name in SHAPES}


@pytest.fixture
def load(tmp_path: Path) -> Callable[[bytes], models.ModelRef]:
    def read(content: bytes) -> models.ModelRef:
        path = tmp_path / "x.gguf"
        path.write_bytes(content)
        return models.from_path(path)

    return read


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def with_number(content: bytes, key: str, value: int) -> bytes:
    at = content.index(text(key)) + len(text(key)) + 4
    return content[:at] + struct.pack("<I", value) + content[at + 4 :]


def with_key(content: bytes, key: str, value: bytes) -> bytes:
    """One key more; the tensor data moves by a multiple of the alignment."""
    n_keys = int.from_bytes(content[16:24], "little")
    added = text(key) + value
    filler_name = text("filler") + struct.pack("<I", 8)
    filler = b"f" * (-(len(added) + len(filler_name) + 8) % 32)
    added += filler_name + struct.pack("<Q", len(filler)) + filler
    return content[:16] + struct.pack("<Q", n_keys + 2) + added + content[24:]


def renamed(content: bytes, old: str, new: str) -> bytes:
    assert len(old) == len(new)
    assert text(old) in content
    return content.replace(text(old), text(new))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("block_count", 0, "claims 0 layers"),
        ("block_count", 100_000, "claims 100,000 layers"),
        ("block_count", 3, "lacks the tensor 'blk.2."),
        ("embedding_length", 0, "make no phi3 model"),
        ("embedding_length", 512, "is [256, "),
        ("feed_forward_length", 1024, "is [256, 1024], expected [256, 2048]"),
        ("attention.head_count", 0, "make no phi3 model"),
        ("attention.head_count", 7, "claims a rotary width of 64; its heads are 36 wide"),
        ("attention.head_count_kv", 3, "expected [256, 640]"),
        ("rope.dimension_count", 0, "rotary width of 0"),
        ("rope.dimension_count", 1000, "rotary width of 1000"),
    ],
)
def test_absurd_hyperparameters(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef], key: str, value: int, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        load(with_number(whole["phi3"], f"phi3.{key}", value))
    assert caught.value.kind is FailureKind.MODEL_INVALID
    assert words in caught.value.message


def test_a_context_of_0_loads_as_it_does_in_llama_cpp(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]
) -> None:
    assert load(with_number(whole["phi3"], "phi3.context_length", 0)).shape is None


@pytest.mark.parametrize("key", ["context_length", "embedding_length", "block_count"])
def test_a_missing_key(whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef], key: str) -> None:
    with pytest.raises(ModelError, match=rf"lacks phi3\.{key}"):
        load(renamed(whole["phi3"], f"phi3.{key}", f"phi3.{key[:-1]}_"))


@pytest.mark.parametrize(
    ("architecture", "tensor"),
    [
        ("phi3", "token_embd.weight"),
        ("phi3", "blk.1.ffn_up.weight"),
        ("phi3", "blk.0.attn_qkv.weight"),
        ("llama", "blk.1.attn_v.weight"),
        ("llama", "output_norm.weight"),
    ],
)
def test_a_tensor_with_another_name(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef], architecture: str, tensor: str
) -> None:
    with pytest.raises(ModelError, match=f"lacks the tensor '{tensor}'"):
        load(renamed(whole[architecture], tensor, tensor[:-1] + "x"))


def test_a_tensor_that_stands_twice(whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]) -> None:
    with pytest.raises(ModelError, match=r"the tensor 'blk\.0\.ffn_up\.weight' twice"):
        load(renamed(whole["phi3"], "blk.1.ffn_up.weight", "blk.0.ffn_up.weight"))


def test_a_token_that_stands_twice_aborts_llama_cpp(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]
) -> None:
    with pytest.raises(ModelError, match="the token '▁t000001' twice"):
        load(renamed(whole["phi3"], "▁t000002", "▁t000001"))


def test_a_phi_3_without_its_tokens(whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]) -> None:
    with pytest.raises(ModelError, match=r"lacks its token '<\|endoftext\|>'"):
        load(renamed(whole["phi3"], "<|endoftext|>", "<|endoftexx|>"))
    assert load(renamed(whole["llama"], "<|endoftext|>", "<|endoftexx|>")).shape is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tokenizer.ggml.model", "tokenizer.ggml.xodel", "does not say its tokenizer"),
        ("tokenizer.ggml.tokens", "tokenizer.ggml.xokens", "a tokenizer without tokens"),
    ],
)
def test_a_vocabulary_that_is_missing(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef], old: str, new: str, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        load(renamed(whole["phi3"], old, new))


def test_an_architecture_that_only_the_engine_can_judge(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]
) -> None:
    ref = load(whole["phi3"].replace(text("phi3"), text("zhi3")).replace(b"phi3.", b"zhi3."))
    assert ref.shape is not None
    assert ref.shape.architecture == "zhi3"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("split.count", struct.pack("<IH", 2, 3), "one of 3 parts"),
        ("general.type", struct.pack("<I", 8) + text("adapter"), "LoRA adapter"),
        ("general.type", struct.pack("<I", 8) + text("mmproj"), "vision part"),
    ],
)
def test_parts_of_a_model(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef], key: str, value: bytes, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        load(with_key(whole["llama"], key, value))
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert caught.value.remedy


def test_a_real_file_has_a_tokenizer_and_its_own_name(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]
) -> None:
    ref = load(renamed(whole["llama"], "general.synthetic", "general.synthesis"))
    assert (ref.model, ref.is_synthetic, ref.has_tokenizer) == ("x", False, True)


def test_a_mixture_of_experts_is_left_to_the_engine(
    whole: dict[str, bytes], load: Callable[[bytes], models.ModelRef]
) -> None:
    broken = renamed(whole["llama"], "blk.1.ffn_up.weight", "blk.1.ffn_ux.weight")
    ref = load(with_key(broken, "llama.expert_count", struct.pack("<II", 4, 8)))
    assert ref.tensor_bytes is not None
