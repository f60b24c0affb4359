"""From cells to memory: the bars of an arm, the lines of its cache, rows of tables. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector import fit, numbers, physics
from collector.compare import Estimate
from collector.fit import Place, Room, RoomKind, Verdict
from collector.physics import MemoryNeed
from collector.physics.memory import kv_bytes_per_element
from collector.queries import CellResult
from dashboard import rows, theme
from dashboard.charts.kv import KvLine, KvPoint
from dashboard.charts.memory import Bar, Limit, MemoryRow, Part

PEAKS: Mapping[str, str] = {"peak_rss_bytes": "peak RSS", "peak_footprint_bytes": "peak footprint"}
"""Two ways in which systems count; each stands under its own name."""

_SAID: Mapping[str, str] = {"weights_bytes": "weights", "kv_bytes": "KV", "compute_bytes": "compute"}
_KINDS: Mapping[RoomKind, str] = {
    RoomKind.APP: "app", RoomKind.ENTITLED_APP: "app, entitled", RoomKind.GPU_SHARE: "GPU share",
    RoomKind.WHOLE: "all memory", RoomKind.FREE_NOW: "free now",
}  # fmt: skip


def need_of(cell: CellResult) -> MemoryNeed | None:
    """What arithmetic says that a cell takes; None when its shape is unknown."""
    return physics.memory_of_arm(
        cell.arm.shape,
        cell.arm.tensor_bytes,
        _asked_tokens(cell),
        cell.arm.options,
        engine=cell.arm.engine,
        backend=cell.backend,
        n_prefill_tokens=cell.workload.n_prompt_tokens + cell.workload.n_depth_tokens,
    )


def peak_of(cell: CellResult) -> tuple[str, Estimate] | None:
    """The name and the value of its peak as its system counts: the footprint where that is told."""
    for metric in ("peak_footprint_bytes", "peak_rss_bytes"):
        found = cell.estimate(metric)
        if found is not None:
            return PEAKS[metric], found
    return None


def finding(cells: Sequence[CellResult], device: str) -> str:
    """'On laptop phi-3-mini-4k q4_0 takes 2.17 GiB (peak RSS), predicted 2.16', or the range of several."""
    found = [(cell, peak) for cell in cells if (peak := peak_of(cell)) is not None]
    if not found:
        return f"No peak of memory was seen on {device}"
    ranked = sorted(found, key=lambda item: item[1][1].value)
    (low, (kind, least)), (high, (_, most)) = ranked[0], ranked[-1]
    if low is high:
        need = need_of(low)
        predicted = f", predicted {numbers.gib(need.total_bytes, 2)}" if need else ""
        return f"On {device} {low.arm.label} takes {numbers.gib(least.value, 2)} GiB ({kind}){predicted}"
    return (
        f"On {device} from {numbers.gib(least.value, 2)} GiB ({low.arm.label}) to "
        f"{numbers.gib(most.value, 2)} GiB ({high.arm.label}), by {kind}"
    )


def memory_rows(cells: Sequence[CellResult]) -> list[MemoryRow]:
    """Each arm with the bars that there are of it, the smallest first."""
    found = [MemoryRow(label=cell.arm.label, bars=bars) for cell in cells if (bars := tuple(_bars(cell)))]
    return sorted(found, key=lambda row: (row.bars[-1].n_bytes, row.label))


def _bars(cell: CellResult) -> Sequence[Bar]:
    found, note = [], rows.note(cell)
    need = need_of(cell)
    if need is not None:
        rest = need.total_bytes - need.weights_bytes - need.kv_bytes - need.compute_bytes
        sizes = {"weights": need.weights_bytes, "KV": need.kv_bytes, "compute": need.compute_bytes, "process": rest}
        parts = tuple(Part(component=name, n_bytes=n) for name, n in sizes.items())
        found.append(Bar(label="predicted", parts=parts, note="arithmetic for llama.cpp"))
    said = {name: one.value for metric, name in _SAID.items() if (one := cell.estimate(metric)) is not None}
    if said:
        untold = ", ".join(name for name in _SAID.values() if name not in said)
        more = f"not told: {untold}; {note}" if untold else note
        parts = tuple(Part(component=name, n_bytes=n) for name, n in said.items())
        launch = rows.evidence(cell, "weights_bytes")
        found.append(Bar(label="engine says", parts=parts, note=more, launch=launch))
    for metric, label in PEAKS.items():
        peak = cell.estimate(metric)
        if peak is not None:
            found.append(Bar(label=label, total=peak, note=note, launch=rows.evidence(cell, metric)))
    return found


def limits(cells: Sequence[CellResult]) -> list[Limit]:
    """What may be used on the device of these cells, the closest first; empty where it does not tell its memory."""
    machine = next((cell.machine for cell in cells if cell.machine is not None), None)
    if machine is None:
        return []
    found = fit.rooms_of(machine.product_type, machine.cpu_model, machine.memory_bytes, 0)
    return [
        Limit(label=_limit_name(room), low_bytes=room.low_bytes, high_bytes=room.high_bytes)
        for room in found
        if room.low_bytes is not None and room.high_bytes is not None
    ]


def _limit_name(room: Room) -> str:
    return {
        RoomKind.APP: "an app may use", RoomKind.ENTITLED_APP: "with the entitlement",
        RoomKind.GPU_SHARE: "the GPU may use",
    }.get(room.kind, "the device has")  # fmt: skip


def kv_lines(cells: Sequence[CellResult]) -> list[KvLine]:
    """One line for each model and type of cache, with what engines told of it."""
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        if cell.arm.shape is not None:
            groups.setdefault(f"{cell.arm.model}, KV {cell.arm.options.get('kv_type', 'f16')}", []).append(cell)
    return [_kv_line(label, own) for label, own in sorted(groups.items())]


def _kv_line(label: str, cells: Sequence[CellResult]) -> KvLine:
    first, shape = cells[0], cells[0].arm.shape
    assert shape is not None  # noqa: S101  # asked for by the caller
    return KvLine(
        label=label,
        symbol=theme.symbol(first.arm.engine),
        bytes_per_token=physics.kv_bytes_per_token(shape, kv_bytes_per_element(first.arm.options, shape.head_dim)),
        context_length=shape.context_length,
        points=tuple(
            KvPoint(
                n_context_tokens=_room_tokens(cell), kv=kv, note=rows.note(cell), launch=rows.evidence(cell, "kv_bytes")
            )
            for cell in cells
            if (kv := cell.estimate("kv_bytes")) is not None
        ),
    )


def _asked_tokens(cell: CellResult) -> int:
    asked = cell.workload
    return asked.n_prompt_tokens + asked.n_generated_tokens + asked.n_depth_tokens


def _room_tokens(cell: CellResult) -> int:
    """Tokens that the engine made room for, as it said, else as was asked."""
    said = cell.options_in_effect.get("n_ctx")
    return int(said) if isinstance(said, int | float) and said else _asked_tokens(cell)


def table(cells: Sequence[CellResult]) -> list[dict[str, Any]]:
    """The arms as rows, bytes in GiB; of the ways in which systems count only those that occur."""
    peaks = {metric: label for metric, label in PEAKS.items() if any(metric in cell.values for cell in cells)}
    return [_row(cell, peaks) for cell in cells]


def _row(cell: CellResult, peaks: Mapping[str, str]) -> dict[str, Any]:
    need = need_of(cell)
    peak = peak_of(cell)
    off = peak[1].value / need.total_bytes - 1 if peak and need else None
    return {
        "arm": cell.arm.label,
        **{f"{label} GiB": rows.with_interval(cell, metric, numbers.GIB) for metric, label in peaks.items()},
        "predicted GiB": round(need.total_bytes / numbers.GIB, 3) if need else None,
        "peak above prediction %": None if off is None else round(100 * off, 1),
        **{f"{name} as said GiB": _gib(cell, metric) for metric, name in _SAID.items()},
        "room for tokens": _room_tokens(cell),
        "engine": f"{cell.arm.engine} {(cell.machine and cell.machine.engine_version) or ''}".strip(),
        **rows.launches(cell),
        "doubt": list(cell.flags),
        "date": cell.started_at_utc[:10],
        "run": cell.run_id,
    }


def _gib(cell: CellResult, metric: str) -> float | None:
    found = cell.estimate(metric)
    return round(found.value / numbers.GIB, 3) if found else None


def fit_rows(place: Place, of_models: Mapping[str, MemoryNeed]) -> list[dict[str, Any]]:
    """A place as rows of the table of what fits: one a kind of room, a column a model."""
    kinds = max(place.rooms.values(), key=len)
    found = []
    for index, kind in enumerate(kinds):
        limit = kind.low_bytes is not None and kind.high_bytes is not None
        found.append(
            {
                "device": place.name,
                "which": _KINDS[kind.kind],
                "may use GiB": _span(kind.low_bytes, kind.high_bytes) if limit else "unknown",
                **{f"{model} ({numbers.gib(of_models[model].total_bytes)} GiB)": fit_word(rooms[index])
                   for model, rooms in place.rooms.items()},
            }
        )  # fmt: skip
    return found


def fit_word(room: Room) -> str:
    """'✓ 1.2 GiB left', '✗ 0.5 GiB missing', '? from 0.3 missing to 0.4 left'."""
    low, high = room.spare_low_bytes, room.spare_high_bytes
    if room.verdict is Verdict.UNKNOWN or low is None or high is None:
        return "? limit unknown"
    if room.verdict is Verdict.FITS:
        return f"✓ {numbers.gib(low)} GiB left"
    if room.verdict is Verdict.DOES_NOT_FIT:
        return f"✗ {numbers.gib(-high)} GiB missing"
    return f"? {numbers.gib(-low)} missing to {numbers.gib(high)} GiB left"


def _span(low: int | None, high: int | None) -> str:
    least, most = numbers.gib(low), numbers.gib(high)
    return least if least == most else f"{least} to {most}"
