"""
The timed loops. They take the engine's calls as arguments, so that a benchmark can put others in.

A token's time is taken when its value has arrived in Python: nothing else makes a token of this lazy engine available.
Building a step on a token that is not read yet costs no wait, but handing it over does: the call returns only when most
of that step has been computed, so a time taken after it is late by up to a step. docs/mlx.md shows by how much.
"""

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

TIDY_EVERY = 256
"""Tokens after which the library gives cached buffers back, beginning with the first; so do we."""

Chunk = Callable[[Any], object]
Step = Callable[[Any], Any]
Clock = Callable[[], int]


def strict(
    *,
    chunk: Chunk,
    step: Step,
    read: Callable[[Any], int],
    tidy: Callable[[], object],
    clock: Clock,
    chunks: Sequence[Any],
    last: Any,
    ids: MutableSequence[int],
    times_ns: MutableSequence[int],
) -> int:
    """
    Read each token before the next step is built: every time is exact.

    Args:
        chunk: computes a part of the prompt and waits for it.
        step: builds the step that follows a token and gives the next token, not computed yet.
        read: waits for a token and gives its id.
        chunks: the prompt without its last token, in parts; ``last``: that token.
        ids: receives the sampled ids, as many as it has room for; ``times_ns``: the clock after each.

    Returns:
        Start on the clock.
    """
    start_ns = clock()
    for part in chunks:
        chunk(part)
    token = last
    for index in range(len(ids)):
        token = step(token)
        value = read(token)
        times_ns[index] = clock()
        ids[index] = value
        if index % TIDY_EVERY == 0:
            tidy()
    return start_ns


def hybrid(
    *,
    chunk: Chunk,
    step: Step,
    submit: Callable[[Any], object],
    read: Callable[[Any], int],
    tidy: Callable[[], object],
    clock: Clock,
    chunks: Sequence[Any],
    last: Any,
    ids: MutableSequence[int],
    times_ns: MutableSequence[int],
) -> int:
    """
    The first token as in :func:`strict`; from then on one step ahead, as the library does.

    First and last time are exact, those between are late by up to a step. Nothing is computed that nobody reads, so
    the last token waits for itself alone.

    Args:
        submit: hands a step over to be computed; the others are those of :func:`strict`.

    Returns:
        Start on the clock.
    """
    start_ns = clock()
    for part in chunks:
        chunk(part)
    token = step(last)
    value = read(token)
    times_ns[0] = clock()
    ids[0] = value
    tidy()
    end = len(ids) - 1
    if end:
        token = step(token)
        submit(token)
    for index in range(1, end + 1):
        following = token
        if index < end:
            following = step(token)
            submit(following)
        value = read(token)
        times_ns[index] = clock()
        ids[index] = value
        token = following
        if index % TIDY_EVERY == 0:
            tidy()
    return start_ns


def prefill(*, chunk: Chunk, finish: Chunk, clock: Clock, chunks: Sequence[Any], last: Any) -> tuple[int, int]:
    """
    A prompt as a generation computes it, its last logits included, without sampling.

    Args:
        finish: computes the last token's logits and waits for them; the others are those of :func:`strict`.

    Returns:
        Start and end on the clock.
    """
    start_ns = clock()
    for part in chunks:
        chunk(part)
    finish(last)
    return start_ns, clock()


def decode_given(*, finish: Chunk, clock: Clock, tokens: Sequence[Any], times_ns: MutableSequence[int]) -> int:
    """
    One given token at a time, its logits computed and waited for, as llama-bench's tg.

    Returns:
        Start on the clock.
    """
    start_ns = clock()
    for index, token in enumerate(tokens):
        finish(token)
        times_ns[index] = clock()
    return start_ns
