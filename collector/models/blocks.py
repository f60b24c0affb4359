"""
Random quantised blocks whose values have a chosen deviation and no drift.

Raw random bits would do for the speed, but random scales hold NaN and infinity: the bits of the quants are random, the
scales are chosen. With deviation 1/sqrt(input dimension) every layer keeps its states near unit size, so logits come
out with deviation near 1 and finite.

Source:
    block layouts of ggml; the unit deviations of uniform random quants were computed from them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.models.layout import BLOCK_BYTES

POOL_BYTES = 8 << 20
"""Large enough that a repetition does not show, small enough to stay in memory; a tensor is slices of one pool."""

_HALF, _BYTE = np.dtype("<f2"), np.uint8
_SCALES_OF_16 = np.array([0x50] * 8 + [0x00] * 4, dtype=_BYTE)
"""Twelve bytes that hold eight 6-bit scales of 16 and eight minima of 16."""


def pool(kind: str, n_input: int, seed: int) -> NDArray[np.uint8]:
    """
    Random blocks of one type.

    Args:
        kind: type of the tensor.
        n_input: its input dimension, which fixes the deviation of the values.
        seed: of the random bits.

    Returns:
        shape (n_blocks, bytes of a block).
    """
    elements, n_bytes = BLOCK_BYTES[kind]
    n_blocks = POOL_BYTES // n_bytes
    rng = np.random.Generator(np.random.SFC64([seed, n_input, sum(kind.encode())]))
    sigma = n_input**-0.5
    if kind in {"F16", "F32"}:
        values = rng.standard_normal(n_blocks * elements, dtype=np.float32) * sigma
        raw: NDArray[np.uint8] = values.astype(_HALF if kind == "F16" else "<f4").view(_BYTE)
        return raw.reshape(n_blocks, n_bytes)
    blocks = np.frombuffer(rng.bytes(n_blocks * n_bytes), dtype=_BYTE).reshape(n_blocks, n_bytes).copy()
    signs = np.where(rng.integers(0, 2, n_blocks) == 1, 1.0, -1.0)
    _FILL[kind](blocks, sigma, signs)
    return blocks


def _halves(values: Any) -> NDArray[np.uint8]:
    return np.atleast_1d(np.asarray(values, dtype=_HALF)).view(_BYTE).reshape(-1, 2)


def _one_scale(deviation: float) -> Any:
    """Formats with one scale in front; its random sign takes the mean away."""

    def fill(blocks: NDArray[np.uint8], sigma: float, signs: NDArray[np.float64]) -> None:
        blocks[:, 0:2] = _halves(signs * (sigma / deviation))

    return fill


def _q5_1(blocks: NDArray[np.uint8], sigma: float, signs: NDArray[np.float64]) -> None:
    blocks[:, 0:2] = _halves(signs * (sigma / 9.23))
    blocks[:, 2:4] = _halves(signs * (sigma / 9.23) * -15.5)


def _two_scales(deviation: float, centre: float) -> Any:
    """Q4_K and Q5_K: d, dmin, then 12 bytes of scales and minima, all 16."""

    def fill(blocks: NDArray[np.uint8], sigma: float, signs: NDArray[np.float64]) -> None:
        d = sigma / (deviation * 16)
        blocks[:, 0:2] = _halves(d)
        blocks[:, 2:4] = _halves(d * centre)
        blocks[:, 4:16] = _SCALES_OF_16

    return fill


def _q6_k(blocks: NDArray[np.uint8], sigma: float, signs: NDArray[np.float64]) -> None:
    blocks[:, 192:208] = (signs * 8).astype(np.int8).view(_BYTE)[:, None]
    blocks[:, 208:210] = _halves(sigma / (18.47 * 8))


_FILL = {
    "Q4_0": _one_scale(4.61),
    "Q5_0": _one_scale(9.23),
    "Q8_0": _one_scale(73.9),
    "Q5_1": _q5_1,
    "Q4_K": _two_scales(4.61, 7.5),
    "Q5_K": _two_scales(9.23, 15.5),
    "Q6_K": _q6_k,
}
