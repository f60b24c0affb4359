"""One line per engine: name -> module and class, imported when opened."""

import difflib
import importlib
from collections.abc import Callable, Mapping

from runners import interpreter
from runners.contract import Engine, Option, Scalar
from runners.errors import FailureKind, RunnerUnavailable

ENGINES: Mapping[str, str] = {
    "llama_cpp": "runners.engines.llama_cpp:LlamaCppEngine",
    "mlx": "runners.engines.mlx:MlxEngine",
    "fake": "runners.engines.fake:FakeEngine",
    "replay": "runners.engines.replay:ReplayEngine",
}


def load(name: str) -> Engine:
    """
    The engine of this name, its framework not yet imported.

    Raises:
        RunnerUnavailable: no such engine; the remedy names the nearest one.
    """
    if name not in ENGINES:
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, f"there is no engine {name!r}", did_you_mean(name, ENGINES))
    module, _, cls = ENGINES[name].partition(":")
    engine: Engine = getattr(importlib.import_module(module), cls)()
    return engine


def check_available(engine: Engine) -> None:
    """
    Refuse an engine that cannot be used in the environment of this process.

    Raises:
        RunnerUnavailable: the reason, and the command that installs what is missing there.
    """
    reason = engine.unavailable_because()
    if reason is not None:
        message = f"{engine.name} cannot be used {interpreter.place()}: {reason}"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, message, how_to_install(engine))


def how_to_install(engine: Engine) -> str:
    """The command that makes an engine usable in the environment of this process; empty when it needs nothing."""
    own: Callable[[], str] | None = getattr(engine, "how_to_install", None)
    if own is not None:
        return own()
    return interpreter.install(engine.distribution) if engine.distribution else ""


def check_options(engine: Engine, options: Mapping[str, Scalar]) -> None:
    """
    Refuse what the engine does not know, before anything runs.

    Raises:
        RunnerUnavailable: of kind unsupported; an unknown option, a value of a wrong type or outside its choices.
    """
    for name, value in options.items():
        option = engine.options.get(name)
        if option is None:
            raise _unsupported(f"{engine.name} has no option {name!r}", did_you_mean(name, engine.options))
        if type(value) is not option.type and not (option.type is float and type(value) is int):
            raise _unsupported(f"option {name} of {engine.name} takes {_type_name(option)}, not {value!r}", option.help)
        if option.choices and value not in option.choices:
            raise _unsupported(
                f"option {name} of {engine.name} cannot be {value!r}",
                f"choose one of: {', '.join(map(str, option.choices))}",
            )

        _check_range(engine, name, option, value)


def _check_range(engine: Engine, name: str, option: Option, value: Scalar) -> None:
    if isinstance(value, str):
        return
    if option.least is not None and value < option.least:
        raise _unsupported(f"option {name} of {engine.name} cannot be {value}", f"{name}={option.least} or more")
    if option.most is None:
        return
    most = option.most()
    if value > most:
        message = f"option {name} of {engine.name} cannot be {value}: {most} is the most here ({option.why})"
        raise _unsupported(message, f"{name}={most} or less")


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """'Did you mean 'x'?', or the list of what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."


def _unsupported(message: str, remedy: str) -> RunnerUnavailable:
    return RunnerUnavailable(FailureKind.UNSUPPORTED, message, remedy)


def _type_name(option: Option) -> str:
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[option.type]
