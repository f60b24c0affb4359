"""The formats that can be written, by name: which engine takes which, how large a model is in each."""

import difflib
import sys
from collections.abc import Mapping

from collector.errors import UsageError
from collector.models import layout, mlx_layout
from runners.contract import ModelShape
from runners.errors import FailureKind, ModelError

GGUF, MLX = "gguf", "mlx"
QUANTS_OF: Mapping[str, tuple[str, ...]] = {GGUF: layout.QUANTS, MLX: mlx_layout.QUANTS}
QUANTS = (*layout.QUANTS, *mlx_layout.QUANTS)
DEFAULT_QUANT = "q4_0"
_DEFAULTS = {GGUF: DEFAULT_QUANT, MLX: mlx_layout.QUANTS[0]}
ENGINES: Mapping[str, str] = {"llama_cpp": GGUF, "mlx": MLX}
"""The format of the files that each engine reads."""
_ENGINE_OF_FORMAT = {form: engine for engine, form in ENGINES.items()}
_ARCHITECTURES = {GGUF: layout.ARCHITECTURES, MLX: mlx_layout.ARCHITECTURES}


def format_of_engine(engine: str) -> str:
    """The format of the files that an engine reads; GGUF where it is not said."""
    return ENGINES.get(engine, GGUF)


def engine_of_format(form: str) -> str | None:
    """The engine that reads a format."""
    return _ENGINE_OF_FORMAT.get(form)


def engine_of_quant(quant: str) -> str:
    """The engine whose memory is meant when a format is named without one."""
    return _ENGINE_OF_FORMAT[format_of(quant)]


def backend_here(engine: str) -> str | None:
    """The backend that an engine is expected to compute on here, where its memory depends on it."""
    if engine != _ENGINE_OF_FORMAT[MLX]:
        return None
    return "metal" if sys.platform == "darwin" else "cpu"


def format_of(quant: str) -> str:
    """The format whose files hold weights of this kind; no kind belongs to two."""
    return MLX if quant.startswith("mlx_") else GGUF


def default_quant(engine: str) -> str:
    """The usual 4 bits of an engine."""
    return _DEFAULTS[format_of_engine(engine)]


def is_writable(shape: ModelShape, quant: str) -> bool:
    """Whether a synthetic model of this architecture can be written in a format."""
    return shape.architecture in _ARCHITECTURES[format_of(quant)]


def tensor_bytes(shape: ModelShape, quant: str) -> int:
    """
    Exact bytes of a model's tensors in a format.

    Raises:
        ValueError: an architecture or a format that is not known.
    """
    of = mlx_layout.tensor_bytes if format_of(quant) == MLX else layout.tensor_bytes
    return of(shape, quant)


def check_quant(quant: str, engine: str | None = None) -> None:
    """
    Refuse a format that cannot be synthesised, or that an engine does not read.

    Raises:
        UsageError: with the nearest one.
    """
    known = QUANTS if engine is None else QUANTS_OF[format_of_engine(engine)]
    if quant in known:
        return
    if quant in QUANTS:
        able = engine_of_format(format_of(quant))
        raise UsageError(f"{engine} runs no {quant}", f"--engine {able}, or --quant {' or '.join(known)}")
    close = [known_one for known_one in known if quant and quant.lower() in known_one]
    close = close or difflib.get_close_matches(quant.lower(), known, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."
    whose = "" if engine is None else f" of {engine}"
    raise UsageError(f"there is no format {quant!r}{whose}", hint)


def check_writable(model_id: str, shape: ModelShape, quant: str) -> None:
    """
    Refuse a model of which no synthetic file of a format can be written.

    Raises:
        ModelError: unsupported; the remedy names another format or other models.
    """
    if is_writable(shape, quant):
        return
    form = format_of(quant)
    engine = engine_of_format(form)
    others = [other for other in QUANTS_OF if shape.architecture in _ARCHITECTURES[other]]
    able = "".join(f"phibench models synth {model_id} --engine {engine_of_format(other)}\n" for other in others)
    raise ModelError(
        FailureKind.UNSUPPORTED,
        f"{model_id} cannot be written as {form.upper()}: {_WHOSE[form]} has no {shape.architecture} architecture",
        f"{able}phibench models list --engine {engine}",
    )


_WHOSE = {GGUF: "llama.cpp", MLX: "mlx-lm, as far as it is known here,"}
