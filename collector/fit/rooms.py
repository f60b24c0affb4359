"""How much memory a model may have on a device, and whether a need fits into it."""

from collections.abc import Iterator

from collector import chips
from collector.chips import Device
from collector.fit.records import Here, Room, RoomKind, Verdict


def rooms(on: Device | Here, need_bytes: int, memory_bytes: int | None) -> Iterator[Room]:
    """
    Each memory that the model may have there, judged.

    A phone's app has a limit far below its memory, with and without the increased-memory entitlement; a Mac's GPU has a
    default share; of a PC all of the memory is named, since what else runs is not known.

    Args:
        memory_bytes: of the device, where it is sold with several sizes or the table knows none.
    """
    if isinstance(on, Here):
        if memory_bytes is None:
            free = on.free_memory_bytes
            yield _judged(RoomKind.FREE_NOW, need_bytes, None, free, free, status="measured")
        else:
            yield _whole(need_bytes, memory_bytes)
        return
    sizes = on.memory_bytes if memory_bytes is None else (memory_bytes,)
    if not sizes:
        yield Room(kind=RoomKind.WHOLE, verdict=Verdict.UNKNOWN)
    for size in sizes:
        if on.device_class == "phone":
            yield from _app(need_bytes, size)
        elif on.chip is not None:
            yield _gpu_share(need_bytes, size)
        else:
            yield _whole(need_bytes, size)


def _app(need_bytes: int, size: int) -> Iterator[Room]:
    table, known = chips.table(), chips.app_memory_of(size)
    if known is None:
        yield Room(kind=RoomKind.APP, verdict=Verdict.UNKNOWN, memory_bytes=size)
        return
    said = {"status": table.app_memory_status, "source": table.app_memory_source}
    yield _judged(RoomKind.APP, need_bytes, size, known.low_bytes, known.high_bytes, **said)
    if known.entitled_low_bytes is not None:
        low, high = known.entitled_low_bytes, known.entitled_high_bytes
        yield _judged(RoomKind.ENTITLED_APP, need_bytes, size, low, high, **said)


def _gpu_share(need_bytes: int, size: int) -> Room:
    table, share = chips.table(), int(chips.gpu_share_frac(size) * size)
    said = {"status": table.gpu_memory_status, "source": table.gpu_memory_source}
    return _judged(RoomKind.GPU_SHARE, need_bytes, size, share, share, **said)


def _whole(need_bytes: int, size: int) -> Room:
    return _judged(RoomKind.WHOLE, need_bytes, size, size, size, status="exact")


def _judged(
    kind: RoomKind,
    need_bytes: int,
    size: int | None,
    low: int | None,
    high: int | None,
    *,
    status: str,
    source: str | None = None,
) -> Room:
    if low is None or high is None:
        return Room(kind=kind, verdict=Verdict.UNKNOWN, memory_bytes=size)
    fits = Verdict.FITS if need_bytes <= low else Verdict.UNSURE if need_bytes <= high else Verdict.DOES_NOT_FIT
    return Room(
        kind=kind,
        verdict=fits,
        memory_bytes=size,
        low_bytes=low,
        high_bytes=high,
        spare_low_bytes=low - need_bytes,
        spare_high_bytes=high - need_bytes,
        status=status,
        source=source,
    )
