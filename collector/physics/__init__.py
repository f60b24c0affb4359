"""
What a shape and a format cost by arithmetic. Pure: no file, no clock, no process.

``memory`` predicts bytes that must be resident; ``traffic`` says how many bytes a decode step moves, how fast that can
go at a given bandwidth, and how much arithmetic a prefill does.
"""

from collector.physics.memory import MemoryNeed, kv_bytes_per_token, memory_bytes, memory_of_arm
from collector.physics.traffic import (
    LEAST_STREAMED_BYTES,
    TOLERANCE_FRAC,
    bandwidth_utilisation,
    bytes_per_token,
    bytes_per_token_of_arm,
    decode_ceiling_tok_per_s,
    decode_flop,
    embedding_bytes,
    is_implausible,
    mean_context_tokens,
    prefill_bytes,
    prefill_flop,
    prefill_flop_per_s,
    streamed_bytes,
)

__all__ = [
    "LEAST_STREAMED_BYTES",
    "TOLERANCE_FRAC",
    "MemoryNeed",
    "bandwidth_utilisation",
    "bytes_per_token",
    "bytes_per_token_of_arm",
    "decode_ceiling_tok_per_s",
    "decode_flop",
    "embedding_bytes",
    "is_implausible",
    "kv_bytes_per_token",
    "mean_context_tokens",
    "memory_bytes",
    "memory_of_arm",
    "prefill_bytes",
    "prefill_flop",
    "prefill_flop_per_s",
    "streamed_bytes",
]
