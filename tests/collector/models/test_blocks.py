"""Random blocks: finite, centred, of the deviation that was asked for, as llama.cpp's own Python package reads them."""

import gguf
import numpy as np
import pytest

from collector.models import blocks
from collector.models.layout import BLOCK_BYTES


@pytest.mark.parametrize("kind", [kind for kind in BLOCK_BYTES if kind != "F32"])
@pytest.mark.parametrize("n_input", [256, 3072, 17920])
def test_values_have_the_deviation_that_keeps_states_near_unit_size(kind: str, n_input: int) -> None:
    raw = blocks.pool(kind, n_input, seed=1)[: 1 << 12]
    values = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind]).astype(np.float64).ravel()
    assert np.isfinite(values).all()
    sigma = n_input**-0.5
    assert values.std() == pytest.approx(sigma, rel=0.05)
    assert abs(values.mean()) < 0.05 * sigma


def test_a_pool_is_fixed_by_its_seed() -> None:
    first, again, other = (blocks.pool("Q4_0", 64, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
