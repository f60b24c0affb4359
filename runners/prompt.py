"""
The token ids that a workload runs on: drawn from a seed, or the text of a file.

The generator is SplitMix64, written out here: the same seed gives the same tokens on every Python, from every engine
whose vocabulary is of the same size, and can be repeated in any other language.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners.contract import ModelRef, Workload
from runners.errors import FailureKind, RunnerUnavailable

_MASK = (1 << 64) - 1
_MOST_TRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What drawing and reading tokens needs of a model; ``bos`` None = the model begins without one."""

    n_tokens: int
    bos: int | None
    is_special: Callable[[int], bool]
    tokenize: Callable[[bytes], Sequence[int]]


def tokens(workload: Workload, vocabulary: Vocabulary, model: ModelRef) -> list[int]:
    """
    The context of a workload: its depth, then its prompt, or for a kernel decode the tokens fed in.

    Raises:
        RunnerUnavailable: of kind unsupported; a text for a model without a real tokenizer, or no text.
    """
    n_fed = workload.n_prompt_tokens or workload.n_generated_tokens
    if workload.prompt_path is None:
        return drawn(vocabulary, workload.n_depth_tokens + n_fed, workload.prompt_seed)
    text = _cut_or_repeated(_from_file(workload.prompt_path, vocabulary, model), n_fed, vocabulary)
    return drawn(vocabulary, workload.n_depth_tokens, workload.prompt_seed) + text


def drawn(vocabulary: Vocabulary, n: int, seed: int) -> list[int]:
    """The model's begin token, then random ones that are no control tokens; ``n`` in all."""
    first = [vocabulary.bos] if vocabulary.bos is not None and n else []
    numbers = _splitmix64(seed)
    return first + [_ordinary(vocabulary, numbers) for _ in range(n - len(first))]


def _ordinary(vocabulary: Vocabulary, numbers: Iterator[int]) -> int:
    token = 0
    for _ in range(_MOST_TRIES):  # a vocabulary of control tokens alone must not hang
        token = next(numbers) * vocabulary.n_tokens >> 64
        if not vocabulary.is_special(token):
            break
    return token


def _splitmix64(seed: int) -> Iterator[int]:
    """
    64 random bits at a time.

    Source:
        Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    state = seed & _MASK
    while True:
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        yield z ^ (z >> 31)


def _from_file(path: str, vocabulary: Vocabulary, model: ModelRef) -> Sequence[int]:
    name = Path(path).name
    if model.is_synthetic or not model.has_tokenizer:
        raise _refusal(
            f"{model.model} has no real tokenizer, so the text {name} cannot be its prompt",
            "leave out the prompt file (random tokens take the same time), or take real weights",
        )
    try:
        text = Path(path).read_bytes()
        text.decode()
    except OSError as exc:
        raise _refusal(f"the prompt file {name} cannot be read: {exc.strerror}", "check prompt_path") from exc
    except UnicodeDecodeError as exc:
        raise _refusal(f"the prompt file {name} is no UTF-8 text", "save it as UTF-8") from exc
    found = vocabulary.tokenize(text)
    if not text.strip() or not found:
        raise _refusal(f"the prompt file {name} is empty", "put some text into it")
    return found


def _cut_or_repeated(text: Sequence[int], n: int, vocabulary: Vocabulary) -> list[int]:
    """Exactly ``n`` tokens; a repetition leaves out the begin token."""
    begin = [vocabulary.bos] if vocabulary.bos is not None and text[0] == vocabulary.bos else []
    rest = list(text[len(begin) :]) or list(text)
    repeated = rest * (n // len(rest) + 1)
    return (begin + repeated)[:n]


def _refusal(message: str, remedy: str) -> RunnerUnavailable:
    return RunnerUnavailable(FailureKind.UNSUPPORTED, message, remedy)
