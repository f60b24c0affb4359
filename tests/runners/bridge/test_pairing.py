"""The pairing window: a few minutes, one phone, few tries; both sides prove themselves."""

import fcntl
import hashlib
import json
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from memory_store import MemoryStore
from phone import Answer, Phone, as_body, call
from served import Served, serving

from runners.bridge import folder as folders
from runners.bridge import pairing, signing
from runners.bridge.folder import BridgeBusy, Running
from runners.bridge.keys import Keys
from runners.bridge.limits import Limits
from runners.bridge.pairing import Outcome, PairRequest
from runners.bridge.replies import Refused
from runners.bridge.server import clock_ms
from runners.bridging import PairedDevice

VECTORS = Path(__file__).parents[3] / "runners/iphone/app/Tests/BenchProtocolTests/Golden/crypto.json"


def fresh(served: Served, name: str = "iPhone") -> Phone:
    return Phone(served.host, served.port, name=name)


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code)


def test_a_phone_that_knows_the_secret_becomes_a_device(served: Served) -> None:
    phone = fresh(served, "Zoë 📱")
    answer = phone.pair(served.link())
    assert answer.body["host_id"] == folders.host_id(served.folder)
    assert answer.body["device_id"] == phone.device_id
    device = served.store.devices[phone.device_id]
    assert device.name == "Zoë 📱"
    assert device.key_digest == hashlib.sha256(phone.key).digest()
    assert phone.poll().status == 204


def test_the_secret_and_the_key_lie_nowhere_else(served: Served) -> None:
    link = served.link()
    secret = pairing.read_window(served.folder).secret  # type: ignore[union-attr]
    phone = fresh(served)
    phone.pair(link)
    key_file = served.folder / "keys" / phone.device_id
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert key_file.read_bytes() == phone.key
    texts = [path.read_bytes() for path in served.folder.rglob("*") if path.is_file() and path != key_file]
    texts += [line.encode() for line in served.lines] + [served.store.content()]
    for text in texts:
        assert secret.encode() not in text
        assert phone.key not in text
        assert phone.key.hex().encode() not in text
    for path in served.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_without_a_window_nobody_pairs(served: Served) -> None:
    link = pairing.link(host="127.0.0.1", port=served.port, secret="0" * 32, host_id="h")
    refused(fresh(served).pair(link), 410, "no_pairing_open")
    assert not served.store.devices


def test_a_window_is_for_one_phone(served: Served) -> None:
    link = served.link()
    assert fresh(served).pair(link).status == 200
    refused(fresh(served).pair(link), 410, "no_pairing_open")
    assert len(served.store.devices) == 1
    assert pairing.read_window(served.folder).outcome is Outcome.PAIRED  # type: ignore[union-attr]


def test_five_wrong_proofs_close_it(served: Served) -> None:
    link = served.link()
    for i in range(5):
        answer = fresh(served).pair(link, proof=f"{i:064x}")
        refused(answer, 403, "wrong_proof")
    refused(fresh(served).pair(link), 410, "no_pairing_open")
    assert not served.store.devices
    assert not [path for path in (served.folder / "keys").iterdir() if path.is_file()]


def test_four_wrong_proofs_do_not(served: Served) -> None:
    link = served.link()
    for _ in range(4):
        fresh(served).pair(link, proof="0" * 64)
    assert fresh(served).pair(link).status == 200


@pytest.mark.parametrize("field", ["name", "nonce", "device_id"])
def test_a_proof_covers_everything_that_is_sent(served: Served, field: str) -> None:
    changed = {"name": "another", "nonce": "0" * 32, "device_id": "0" * 32}[field]
    refused(fresh(served).pair(served.link(), **{field: changed}), 403, "wrong_proof")


def test_it_closes_with_time(tmp_path: Path, many_strangers: Limits) -> None:
    now = [clock_ms()]
    with serving(MemoryStore(), tmp_path / "bridge", many_strangers, lambda: now[0]) as served:
        link = served.link()
        now[0] += 301_000
        refused(fresh(served).pair(link), 410, "no_pairing_open")


def test_a_new_window_ends_the_one_before(served: Served) -> None:
    first, second = served.link(), served.link()
    refused(fresh(served).pair(first), 403, "wrong_proof")
    assert fresh(served).pair(second).status == 200


def test_a_window_that_was_closed_by_hand_is_closed(served: Served) -> None:
    link = served.link()
    window = pairing.read_window(served.folder)
    assert window is not None
    pairing.close_window(served.folder, window)
    refused(fresh(served).pair(link), 410, "no_pairing_open")


def test_closing_a_window_leaves_another_alone(served: Served) -> None:
    served.link()
    old = pairing.read_window(served.folder)
    link = served.link()
    assert old is not None
    pairing.close_window(served.folder, old)
    assert fresh(served).pair(link).status == 200


def asked(secret: str) -> PairRequest:
    """What a phone that has this secret sends."""
    named = {"device_id": secrets.token_hex(16), "nonce": secrets.token_hex(16)}
    key = signing.pairing_key(bytes.fromhex(secret), host_id="h", **named)
    return PairRequest(name="iPhone", proof=signing.proof(key, "phone", host_id="h", name="iPhone", **named), **named)


class OpensAnother(MemoryStore):
    """Devices that are written down while a person opens the next window."""

    def __init__(self, folder: Path, fault: Exception | None) -> None:
        super().__init__()
        self._folder, self._fault = folder, fault

    def add(self, device_id: str, name: str, key_digest: bytes) -> PairedDevice:
        pairing.open_window(self._folder, 2000)
        if self._fault is not None:
            raise self._fault
        return super().add(device_id, name, key_digest)


