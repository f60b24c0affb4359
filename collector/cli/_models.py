"""The catalogue and files, shown to people."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from collector import catalog, models, numbers, physics
from collector.catalog import CatalogModel
from collector.cli._tables import fitted, plain_table
from collector.errors import UsageError
from collector.models import formats
from collector.paths import shown
from runners import device, registry
from runners.contract import ModelRef, ModelShape

_CONTEXT_FOR_FIT = 4096
_HEADS = {"mlx_4bit_g64": "mlx"}
"""Shorter, so that the table fits into 80 columns."""


def overview(engine: str | None) -> list[dict[str, Any]]:
    """One record a model; ``fits`` per format at 4,096 tokens of context, None where memory is unknown."""
    if engine is not None:
        _check_engine(engine)
    present = {(ref.model, ref.quant) for ref in models.local()}
    free = device.available_memory_bytes()
    quants = models.QUANTS if engine is None else models.QUANTS_OF[models.format_of_engine(engine)]
    rows = []
    for model in catalog.models().values():
        support = model.engines.get(engine) if engine else None
        if support is None or support.is_supported:
            rows.append(_row(model, quants, present, free))
    return rows


def quant_to_write(model: str, engine: str | None, quant: str | None) -> str:
    """
    The format that is asked for by an engine, by name, or by both.

    Raises:
        UsageError: no such engine, no such format, or one that the engine does not read.
        ModelError: the engine cannot run the model.
    """
    if engine is None:
        return quant or models.DEFAULT_QUANT
    if engine not in models.ENGINES:
        raise UsageError(f"no model can be written for {engine!r}", registry.did_you_mean(engine, models.ENGINES))
    wanted = quant or models.default_quant(engine)
    models.check_quant(wanted, engine)
    catalog.refuse(model, engine)
    return wanted


def print_overview(screen: Console, rows: list[dict[str, Any]]) -> None:
    """Sizes in GiB in 80 columns; a star marks what is present, brackets what does not fit into memory now."""
    quants = [quant for quant in models.QUANTS if any(quant in row["tensor_bytes"] for row in rows)]
    heads = [_HEADS.get(quant, quant) for quant in quants]
    table = plain_table("model", "params", *heads, "licence", right=["params", *heads])
    for row in rows:
        sizes = [_size(row, quant) for quant in quants]
        table.add_row(row["id"], f"{row['n_params'] / 1e9:.2f} B", *sizes, _short(row["licence"]))
    screen.print(fitted(screen, table))
    screen.print("sizes in GiB; * is here, (brackets) does not fit into free memory at 4,096 tokens")
    if any(size is None for row in rows for size in row["tensor_bytes"].values()):
        screen.print(f"{numbers.UNKNOWN} cannot be made in this format; the reason: phibench models show MODEL")
    if any(head != quant for head, quant in zip(heads, quants, strict=True)):
        screen.print(f"mlx is {models.default_quant('mlx')}, the format of the engine mlx; the others are llama.cpp's")
    screen.print(f"write one: phibench models synth MODEL --quant Q; they lie in {models.cache_dir()}", soft_wrap=True)


def print_model(screen: Console, found: CatalogModel | ModelRef) -> None:
    """A catalogue entry or a file."""
    if isinstance(found, ModelRef):
        _print_file(screen, found)
        return
    shape = found.shape
    lines = [
        f"{found.id}: {found.name}, {shape.n_params:,} parameters, {shape.context_length:,} tokens of context",
        f"licence: {found.licence}{' (its owner asks you to accept it first)' if found.is_gated else ''}",
        f"weights: {found.hf_repo}",
        _shape(shape),
        f"KV cache: {physics.kv_bytes_per_token(shape):,.0f} bytes a token in F16",
        *(f"{name}: {_support(support)}" for name, support in found.engines.items()),
        *_sizes(found),
        *(_published(file) for file in found.files),
        *([f"note: {found.note}"] if found.note else []),
        f"source: {'; '.join(found.sources)}",
    ]
    for line in lines:
        screen.print(Text(line), soft_wrap=True)


def _print_file(screen: Console, ref: ModelRef) -> None:
    what = "random weights" if ref.is_synthetic else "weights as they come"
    screen.print(Text(f"{ref.model}: {ref.format}, {ref.quant}, {numbers.size(ref.n_bytes)}, {what}"), soft_wrap=True)
    if ref.shape:
        screen.print(f"{ref.shape.architecture}, {ref.shape.n_params:,} parameters, {ref.shape.n_layers} layers")
    screen.print(f"tokenizer: {'yes' if ref.has_tokenizer else 'none that means anything'}; digest {ref.digest}")


def _row(model: CatalogModel, quants: Sequence[str], present: set[tuple[str, str]], free: int | None) -> dict[str, Any]:
    sizes = {q: _tensor_bytes(model, q) for q in quants}
    n_ctx = min(_CONTEXT_FOR_FIT, model.shape.context_length)
    needs = {q: _needed_bytes(model, q, n, n_ctx) for q, n in sizes.items() if n is not None}
    return {
        "id": model.id,
        "name": model.name,
        "licence": model.licence,
        "n_params": model.shape.n_params,
        "context_length": model.shape.context_length,
        "tensor_bytes": sizes,
        "needed_bytes": needs,
        "fits": {q: None if free is None else need <= free for q, need in needs.items()},
        "present": [q for q in quants if (model.id, q) in present],
        "engines": model.engines,
    }


def _size(row: dict[str, Any], quant: str) -> str:
    n_bytes = row["tensor_bytes"][quant]
    if n_bytes is None:
        return numbers.UNKNOWN
    text = numbers.gib(n_bytes, 2) + ("*" if quant in row["present"] else "")
    return text if row["fits"][quant] is not False else f"({text})"


def _sizes(model: CatalogModel) -> list[str]:
    """Each format: how large, what it needs at 4,096 tokens, where it lies if it is here; then others that are here."""
    present = [ref for ref in models.local() if ref.model == model.id]
    n_ctx = min(_CONTEXT_FOR_FIT, model.shape.context_length)
    lines = []
    for quant in models.QUANTS:
        n_bytes = _tensor_bytes(model, quant)
        if n_bytes is None:
            continue
        need = _needed_bytes(model, quant, n_bytes, n_ctx)
        here = "".join(f"; here: {_where(ref)}" for ref in present if ref.quant == quant)
        lines.append(f"{quant}: {numbers.size(n_bytes)}, needs {numbers.size(need)} at {n_ctx:,} tokens{here}")
    others = (ref for ref in present if ref.quant not in models.QUANTS)
    return lines + [f"{ref.quant}: {numbers.size(ref.n_bytes)}; here: {_where(ref)}" for ref in others]


def _where(ref: ModelRef) -> str:
    return f"{shown(str(ref.path))} ({'random weights' if ref.is_synthetic else 'real'})"


def _needed_bytes(model: CatalogModel, quant: str, tensor_bytes: int, n_ctx: int) -> int:
    """On this machine, with a prompt that fills half of the context."""
    engine = formats.engine_of_quant(quant)
    backend = formats.backend_here(engine)
    need = physics.memory_of_arm(
        model.shape, tensor_bytes, n_ctx, {}, engine=engine, backend=backend, n_prefill_tokens=n_ctx // 2
    )
    return need.total_bytes if need else tensor_bytes


def _tensor_bytes(model: CatalogModel, quant: str) -> int | None:
    """None where no file of this architecture can be written."""
    return formats.tensor_bytes(model.shape, quant) if formats.is_writable(model.shape, quant) else None


def _published(file: catalog.PublishedFile) -> str:
    parts = [file.repo, file.file, file.quant, numbers.size(file.n_bytes) if file.n_bytes else None]
    doubt = "" if file.is_verified else " (from memory, not checked)"
    return f"published for {file.engine}: {' '.join(part for part in parts if part)}{doubt}"


def _check_engine(engine: str) -> None:
    known = dict.fromkeys([*registry.ENGINES, *(name for m in catalog.models().values() for name in m.engines)])
    if engine not in known:
        raise UsageError(f"there is no engine {engine!r}", registry.did_you_mean(engine, known))


def _short(licence: str) -> str:
    """For a column; `models show` has it in full."""
    return licence.partition(" (")[0].removesuffix(" Licence").removesuffix(" Community").removesuffix(" of Use")


def _shape(shape: ModelShape) -> str:
    heads = f"{shape.n_heads} heads, {shape.n_kv_heads} for keys and values"
    size = f"{shape.n_layers} layers, {shape.n_embd} wide, feed-forward {shape.n_ff}"
    return f"shape: {size}, {heads}, vocabulary {shape.vocab_size:,}"


def _support(support: catalog.Support) -> str:
    word = "yes" if support.is_supported else "no"
    return f"{word}, {support.reason}" if support.reason else word
