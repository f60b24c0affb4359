"""From what a person named to the arms that are compared: runs, baselines and fields, looked up in the database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from collector.compare import Side
from collector.compare.selecting import EXAMPLE, Query, about, by_arm, fitting, labels, parse, why_none
from collector.compare.siding import against_baseline, named
from collector.errors import PhibenchError, StoreError, UsageError
from collector.metrics import BY_NAME
from collector.queries import CellResult, Reader

N_RECENT_RUNS = 200
"""Newest runs in which an arm is looked for and from which the noise is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What is to be compared.

    Args:
        pairs: (baseline, other).
        about: fields that both sides name.
        metric: the only one that is shown; None for all.
        warnings: what was left out.
    """

    pairs: tuple[tuple[Side, Side], ...]
    about: frozenset[str] = frozenset()
    metric: str | None = None
    warnings: tuple[str, ...] = ()


_Arms = dict[tuple[str, int], list[CellResult]]


@dataclass(slots=True)
class _Finder:
    """Looks runs up and remembers their cells."""

    reader: Reader
    cells: dict[str, list[CellResult]] = field(default_factory=dict)

    def of_run(self, run_id: str) -> list[CellResult]:
        if run_id not in self.cells:
            self.cells[run_id] = self.reader.cells([run_id])
        return self.cells[run_id]

    def run_ids(self, refs: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(_run_id(self.reader, ref) for ref in refs))

    def of_refs(self, refs: Iterable[str]) -> list[CellResult]:
        return [cell for run_id in self.run_ids(refs) for cell in self.of_run(run_id)]

    def newest(self, *queries: Query) -> list[CellResult]:
        """Cells of the newest run in which every query fits an arm; none when there is no such run."""
        for run in self.reader.runs(N_RECENT_RUNS):
            if all(fitting(self.of_run(run.id), query) for query in queries):
                return self.of_run(run.id)
        return []


def resolve(reader: Reader, words: Sequence[str]) -> Asked:
    """
    The arms that ``[RUN] A B`` names; without A and B, all arms of RUN (or of the last run) against its baseline.

    Raises:
        UsageError: a text that cannot be read, an arm that fits nothing or several, metrics that are not the same.
        StoreError: no such run.
    """
    if len(words) > 3:
        raise UsageError(f"compare takes at most RUN, A and B; these are {len(words)} words", EXAMPLE)
    options = reader.option_names() if any("=" in word for word in words) else ()
    queries = [parse(word, options) for word in words]
    finder = _Finder(reader)
    if len(words) < 2:
        return _whole_run(finder, queries[0] if queries else parse("last"))
    scope = queries.pop(0) if len(words) == 3 else None
    if scope is not None and not scope.is_whole_run:
        raise UsageError(f"the first of three words is a run, not {scope.text!r}", EXAMPLE)
    first, second = queries
    metric = _one_metric(first, second)
    sides = [_arms(finder, query, cells) for query, cells in _where(finder, scope, first, second)]
    pairs, warnings = _paired_up(sides[0], sides[1], first, second)
    for a, b in pairs:
        _check_apart(a, b, (first, second))
    found = tuple(_sides(reader, a, b, (first, second)) for a, b in pairs)
    return Asked(pairs=found, about=about(first, second), metric=metric, warnings=warnings)


def pair_of_run(reader: Reader, run_id: str) -> tuple[Side, Side]:
    """
    The two arms of a run that was made to compare them.

    Raises:
        PhibenchError: one of them gave nothing.
    """
    arms = by_arm(cell for cell in reader.cells([run_id]) if cell.n_launches)
    if len(arms) != 2:
        raise PhibenchError(f"run {run_id} has {len(arms)} arms with good launches", f"phibench show {run_id}")
    return _with_plans(reader, *named(arms[0], arms[1], (False, False)))


def recent_cells(reader: Reader, pairs: Iterable[tuple[Side, Side]]) -> list[CellResult]:
    """What was measured lately, for the noise; the compared runs are among it."""
    newest = [run.id for run in reader.runs(N_RECENT_RUNS)]
    compared = [run_id for pair in pairs for side in pair for run_id in side.run_ids]
    return reader.cells(list(dict.fromkeys([*compared, *newest])))


def _whole_run(finder: _Finder, query: Query) -> Asked:
    if not query.is_whole_run:
        raise UsageError(f"one arm alone, {query.text!r}, is compared with nothing", EXAMPLE)
    if len(query.runs) > 1:
        raise UsageError(f"{query.text!r} names several runs as one side", "name another side to compare them with")
    cells = finder.of_refs(query.runs)
    pairs = against_baseline(cells)
    if not pairs:
        run_id = finder.run_ids(query.runs)[0]
        if not any(cell.n_launches for cell in cells):
            raise why_none(cells, query)
        if len(by_arm(cell for cell in cells if cell.n_launches)) > 1:
            raise UsageError(
                f"run {run_id} has one simulated arm and one that was measured: they are not set against each other",
                f"name another run: phibench compare RUN {run_id}",
            )
        message = f"run {run_id} has one arm, {labels(c for c in cells if c.n_launches)}: there is nothing to compare"
        raise UsageError(message, f"name another run: phibench compare RUN {run_id}")
    return Asked(pairs=tuple(_with_plans(finder.reader, *pair) for pair in pairs))


def _where(finder: _Finder, scope: Query | None, first: Query, second: Query) -> list[tuple[Query, list[CellResult]]]:
    """Each query with the cells that it is looked up in."""
    if scope is not None:
        for query in (first, second):
            if query.runs:
                raise UsageError(
                    f"the run is named twice: {scope.text!r} and {query.text!r}",
                    f"phibench compare {first.text} {second.text}",
                )
        cells = finder.of_refs(scope.runs)
        return [(first, cells), (second, cells)]
    common = finder.newest(first, second) if not first.runs and not second.runs else []
    return [(query, common or _own(finder, query)) for query in (first, second)]


def _own(finder: _Finder, query: Query) -> list[CellResult]:
    """The cells of the runs that a query names, else of the newest run that it fits, else of the newest of all."""
    if query.runs:
        return finder.of_refs(query.runs)
    recent = finder.newest(query)
    return recent or [cell for run in finder.reader.runs(N_RECENT_RUNS) for cell in finder.of_run(run.id)]


def _run_id(reader: Reader, ref: str) -> str:
    """A run by the name of a baseline, `last`, or its id."""
    names = {one.name: one.run_id for one in reader.baselines()}
    if ref in names:
        return names[ref]
    try:
        return reader.resolve_run(ref)
    except StoreError as exc:
        if ref.startswith("last") or any(run.id.startswith(ref) for run in reader.runs()):
            raise
        known = f"; baselines: {', '.join(names)}" if names else ""
        hint = f"phibench list shows the runs{known}; an arm is written field=value: {EXAMPLE}"
        raise UsageError(f"there is no run and no baseline {ref!r}", hint) from exc


def _arms(finder: _Finder, query: Query, cells: list[CellResult]) -> _Arms:
    """
    The arms that a query means, each with its cells of one run or of several.

    An arm that a whole run had twice (A against A) is one arm with more launches.
    """
    kept = fitting(cells, query)
    if not kept:
        raise why_none(cells, query)
    arms: _Arms = {}
    seen: dict[tuple[str, str], int] = {}
    for group in by_arm(kept):
        place = (group[0].run_id, group[0].arm.label)
        seen[place] = 0 if query.is_whole_run else seen.get(place, -1) + 1
        arms.setdefault((group[0].arm.label, seen[place]), []).extend(group)
    if len(arms) > 1 and not query.is_whole_run:
        raise UsageError(
            f"{query.text!r} fits {len(arms)} arms: {labels(kept)}", "name more fields, such as model=, quant= or arm="
        )
    return arms


def _paired_up(
    first: _Arms, second: _Arms, a: Query, b: Query
) -> tuple[list[tuple[list[CellResult], list[CellResult]]], tuple[str, ...]]:
    """Two single arms whatever they are; else the arms of equal label, and a word on those that are left over."""
    if len(first) == len(second) == 1:
        return [(next(iter(first.values())), next(iter(second.values())))], ()
    common = [key for key in first if key in second]
    is_half_named = a.is_whole_run != b.is_whole_run
    same = is_half_named and all({c.run_id for c in first[key]} == {c.run_id for c in second[key]} for key in common)
    if not common or same:
        names = [", ".join(label for label, _ in side) for side in (first, second)]
        raise UsageError(
            f"{a.text!r} has the arms {names[0]}; {b.text!r} has {names[1]}: it is not clear which to compare",
            "name one arm on either side: run=ID,model=...,quant=...",
        )
    left = [
        f"only {letter} has {label}"
        for letter, side, others in (("A", first, second), ("B", second, first))
        for label, n in side
        if (label, n) not in others
    ]
    return [(first[key], second[key]) for key in common], tuple(left)


def _check_apart(a: Sequence[CellResult], b: Sequence[CellResult], queries: tuple[Query, Query]) -> None:
    """
    Refuse sides that have some launches in common and others not.

    A launch set against itself has the ratio 1 without any noise; a row that is made of such ratios in part would claim
    more blocks than there were. Sides that are the same throughout are told as that by the comparison.
    """
    first, second = _launches(a), _launches(b)
    if first & second and first != second:
        raise UsageError(
            f"{queries[0].text!r} and {queries[1].text!r} share launches, such as {min(first & second)}",
            "name sides that are apart: by arm= in a run that had an arm twice, or by different runs",
        )


def _launches(cells: Iterable[CellResult]) -> set[str]:
    return {f"{cell.run_id}/{n}" for cell in cells for numbers in cell.numbers.values() for n in numbers}


def _sides(
    reader: Reader, first: Sequence[CellResult], second: Sequence[CellResult], queries: tuple[Query, Query]
) -> tuple[Side, Side]:
    has_workload = (queries[0].workload is not None, queries[1].workload is not None)
    return _with_plans(reader, *named(first, second, has_workload))


def _with_plans(reader: Reader, first: Side, second: Side) -> tuple[Side, Side]:
    """With what their runs were asked to do."""
    plans = [{run_id: reader.run(run_id).plan for run_id in side.run_ids} for side in (first, second)]
    a, b = (
        Side(name=side.name, cells=side.cells, is_one_workload=side.is_one_workload, plans=of_side)
        for side, of_side in zip((first, second), plans, strict=True)
    )
    return a, b


def _one_metric(first: Query, second: Query) -> str | None:
    """The metric that is looked at; two different ones are not compared."""
    one, two = first.metric or second.metric, second.metric or first.metric
    if one is not None and two is not None and one != two:
        raise UsageError(
            f"{one} ({BY_NAME[one].definition}) and {two} ({BY_NAME[two].definition}) are different metrics and are "
            'not compared: "107 tokens/s on an M1" and "12 tokens/s on an iPhone" once stood side by side, and the '
            "first is prefill, the second decode",
            "name the same metric on both sides, or none",
        )
    return one