@pytest.mark.parametrize("fault", [None, OSError(28, "No space left on device")])
def test_a_window_that_was_opened_while_a_phone_is_written_down_stays_open(
    tmp_path: Path, fault: Exception | None
) -> None:
    first = pairing.open_window(tmp_path, 1000)
    devices, request = OpensAnother(tmp_path, fault), asked(first.secret)
    with nullcontext() if fault is None else pytest.raises(OSError, match="No space"):
        pairing.pair(request, folder=tmp_path, host_id="h", own_keys=Keys(tmp_path), devices=devices, now_ms=1000)
    second = pairing.read_window(tmp_path)
    assert second is not None
    assert second.window_id != first.window_id
    assert second.outcome is Outcome.OPEN
    assert second.secret


def test_each_wrong_proof_costs_a_try_when_they_come_at_once(tmp_path: Path) -> None:
    pairing.open_window(tmp_path, 1000)
    request, own_keys, devices = asked("0" * 32), Keys(tmp_path), MemoryStore()

    def try_it(_: int) -> str:
        with pytest.raises(Refused) as caught:
            pairing.pair(request, folder=tmp_path, host_id="h", own_keys=own_keys, devices=devices, now_ms=1000)
        return caught.value.code

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(try_it, range(8)))
    assert sorted(codes) == ["no_pairing_open"] * 3 + ["wrong_proof"] * 5


def test_an_id_that_is_known_is_refused_and_its_key_stays(served: Served) -> None:
    phone = served.phone()
    thief = Phone(served.host, served.port, device_id=phone.device_id)
    refused(thief.pair(served.link()), 409, "device_known")
    assert Keys(served.folder).find(phone.device_id) == phone.key
    assert phone.poll().status == 204


def test_a_full_disk_pairs_nobody(served: Served) -> None:
    link = served.link()
    served.store.broken = OSError(28, "No space left on device")
    refused(fresh(served).pair(link), 503, "storage")
    served.store.broken = None
    assert not served.store.devices


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_id", "../../etc/passwd"), ("device_id", ".."), ("device_id", ""), ("device_id", 5), ("device_id", "é"),
        ("device_id", "revoked"), ("device_id", "0" * 31), ("device_id", "A" * 32), ("device_id", "0" * 32 + "\n"),
        ("name", ""), ("name", " "), ("name", "x" * 65), ("name", "a\nb"), ("name", "a\x1b[2J"), ("name", None),
        ("nonce", "0" * 31), ("nonce", "A" * 32), ("proof", ""), ("proof", "0" * 63), ("proof", True),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_costs_no_try(served: Served, field: str, value: object) -> None:
    link = served.link()
    answer = fresh(served).pair(link, **{field: value})
    refused(answer, 422, "bad_value")
    assert field in answer.body["error"]["message"]
    window = pairing.read_window(served.folder)
    assert window is not None
    assert window.n_tries_left == 5


def test_a_link_is_what_swift_takes_apart() -> None:
    for row in json.loads(VECTORS.read_text())["links"]:
        made = pairing.link(host=row["host"], port=row["port"], secret=row["secret_hex"], host_id=row["host_id"])
        assert made == row["link"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"window_id": 5}', b"\xff"])
def test_a_damaged_window_is_no_window(served: Served, text: bytes) -> None:
    link = served.link()
    (served.folder / "pairing.json").write_bytes(text)
    refused(fresh(served).pair(link), 410, "no_pairing_open")


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    first = Running(pid=1, host="127.0.0.1", port=5, link_host="127.0.0.1", started_at_utc="2026-01-01T00:00:00+00:00")
    assert folders.running(tmp_path) is None
    with folders.held(tmp_path):
        folders.announce(tmp_path, first)
        assert folders.running(tmp_path) == first
        with pytest.raises(BridgeBusy) as caught, folders.held(tmp_path):
            pass
        assert caught.value.running == first
    assert folders.running(tmp_path) is None


def test_asking_whether_a_server_runs_keeps_none_from_starting(tmp_path: Path) -> None:
    with folders.held(tmp_path):
        pass
    with (tmp_path / "server.lock").open("rb") as asked:  # as ``running`` has it
        fcntl.flock(asked, fcntl.LOCK_SH)
        timer = threading.Timer(0.02, fcntl.flock, (asked, fcntl.LOCK_UN))
        timer.start()
        with folders.held(tmp_path):
            timer.join()


def test_the_host_keeps_its_id(tmp_path: Path) -> None:
    assert folders.host_id(tmp_path / "a") == folders.host_id(tmp_path / "a") != folders.host_id(tmp_path / "b")


@pytest.mark.parametrize("device_id", ["", "..", ".", "a/b", "revoked", "x" * 65, "a\n"])
def test_no_id_leads_out_of_the_folder_of_keys(tmp_path: Path, device_id: str) -> None:
    keys = Keys(tmp_path)
    for use in (lambda: keys.find(device_id), lambda: keys.add(device_id, bytes(32)), lambda: keys.revoke(device_id)):
        with pytest.raises(ValueError, match="no id of a device"):
            use()


def test_pairing_is_not_open_to_a_get(served: Served) -> None:
    assert call(served.host, served.port, "GET", "/v1/pair").status == 405
    assert call(served.host, served.port, "POST", "/v1/pair", body=as_body([])).status == 422
