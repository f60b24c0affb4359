"""What physics allows a cell: the ceiling of its decode rate, how near it came, and the arithmetic of its prefill."""

from dataclasses import dataclass
from statistics import median

from collector import chips, physics
from collector.queries.records import CellResult

SIMULATED = "simulated"
"""The backend of what does not run on a device, and how the method of a bandwidth begins that was not measured."""

_DECODE = ("decode_tok_per_s", "kernel_decode_tok_per_s")
_PREFILL = ("prefill_tok_per_s", "kernel_prefill_tok_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """
    Physics beside the numbers of one cell; None where shape, size, bandwidth or rate is unknown.

    Args:
        bytes_per_token: that a decode step reads, keys and values included.
        bandwidth_byte_per_s: of the device's memory: the larger of what was measured here and what the vendor states,
            as CPUs cannot read all that a GPU beside them gets.
        bandwidth_source: "measured", "vendor" or "simulated".
        decode_ceiling_tok_per_s: the rate of one sequence that would use all of it.
        bandwidth_utilisation_frac: share of it that the measured rate uses.
        prefill_flop_per_s: arithmetic that the prefill achieved.
    """

    bytes_per_token: float | None = None
    bandwidth_byte_per_s: float | None = None
    bandwidth_source: str | None = None
    decode_ceiling_tok_per_s: float | None = None
    bandwidth_utilisation_frac: float | None = None
    prefill_flop_per_s: float | None = None


def ceiling(cell: CellResult) -> Ceiling:
    """The ceiling of a cell; a simulated one has none unless its bandwidth was simulated too."""
    if cell.backend == SIMULATED and not bandwidths(cell):
        return Ceiling()
    n_bytes = physics.bytes_per_token_of_arm(
        cell.arm.shape, cell.arm.tensor_bytes, cell.arm.quant, cell.workload.asked, cell.arm.options
    )
    bandwidth, source = _bandwidth(cell)
    flop_per_s = _prefill_flop_per_s(cell)
    if n_bytes is None or bandwidth is None:
        return Ceiling(
            bytes_per_token=n_bytes,
            bandwidth_byte_per_s=bandwidth,
            bandwidth_source=source,
            prefill_flop_per_s=flop_per_s,
        )
    rate = _rate(cell, _DECODE)
    return Ceiling(
        bytes_per_token=n_bytes,
        bandwidth_byte_per_s=bandwidth,
        bandwidth_source=source,
        decode_ceiling_tok_per_s=physics.decode_ceiling_tok_per_s(bandwidth, n_bytes),
        bandwidth_utilisation_frac=None if rate is None else physics.bandwidth_utilisation(rate, n_bytes, bandwidth),
        prefill_flop_per_s=flop_per_s,
    )


def is_implausible(cell: CellResult) -> bool:
    """Whether the cell's decode rate lies above what the memory of its device can deliver."""
    found, rate = ceiling(cell), _rate(cell, _DECODE)
    if rate is None or found.bytes_per_token is None or found.bandwidth_byte_per_s is None:
        return False
    return physics.is_implausible(rate, found.bytes_per_token, found.bandwidth_byte_per_s)


def bandwidths(cell: CellResult) -> dict[str, float]:
    """
    What is known of the bandwidth that bounds a cell, by where it is known from: "measured", "vendor".

    A GPU with memory of its own is bounded by neither: the probe reads the CPUs' memory, and the table of chips has no
    vendor's figure of it. A device that does not exist has what was made up for it, under "simulated", and nothing of
    the machine that simulates it.
    """
    known = cell.bandwidth
    is_made_up = known is not None and known.method.startswith(SIMULATED)
    if cell.backend == SIMULATED:
        return {SIMULATED: known.byte_per_s} if known is not None and is_made_up else {}
    machine = cell.machine
    vendor = chips.vendor_device(machine.product_type, machine.cpu_model) if machine else None
    if vendor is None and cell.backend not in {"cpu", None}:
        return {}
    found = {"measured": known.byte_per_s} if known is not None and not is_made_up else {}
    return found | ({"vendor": vendor.bandwidth_byte_per_s} if vendor else {})


def _bandwidth(cell: CellResult) -> tuple[float | None, str | None]:
    """The largest that is known, and where from."""
    return max(((value, name) for name, value in bandwidths(cell).items()), default=(None, None))


def _prefill_flop_per_s(cell: CellResult) -> float | None:
    rate = _rate(cell, _PREFILL)
    if rate is None or cell.arm.shape is None:
        return None
    asked = cell.workload
    return physics.prefill_flop_per_s(cell.arm.shape, asked.n_prompt_tokens, rate, asked.n_depth_tokens)


def _rate(cell: CellResult, names: tuple[str, ...]) -> float | None:
    """The median of the launches: near enough for physics, and there at any number of launches."""
    values = next((cell.values[name] for name in names if cell.values.get(name)), None)
    return median(values) if values else None
