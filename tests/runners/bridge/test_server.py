"""What a phone that behaves gets: paired, polls, hands in events."""

from memory_store import job
from phone import event
from served import Served


def test_a_phone_pairs_takes_a_job_and_hands_it_in(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    (leased,) = phone.poll().body["jobs"]
    assert leased["job"]["launch_id"] == "r1/0"
    assert leased["lease"]["ttl_s"] == 900
    assert phone.post("r1/0", event(0), event(1), lease_id=leased["lease"]["id"]).body == {"boot": "b0", "acked_seq": 1}
    assert phone.post("r1/0", event(2, "done")).body["acked_seq"] == 2
    assert phone.send("GET", "/v1/jobs/r1/0").body == {"launch_id": "r1/0", "state": "done", "is_cancelled": False}
    assert phone.poll().status == 204
