"""Where a cell lies under the roof of its device's memory: arithmetic a byte, and arithmetic a second."""

from dataclasses import dataclass, replace
from enum import StrEnum

from collector import physics
from collector.physics.memory import kv_bytes_per_element
from collector.queries.ceilings import bandwidths
from collector.queries.records import CellResult
from collector.stats import Estimate

_METRICS = {
    "decode": ("decode_tok_per_s", "kernel_decode_tok_per_s"),
    "prefill": ("prefill_tok_per_s", "kernel_prefill_tok_per_s"),
}


class Regime(StrEnum):
    """What bounds a rate: the memory in decode, the arithmetic in prefill. The two are never one series."""

    DECODE = "decode"
    PREFILL = "prefill"


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """
    One rate of one cell under the roof.

    Args:
        metric, rate: what was measured, in tokens/s.
        flop_per_token, byte_per_token: of the shape, keys and values included; for a prefill the means over its
            prompt, the bytes being the least that it can move.
        context_tokens: mean length of the context in decode, length of the prompt in prefill.
        utilisation: share of the bandwidth that a decode rate uses; None in prefill and where none is known.
    """

    regime: Regime
    metric: str
    rate: Estimate
    flop_per_token: float
    byte_per_token: float
    context_tokens: float
    utilisation: Estimate | None = None

    @property
    def flop_per_byte(self) -> float:
        """Arithmetic a byte moved."""
        return self.flop_per_token / self.byte_per_token

    @property
    def flop_per_s(self) -> Estimate:
        """Arithmetic achieved."""
        return _scaled(self.rate, self.flop_per_token)


def roofline(cell: CellResult) -> tuple[RooflinePoint, ...]:
    """The points of a cell: decode and prefill, as far as they were measured; none where shape or size is unknown."""
    return tuple(point for point in (_decode(cell), _prefill(cell)) if point is not None)


def _decode(cell: CellResult) -> RooflinePoint | None:
    metric, rate = _rate(cell, Regime.DECODE)
    asked, shape = cell.workload.asked, cell.arm.shape
    n_bytes = physics.bytes_per_token_of_arm(shape, cell.arm.tensor_bytes, cell.arm.quant, asked, cell.arm.options)
    if rate is None or shape is None or n_bytes is None:
        return None
    context = physics.mean_context_tokens(asked.n_prompt_tokens, asked.n_generated_tokens, asked.n_depth_tokens)
    bandwidth = max(bandwidths(cell).values(), default=None)
    return RooflinePoint(
        regime=Regime.DECODE,
        metric=metric,
        rate=rate,
        flop_per_token=physics.decode_flop(shape, context),
        byte_per_token=n_bytes,
        context_tokens=context,
        utilisation=_scaled(rate, n_bytes / bandwidth) if bandwidth else None,
    )


def _prefill(cell: CellResult) -> RooflinePoint | None:
    metric, rate = _rate(cell, Regime.PREFILL)
    arm, n = cell.arm, cell.workload.n_prompt_tokens
    if rate is None or arm.shape is None or arm.tensor_bytes is None or not n:
        return None
    weights = physics.streamed_bytes(arm.shape, arm.tensor_bytes, arm.quant)
    depth, kv_bytes = cell.workload.n_depth_tokens, kv_bytes_per_element(arm.options, arm.shape.head_dim)
    return RooflinePoint(
        regime=Regime.PREFILL,
        metric=metric,
        rate=rate,
        flop_per_token=physics.prefill_flop(arm.shape, n, depth) / n,
        byte_per_token=physics.prefill_bytes(arm.shape, weights, n, depth, kv_bytes) / n,
        context_tokens=n,
    )


def _rate(cell: CellResult, regime: Regime) -> tuple[str, Estimate | None]:
    metric = next((name for name in _METRICS[regime] if cell.values.get(name)), "")
    return metric, cell.estimate(metric) if metric else None


def _scaled(one: Estimate, factor: float) -> Estimate:
    low, high = (None if bound is None else bound * factor for bound in (one.low, one.high))
    return replace(one, value=one.value * factor, low=low, high=high)
