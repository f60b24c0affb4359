"""The catalogue and files, shown to people."""

from typing import Any

from rich.console import Console
from rich.text import Text

from collector import catalog, models, physics
from collector.catalog import CatalogModel
from collector.cli import _numbers as numbers
from collector.cli._tables import plain_table
from collector.models import layout
from runners import device, registry
from runners.contract import ModelRef, ModelShape

_CONTEXT_FOR_FIT = 4096


def overview(engine: str | None) -> list[dict[str, Any]]:
    """One record a model; ``fits`` per format at 4,096 tokens of context, None where memory is unknown."""
    if engine is not None and engine != "mlx":
        registry.load(engine)
    present = {(ref.model, ref.quant) for ref in models.local()}
    free = device.available_memory_bytes()
    rows = []
    for model in catalog.models().values():
        support = model.engines.get(engine) if engine else None
        if support is None or support.is_supported:
            rows.append(_row(model, present, free))
    return rows


def print_overview(screen: Console, rows: list[dict[str, Any]]) -> None:
    """Sizes in GiB; a star marks what is present, brackets what does not fit into memory now."""
    table = plain_table("model", "parameters", *models.QUANTS, "licence", right=["parameters", *models.QUANTS])
    for row in rows:
        sizes = [_size(row, quant) for quant in models.QUANTS]
        table.add_row(row["id"], f"{row['n_params'] / 1e9:.2f} B", *sizes, row["licence"])
    screen.print(table)
    screen.print(
        "sizes in GiB; * is present, (brackets) does not fit into the memory that is free now, with 4,096 tokens"
    )
    screen.print(
        f"models lie in {models.cache_dir()}; write one: phibench models synth MODEL --quant Q", soft_wrap=True
    )


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
        *(f"published: {file.repo} {file.file or ''} {numbers.size(file.n_bytes)}" for file in found.files),
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


def _row(model: CatalogModel, present: set[tuple[str, str]], free: int | None) -> dict[str, Any]:
    is_known = model.shape.architecture in layout.ARCHITECTURES
    sizes = {q: layout.tensor_bytes(model.shape, q) if is_known else None for q in models.QUANTS}
    n_ctx = min(_CONTEXT_FOR_FIT, model.shape.context_length)
    needs = {q: physics.memory_bytes(model.shape, n, n_ctx).total_bytes for q, n in sizes.items() if n is not None}
    return {
        "id": model.id,
        "name": model.name,
        "licence": model.licence,
        "n_params": model.shape.n_params,
        "context_length": model.shape.context_length,
        "tensor_bytes": sizes,
        "needed_bytes": needs,
        "fits": {q: None if free is None else need <= free for q, need in needs.items()},
        "present": [q for q in models.QUANTS if (model.id, q) in present],
        "engines": model.engines,
    }


def _size(row: dict[str, Any], quant: str) -> str:
    n_bytes = row["tensor_bytes"][quant]
    if n_bytes is None:
        return numbers.UNKNOWN
    text = numbers.gib(n_bytes, 2) + ("*" if quant in row["present"] else "")
    return text if row["fits"][quant] is not False else f"({text})"


def _shape(shape: ModelShape) -> str:
    heads = f"{shape.n_heads} heads, {shape.n_kv_heads} for keys and values"
    size = f"{shape.n_layers} layers, {shape.n_embd} wide, feed-forward {shape.n_ff}"
    return f"shape: {size}, {heads}, vocabulary {shape.vocab_size:,}"


def _support(support: catalog.Support) -> str:
    word = "yes" if support.is_supported else "no"
    return f"{word}, {support.reason}" if support.reason else word
