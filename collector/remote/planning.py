"""
From what a person asked for to a plan for one phone: engines and models are those that its last hello named.

A phone cannot restart its own process, so a launch loads the model anew and says ``reload``. It waits at the gate
itself, with what its system lets it read.
"""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collector import catalog
from collector.errors import ModelNotFound, UsageError
from collector.suite import DEFAULT_GATE, Arm, ArmSpec, Plan, Suite
from runners.bridging import PairedDevice, PhoneHello, RuntimeFacts
from runners.contract import Gate, ModelRef, ReplicationUnit, Scalar, Workload, WorkloadKind
from runners.registry import did_you_mean

PHONE_GATE = Gate(is_thermal_nominal=True, is_low_power_off=True, nominal_hold_s=60.0, longest_wait_s=900.0)
"""What a phone waits for unless the suite has a gate of its own: it cools slowly, and nobody else computes on it."""

_ARM_FIELDS = ("engine", "model", "quant")
_ARM_EXAMPLE = 'write --arm "engine=mlc quant=q4_0"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line names; empty = whatever the suite and the phone have in common."""

    models: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    quants: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()


def gate_for_phone(gate: Gate | None, *, is_simulated: bool) -> Gate | None:
    """A suite's gate as a phone can hold it; None stays None, and a simulator passes at once."""
    if gate is None:
        return None
    if is_simulated:
        return Gate(is_thermal_nominal=True, is_low_power_off=True)
    return PHONE_GATE if gate == DEFAULT_GATE else replace(gate, max_other_cpu_cores=None)


def for_device(suite: Suite, device: PairedDevice, wanted: Wanted, *, seed: int) -> Plan:
    """
    The plan of a suite on a paired device.

    Raises:
        UsageError: the device has no such engine, model, format or option, or a workload needs a file of this machine.
    """
    shop = _Shop(device)
    found = tuple({arm.label: arm for arm in map(shop.arm, _specs(suite, shop, wanted))}.values())
    for arm in found:
        for workload in suite.workloads:
            _check_cell(arm, workload)
    if suite.duration_s is not None and any(w.kind is WorkloadKind.KERNEL for w in suite.workloads):
        raise UsageError("a kernel workload has no burst and no sustained rate", "leave out the duration")
    gate = gate_for_phone(suite.gate, is_simulated=all(shop.runtime(arm.engine).is_simulated for arm in found))
    plan = suite.plan(found, seed=seed, gate=gate)
    return replace(plan, replication_unit=ReplicationUnit.RELOAD, device_id=device.device_id)


class _Shop:
    """What a device has, and clear words for what it has not."""

    def __init__(self, device: PairedDevice) -> None:
        self.name = device.name
        self.hello: PhoneHello = device.hello or _never(device)
        self.runtimes: Mapping[str, RuntimeFacts] = {one.engine: one for one in self.hello.runtimes}

    def runtime(self, engine: str) -> RuntimeFacts:
        """The runtime of this name."""
        if engine not in self.runtimes:
            there = f"it has: {', '.join(self.runtimes)}" if self.runtimes else "its app has no engine at all"
            hint = did_you_mean(engine, self.runtimes) if self.runtimes else ""
            remedy = f"{hint}  phibench run --device {shlex.quote(self.name)} --engine NAME"
            raise UsageError(f"{self.name} has no engine {engine!r}; {there}", remedy.strip())
        return self.runtimes[engine]

    def models_of(self, engine: str) -> list[ModelRef]:
        """The models on the device that an engine opens."""
        formats = self.runtime(engine).formats
        return [model for model in self.hello.models if model.format in formats]

    def usual_engines(self) -> list[str]:
        """All that compute; where there are none, as on a computer that plays a phone, those that pretend."""
        real = [name for name, one in self.runtimes.items() if not one.is_simulated]
        return real or list(self.runtimes)

    def arm(self, spec: ArmSpec) -> Arm:
        """The arm of a spec, its model as the device describes it."""
        runtime = self.runtime(spec.engine)
        if spec.python is not None:
            raise UsageError(f"{self.name} has no Python, so python={spec.python} means nothing there", _ARM_EXAMPLE)
        for name in spec.options:
            if name not in runtime.options:
                known = dict.fromkeys(runtime.options)
                hint = did_you_mean(name, known) if known else "it has no options"
                raise UsageError(f"{spec.engine} on {self.name} has no option {name!r}", hint)
        return Arm(model=self._model(spec, runtime), engine=spec.engine, options=dict(spec.options))

    def _model(self, spec: ArmSpec, runtime: RuntimeFacts) -> ModelRef:
        named = [one for one in self.models_of(spec.engine) if one.model == spec.model]
        fitting = [one for one in named if spec.quant in {None, one.quant}]
        if fitting:
            return fitting[0]
        if runtime.is_simulated:
            return _pretended(spec)
        if named:
            quants = ", ".join(one.quant for one in named)
            message = f"{self.name} has {spec.model} for {spec.engine} as {quants}, not as {spec.quant}"
            raise UsageError(message, f"--quant {named[0].quant}")
        raise UsageError(f"{self.name} has no {spec.model!r} for {spec.engine}; {self.said(spec.engine)}", self.bring())

    def said(self, engine: str | None = None) -> str:
        """What models there are, in words."""
        models = self.hello.models if engine is None else self.models_of(engine)
        names = dict.fromkeys(f"{one.model} {one.quant} ({one.format})" for one in models)
        return f"it has: {', '.join(names)}" if names else "it has none"

    def bring(self) -> str:
        """How a model comes onto a phone."""
        return "copy the model's folder into Models of the app, then open the app again; or --model one that is there"


