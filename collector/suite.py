"""
What is run: suites in TOML, the arms and workloads of a plan.

A suite says what to ask of which models; :mod:`collector.plan` turns it into a :class:`Plan` for one machine. Every
mistake in a suite is answered with file and line.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from collector.errors import SuiteError
from runners import interpreter
from runners.contract import Gate, ModelRef, ReplicationUnit, Scalar, Workload, WorkloadKind

_HOW_TO = "see CONTRIBUTING.md, Add a suite"
_TABLES = ("workload", "arm", "gate")
LARGEST_SEED = (1 << 63) - 1
MAX_BLOCKS = 20
PRECISION_FRAC = 0.02
DEFAULT_GATE = Gate(
    max_other_cpu_cores=0.25,
    is_thermal_nominal=True,
    is_low_power_off=True,
    is_mains_power=True,
    nominal_hold_s=2.0,
    longest_wait_s=30.0,
)
"""What every launch waits for unless a suite has a ``[gate]`` of its own or gates are switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpec:
    """An arm as asked for: a model's name or path, an engine, its options; ``quant`` None = the engine's usual one."""

    model: str
    engine: str = "llama_cpp"
    quant: str | None = None
    python: str | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """
    A suite file.

    Args:
        models, quants, engines: the arms are their product, unless ``arms`` lists them one by one.
        n_blocks: every cell exactly so many times, each in a fresh process; None = until the precision is reached.
        precision_frac: half-width of the 95 % intervals at which a run without ``n_blocks`` stops.
        max_blocks: most blocks of such a run.
        budget_s: no block begins that would end after it.
        timeout_s: longest silence of a launch.
        gate: what must hold before each launch.
    """

    name: str
    description: str = ""
    models: tuple[str, ...] = ()
    quants: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("llama_cpp",)
    arms: tuple[ArmSpec, ...] = ()
    workloads: tuple[Workload, ...] = ()
    n_blocks: int | None = None
    precision_frac: float = PRECISION_FRAC
    max_blocks: int = MAX_BLOCKS
    budget_s: float | None = None
    n_warmups: int = 1
    n_iterations: int = 1
    duration_s: float | None = None
    timeout_s: float = 900.0
    gate: Gate | None = DEFAULT_GATE

    def plan(self, arms: tuple["Arm", ...], *, seed: int, gate: Gate | None) -> "Plan":
        """The plan of it whose arms and gate are known; without a number of blocks it runs until it is precise."""
        is_fixed = self.n_blocks is not None
        return Plan(
            suite=self.name,
            arms=arms,
            workloads=self.workloads,
            seed=seed,
            n_blocks=self.max_blocks if self.n_blocks is None else self.n_blocks,
            precision_frac=None if is_fixed else self.precision_frac,
            budget_s=self.budget_s,
            n_warmups=self.n_warmups,
            n_iterations=self.n_iterations,
            duration_s=self.duration_s,
            timeout_s=self.timeout_s,
            gate=gate,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What is compared: one artifact on one engine with its options; ``python`` another interpreter or None."""

    model: ModelRef
    engine: str
    options: Mapping[str, Scalar] = field(default_factory=dict)
    python: str | None = None

    @property
    def label(self) -> str:
        """See :func:`arm_label`."""
        return arm_label(self.model.model, self.model.quant, self.engine, self.options, self.python)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What one run does; stored whole, so that it can be resumed and repeated.

    Args:
        n_blocks: how many blocks; the most, when there is a precision to be reached.
        precision_frac: stop when the shown 95 % intervals are within it; None = the number of blocks is fixed.
        budget_s: no block begins that would end after it; the first always runs.
        gate: what must hold before each launch; None = nothing is asked.
        replication_unit: what a launch makes anew; a phone that cannot restart its process only reloads the model.
        device_id: of the paired device that runs it; None = this machine.
    """

    suite: str
    arms: tuple[Arm, ...]
    workloads: tuple[Workload, ...]
    seed: int
    n_blocks: int
    precision_frac: float | None = None
    budget_s: float | None = None
    n_warmups: int = 1
    n_iterations: int = 1
    duration_s: float | None = None
    timeout_s: float = 900.0
    gate: Gate | None = None
    replication_unit: ReplicationUnit = ReplicationUnit.PROCESS
    device_id: str | None = None

    @property
    def baseline_index(self) -> int:
        """The arm that the others are set against: LLaMA-2-7B in 4 bits where there is one, else the first."""
        usual = (i for i, arm in enumerate(self.arms) if is_usual_baseline(arm.model.model, arm.model.quant))
        return next(usual, 0)


BASELINE_MODEL = "llama-2-7b"
"""Others are set against it in 4 bits, if it is in the plan and no other baseline is chosen."""


def is_usual_baseline(model: str, quant: str) -> bool:
    """Whether an arm is LLaMA-2-7B in 4 bits."""
    return model == BASELINE_MODEL and ("q4" in quant or "4bit" in quant)


def arm_label(model: str, quant: str, engine: str, options: Mapping[str, Scalar], python: str | None) -> str:
    """'phi-3-mini-4k q4_0', with engine, options and interpreter where they say something."""
    words = [model] if quant == "none" else [model, quant]
    if engine != "llama_cpp":
        words.append(engine)
    words += [f"{name}={value}" for name, value in sorted(options.items())]
    return " ".join([*words, *([f"python={interpreter.label(python)}"] if python else [])])


def shipped() -> tuple[str, ...]:
    """Names of the suites that come with phibench."""
    files = resources.files("collector").joinpath("suites").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load(name: str) -> Suite:
    """
    A shipped suite by name, or a file by path.

    Raises:
        SuiteError: no such suite, or a mistake in it (with file and line).
    """
    if name in shipped():
        text = resources.files("collector").joinpath("suites", f"{name}.toml").read_text(encoding="utf-8")
        return parse(text, f"{name}.toml")
    path = Path(name)
    if not path.is_file() and path.suffix == ".toml":
        raise SuiteError(f"there is no file {name}", f"shipped suites: {', '.join(shipped())}")
    if not path.is_file():
        close = difflib.get_close_matches(name, shipped(), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(shipped())}; or give a .toml file."
        raise SuiteError(f"there is no suite {name!r}", hint)
    try:
        return parse(path.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as exc:
        raise SuiteError(f"{name} cannot be read: {exc}") from exc


def parse(text: str, file: str) -> Suite:
    """
    A suite from its text.

    Raises:
        SuiteError: `file:line: message`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r"line (\d+)", str(exc))
        raise SuiteError(f"{file}:{found.group(1) if found else 1}: {exc}", _HOW_TO) from exc
    return _Reader(text, file).suite(data)


class _Reader:
    """Builds records from parsed TOML and knows where in the text each field stands."""

    def __init__(self, text: str, file: str) -> None:
        self._lines = text.splitlines()
        self._file = file

    def suite(self, data: dict[str, Any]) -> Suite:
        top = {key: value for key, value in data.items() if key not in _TABLES}
        known = [f.name for f in fields(Suite) if f.name not in {"arms", "workloads", "gate"}]
        self._check_names(top, [*known, *_TABLES], "the suite", self._line_of)
        values = self._values(Suite, top, self._line_of)
        workloads = tuple(
            self._record(Workload, w, "workload", i) for i, w in enumerate(self._tables(data, "workload"))
        )
        arms = tuple(self._record(ArmSpec, a, "arm", i) for i, a in enumerate(self._tables(data, "arm")))
        values.setdefault("name", Path(self._file).stem)
        if "gate" in data:
            values["gate"] = self._gate(data["gate"])
        self._check_whole(values, workloads, arms)
        return Suite(**values, workloads=workloads, arms=arms)

    def _gate(self, table: Any) -> Gate:
        start = self._line_of("gate")
        if not isinstance(table, dict):
            raise self._error(start, "gate must be written as [gate]")

        def line_of(key: str) -> int:
            return self._line_of(key, start)

        self._check_names(table, [f.name for f in fields(Gate)], "the gate", line_of)
        return Gate(**self._values(Gate, table, line_of))

    def _check_whole(self, values: dict[str, Any], workloads: tuple[Workload, ...], arms: tuple[ArmSpec, ...]) -> None:
        if not workloads:
            raise self._error(1, "the suite has no [[workload]]")
        names = [w.name for w in workloads]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise self._error(self._line_of(min(twice)), f"two workloads are called {min(twice)!r}")
        if not arms and not values.get("models"):
            raise self._error(1, "the suite names no models and no [[arm]]")
        if not values.get("engines", ("llama_cpp",)):
            raise self._error(self._line_of("engines"), "the suite names no engine")
        for name, least in (
            ("n_blocks", 1),
            ("max_blocks", 1),
            ("budget_s", 1),
            ("n_warmups", 0),
            ("n_iterations", 1),
            ("timeout_s", 1),
            ("duration_s", 1),
        ):
            if values.get(name, least) < least:
                raise self._error(self._line_of(name), f"{name} must be at least {least}")
        if not 0 < values.get("precision_frac", PRECISION_FRAC) < 1:
            raise self._error(self._line_of("precision_frac"), "precision_frac is a share such as 0.02")
        for workload in workloads:
            if not -LARGEST_SEED <= workload.prompt_seed <= LARGEST_SEED:
                raise self._error(self._line_of("prompt_seed"), "prompt_seed does not fit into 64 bits")

    def _tables(self, data: dict[str, Any], name: str) -> list[dict[str, Any]]:
        tables = data.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
            raise self._error(self._line_of(name), f"{name} must be written as [[{name}]]")
        return tables

    def _record(self, cls: Any, table: dict[str, Any], kind: str, index: int) -> Any:
        start = self._table_line(kind, index)

        def line_of(key: str) -> int:
            return self._line_of(key, start)

        name = f"{kind} {table.get('name', index + 1)!r}"
        self._check_names(table, [f.name for f in fields(cls)], name, line_of)
        values = self._values(cls, table, line_of)
        if kind == "workload" and "name" not in values:
            raise self._error(start, "this workload has no name")
        if kind == "arm" and "model" not in values:
            raise self._error(start, "this arm names no model")
        try:
            return cls(**values)
        except ValueError as exc:
            raise self._error(start, f"{name}: {exc}") from exc

    def _check_names(self, table: Iterable[str], known: list[str], where: str, line_of: Any) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"Did you mean {close[0]!r}?" if close else f"Fields are: {', '.join(known)}."
                raise self._error(line_of(key), f"unknown field {key!r} in {where}", hint)

    def _values(self, cls: Any, table: dict[str, Any], line_of: Any) -> dict[str, Any]:
        hints = {f.name: f.type for f in fields(cls)}
        return {key: self._value(key, value, str(hints[key]), line_of) for key, value in table.items()}

    def _value(self, key: str, value: Any, hint: str, line_of: Any) -> Any:
        if "WorkloadKind" in hint:
            if value not in list(WorkloadKind):
                raise self._error(line_of(key), f"{key} is generation or kernel, not {value!r}")
            return WorkloadKind(value)
        if "Mapping" in hint:
            if not isinstance(value, dict) or not all(isinstance(v, str | int | float | bool) for v in value.values()):
                raise self._error(line_of(key), f"{key} must be a table of plain values")
            return value
        if "tuple" in hint:
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise self._error(line_of(key), f"{key} must be a list of names")
            return tuple(value)
        for word, kinds in _PLAIN.items():
            if word in hint:
                if not isinstance(value, kinds) or isinstance(value, bool) != (word == "bool"):
                    raise self._error(line_of(key), f"{key} cannot be {value!r}", f"it takes {_WORDS[word]}")
                return value
        return value

    def _line_of(self, key: str, start: int = 1) -> int:
        pattern = re.compile(rf"^\s*(\[\[?)?[\"']?{re.escape(key)}[\"']?\s*(=|\]|\.)")
        for number, line in enumerate(self._lines[start - 1 :], start):
            if pattern.match(line):
                return number
        return start

    def _table_line(self, kind: str, index: int) -> int:
        found = [n for n, line in enumerate(self._lines, 1) if re.match(rf"\s*\[\[\s*{kind}\s*\]\]", line)]
        return found[index] if index < len(found) else 1

    def _error(self, line: int, message: str, remedy: str = _HOW_TO) -> SuiteError:
        return SuiteError(f"{self._file}:{line}: {message}", remedy)


_PLAIN: Mapping[str, tuple[type, ...]] = {"bool": (bool,), "float": (int, float), "int": (int,), "str": (str,)}
_WORDS = {"bool": "true or false", "float": "a number", "int": "a whole number", "str": "text"}
