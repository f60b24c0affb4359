"""Which tokens a workload runs on: fixed by the seed, ordinary ones, or a text cut or repeated."""

from pathlib import Path

import pytest

from runners import prompt
from runners.contract import ModelRef, Workload

MODEL = ModelRef(model="m", format="gguf", quant="q4_0", path="/nowhere/m.gguf")


def vocabulary(special: set[int], bos: int | None = 1) -> prompt.Vocabulary:
    return prompt.Vocabulary(
        n_tokens=1000, bos=bos, is_special=special.__contains__, tokenize=lambda text: [1, *text[:3]]
    )


def test_drawn_tokens_are_fixed_by_the_seed_and_ordinary() -> None:
    drawn = prompt.drawn(vocabulary({1, 2, 3}), 5000, seed=7)
    assert drawn == prompt.drawn(vocabulary({1, 2, 3}), 5000, seed=7)
    assert drawn != prompt.drawn(vocabulary({1, 2, 3}), 5000, seed=8)
    assert drawn[0] == 1
    assert not {1, 2, 3} & set(drawn[1:])
    assert min(drawn) >= 0
    assert max(drawn) < 1000
    assert len(set(drawn)) > 950


def test_the_generator_is_splitmix64() -> None:
    """The published first outputs for seed 1234567, so that any language can repeat a prompt."""
    wide = prompt.Vocabulary(n_tokens=1 << 64, bos=None, is_special=lambda _: False, tokenize=list)
    assert prompt.drawn(wide, 2, seed=1234567) == [6457827717110365317, 3203168211198807973]


def test_a_vocabulary_of_control_tokens_does_not_hang() -> None:
    assert len(prompt.drawn(vocabulary(set(range(1000))), 3, seed=1)) == 3


def test_depth_comes_first_and_takes_the_begin_token(tmp_path: Path) -> None:
    workload = Workload(name="w", n_depth_tokens=5, n_prompt_tokens=3, n_generated_tokens=1)
    assert prompt.tokens(workload, vocabulary(set()), MODEL) == prompt.drawn(vocabulary(set()), 8, seed=1)


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (3, [1, 97, 98]), (8, [1, 97, 98, 99, 97, 98, 99, 97])])
def test_a_text_is_cut_or_repeated_without_its_begin_token(tmp_path: Path, n: int, expected: list[int]) -> None:
    path = tmp_path / "p.txt"
    path.write_text("abcdef")
    real = ModelRef(model="m", format="gguf", quant="q4_0", has_tokenizer=True)
    workload = Workload(name="w", n_prompt_tokens=n, n_generated_tokens=1, prompt_path=str(path))
    assert prompt.tokens(workload, vocabulary(set()), real) == expected
