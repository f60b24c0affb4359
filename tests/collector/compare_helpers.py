"""Cells made by hand: values that a test chose, on a device and at a time that it chose."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from collector.compare import Side
from collector.queries import ArmRow, CellResult, MachineRow, WorkloadRow

DECODE, TTFT = "decode_tok_per_s", "ttft_s"
MACHINE = MachineRow(
    device="this machine", fingerprint="f1", cpu_model="cpu", product_type=None, n_physical_cores=2,
    memory_bytes=8 << 30, os_name="Linux", os_version="6.1", engine_version="0.3.36", python_version="3.11.7",
    phibench_version="0.1.0",
)  # fmt: skip
ARM = ArmRow(
    model="phi-3-mini-4k", quant="q4_0", format="gguf", engine="llama_cpp", options={}, python=None, n_bytes=10,
    tensor_bytes=9, digest="aa", is_synthetic=True, shape=None,
)  # fmt: skip
CHAT = WorkloadRow(
    name="chat", kind="generation", n_prompt_tokens=64, n_generated_tokens=32, n_depth_tokens=0, prompt_seed=1,
    prompt_path=None,
)  # fmt: skip


def cell(
    values: Mapping[str, Sequence[float]],
    *,
    run_id: str = "r1",
    arm_index: int = 0,
    n_arms: int = 2,
    blocks: Sequence[int] | None = None,
    numbers: Sequence[int] | None = None,
    arm: Mapping[str, Any] | None = None,
    machine: Mapping[str, Any] | None = None,
    **more: Any,
) -> CellResult:
    """A cell with one value a block; launches are numbered as if the arms took turns."""
    n = max(map(len, values.values()), default=0)
    chosen = tuple(range(n) if blocks is None else blocks)
    order = tuple(n_arms * block + arm_index + 1 for block in chosen) if numbers is None else tuple(numbers)
    fields: dict[str, Any] = {
        "suite": "quick", "started_at_utc": "2026-11-24T10:00:00+00:00", "seed": 4711, "git_commit": None,
        "workload": CHAT, "backend": "cpu", "n_threads": 2, "options_in_effect": {"threads": 2}, "engine_build": {},
        "n_failed": 0, "n_orphaned": 0, "failures": (), "flags": ("synthetic",),
    }  # fmt: skip
    return CellResult(
        run_id=run_id,
        arm_index=arm_index,
        arm=replace(ARM, **(arm or {})),
        machine=replace(MACHINE, **(machine or {})),
        values={metric: tuple(found) for metric, found in values.items()},
        blocks={metric: chosen[: len(found)] for metric, found in values.items()},
        numbers={metric: order[: len(found)] for metric, found in values.items()},
        n_launches=n,
        **(fields | more),
    )


def side(*cells: CellResult, name: str = "", **more: Any) -> Side:
    return Side(name=name or cells[0].arm.label, cells=cells, **more)


def noisy(rate: float, n: int, seed: int, sd: float = 0.005) -> list[float]:
    """Values about a rate; the same seed gives the same values."""
    draw = random.Random(seed)
    return [rate * (1 + draw.gauss(0.0, sd)) for _ in range(n)]


def both(rate: float, n: int, seed: int, sd: float = 0.005) -> dict[str, list[float]]:
    """Decode rate and the time to the first token that goes with it."""
    rates = noisy(rate, n, seed, sd)
    return {DECODE: rates, TTFT: [20 / one for one in rates]}
