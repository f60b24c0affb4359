"""
Token times as bytes: exact, about 3 to 4 bytes a token, one version byte in front.

Gaps between deliveries cluster around one value, so each is stored as its distance above the smallest one, in an
exponential Golomb code whose order is chosen for the array: near the entropy of the jitter for usual gaps, and a
stall costs a few bytes, not an overflow. A checksum tells damage from data.

Layout: version (1 byte), CRC-32 of the rest (4 bytes), then LEB128 integers: number of deliveries n, first time, then
for the gaps and, when deliveries carry several tokens, for the counts: smallest value, order. Then one bit stream.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

VERSION = 1
_HEADER_BYTES = 5
_MAX_ORDER = 63

Times = tuple[tuple[int, ...], tuple[int, ...] | None]


def pack_times(dt_ns: Sequence[int], n_tokens: Sequence[int] | None = None) -> bytes:
    """
    Pack the times of one trace.

    Args:
        dt_ns: shape (n,), n >= 1, rising, not negative; nanoseconds after the start.
        n_tokens: shape (n,); tokens per delivery; None = one each.

    Raises:
        ValueError: times that fall or are negative, or counts that do not match.
    """
    gaps = [b - a for a, b in pairwise(dt_ns)]
    if not dt_ns or dt_ns[0] < 0 or min(gaps, default=0) < 0:
        raise ValueError("token times must rise from 0 on")
    if n_tokens is not None and (len(n_tokens) != len(dt_ns) or min(n_tokens) < 0):
        raise ValueError("token counts must match the times and not be negative")
    head = bytearray(_leb128(len(dt_ns)) + _leb128(dt_ns[0]) + bytes([n_tokens is not None]))
    bits = []
    for values in [gaps] if n_tokens is None else [gaps, n_tokens]:
        smallest = min(values, default=0)
        residuals = [v - smallest for v in values]
        order = _best_order(residuals)
        head += _leb128(smallest) + bytes([order])
        bits.append(_encode(residuals, order))
    body = bytes(head) + _to_bytes("".join(bits))
    return bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "little") + body


def unpack_times(blob: bytes) -> Times:
    """
    Times and counts as they went in; counts None when every delivery carried one token.

    Raises:
        ValueError: damaged, cut short, or written by a newer version.
    """
    if len(blob) <= _HEADER_BYTES or blob[0] != VERSION:
        version = blob[0] if blob else "none"
        raise ValueError(f"packed times are cut short or of an unknown version ({version}; this reads {VERSION})")
    body = blob[_HEADER_BYTES:]
    if zlib.crc32(body).to_bytes(4, "little") != blob[1:_HEADER_BYTES]:
        raise ValueError("packed times are damaged: the checksum does not match")
    try:
        return _unpack_body(body)
    except (IndexError, OverflowError) as exc:  # right checksum, wrong content: not written by pack_times
        raise ValueError("packed times are malformed") from exc


def _unpack_body(body: bytes) -> Times:
    n, at = _read_leb128(body, 0)
    first_ns, at = _read_leb128(body, at)
    n_columns = 1 + body[at]
    at += 1
    columns = []
    for _ in range(n_columns):
        smallest, at = _read_leb128(body, at)
        columns.append((smallest, body[at]))
        at += 1
    bits = _Bits(body[at:])
    gaps = [columns[0][0] + residual for residual in bits.decode(n - 1, columns[0][1])]
    dt_ns, now_ns = [first_ns], first_ns
    for gap in gaps:
        now_ns += gap
        dt_ns.append(now_ns)
    if n_columns == 1:
        return tuple(dt_ns), None
    return tuple(dt_ns), tuple(columns[1][0] + residual for residual in bits.decode(n, columns[1][1]))


def _encode(residuals: Sequence[int], order: int) -> str:
    """Exponential Golomb of order k: x + 2^k in binary, behind as many zeros as it has digits beyond k + 1."""
    bias = 1 << order
    texts = (format(x + bias, "b") for x in residuals)
    return "".join("0" * (len(text) - order - 1) + text for text in texts)


def _best_order(residuals: Sequence[int]) -> int:
    """The order that needs fewest bits, looked for around the mean."""
    if not residuals:
        return 0
    middle = (sum(residuals) // len(residuals)).bit_length()
    candidates = range(max(0, middle - 3), min(_MAX_ORDER, middle + 1) + 1)
    return min(candidates or [_MAX_ORDER], key=lambda order: _n_bits(residuals, order))


def _n_bits(residuals: Sequence[int], order: int) -> int:
    bias = 1 << order
    return sum(2 * (x + bias).bit_length() - order - 1 for x in residuals)


class _Bits:
    """A bit stream read from the front."""

    def __init__(self, data: bytes) -> None:
        self._text = format(int.from_bytes(b"\x01" + data, "big"), "b")[1:]  # the leading 1 keeps zeros in front
        self._at = 0

    def decode(self, n: int, order: int) -> Iterator[int]:
        bias = 1 << order
        for _ in range(n):
            one = self._text.find("1", self._at)
            if one < 0:
                raise ValueError("packed times end too early")
            end = one + (one - self._at) + order + 1
            if end > len(self._text):
                raise ValueError("packed times end too early")
            yield int(self._text[one:end], 2) - bias
            self._at = end


def _to_bytes(bits: str) -> bytes:
    n_bytes = (len(bits) + 7) // 8
    return int(bits.ljust(n_bytes * 8, "0"), 2).to_bytes(n_bytes, "big") if bits else b""


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at
