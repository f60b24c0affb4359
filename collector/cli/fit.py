"""``phibench fit``."""

from typing import TYPE_CHECKING

import click

from collector.cli._common import db_option, echo_json, json_option, warn

if TYPE_CHECKING:
    from collector.chips import Device
    from collector.fit import Here

_GIB = 1 << 30


@click.command()
@click.option(
    "--on", "on", required=True, metavar="DEVICE",
    help="An iPhone's identifier or name, a chip, a PC's memory (DDR5-5600 dual), or here.",
)  # fmt: skip
@click.option("--model", required=True, metavar="M", help="A catalogue id or the path of a GGUF.")
@click.option(
    "--context", "n_context", type=click.IntRange(min=1), default=2048, show_default=True, metavar="N",
    help="Tokens of context to make room for.",
)  # fmt: skip
@click.option("--quant", metavar="Q", help="q4_0, q4_k_m, q8_0, f16 or mlx_4bit_g64.  [default: q4_0]")
@click.option(
    "--memory", "memory_gib", type=click.FloatRange(min=0, min_open=True), metavar="GIB",
    help="Memory of the device, where it is sold with several sizes or none is known.",
)  # fmt: skip
@db_option
@json_option
def fit(
    *, on: str, model: str, n_context: int, quant: str | None, memory_gib: float | None, db: str, as_json: bool
) -> None:
    """
    Predict whether a model fits on a device, and how fast it may decode there.

    Nothing is run: memory follows from shape, format and context, and the rate from a bandwidth, with the status of
    each number that this rests on. `here` uses this machine's free memory and its measured bandwidth.
    """
    from collector import fit as fits
    from collector.cli import _fit as shown
    from collector.cli._output import console

    subject = shown.subject(model, quant)
    found = fits.predict(
        _device(on, db),
        model=subject.model,
        shape=subject.shape,
        quant=subject.quant,
        n_context_tokens=n_context,
        tensor_bytes=subject.tensor_bytes,
        memory_bytes=None if memory_gib is None else round(memory_gib * _GIB),
    )
    if as_json:
        echo_json("fit", {"status": "predicted", **shown.as_data(found)})
    else:
        shown.print_fit(console(), found)


def _device(on: str, db: str) -> "Device | Here":
    from collector import chips
    from collector.fit import Here
    from runners import device

    if on.strip().lower() != "here":
        return chips.find_device(on)
    machine = device.snapshot()
    return Here(
        name=machine.name,
        free_memory_bytes=device.available_memory_bytes(),
        bandwidth_byte_per_s=_bandwidth_here(db, machine.fingerprint),
        vendor=chips.vendor_device(machine.product_type, machine.cpu_model),
    )


def _bandwidth_here(db: str, fingerprint: str) -> float | None:
    """The best that was ever measured here; without one it is measured now, which takes three seconds."""
    from collector.queries import Reader, exists
    from runners import probe
    from runners.device import lock
    from runners.errors import RunnerError

    if exists(db):
        with Reader.open(db) as reader:
            stored = reader.bandwidth(fingerprint)
        if stored is not None:
            return stored.byte_per_s
    try:
        with lock.acquire("phibench fit", wait_s=0) as held:
            return probe.measure(lock_fd=held.fd).byte_per_s
    except RunnerError as exc:
        warn(f"the bandwidth is not known: {exc.message}")
        return None
