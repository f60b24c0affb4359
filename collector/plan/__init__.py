"""
From what a person asked for to a plan that can run here.

Everything that can be refused before anything is loaded is refused here: unknown names and options, a model that the
engine cannot run, a prompt longer than the context, a model that does not fit.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from collector import catalog, models, paths, physics
from collector.errors import ModelNotFound, UsageError
from collector.models import formats
from collector.plan.asked import arm_specs, check_options, engine_named
from collector.suite import Arm, ArmSpec, Plan, Suite
from runners import device, handover, interpreter, registry
from runners.contract import ModelRef, Workload, WorkloadKind
from runners.errors import FailureKind, ModelError, RunnerError

__all__ = [
    "against_itself", "arm_specs", "check_cell", "check_spec", "checked", "make_plan", "of_suite", "unwritten",
]  # fmt: skip

OnProgress = Callable[[str, int, int], None]
_GIB = 1 << 30


def make_plan(suite: Suite, specs: Iterable[ArmSpec], *, seed: int, on_progress: OnProgress) -> Plan:
    """
    Resolve the arms (writing synthetic models where they are missing) and check every cell.

    Raises:
        RunnerError, UsageError: what cannot run here, with the remedy.
    """
    specs = tuple(specs)
    _check_duration(suite)
    for spec in specs:
        check_spec(spec, suite.workloads)
    return of_suite(suite, checked(_told_apart(tuple(_resolve(spec, on_progress) for spec in specs)), suite), seed=seed)


def _check_duration(suite: Suite) -> None:
    kernels = [w.name for w in suite.workloads if w.kind is WorkloadKind.KERNEL]
    if suite.duration_s is not None and kernels:
        raise UsageError(
            f"workload {kernels[0]!r} is a kernel workload, which has no burst and no sustained rate",
            "leave out the duration, or repeat a generation: phibench run sustained",
        )


def against_itself(suite: Suite, spec: ArmSpec, *, seed: int, on_progress: OnProgress) -> Plan:
    """
    The plan that runs one arm twice, A against A, whose true ratio is 1: what it finds is noise.

    Raises:
        RunnerError, UsageError: what cannot run here, with the remedy.
    """
    plan = make_plan(suite, [spec], seed=seed, on_progress=on_progress)
    return replace(plan, arms=plan.arms * 2)


def checked(arms: tuple[Arm, ...], suite: Suite) -> tuple[Arm, ...]:
    """
    The arms, every cell of which can run here.

    Raises:
        RunnerError: one cannot, with the remedy.
    """
    for arm in arms:
        for workload in suite.workloads:
            check_cell(arm, workload)
    return arms


def of_suite(suite: Suite, arms: tuple[Arm, ...], *, seed: int) -> Plan:
    """The plan of a suite whose arms are known; nothing disturbs a simulator, so it passes no gate."""
    is_simulated = all(registry.load(arm.engine).is_simulated for arm in arms)
    return suite.plan(arms, seed=seed, gate=None if is_simulated else suite.gate)


def _told_apart(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """Arms with one label and different files are named after their folders too; the same arm twice is refused."""
    labels = [arm.label for arm in arms]
    named = tuple(arm if labels.count(arm.label) == 1 else _with_folder(arm) for arm in arms)
    labels = [arm.label for arm in named]
    alike = [arm for arm in named if labels.count(arm.label) > 1]
    pythons = list(dict.fromkeys(arm.python for arm in alike if arm.python is not None))
    if len(pythons) > 1:
        message = f"two environments have one short name, {interpreter.label(pythons[0])}: {', '.join(pythons)}"
        raise UsageError(message, "name one of them by a link: ln -s ENVIRONMENT other-name")
    if alike:
        raise UsageError("two of the arms are the same", "give them different models, quants, engines or options")
    return named


def _with_folder(arm: Arm) -> Arm:
    if arm.model.path is None:
        return arm
    return replace(arm, model=replace(arm.model, model=f"{Path(arm.model.path).parent.name}/{arm.model.model}"))


def check_spec(spec: ArmSpec, workloads: Iterable[Workload]) -> None:
    """Refuse before a model is written: unknown engine, option or model, an engine that cannot run the model."""
    engine = engine_named(spec.engine)
    if not spec.model:
        raise UsageError("a model needs a name", "phibench models list")
    if spec.python is None:
        registry.check_available(engine)
    else:
        handover.check_engine(spec.python, spec.engine, paths.cache_folder())
    check_options(engine, spec.options)
    if engine.is_simulated:
        return
    if models.is_path(spec.model):
        models.check_path(spec.model, spec.engine)
        return
    shape = catalog.find(spec.model).shape
    catalog.refuse(spec.model, spec.engine)
    if models.real(spec.model, spec.quant, spec.engine) is None:
        quant = spec.quant or models.default_quant(spec.engine)
        models.check_quant(quant, spec.engine)
        models.size_bytes(spec.model, quant)
    for workload in workloads:
        _check_context(spec.model, shape.context_length, workload)


def check_cell(arm: Arm, workload: Workload) -> None:
    """
    Refuse a cell that cannot run: prompt longer than the context, text without a tokenizer, too little memory.

    Raises:
        ModelError: unsupported or model_too_large.
    """
    shape = arm.model.shape
    if shape is not None:
        _check_context(arm.model.model, shape.context_length, workload)
    if workload.prompt_path is not None and not arm.model.has_tokenizer:
        raise ModelError(
            FailureKind.UNSUPPORTED,
            f"workload {workload.name!r} reads its prompt from a file, and {arm.label} has no real tokenizer",
            "use a model with real weights, or n_prompt_tokens alone (random tokens)",
        )
    if not registry.load(arm.engine).is_simulated:
        _check_memory(arm, workload)


def _check_context(model: str, context_length: int, workload: Workload) -> None:
    if workload.n_context_tokens > context_length:
        raise ModelError(
            FailureKind.UNSUPPORTED,
            f"workload {workload.name!r} takes {workload.n_context_tokens:,} tokens "
            f"(depth, prompt and answer together), {model} has room for {context_length:,}",
            "choose a smaller workload or a model with a longer context: phibench models list",
        )


def _check_memory(arm: Arm, workload: Workload) -> None:
    need = physics.memory_of_arm(
        arm.model.shape,
        arm.model.tensor_bytes,
        workload.n_context_tokens,
        arm.options,
        engine=arm.engine,
        backend=formats.backend_here(arm.engine),
        n_prefill_tokens=workload.n_depth_tokens + workload.n_prompt_tokens,
    )
    free = device.available_memory_bytes()
    if need is None or free is None or need.total_bytes <= free:
        return
    raise ModelError(
        FailureKind.MODEL_TOO_LARGE,
        f"{arm.label} needs {need.total_bytes / _GIB:.1f} GiB, {free / _GIB:.1f} GiB are free, "
        f"{(need.total_bytes - free) / _GIB:.1f} GiB too little (weights {need.weights_bytes / _GIB:.1f}, "
        f"KV at {workload.n_context_tokens:,} tokens {need.kv_bytes / _GIB:.1f})",
        "choose a smaller format or model: phibench models list shows what fits",
    )


def unwritten(spec: ArmSpec) -> Arm:
    """The arm with the shape and size that its model has or would have; nothing is written and nothing loaded."""
    if models.is_path(spec.model) and not registry.load(spec.engine).is_simulated:
        model = models.from_path(spec.model)
    else:
        model = _from_catalogue(spec)
    return _arm(spec, model)


def _resolve(spec: ArmSpec, on_progress: OnProgress) -> Arm:
    if registry.load(spec.engine).is_simulated:
        return unwritten(spec)
    label = f"{spec.model} {spec.quant or ''}".strip()
    model = models.resolve(spec.model, spec.quant, spec.engine, lambda done, total: on_progress(label, done, total))
    return _arm(spec, model)


def _arm(spec: ArmSpec, model: ModelRef) -> Arm:
    """A plan may be resumed or repeated from another folder, so an interpreter is kept by its whole path."""
    python = None if spec.python is None else interpreter.stored(spec.python)
    return Arm(model=model, engine=spec.engine, options=dict(spec.options), python=python)


def _from_catalogue(spec: ArmSpec) -> ModelRef:
    """Shape and size by name, of the file itself where it was pulled; a simulated engine may be given any name."""
    is_simulated = registry.load(spec.engine).is_simulated
    found = None if is_simulated else models.real(spec.model, spec.quant, spec.engine)
    if found is not None:
        return found
    bare = ModelRef(
        model=spec.model,
        format="none" if is_simulated else models.format_of_engine(spec.engine),
        quant=spec.quant or models.default_quant(spec.engine),
        is_synthetic=not is_simulated,
    )
    try:
        shape = catalog.find(spec.model).shape
        return replace(bare, shape=shape, tensor_bytes=models.size_bytes(spec.model, bare.quant))
    except (ModelNotFound, RunnerError):
        if is_simulated:
            return bare
        raise
