"""Databases that pages are tried on, and a page opened without a browser."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event as Cancel
from typing import Any

import numpy as np
import streamlit as st
from evidence_helpers import make_events, make_job, run_record
from streamlit.testing.v1 import AppTest

from collector import catalog
from collector.queries import Reader
from collector.run import Surroundings, execute
from collector.simulate import Scatter, SimulatedDevice, Truth, Unwatched
from collector.simulate.device import simulated_snapshot
from collector.store import Store
from collector.suite import Arm, Plan
from runners.contract import DeviceSnapshot, Job, ModelRef, Workload, WorkloadKind
from runners.errors import FailureKind
from runners.wire import to_wire

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=32)
SEARCH = Workload(name="search", n_prompt_tokens=512, n_generated_tokens=16)
TG128 = Workload(name="tg128", kind=WorkloadKind.KERNEL, n_generated_tokens=128)
PP512 = Workload(name="pp512", kind=WorkloadKind.KERNEL, n_prompt_tokens=512)
LONG = Workload(name="long", n_prompt_tokens=64, n_generated_tokens=5000)
HOSTILE = "<b>bold</b> ![i](http://203.0.113.1/i.png) *x* $y$ [l](http://203.0.113.1)"
"""A name that a file or an import may bring along; every page shows it as it is."""

PHONE, LAPTOP = (replace(simulated_snapshot(name), memory_bytes=n << 30) for name, n in (("phone", 6), ("laptop", 16)))
_RATES = {("phone", "phi-3-mini-4k"): 11.0, ("phone", "llama-2-7b"): 6.0, ("laptop", "phi-3-mini-4k"): 30.0}


def ref(model: str, quant: str = "q4_0") -> ModelRef:
    """A model with the shape that the catalogue has for it."""
    entry = catalog.models().get(model)
    shape = entry.shape if entry else None
    n_bytes = round(shape.n_params * 0.5625) if shape else 1000
    return ModelRef(
        model=model, format="gguf", quant=quant, n_bytes=n_bytes, tensor_bytes=n_bytes, digest=f"digest of {model}",
        is_synthetic=True, shape=shape,
    )  # fmt: skip


def plan(*models: str, workloads: tuple[Workload, ...] = (CHAT,), n_blocks: int = 8, **more: Any) -> Plan:
    """Arms of a stand-in engine."""
    arms = tuple(Arm(model=ref(model), engine="fake") for model in models or ("llama-2-7b", "phi-3-mini-4k"))
    return replace(Plan(suite="standard", arms=arms, workloads=workloads, seed=4711, n_blocks=n_blocks), **more)


def simulate(
    store: Store,
    db: str,
    run_id: str,
    the_plan: Plan,
    *,
    snapshot: DeviceSnapshot = LAPTOP,
    day: int = 1,
    truth: Callable[[Job], Truth] | None = None,
    scatter: Scatter | None = None,
    seed: int = 1,
) -> None:
    """One run through the real loop into the real store, on a device whose rates are known."""

    def usual(job: Job) -> Truth:
        rate = _RATES.get((snapshot.name, job.model.model), 18.0)
        return Truth(decode_tok_per_s=rate, prefill_tok_per_s=8 * rate)

    store.begin_run(
        run_record(
            run_id, plan=to_wire(the_plan), suite=the_plan.suite, seed=the_plan.seed,
            started_at_utc=f"2026-01-{day:02}T10:00:00+00:00",
        )
    )  # fmt: skip
    device = SimulatedDevice(truth or usual, scatter=scatter or Scatter(token_sd=0.01), seed=seed, snapshot=snapshot)
    with Reader.open(db) as reader:
        around = Surroundings(
            archive=store, launch=device.launch, admit=None, measured=lambda: reader.measured(run_id),
            clock=device.clock, listener=Unwatched(), cancel=Cancel(),
        )  # fmt: skip
        execute(the_plan, run_id=run_id, around=around)


def no_rows(path: Path) -> str:
    """A database with its tables and nothing in them."""
    Store.open(str(path), is_bulk=True).close()
    return str(path)


def one_row(path: Path, *, model: str = "phi-3-mini-4k", device: str = "laptop") -> str:
    """One launch of one arm; nothing to compare it with, and no interval."""
    with Store.open(str(path), is_bulk=True) as store:
        add_one(store, "one1", model=model, device=device)
    return str(path)


def add_one(store: Store, run_id: str, *, model: str = "phi-3-mini-4k", device: str = "laptop", **more: Any) -> None:
    """A run of one launch."""
    the_plan = plan(model, n_blocks=1)
    store.begin_run(run_record(run_id, plan=to_wire(the_plan)))
    job = make_job(f"{run_id}/1", model=ref(model), workload=CHAT)
    store.begin_launch(job, run_id=run_id, block=0, position=0, arm_index=0)
    snapshot = DeviceSnapshot(fingerprint=f"of {device}", name=device, kind="pc", os_name="Linux", is_virtual=False)
    store.accept(job.launch_id, make_events(device=snapshot, **more))
    store.end_block(run_id, 0)
    store.end_run(run_id, "all blocks done")


def only_failures(path: Path) -> str:
    """One run in which each launch failed."""
    broken = {"llama-2-7b": FailureKind.OUT_OF_MEMORY, "phi-3-mini-4k": FailureKind.CRASHED}
    with Store.open(str(path), is_bulk=True) as store:
        simulate(
            store, str(path), "bad1", plan(n_blocks=3), snapshot=PHONE,
            truth=lambda job: Truth(failure=broken[job.model.model], failure_frac=1.0),
        )  # fmt: skip
    return str(path)


def simulated(path: Path) -> str:
    """Two devices, two models, kernels, a sustained run, A against A, several days, launches that fail."""
    db = str(path)
    with Store.open(db, is_bulk=True) as store:
        for day in range(1, 5):
            simulate(store, db, f"lap{day}", plan(workloads=(CHAT, SEARCH)), day=day, seed=day)
        simulate(store, db, "aa1", _against_itself(), day=5, seed=5)
        simulate(store, db, "kern1", plan(workloads=(PP512, TG128), n_blocks=6), day=6, seed=6)
        simulate(store, db, "phone1", plan(workloads=(CHAT, SEARCH)), snapshot=PHONE, day=7, truth=_of_phone, seed=7)
        hot = plan("phi-3-mini-4k", n_blocks=2, duration_s=60.0, suite="sustained")
        simulate(store, db, "sus1", hot, snapshot=PHONE, day=8, seed=8)
        store.record_bandwidth(LAPTOP, BANDWIDTH)
        store.set_baseline("before", "lap1")
    return db


BANDWIDTH: Mapping[str, Any] = {
    "byte_per_s": 1.2e11, "median_byte_per_s": 1.1e11, "n_threads": 2, "buffer_bytes": 1 << 28, "n_reads": 9,
    "method": "simulated",
}  # fmt: skip


def _of_phone(job: Job) -> Truth:
    rate = _RATES["phone", job.model.model]
    is_bad = job.model.model == "llama-2-7b" and job.workload == SEARCH
    return Truth(
        decode_tok_per_s=rate, prefill_tok_per_s=8 * rate, failure=FailureKind.TIMED_OUT, failure_frac=0.5 * is_bad
    )


def _against_itself() -> Plan:
    return plan("phi-3-mini-4k", "phi-3-mini-4k", suite="noise")


def many_tokens(path: Path) -> str:
    """A hundred thousand token times: two arms, ten launches each, five thousand tokens a launch."""
    db = str(path)
    with Store.open(db, is_bulk=True) as store:
        simulate(store, db, "many1", plan(workloads=(LONG,), n_blocks=10, n_warmups=0), scatter=Scatter(token_sd=0.05))
    return db


def hostile(path: Path) -> str:
    """A device and a model whose names are Markdown and HTML."""
    db = str(path)
    snapshot = replace(simulated_snapshot(HOSTILE), fingerprint="hostile")
    with Store.open(db, is_bulk=True) as store:
        simulate(store, db, "bad<1>", plan(HOSTILE, "llama-2-7b"), snapshot=snapshot)
    return db


KINDS: Mapping[str, Callable[[Path], str]] = {
    "no rows": no_rows, "one row": one_row, "only failures": only_failures, "simulated": simulated,
    "many tokens": many_tokens, "hostile": hostile,
}  # fmt: skip
"""What a page is tried on."""


def open_page(page: str | None, db: str, **params: str | list[str]) -> AppTest:
    """A page as it is first drawn; ``page`` None or 'overview' is the first one. An exception in it fails the test."""
    st.cache_data.clear()
    st.cache_resource.clear()
    os.environ["PHIBENCH_DB"] = db  # put back after each test by conftest.py
    at = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    if page is not None and page != "overview":
        assert not at.exception, [e.message for e in at.exception]
        at.switch_page(f"views/{page}.py")
        for name, value in params.items():
            at.query_params[name] = value
        at.run()
    assert not at.exception, [e.message for e in at.exception]
    return at


def texts(at: AppTest) -> str:
    """Every text of a page that Markdown goes through, in one."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "code", "success")
    return "\n".join(element.value for kind in kinds for element in at.get(kind))


def figure_specs(at: AppTest) -> list[dict[str, Any]]:
    """The figures of a page as they are sent to the browser."""
    return [json.loads(element.proto.spec) for element in at.get("plotly_chart")]


def array(value: Any) -> np.ndarray:
    """Numbers of a figure: sent as typed bytes or as a list."""
    if isinstance(value, dict) and "bdata" in value:
        found = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
        return found.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else found
    return np.array(value, dtype=object)
