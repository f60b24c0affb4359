"""Where cells lie under the roof of their device's memory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from compare_helpers import CHAT, cell

from collector import catalog, physics
from collector.queries import BandwidthRow, CellResult, Regime, bandwidths, ceiling, roofline

SHAPE = catalog.find("phi-3-mini-4k").shape
PHI = {"shape": SHAPE, "tensor_bytes": 2_175_438_336}
RATES = [10.0, 10.1, 9.9, 10.2, 9.8, 10.05]
BANDWIDTH = BandwidthRow(
    measured_at_utc="2026-11-24T10:00:00+00:00", byte_per_s=40e9, median_byte_per_s=38e9, n_threads=2,
    buffer_bytes=1 << 28, n_reads=100, method="test/1",
)  # fmt: skip
MADE_UP = replace(BANDWIDTH, method="simulated", byte_per_s=60e9)


def phi(values: dict[str, Sequence[float]] | None = None, **more: Any) -> CellResult:
    return cell(values or {"decode_tok_per_s": RATES, "prefill_tok_per_s": [80.0] * 6}, arm=PHI, **more)


def test_decode_and_prefill_are_two_points() -> None:
    decode, prefill = roofline(phi(bandwidth=BANDWIDTH))
    assert (decode.regime, prefill.regime) == (Regime.DECODE, Regime.PREFILL)
    assert decode.flop_per_byte < 4 < prefill.flop_per_byte
    assert decode.context_tokens == CHAT.n_prompt_tokens + CHAT.n_generated_tokens / 2
    assert prefill.flop_per_s.value == pytest.approx(ceiling(phi()).prefill_flop_per_s)


def test_a_rate_at_the_ceiling_lies_on_the_roof() -> None:
    top = ceiling(phi(bandwidth=BANDWIDTH)).decode_ceiling_tok_per_s
    decode, *_ = roofline(phi({"decode_tok_per_s": [top] * 6}, bandwidth=BANDWIDTH))
    assert decode.flop_per_s.value == pytest.approx(decode.flop_per_byte * BANDWIDTH.byte_per_s)
    assert decode.utilisation is not None
    assert decode.utilisation.value == pytest.approx(1.0)


def test_the_interval_goes_with_the_rate() -> None:
    decode, *_ = roofline(phi(bandwidth=BANDWIDTH))
    for scaled in (decode.flop_per_s, decode.utilisation):
        assert scaled is not None
        assert scaled.low / scaled.value == pytest.approx(decode.rate.low / decode.rate.value)
        assert (scaled.n, scaled.level_exact) == (decode.rate.n, decode.rate.level_exact)


def test_what_is_unknown_is_no_point() -> None:
    assert roofline(cell({"decode_tok_per_s": RATES})) == ()
    assert roofline(phi({"ttft_s": RATES})) == ()
    (only,) = roofline(phi({"decode_tok_per_s": RATES[:2]}))
    assert (only.utilisation, only.flop_per_s.low) == (None, None)


def test_keys_and_values_of_a_long_context_count() -> None:
    long = replace(CHAT, n_depth_tokens=2000)
    short_one, long_one = (roofline(phi(workload=w, bandwidth=BANDWIDTH))[0] for w in (CHAT, long))
    assert long_one.byte_per_token - short_one.byte_per_token == pytest.approx(2000 * physics.kv_bytes_per_token(SHAPE))


def test_each_source_of_a_bandwidth_keeps_its_name() -> None:
    assert bandwidths(phi(bandwidth=BANDWIDTH)) == {"measured": 40e9}
    mac = phi(bandwidth=BANDWIDTH, backend="metal", machine={"cpu_model": "Apple M1"})
    assert bandwidths(mac) == {"measured": 40e9, "vendor": 68.25e9}
    assert bandwidths(phi()) == {}


def test_what_was_made_up_bounds_only_what_was_simulated() -> None:
    assert bandwidths(phi(bandwidth=MADE_UP)) == {}
    assert bandwidths(phi(bandwidth=BANDWIDTH, backend="simulated")) == {}
    simulated = phi(bandwidth=MADE_UP, backend="simulated", machine={"product_type": "iPhone15,2"})
    assert bandwidths(simulated) == {"simulated": 60e9}
    assert ceiling(simulated).bandwidth_source == "simulated"
    assert ceiling(phi(bandwidth=BANDWIDTH, backend="simulated")).bytes_per_token is None
