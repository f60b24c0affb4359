"""
From the words of a command line to the arms that are meant.

Names and options are checked as far as they can be without looking at a model; nothing is loaded and nothing written.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from collector.errors import UsageError
from collector.models.wish import Wish
from collector.suite import ArmSpec, Suite
from runners import registry
from runners.contract import Engine, Option, Scalar
from runners.errors import RunnerUnavailable

_ARM_FIELDS = ("model", "engine", "quant", "python")


def arm_specs(
    suite: Suite,
    *,
    model_names: Sequence[str] = (),
    quants: Sequence[str] = (),
    engines: Sequence[str] = (),
    arms: Sequence[str] = (),
) -> tuple[ArmSpec, ...]:
    """
    The arms asked for: the suite's, with what the command line puts in place of them.

    ``arms`` are texts such as "engine=llama_cpp quant=q4_0 threads=2 python=PATH"; what they leave open is filled
    from the other arguments, then from the suite.

    Raises:
        UsageError, RunnerUnavailable: a text that cannot be read, an unknown engine or option.
    """
    wanted_models = tuple(model_names) or suite.models or tuple(dict.fromkeys(a.model for a in suite.arms))
    wish = Wish(
        engines=tuple(engines) or suite.engines,
        quants=tuple(quants) or suite.quants or (None,),
        are_engines_asked=bool(engines),
        are_quants_asked=bool(quants),
    )
    if arms:
        found = [spec for text in arms for spec in _from_text(text, wanted_models, wish)]
    elif suite.arms and not (model_names or quants or engines):
        found = list(suite.arms)
    else:
        found = [
            ArmSpec(model=model, engine=engine, quant=quant)
            for model in wanted_models
            for engine in wish.engines_for(model)
            for quant in wish.quants_for(model, engine_named(engine).name)
        ]
        wish.check_all_used(found)
    unique: list[ArmSpec] = []
    for spec in found:
        engine_named(spec.engine)
        if spec not in unique:
            unique.append(spec)
    return tuple(unique)


def engine_named(name: str) -> Engine:
    """A wrong name on the command line is wrong usage; in a job it would be a failed launch."""
    try:
        return registry.load(name)
    except RunnerUnavailable as exc:
        raise UsageError(exc.message, exc.remedy) from exc


def check_options(engine: Engine, options: Mapping[str, Scalar]) -> None:
    """
    Refuse what the engine does not have as wrong usage.

    Raises:
        UsageError: an unknown option, or a value that it cannot take.
    """
    try:
        registry.check_options(engine, options)
    except RunnerUnavailable as exc:
        raise UsageError(exc.message, exc.remedy) from exc


def _from_text(text: str, wanted_models: Sequence[str], wish: Wish) -> list[ArmSpec]:
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise UsageError(f"--arm {text!r} cannot be read: {exc}", 'write --arm "engine=llama_cpp quant=q4_0"') from None
    given = dict(_pair(word, text) for word in words)
    if not given:
        raise UsageError("--arm was given nothing", 'write --arm "engine=llama_cpp quant=q4_0"')
    chosen_models = [given["model"]] if "model" in given else wanted_models
    usual = wish.engines_for(chosen_models[0])[0] if chosen_models else wish.engines[0]
    engine = engine_named(given.get("engine", usual))
    options = {name: _typed(engine, name, value) for name, value in given.items() if name not in _ARM_FIELDS}
    own = (
        replace(wish, quants=(given["quant"],), are_quants_asked=True)
        if "quant" in given
        else replace(wish, are_quants_asked=False)
    )
    return [
        ArmSpec(model=model, engine=engine.name, quant=quant, python=given.get("python"), options=options)
        for model in chosen_models
        for quant in own.quants_for(model, engine.name)
    ]


def _pair(word: str, text: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UsageError(f"--arm {text!r}: {word!r} is no name=value", 'write --arm "engine=llama_cpp quant=q4_0"')
    return name, value


def _typed(engine: Engine, name: str, text: str) -> Scalar:
    check_options(engine, {name: _zero(engine.options.get(name))})
    kind = engine.options[name].type
    if kind is bool:
        if text.lower() in {"true", "yes", "on", "1"}:
            return True
        if text.lower() in {"false", "no", "off", "0"}:
            return False
        raise UsageError(f"option {name} is true or false, not {text!r}")
    try:
        value: Scalar = kind(text)
    except ValueError:
        word = "a whole number" if kind is int else "a number"
        raise UsageError(f"option {name} takes {word}, not {text!r}", engine.options[name].help) from None
    check_options(engine, {name: value})
    return value


def _zero(option: Option | None) -> Scalar:
    """Any value of the option's type, to ask whether the option exists at all."""
    if option is None:
        return ""
    if option.choices:
        return option.choices[0]
    return option.type() if option.least is None else option.least
