"""A phone's runs on the pages: like any other device, one that only pretends marked so, one that was lost told."""

from pathlib import Path

import pytest
from dashboard_helpers import figure_specs, open_page, texts
from evidence_helpers import CHAT, make_job, make_trace, run_record
from phones import PHI, Phone, phone_events, simulated
from streamlit.testing.v1 import AppTest

from collector.store import Store
from collector.suite import Arm, Plan
from runners.contract import Event, EventType, ModelRef, ReplicationUnit
from runners.wire import to_wire

PAGES = ("overview", "latency", "memory", "sustained", "trade_off", "roofline", "compare", "history", "runs", "method")
LLAMA = ModelRef(model="llama-2-7b", format="mlc", quant="q4f16_1", n_bytes=3_800_000_000, digest="d8")


def phone_run(db: str, *, engine: str = "mlc", n_blocks: int = 7, is_last_lost: bool = False) -> None:
    arms = tuple(Arm(model=model, engine=engine) for model in (PHI, LLAMA))
    with Store.open(db) as store:
        phone = Phone(store, hello=simulated()) if engine == "echo" else Phone(store)
        found = store.devices.find(phone.device_id)
        assert found is not None
        assert found.hello is not None
        plan = Plan(suite="quick", arms=arms, workloads=(CHAT,), seed=1, n_blocks=n_blocks, device_id=phone.device_id)
        store.begin_run(run_record("ph0ne", plan=to_wire(plan)))
        for block in range(n_blocks):
            for place, arm in enumerate(arms):
                number = 2 * block + place + 1
                job = make_job(
                    f"ph0ne/{number}", model=arm.model, engine=engine, replication_unit=ReplicationUnit.RELOAD
                )
                store.begin_launch(job, run_id="ph0ne", block=block, position=place, arm_index=place)
                store.orders.put(phone.device_id, job)
                leased = phone.poll()
                assert leased is not None
                if is_last_lost and number == 2 * n_blocks:
                    phone.post(job.launch_id, phone_events(job)[:5])
                    data = {"kind": "device_lost", "message": "My iPhone gave no sign", "remedy": "open its app"}
                    event = Event(boot="host", seq=0, t_ns=1, type=EventType.FAILED, data=data)
                    store.accept(job.launch_id, [event])
                    continue
                trace = make_trace(gap_ns=(60 + 40 * place) * 1_000_000 + 10_000 * number, cpu_time_ns=None)
                phone.measure(leased, traces=(trace, trace), device=found.hello.device)
            store.end_block("ph0ne", block)
        store.end_run("ph0ne", "all blocks done")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_a_phone_like_any_other_device(page: str, tmp_path: Path) -> None:
    db = str(tmp_path / "phone.db")
    phone_run(db, n_blocks=6)
    at = open_page(page, db, run="ph0ne") if page == "runs" else open_page(page, db)
    assert not at.exception
    if page not in {"sustained", "method", "roofline"}:  # which show no sustained launch, no arm, no model of no shape
        assert "phi-3-mini-4k" in everything(at)


def everything(at: AppTest) -> str:
    tables = " ".join(str(table.value.to_dict()) for table in at.dataframe)
    choices = " ".join(str(box.options) for box in at.selectbox)
    return f"{texts(at)} {tables} {choices} {figure_specs(at)}"


def test_a_phone_is_compared_on_the_overview(tmp_path: Path) -> None:
    db = str(tmp_path / "phone.db")
    phone_run(db)
    table = open_page("overview", db).dataframe[0].value
    assert set(table["device"]) == {"iPhone 14 Pro"}
    assert list(table["verdict"]) == ["baseline", "▲ faster"]


def test_a_computer_that_plays_a_phone_is_told_to_be_simulated(tmp_path: Path) -> None:
    db = str(tmp_path / "phone.db")
    phone_run(db, engine="echo", n_blocks=1)
    assert "simulated" in texts(open_page("overview", db)).lower()


def test_a_phone_that_was_lost_is_told_on_the_page_of_its_run(tmp_path: Path) -> None:
    db = str(tmp_path / "phone.db")
    phone_run(db, n_blocks=1, is_last_lost=True)
    at = open_page("runs", db, run="ph0ne")
    assert not at.exception
    shown = texts(at) + " ".join(str(d.value) for d in at.dataframe)
    assert "device_lost" in shown
    launch = open_page("runs", db, run="ph0ne", launch="ph0ne/2")
    assert not launch.exception
    assert "gave no sign" in texts(launch)
