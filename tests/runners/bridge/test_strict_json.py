"""JSON from a stranger."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.bridge import strict_json
from runners.bridge.strict_json import BadJson, read

_ints = st.integers(-(2**63), 2**63 - 1)
_values = st.recursive(
    st.none() | st.booleans() | _ints | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"{} x", b"nul", b"\xff", b'{"a": NaN}', b'{"a": Infinity}', b"-Infinity", b"1e999", b"-1e999",
        b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', str(2**63).encode(), str(-(2**63) - 1).encode(), b"9" * 5000,
        b"[" * 33 + b"]" * 33, b"[" * 100_000, b'{"a":' * 40 + b"1" + b"}" * 40, rb'"\ud800"', rb'{"\udc00": 1}',
        b"01", b"1.", b"'a'", b"[1,]", b'"a\nb"', b"\xef\xbb\xbf{}", b"{}".decode().encode("utf-16"),
    ],
)  # fmt: skip
def test_what_no_peer_should_send_is_refused(body: bytes) -> None:
    with pytest.raises(BadJson):
        read(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (str(2**63 - 1).encode(), 2**63 - 1),
        (str(-(2**63)).encode(), -(2**63)),
        (b"[" * 32 + b"]" * 32, None),
        (rb'"\ud83d\udcf1"', "📱"),
        (b'"' + b"[{" * 100 + b'"', "[{" * 100),
        (rb'["\"", "' + b"[" * 40 + b'", "\\\\"]', ['"', "[" * 40, "\\"]),
        (b'{"a": 5e-324}', {"a": 5e-324}),
    ],
)
def test_what_only_looks_so_is_taken(body: bytes, value: object) -> None:
    assert value is None or read(body) == value


@given(_values)
def test_what_json_writes_is_read_again(value: object) -> None:
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with contextlib.suppress(BadJson):
        assert read(body) is not Ellipsis


def test_the_depth_is_counted_outside_of_strings() -> None:
    deep = json.dumps({"text": "[" * 99, "list": [[]] * 99})
    assert strict_json.read(deep.encode())["text"] == "[" * 99