def _never(device: PairedDevice) -> PhoneHello:
    raise UsageError(f"{device.name} has never said what it can do", "open its app while phibench bridge serve runs")


def _specs(suite: Suite, shop: _Shop, wanted: Wanted) -> tuple[ArmSpec, ...]:
    """The arms asked for: the command line's, the suite's own where it lists them, else all that fits."""
    if wanted.arms:
        return tuple(spec for text in wanted.arms for spec in _from_text(text, suite, shop, wanted))
    if suite.arms and not (wanted.models or wanted.engines or wanted.quants):
        return suite.arms
    return tuple(_product(suite, shop, wanted))


def _product(suite: Suite, shop: _Shop, wanted: Wanted, options: Mapping[str, Scalar] | None = None) -> list[ArmSpec]:
    """Models by engines by formats, leaving out what was not asked by name and is not there."""
    found = []
    names = wanted.models or suite.models or tuple(dict.fromkeys(arm.model for arm in suite.arms))
    engines = wanted.engines or tuple(shop.usual_engines())
    for engine in engines:
        runtime = shop.runtime(engine)
        for name in names:
            there = [one.quant for one in shop.models_of(engine) if one.model == name]
            if not there and not runtime.is_simulated and not (wanted.models and wanted.engines):
                continue
            quants: Sequence[str | None] = wanted.quants or tuple(dict.fromkeys(there)) or (None,)
            found += [ArmSpec(model=name, engine=engine, quant=q, options=dict(options or {})) for q in quants]
    if not found:
        message = f"{shop.name} has none of {', '.join(names)} for {', '.join(engines) or 'any engine'}"
        raise UsageError(f"{message}; {shop.said()}", shop.bring())
    missing = [name for name in wanted.models if name not in {spec.model for spec in found}]
    if missing:
        raise UsageError(f"{shop.name} has no {missing[0]!r}; {shop.said()}", shop.bring())
    return found


def _from_text(text: str, suite: Suite, shop: _Shop, wanted: Wanted) -> Iterable[ArmSpec]:
    try:
        words = [word.partition("=") for word in shlex.split(text)]
    except ValueError as exc:
        raise UsageError(f"--arm {text!r} cannot be read: {exc}", _ARM_EXAMPLE) from None
    bad = next((name for name, equals, _ in words if not equals or not name), None)
    if bad is not None or not words:
        raise UsageError(f"--arm {text!r}: {bad or 'nothing'!r} is no name=value", _ARM_EXAMPLE)
    given = {name: value for name, _, value in words}
    options = {name: _scalar(value) for name, value in given.items() if name not in {*_ARM_FIELDS, "python"}}
    if "python" in given:
        raise UsageError(f"{shop.name} has no Python, so python={given['python']} means nothing there", _ARM_EXAMPLE)
    own = Wanted(
        models=(given["model"],) if "model" in given else wanted.models,
        engines=(given["engine"],) if "engine" in given else wanted.engines,
        quants=(given["quant"],) if "quant" in given else wanted.quants,
    )
    return _product(suite, shop, own, options)


def _scalar(text: str) -> Scalar:
    """A phone tells the names of its options, not their types: what looks like a number is one."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text


def _pretended(spec: ArmSpec) -> ModelRef:
    """A model for an engine that opens none; its shape, where the name is known."""
    bare = ModelRef(model=spec.model, format="none", quant=spec.quant or "q4_0")
    try:
        return replace(bare, shape=catalog.find(spec.model).shape)
    except ModelNotFound:
        return bare


def _check_cell(arm: Arm, workload: Workload) -> None:
    shape = arm.model.shape
    if workload.prompt_path is not None:
        message = f"workload {workload.name!r} reads its prompt from a file of this machine, which a phone cannot"
        raise UsageError(message, "use n_prompt_tokens alone (random tokens)")
    if shape is not None and workload.n_context_tokens > shape.context_length:
        raise UsageError(
            f"workload {workload.name!r} takes {workload.n_context_tokens:,} tokens, "
            f"{arm.model.model} has room for {shape.context_length:,}",
            "choose a smaller workload: phibench suites list",
        )
