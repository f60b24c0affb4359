"""
Three devices that do not exist, and how fast they are.

A rate follows from physics: decode reads the bytes of a token through a made-up bandwidth, prefill does its arithmetic
at a made-up speed, each engine with a share of its own. So the shapes of all curves are those of real devices, and the
numbers lie near published ones, which is all that is claimed of them.

Source:
    bandwidths: 80 to 90 % of what vendors state (collector/data/chips.json); shares: decode rates of llama.cpp on an M1
    (80 % of the peak) and of phones (67 to 81 %), prefill 56 % of the M1's peak (llama.cpp discussion 4167).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from collector import catalog, models, physics
from collector.simulate import Scatter, simulated_snapshot
from collector.suite import Arm
from runners.contract import DeviceSnapshot, Job, ModelRef, ReplicationUnit

_GIB = 1 << 30
_HALF_PROMPT_TOKENS = 20
"""A prompt of so many tokens is read at half of the speed of a long one."""

_BITS = {"q4f16_1": 4.5}
"""Bits a weight, scales included, of a format that cannot be written here."""

_FORMATS = {"mlx": "mlx", "mlc": "mlc"}
OLD, NEW = "sim 1.0", "sim 1.1"
"""Versions of every simulated engine; no real one is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """
    One engine on one device.

    Args:
        share_frac: of the bandwidth that its decoding uses.
        flop_per_s: that a long prefill achieves.
        new_factor: what the new version is times the old one.
    """

    share_frac: float
    flop_per_s: float
    new_factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """
    One device.

    Args:
        key: begins the names of its runs.
        limit_bytes: what one process may use; None = all that there is.
        heat_frac, heat_tau_s, hottest_c: what a long launch does to it.
        unit: what a launch makes anew.
    """

    key: str
    snapshot: DeviceSnapshot
    bandwidth_byte_per_s: float
    engines: Mapping[str, Speed]
    scatter: Scatter
    heat_frac: float
    heat_tau_s: float
    hottest_c: float | None = None
    limit_bytes: float | None = None
    unit: ReplicationUnit = ReplicationUnit.PROCESS

    def decode_tok_per_s(self, job: Job, version: str) -> float:
        """Of a cell, undisturbed."""
        n_bytes = physics.bytes_per_token_of_arm(
            job.model.shape, job.model.tensor_bytes, job.model.quant, job.workload, job.options
        )
        if n_bytes is None:  # a workload that decodes nothing
            return 1.0
        speed = self.engines[job.engine]
        return self.bandwidth_byte_per_s * speed.share_frac * _factor(speed, version) / n_bytes

    def prefill_tok_per_s(self, job: Job, version: str) -> float:
        """Of a cell, undisturbed; short prompts are read more slowly."""
        asked, shape, speed = job.workload, job.model.shape, self.engines[job.engine]
        if shape is None or not asked.n_prompt_tokens:
            return 1.0
        at_one = physics.prefill_flop_per_s(shape, asked.n_prompt_tokens, 1.0, asked.n_depth_tokens)
        fullness = asked.n_prompt_tokens / (asked.n_prompt_tokens + _HALF_PROMPT_TOKENS)
        return speed.flop_per_s * _factor(speed, version) * fullness / at_one

    def is_too_small_for(self, job: Job) -> bool:
        """Whether the process would be ended for its memory."""
        need = physics.memory_of_arm(
            job.model.shape, job.model.tensor_bytes, job.workload.n_context_tokens, job.options, engine=job.engine
        )
        return need is not None and self.limit_bytes is not None and need.total_bytes > self.limit_bytes


def _factor(speed: Speed, version: str) -> float:
    return speed.new_factor if version == NEW else 1.0


def arm(model: str, quant: str, engine: str) -> Arm:
    """A model of the catalogue in a format, with the size that it would have."""
    shape = catalog.find(model).shape
    n_bytes = round(shape.n_params * _BITS[quant] / 8) if quant in _BITS else models.size_bytes(model, quant)
    ref = ModelRef(
        model=model, format=_FORMATS.get(engine, "gguf"), quant=quant, n_bytes=n_bytes, tensor_bytes=n_bytes,
        shape=shape,
    )  # fmt: skip
    return Arm(model=ref, engine=engine)


PHONE = Machine(
    key="iphone",
    snapshot=replace(
        simulated_snapshot("iPhone 14 Pro"), os_name="iOS", os_version="18.5", machine="arm64", cpu_model="Apple A16",
        product_type="iPhone15,2", memory_bytes=6 * _GIB, n_physical_cores=6, n_logical_cores=6, is_virtual=False,
    ),
    bandwidth_byte_per_s=44.5e9,
    engines={
        "mlx": Speed(share_frac=0.70, flop_per_s=0.76e12, new_factor=1.05),
        "mlc": Speed(share_frac=0.61, flop_per_s=0.58e12),
    },
    scatter=Scatter(
        between_sd=0.014, within_sd=0.006, token_sd=0.06, stall_frac=0.0005, memory_sd=0.04, session_sd=0.012,
        drift_frac=0.03, drift_launches=8.0,
    ),
    heat_frac=0.46,
    heat_tau_s=75.0,
    limit_bytes=4.1e9,
    unit=ReplicationUnit.RELOAD,
)  # fmt: skip

MAC = Machine(
    key="mac",
    snapshot=replace(
        simulated_snapshot("MacBook Air M1"), os_name="macOS", os_version="15.5", machine="arm64",
        cpu_model="Apple M1", product_type="MacBookAir10,1", memory_bytes=16 * _GIB, n_physical_cores=8,
        n_logical_cores=8, is_virtual=False,
    ),
    bandwidth_byte_per_s=60.2e9,
    engines={
        "mlx": Speed(share_frac=0.80, flop_per_s=1.52e12, new_factor=1.07),
        "llama_cpp": Speed(share_frac=0.79, flop_per_s=1.45e12),
    },
    scatter=Scatter(
        between_sd=0.009, within_sd=0.004, token_sd=0.03, stall_frac=0.0001, memory_sd=0.02, session_sd=0.006,
        drift_frac=0.02, drift_launches=6.0,
    ),
    heat_frac=0.17,
    heat_tau_s=120.0,
    hottest_c=92.0,
)  # fmt: skip

PC = Machine(
    key="pc",
    snapshot=replace(
        simulated_snapshot("PC i5-12400"), os_name="Linux", os_version="6.12", machine="x86_64",
        cpu_model="12th Gen Intel(R) Core(TM) i5-12400", memory_bytes=32 * _GIB, n_physical_cores=6,
        n_logical_cores=12, is_virtual=False,
    ),
    bandwidth_byte_per_s=41.0e9,
    engines={"llama_cpp": Speed(share_frac=0.82, flop_per_s=0.55e12, new_factor=0.94)},
    scatter=Scatter(
        between_sd=0.007, within_sd=0.004, token_sd=0.02, stall_frac=0.0001, memory_sd=0.02, session_sd=0.005,
    ),
    heat_frac=0.015,
    heat_tau_s=60.0,
    hottest_c=71.0,
)  # fmt: skip

MACHINES = (PHONE, MAC, PC)
