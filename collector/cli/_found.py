"""What other programs keep on this machine, shown with the path to use."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from collector import catalog, models, numbers
from collector.models import pulled
from collector.models.found import Found, search
from collector.paths import shown


def found(engine: str | None) -> list[Found]:
    """What an engine can read, or all; a model of the catalogue that was pulled is shown as present instead."""
    known = [record for record in pulled.records(models.cache_dir()) if record.model in catalog.models()]
    wanted = set(models.ENGINES.values()) if engine is None else {models.ENGINES.get(engine)}
    return [one for one in search(leave_out=[record.path for record in known]) if one.format in wanted]


def print_found(screen: Console, rows: Sequence[Found], *, is_all: bool) -> None:
    """A line each; ``is_all`` says when there is nothing."""
    if not rows:
        if is_all:
            screen.print("no other program's models are found here")
        return
    screen.print("in other programs' folders; use one by its path: phibench run quick --model PATH")
    for row in rows:
        line = f"{row.name} ({row.source}), {numbers.size(row.n_bytes)}: {shown(row.path)}"
        screen.print(Text(line), soft_wrap=True)
