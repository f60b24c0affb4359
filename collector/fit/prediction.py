"""From device, model and context to memory, band of rates, and what both rest on."""

from collections.abc import Iterator

from collector import chips, physics
from collector.chips import Device, Efficiency
from collector.errors import UsageError
from collector.fit.records import Band, Basis, Fit, Here
from collector.fit.rooms import rooms
from collector.models import formats
from collector.physics import MemoryNeed
from runners.contract import ModelShape

QUANTS = formats.QUANTS
_OF_MEASURED = Efficiency(
    device_class="measured",
    low_frac=0.35,
    high_frac=0.90,
    n_rows=0,
    note="of a measured bandwidth, which is lower than the vendor's; few cores may be bound by arithmetic and slower",
)


def predict(
    on: Device | Here,
    *,
    model: str,
    shape: ModelShape,
    quant: str,
    n_context_tokens: int,
    tensor_bytes: int | None = None,
    memory_bytes: int | None = None,
) -> Fit:
    """
    What a device can hold and how fast it may decode.

    Args:
        on: from ``chips.find_device``, or this machine.
        model: its name, for the answer alone.
        tensor_bytes: of a file that is there; computed from shape and format when None.
        memory_bytes: of the device, where it is sold with several sizes or the table knows none.

    Raises:
        UsageError: format or tensors unknown, or more context than the model has.
    """
    if n_context_tokens > shape.context_length:
        message = f"{model} has {shape.context_length:,} tokens of context, not {n_context_tokens:,}"
        raise UsageError(message, f"--context {shape.context_length}")
    size = weights_bytes(shape, quant) if tensor_bytes is None else tensor_bytes
    need = need_of(shape, size, quant, n_context_tokens)
    bandwidth, efficiency = _bandwidth(on)
    return Fit(
        device=on.name,
        model=model,
        quant=quant,
        n_context_tokens=n_context_tokens,
        need=need,
        rooms=tuple(rooms(on, need.total_bytes, memory_bytes)),
        bands=tuple(_bands(shape, physics.streamed_bytes(shape, size, quant), n_context_tokens, bandwidth, efficiency)),
        bases=(
            *_bases_of_size(need, quant, is_file=tensor_bytes is not None),
            *_bases_of_device(on.vendor if isinstance(on, Here) else on),
            *([bandwidth] if bandwidth else []),
            *([_basis_of_share(efficiency)] if efficiency else []),
        ),
    )


def weights_bytes(shape: ModelShape, quant: str) -> int:
    """
    Bytes of all tensors, exact in every format.

    Raises:
        UsageError: a format that is not known, or a model whose tensors are not known.
    """
    if quant not in QUANTS:
        raise UsageError(f"the size of format {quant!r} is not known", f"--quant with one of {', '.join(QUANTS)}")
    if not formats.is_writable(shape, quant):
        raise UsageError(f"the tensors of {shape.architecture} are not known in {quant}", "phibench models list")
    return formats.tensor_bytes(shape, quant)


def need_of(shape: ModelShape, tensor_bytes: int, quant: str, n_context_tokens: int) -> MemoryNeed:
    """Memory on the engine whose format it is; MLX is meant as on a Mac's GPU."""
    engine = formats.engine_of_quant(quant)
    backend = "metal" if engine == "mlx" else None
    need = physics.memory_of_arm(shape, tensor_bytes, n_context_tokens, {}, engine=engine, backend=backend)
    return need or physics.memory_bytes(shape, tensor_bytes, n_context_tokens)


def _bandwidth(on: Device | Here) -> tuple[Basis | None, Efficiency | None]:
    """
    The bandwidth that counts, and the share of it that is reached.

    Here it is the measured one, unless the vendor names more: CPUs cannot read all that a Mac's memory gives its GPU.
    """
    if isinstance(on, Device):
        source = "; ".join(filter(None, [on.bandwidth_source, on.bandwidth_note])) or None
        value, status = on.bandwidth_byte_per_s, on.bandwidth_status
        said = Basis(name="bandwidth", status=status, value=value, unit="byte/s", source=source)
        return said, chips.efficiency_of(on.device_class)
    measured, vendor = on.bandwidth_byte_per_s, on.vendor
    if vendor is not None and vendor.bandwidth_byte_per_s > (measured or 0):
        return _bandwidth(vendor)
    if measured is None:
        return None, None
    return Basis(name="bandwidth", status="measured", value=measured, unit="byte/s"), _OF_MEASURED


def _bands(
    shape: ModelShape, streamed_bytes: float, n_context_tokens: int, bandwidth: Basis | None, share: Efficiency | None
) -> Iterator[Band]:
    """Two bands, of an empty context and of a full one; none without a bandwidth."""
    if bandwidth is None or bandwidth.value is None or share is None:
        return
    for context in (0, n_context_tokens):
        bytes_of_token = physics.bytes_per_token(shape, streamed_bytes, context)
        ceiling = physics.decode_ceiling_tok_per_s(bandwidth.value, bytes_of_token)
        yield Band(
            context_tokens=context,
            bytes_per_token=bytes_of_token,
            low_tok_per_s=share.low_frac * ceiling,
            high_tok_per_s=share.high_frac * ceiling,
            ceiling_tok_per_s=ceiling,
        )


def _bases_of_size(need: MemoryNeed, quant: str, *, is_file: bool) -> Iterator[Basis]:
    how = "read from the file" if is_file else "computed from shape and format"
    yield Basis(name="weights", status="exact", value=need.weights_bytes, unit="byte", source=how)
    how = "F16, computed from the shape"
    yield Basis(name="KV cache", status="exact", value=need.kv_bytes, unit="byte", source=how)
    status, how = "fitted", "llama.cpp 0.3.36 on a CPU with Flash Attention, within 1 % there"
    if formats.engine_of_quant(quant) == "mlx":
        status, how = (
            "estimated",
            "mlx-lm 0.32.2 on its CPU backend, without the attention scores",
        )
    yield Basis(name="compute buffer", status=status, value=need.compute_bytes, unit="byte", source=how)


def _bases_of_device(on: Device | None) -> Iterator[Basis]:
    if on is None:
        return
    if on.phone is not None:
        name = f"chip {on.phone.chip} of {on.phone.product_type}"
        yield Basis(name=name, status=on.phone.chip_status, source=chips.table().phone_source)
    if on.memory_bytes:
        low, high = min(on.memory_bytes), max(on.memory_bytes)
        status = str(on.memory_status)
        yield Basis(name="memory", status=status, value=low, high=high if high > low else None, unit="byte")


def _basis_of_share(share: Efficiency) -> Basis:
    table = chips.table()
    status, source = "estimated", share.note
    if share.n_rows:
        status = table.efficiency_status
        source = f"{table.efficiency_source}; {share.n_rows} rows of this class; {share.note}"
    name = "share of the bandwidth"
    return Basis(name=name, status=status, value=share.low_frac, high=share.high_frac, unit="1", source=source)
