"""
The timed loops. They take the engine's calls as arguments, so that a benchmark can put calls in that return at once.

Between the first and the last clock reading stand engine calls and clock readings into an array made beforehand, and
nothing else; whatever can be prepared or checked outside is.
"""

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

Decode = Callable[[Any, Any], int]
Synchronize = Callable[[Any], object]
Sample = Callable[[Any, Any, int], int]
Clock = Callable[[], int]


def prefill(
    *, decode: Decode, synchronize: Synchronize, clock: Clock, context: Any, batches: Sequence[Any]
) -> tuple[int, int, int]:
    """
    A prompt in its batches, then one synchronisation, as llama-bench's pp.

    Returns:
        Start and end on the clock, and the return codes or-ed together (0 = all good).
    """
    code = 0
    start_ns = clock()
    for batch in batches:
        code |= decode(context, batch)
    synchronize(context)
    return start_ns, clock(), code


def decode_given(
    *,
    decode: Decode,
    synchronize: Synchronize,
    clock: Clock,
    context: Any,
    batch: Any,
    slot: MutableSequence[int],
    tokens: Sequence[int],
    times_ns: MutableSequence[int],
) -> tuple[int, int]:
    """
    One given token a call, a synchronisation after each, as llama-bench's tg.

    Args:
        slot: the one token of ``batch``, written before each call.
        times_ns: as long as ``tokens``; receives the clock after each token.

    Returns:
        Start on the clock, and the return codes or-ed together.
    """
    code = 0
    start_ns = clock()
    for index, token in enumerate(tokens):
        slot[0] = token
        code |= decode(context, batch)
        synchronize(context)
        times_ns[index] = clock()
    return start_ns, code


def generate(
    *,
    decode: Decode,
    sample: Sample,
    clock: Clock,
    context: Any,
    sampler: Any,
    prompt: Sequence[Any],
    batch: Any,
    slot: MutableSequence[int],
    ids: MutableSequence[int],
    times_ns: MutableSequence[int],
) -> tuple[int, int]:
    """
    A prompt, then as many sampled tokens as ``ids`` has room for; the end-of-text token is one like any other.

    A token's time is taken when its id is there. The last token is sampled and not decoded again, as nobody needs what
    would follow it.

    Returns:
        Start on the clock, and the first return code that is not 0; the loop ends there, since the library aborts the
        process when it is asked to sample without logits.
    """
    last = len(ids) - 1
    start_ns = clock()
    for part in prompt:
        code = decode(context, part)
        if code:
            return start_ns, code
    for index in range(last + 1):
        token = sample(sampler, context, -1)
        times_ns[index] = clock()
        ids[index] = token
        if index == last:
            break
        slot[0] = token
        code = decode(context, batch)
        if code:
            return start_ns, code
    return start_ns, 0
