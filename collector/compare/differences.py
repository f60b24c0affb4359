"""
Every other field in which two arms differ, the ones that explain most first.

What the comparison is about is left out, and what follows from it: two formats differ in bytes and digest, and that
goes without saying; two runs of one format that differ in digest were different files, and that is told.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from collector import numbers
from collector.compare.records import Difference, Side
from collector.queries import CellResult
from runners.contract import ModelShape

UNKNOWN = "unknown"
SUBJECTS = ("model", "quant", "engine", "python")
"""Fields that a label names; with the engine's options they are what a comparison can be about."""

_FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "model": ("file bytes", "tensor bytes", "digest", "shape"),
    "quant": ("file bytes", "tensor bytes", "digest"),
    "format": ("file bytes", "tensor bytes", "digest"),
    "engine": ("format", "engine version", "engine build", "option", "digest"),
    "python": ("Python version",),
    "threads": ("threads in effect",),
}
_PLAN = ("duration_s", "n_warmups", "n_iterations", "timeout_s", "gate")


def differences(
    baseline: Side, other: Side, about: Iterable[str], workloads: Iterable[tuple[CellResult, CellResult]]
) -> tuple[Difference, ...]:
    """
    Fields in which two sides differ.

    Args:
        about: fields that the person who asked named on both sides; empty when whole runs are compared, and then a
            single field of the labels that differs is taken to be what it is about.
        workloads: a cell of each side for every workload that both have.
    """
    hidden = _hidden(set(about) or _subject(baseline, other))
    found = []
    for name, first, second in _fields(baseline, other):
        if first != second and name not in hidden and name.partition(": ")[0] not in hidden:
            found.append(Difference(field=name, baseline=_text(first), other=_text(second)))
    return (*found, *_of_workloads(workloads))


def _subject(baseline: Side, other: Side) -> set[str]:
    """The one field in which the labels differ; nothing when there are several, so that all of them are told."""
    a, b = baseline.cells[0], other.cells[0]
    fields = [*_names(a, b), *_keys("option", a.arm.options, b.arm.options)]
    differing = {name for name, first, second in fields if first != second}
    return differing if len(differing) == 1 else set()


def _hidden(about: set[str]) -> set[str]:
    names = {name.removeprefix("option: ") for name in about}
    follows = {name for one in names for name in _FOLLOWS.get(one, ())}
    return names | follows | {f"option: {name}" for name in names}


def _fields(baseline: Side, other: Side) -> Iterator[tuple[str, Any, Any]]:
    """Name and value on either side of everything that is known of an arm, in the order of what explains most."""
    a, b = baseline.cells[0], other.cells[0]
    yield from _both(_MACHINE, a.machine, b.machine)
    yield from _names(a, b)
    is_one_engine = a.arm.engine == b.arm.engine
    asked = {*a.arm.options, *b.arm.options}
    yield from _keys("option", _options(a), _options(b), may_lack=None if is_one_engine else asked)
    yield from _keys("engine build", a.engine_build, b.engine_build, may_lack=None if is_one_engine else ())
    yield "backend", a.backend, b.backend
    yield "threads in effect", a.n_threads, b.n_threads
    yield from _both(_ARTIFACT, a.arm, b.arm)
    yield from _flags(baseline, other)
    yield from _of_plans(baseline, other)
    yield "suite", a.suite, b.suite
    yield from _both(_PROGRAM, a.machine, b.machine)
    yield "commit", a.git_commit, b.git_commit


