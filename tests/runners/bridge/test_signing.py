"""The vectors that Swift reads too: published ones first, then our own texts recomputed with hashlib and hmac alone."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from runners.bridge import signing

GOLDEN = Path(__file__).parents[3] / "runners/iphone/app/Tests/BenchProtocolTests/Golden/crypto.json"
VECTORS = json.loads(GOLDEN.read_text())
KEY, NONCE = bytes(range(32)), "0f" * 16


def rows(name: str) -> list[object]:
    return [pytest.param(row, id=row["name"]) for row in VECTORS[name]]


@pytest.mark.parametrize("row", rows("sha256"))
def test_sha256(row: dict[str, Any]) -> None:
    message = bytes.fromhex(row["message_hex"]) * row.get("n_repeats", 1)
    assert signing.sha256_hex(message) == row["digest"]


@pytest.mark.parametrize("row", rows("hmac_sha256"))
def test_hmac(row: dict[str, Any]) -> None:
    mac = hmac.new(bytes.fromhex(row["key_hex"]), bytes.fromhex(row["message_hex"]), "sha256").hexdigest()
    assert mac[: len(row["mac"])] == row["mac"]


@pytest.mark.parametrize("row", rows("hkdf_sha256"))
def test_hkdf(row: dict[str, Any]) -> None:
    secret, salt, info = (bytes.fromhex(row[f"{name}_hex"]) for name in ("secret", "salt", "info"))
    assert signing.hkdf_sha256(secret, salt=salt, info=info, n_bytes=row["n_bytes"]).hex() == row["key_hex"]


@pytest.mark.parametrize("row", rows("requests"))
def test_a_request_is_signed_over_method_target_time_nonce_and_body(row: dict[str, Any]) -> None:
    key, body = bytes.fromhex(row["key_hex"]), bytes.fromhex(row["body_hex"])
    digest = hashlib.sha256(body).hexdigest()
    assert row["text"] == "\n".join(["PB1", row["method"], row["target"], str(row["ts_ms"]), row["nonce"], digest])
    assert row["mac"] == hmac.new(key, row["text"].encode(), "sha256").hexdigest()
    asked = {name: row[name] for name in ("device_id", "method", "target", "ts_ms", "nonce")}
    assert str(signing.sign_request(key, body=body, **asked)) == row["header"]
    parsed = signing.parse_signature(row["header"])
    assert parsed is not None
    assert signing.is_signed_by(key, parsed, method=row["method"], target=row["target"], body=body)


@pytest.mark.parametrize("row", rows("replies"))
def test_a_reply_is_signed_over_the_nonce_of_its_request_status_time_and_body(row: dict[str, Any]) -> None:
    key, body = bytes.fromhex(row["key_hex"]), bytes.fromhex(row["body_hex"])
    digest = hashlib.sha256(body).hexdigest()
    assert row["text"] == "\n".join(["PB1-REPLY", row["nonce"], str(row["status"]), str(row["ts_ms"]), digest])
    assert row["mac"] == hmac.new(key, row["text"].encode(), "sha256").hexdigest()
    asked = {name: row[name] for name in ("nonce", "status", "ts_ms")}
    assert signing.sign_reply(key, body=body, **asked) == row["header"]


@pytest.mark.parametrize("row", rows("pairings"))
def test_both_sides_of_a_pairing_derive_one_key_and_prove_it_differently(row: dict[str, Any]) -> None:
    asked = {name: row[name] for name in ("host_id", "device_id", "nonce")}
    key = signing.pairing_key(bytes.fromhex(row["secret_hex"]), **asked)
    assert key.hex() == row["key_hex"]
    assert hashlib.sha256(key).hexdigest() == row["key_digest"]
    for role in ("phone", "host"):
        digest = hashlib.sha256(row["device_name"].encode()).hexdigest()
        text = "\n".join([role, row["host_id"], row["device_id"], row["nonce"], digest])
        assert row[f"{role}_text"] == text
        assert row[f"{role}_proof"] == hmac.new(key, text.encode(), "sha256").hexdigest()
        assert row[f"{role}_proof"] == signing.proof(key, role, name=row["device_name"], **asked)
    assert row["phone_proof"] != row["host_proof"]


@pytest.mark.parametrize("row", rows("seals"))
def test_a_seal_covers_every_line_before_the_end(row: dict[str, Any]) -> None:
    assert row["n_events"] == len(row["lines"]) + 1
    assert hashlib.sha256("".join(f"{line}\n" for line in row["lines"]).encode()).hexdigest() == row["events_sha256"]


@pytest.mark.parametrize(
    "changed",
    [{"method": "PUT"}, {"target": "/v1/hello?"}, {"body": b"{} "}, {"key": bytes(32)}],
    ids=["method", "target", "body", "key"],
)
def test_whatever_is_changed_breaks_the_signature(changed: dict[str, Any]) -> None:
    whole = {"key": KEY, "method": "POST", "target": "/v1/hello", "body": b"{}"}
    signature = signing.sign_request(ts_ms=5, nonce=NONCE, device_id="d", **whole)
    assert signing.is_signed_by(signature=signature, **whole)
    assert not signing.is_signed_by(signature=signature, **{**whole, **changed})


GOOD = ["PB1", "d", "5", NONCE, "0" * 64]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (0, "PB2"), (0, "pb1"), (1, ""), (1, "a/b"), (1, "x" * 65), (1, "é"), (2, "-5"), (2, "5.0"), (2, "\u0665"),
        (2, "9" * 16), (3, NONCE.upper()), (3, NONCE[1:]), (4, "0" * 63), (4, "0" * 65), (4, "0" * 63 + "\n"),
        (4, "0" * 64 + " "), (1, "d\n"),
    ],
)  # fmt: skip
def test_a_header_of_another_form_is_no_signature(place: int, text: str) -> None:
    assert signing.parse_signature(" ".join(GOOD)) is not None
    parts = [*GOOD[:place], text, *GOOD[place + 1 :]]
    assert signing.parse_signature(" ".join(parts)) is None
