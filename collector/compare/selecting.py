"""
What a person writes to name an arm, and the arms that it fits: ``quant=q4_0,threads=2``, a run, a baseline's name.

Pure: text and cells in, cells out. Which runs are looked at is decided by the caller.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collector.errors import UsageError
from collector.metrics import BY_NAME
from collector.queries import CellResult
from runners import interpreter, registry

FIELDS = (
    "model", "quant", "engine", "python", "format", "backend", "device", "engine_version", "run", "workload", "metric",
    "arm",
)  # fmt: skip
_OF_NO_ARM = ("run", "metric", "workload")
EXAMPLE = "phibench compare last quant=q4_0 quant=q4_k_m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    One side as it was written.

    Args:
        text: all of it, for messages.
        runs: references of runs; empty where none is named.
        workload, metric: what is looked at.
        wanted: the other fields, as text.
    """

    text: str
    runs: tuple[str, ...] = ()
    workload: str | None = None
    metric: str | None = None
    wanted: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_whole_run(self) -> bool:
        """Whether it names runs and no arm of them."""
        return bool(self.runs) and not self.wanted


def parse(text: str, options: Collection[str] = ()) -> Query:
    """
    A side from its text: ``field=value`` with commas between, or the name of a run or baseline.

    Args:
        options: of engines that are not of this machine, as far as arms were given any: a phone has its own.

    Raises:
        UsageError: an unknown field or metric, a field twice, a field without a value.
    """
    if "=" not in text:
        return Query(text=text, runs=_runs(text))
    given: dict[str, str] = {}
    for word in text.split(","):
        name, equals, value = (part.strip() for part in word.partition("="))
        if not equals or not value:
            raise UsageError(f"{text!r}: {word!r} is no field=value", EXAMPLE)
        if name in given:
            raise UsageError(f"{text!r} names {name} twice", "name an arm by each field once")
        _check_field(name, options)
        given[name] = value
    if given.get("metric", next(iter(BY_NAME))) not in BY_NAME:
        near = [name for name in BY_NAME if given["metric"] in name]
        hint = f"perhaps {' or '.join(near)}" if near else registry.did_you_mean(given["metric"], BY_NAME)
        raise UsageError(f"there is no metric {given['metric']!r}", hint)
    return Query(
        text=text,
        runs=_runs(given["run"]) if "run" in given else (),
        workload=given.get("workload"),
        metric=given.get("metric"),
        wanted={name: value for name, value in given.items() if name not in _OF_NO_ARM},
    )


def about(first: Query, second: Query) -> frozenset[str]:
    """The fields that both sides name and that differ: what the comparison is about."""
    names = first.wanted.keys() & second.wanted.keys()
    return frozenset(name for name in names if first.wanted[name] != second.wanted[name])


def fitting(cells: Iterable[CellResult], query: Query) -> list[CellResult]:
    """The cells that a query means; ones without a good launch are left out."""
    return [
        cell
        for cell in cells
        if cell.n_launches
        and (query.workload is None or cell.workload.name == query.workload)
        and all(_fits(cell, name, value) for name, value in query.wanted.items())
    ]


def by_arm(cells: Iterable[CellResult]) -> list[tuple[CellResult, ...]]:
    """Cells grouped by run and arm, in the order in which the plans list them."""
    groups: dict[tuple[str, int | None, str], list[CellResult]] = {}
    runs: dict[str, int] = {}
    places = [(runs.setdefault(cell.run_id, len(runs)), cell.arm_index or 0, cell) for cell in cells]
    for _, _, cell in sorted(places, key=lambda place: place[:2]):
        groups.setdefault((cell.run_id, cell.arm_index, cell.arm.label), []).append(cell)
    return [tuple(group) for group in groups.values()]


def value_of(cell: CellResult, name: str) -> str | None:
    """What an arm has in a field, as text; an option as it was asked for, else as it was in effect."""
    if name in _GET:
        return _GET[name](cell)
    asked = cell.arm.options.get(name, cell.options_in_effect.get(name))
    if asked is None:
        return None
    return str(asked).lower() if isinstance(asked, bool) else str(asked)


def why_none(cells: Sequence[CellResult], query: Query) -> UsageError:
    """The error for a query that fits no arm: the field that is to blame and the values that there are."""
    if not cells:
        return UsageError(f"{query.text!r}: there is no run to look in", "phibench list")
    if not any(cell.n_launches for cell in cells):
        return UsageError(f"{query.text!r}: no launch succeeded there", f"phibench show {cells[0].run_id}")
    if query.workload is not None and all(cell.workload.name != query.workload for cell in cells):
        names = list(dict.fromkeys(cell.workload.name for cell in cells))
        return UsageError(f"no workload is called {query.workload!r}", f"workloads are: {', '.join(names)}")
    for name, value in query.wanted.items():
        if not any(_fits(cell, name, value) for cell in cells):
            values = list(dict.fromkeys(found for cell in cells if (found := value_of(cell, name)) is not None))
            if not values:
                return UsageError(f"no arm has {name}={value}", f"{name} is unknown of every arm there")
            return UsageError(f"no arm has {name}={value}", f"{name} is one of: {', '.join(values)}")
    return UsageError(f"no arm fits all of {query.text!r}", f"the arms are: {labels(cells)}")


def labels(cells: Iterable[CellResult]) -> str:
    """The arms there are, for a message."""
    found = by_arm(cells)
    names = [group[0].arm.label for group in found]
    return "; ".join(
        f"{name} (arm={value_of(group[0], 'arm')})" if names.count(name) > 1 else name
        for name, group in zip(names, found, strict=True)
    )


def _runs(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("+") if part)


def _check_field(name: str, options: Collection[str]) -> None:
    here = (option for engine in registry.ENGINES for option in registry.load(engine).options)
    known = [*FIELDS, *dict.fromkeys([*here, *options])]
    if name not in known:
        hint = registry.did_you_mean(name, dict.fromkeys(known))
        fields = f"Fields are: {', '.join(FIELDS)}, and every option of an engine."
        raise UsageError(f"there is no field {name!r}", hint if hint.startswith("Did") else fields)


def _fits(cell: CellResult, name: str, value: str) -> bool:
    found = value_of(cell, name)
    if found is None:
        return False
    if name == "device":
        fingerprint = cell.machine.fingerprint if cell.machine else ""
        return value.lower() in found.lower() or fingerprint.startswith(value)
    if name == "python" and cell.arm.python is not None:
        return interpreter.is_meant(value, cell.arm.python)
    return found.lower() == value.lower() or _number(found) == _number(value) is not None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


_GET: Mapping[str, Callable[[CellResult], str | None]] = {
    "model": lambda cell: cell.arm.model,
    "quant": lambda cell: cell.arm.quant,
    "engine": lambda cell: cell.arm.engine,
    "format": lambda cell: cell.arm.format,
    "python": lambda cell: interpreter.label(cell.arm.python) if cell.arm.python else "here",
    "backend": lambda cell: cell.backend,
    "device": lambda cell: cell.machine.device if cell.machine else None,
    "engine_version": lambda cell: cell.machine.engine_version if cell.machine else None,
    "arm": lambda cell: None if cell.arm_index is None else str(cell.arm_index + 1),
}