_Getters = tuple[tuple[str, Callable[[Any], Any]], ...]
_MACHINE: _Getters = (
    ("device", lambda m: m.device),
    ("device id", lambda m: m.fingerprint),
    ("processor", lambda m: m.cpu_model),
    ("product", lambda m: m.product_type),
    ("physical cores", lambda m: m.n_physical_cores),
    ("GPU cores", lambda m: m.n_gpu_cores),
    ("memory bytes", lambda m: m.memory_bytes),
    ("GPU memory limit bytes", lambda m: m.gpu_wired_limit_bytes),
    ("system", lambda m: f"{m.os_name or ''} {m.os_version or ''}".strip() or None),
    ("engine version", lambda m: m.engine_version),
)
_ARTIFACT: _Getters = (
    ("format", lambda arm: arm.format),
    ("shape", lambda arm: None if arm.shape is None else _shape(arm.shape)),
    ("tensor bytes", lambda arm: arm.tensor_bytes),
    ("file bytes", lambda arm: arm.n_bytes),
    ("digest", lambda arm: arm.digest),
    ("random weights", lambda arm: arm.is_synthetic),
)
_PROGRAM: _Getters = (
    ("Python version", lambda m: m.python_version),
    ("phibench version", lambda m: m.phibench_version),
)


def _shape(shape: ModelShape) -> str:
    """All of it in words, so that two that differ anywhere read differently."""
    tied = ", output tied to the embedding" if shape.is_tied else ""
    return (
        f"{shape.architecture}, {numbers.count(shape.n_layers, 'layer')} of width {shape.n_embd} and {shape.n_ff}, "
        f"{numbers.count(shape.n_heads, 'head')} of {shape.head_dim} ({shape.n_kv_heads} for keys), "
        f"vocabulary {shape.vocab_size}, context {shape.context_length}, {shape.n_params:,} parameters{tied}"
    )


def _both(getters: _Getters, first: Any, second: Any) -> Iterator[tuple[str, Any, Any]]:
    for name, get in getters:
        yield name, None if first is None else get(first), None if second is None else get(second)


def _names(a: CellResult, b: CellResult) -> Iterator[tuple[str, Any, Any]]:
    """What an arm's label is made of, but options."""
    for name in SUBJECTS:
        yield name, getattr(a.arm, name), getattr(b.arm, name)


def _options(cell: CellResult) -> dict[str, Any]:
    """Each option as it was in effect, and as it was asked where the engine did not say."""
    return {**cell.arm.options, **cell.options_in_effect}


def _keys(
    kind: str, first: Mapping[str, Any], second: Mapping[str, Any], *, may_lack: Collection[str] | None = None
) -> Iterator[tuple[str, Any, Any]]:
    """
    Each key of either side; of two engines those that both have, because what one alone has says nothing of the other.

    Args:
        kind: what the keys are of.
        first: of the one side.
        second: of the other.
        may_lack: keys that are told although one side lacks them; None = all.
    """
    for name in dict.fromkeys([*first, *second]):
        if may_lack is None or name in may_lack or (name in first and name in second):
            yield f"{kind}: {name}", first.get(name), second.get(name)


def _flags(baseline: Side, other: Side) -> Iterator[tuple[str, Any, Any]]:
    """Doubts that only one of the two has."""
    first, second = ({flag for cell in side.cells for flag in cell.flags} for side in (baseline, other))
    yield "doubts", ", ".join(sorted(first)) or "none", ", ".join(sorted(second)) or "none"


def _of_plans(baseline: Side, other: Side) -> Iterator[tuple[str, Any, Any]]:
    """How the launches were asked for; the newest run of each side speaks for it."""
    first, second = (side.plans.get(side.run_ids[-1]) for side in (baseline, other))
    if first is None or second is None:
        return
    for name in _PLAN:
        yield name, first.get(name), second.get(name)


def _of_workloads(workloads: Iterable[tuple[CellResult, CellResult]]) -> Iterator[Difference]:
    """Workloads that are matched by their shape and differ in what is left: name, seed, prompt."""
    for first, second in workloads:
        a, b = first.workload, second.workload
        fields = (
            ("name", a.name, b.name),
            ("shape", a.shape_label, b.shape_label),
            ("prompt seed", a.prompt_seed, b.prompt_seed),
            ("prompt", a.prompt_path, b.prompt_path),
        )
        for name, one, two in fields:
            if one != two:
                yield Difference(field=f"workload {a.name}: {name}", baseline=_text(one), other=_text(two))


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    return str(value)
