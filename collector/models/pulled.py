"""
What was pulled, remembered: which file of which commit stands for a model in a format.

The files lie in the hub's cache, where other programs find them too; here lies one small record each. A record whose
files are gone counts for nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from collector.models import artifact, formats, mlx_artifact
from runners.contract import ModelRef
from runners.errors import ModelError
from runners.wire import WireError, from_wire, to_wire

_FOLDER = "pulled"
_FOUR_BITS = ("q4_", "iq4_", "mlx_4bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """
    One artifact from a hub.

    Args:
        model: catalogue id, or the repository's name where the catalogue has none.
        commit: the very state of the repository.
        files: their names in it; sha256: of the file, where it is one and the hub says it.
    """

    model: str
    format: str
    quant: str
    repo: str
    commit: str
    files: tuple[str, ...]
    path: str
    n_bytes: int
    sha256: str | None = None


def remember(root: Path, pulled: Pulled) -> None:
    """Keep the record below ``root``, the models' folder; the last one of a model in a format counts."""
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{pulled.model.replace('/', '--')}-{pulled.quant}.{pulled.format}.json"
    beside = folder / f".{name}.new"
    beside.write_text(json.dumps(to_wire(pulled), indent=1) + "\n", encoding="utf-8")
    beside.replace(folder / name)


def records(root: Path) -> Iterator[Pulled]:
    """Every record whose files are still there, the newest first."""
    paths = sorted((root / _FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in paths:
        try:
            found = from_wire(Pulled, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, WireError):
            continue
        if Path(found.path).exists():
            yield found


def quants(root: Path, model: str, engine: str) -> list[str]:
    """The formats in which a model was pulled for an engine, the newest first."""
    wanted = (model, formats.ENGINES.get(engine))
    return [record.quant for record in records(root) if (record.model, record.format) == wanted]


def is_four_bits(quant: str) -> bool:
    """Whether a format is what is meant where none is named."""
    return quant.lower().startswith(_FOUR_BITS)


def find(root: Path, model: str, quant: str | None, engine: str) -> ModelRef | None:
    """
    The artifact that was pulled for an arm, under the model's own name.

    Without a quant the engine's usual one, else the newest one of 4 bits. A file that is damaged by now is an error
    and no reason to measure another one in silence.

    Raises:
        ModelError: damaged.
    """
    have = [name for name in quants(root, model, engine) if is_four_bits(name)] if quant is None else [quant]
    usual = formats.default_quant(engine)
    wanted = usual if usual in have else next(iter(have), None)
    for record in records(root):
        if (record.model, record.quant, record.format) == (model, wanted, formats.ENGINES.get(engine)):
            return read(record)
    return None


def read(record: Pulled) -> ModelRef:
    """
    What a record stands for, read from the files.

    Raises:
        ModelError: they are no whole model.
    """
    from_path = mlx_artifact.from_folder if record.format == formats.MLX else artifact.from_path
    return replace(from_path(Path(record.path)), model=record.model)


def local(root: Path) -> list[ModelRef]:
    """Every artifact that was pulled and can be read."""
    found = []
    for record in records(root):
        try:
            found.append(read(record))
        except ModelError:
            continue
    return found
