"""Reading small files of ``/proc`` and ``/sys``: whatever cannot be read is None."""

from pathlib import Path

ROOT = Path("/")


def text(path: Path) -> str | None:
    """Content without surrounding blanks and NULs; None when missing, unreadable or empty."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError):
        return None
    return raw.decode("utf-8", errors="replace").strip("\0 \t\r\n") or None


def number(path: Path) -> int | None:
    """A whole decimal number; None when there is none."""
    return to_int(text(path))


def to_int(value: str | None) -> int | None:
    """The text as a whole number; None for anything else."""
    try:
        return int(value) if value is not None else None
    except ValueError:
        return None


def fields(path: Path, separator: str = ":") -> dict[str, str]:
    """Lines ``name: value``; the first of several equal names wins."""
    return parse_fields(text(path) or "", separator)


def parse_fields(content: str, separator: str = ":") -> dict[str, str]:
    """Lines ``name: value`` of a text; the first of several equal names wins."""
    found: dict[str, str] = {}
    for line in content.splitlines():
        name, sign, value = line.partition(separator)
        if sign:
            found.setdefault(name.strip(), value.strip())
    return found


def kib(value: str | None) -> int | None:
    """Bytes of a value such as ``1234 kB``."""
    n = to_int(value.split()[0]) if value and value.split() else None
    return None if n is None else n * 1024


def cpu_list(value: str | None) -> tuple[int, ...]:
    """
    The CPUs of a list such as ``0-3,8``; empty when there is none.

    Source:
        Linux, Documentation/admin-guide/cputopology.rst and cpusets, "list format".
    """
    cpus: list[int] = []
    for part in (value or "").split(","):
        first, _, last = part.strip().partition("-")
        low, high = to_int(first), to_int(last or first)
        if low is not None and high is not None and high - low < 1 << 16:
            cpus.extend(range(low, high + 1))
    return tuple(sorted(set(cpus)))


def children(folder: Path, pattern: str = "*") -> list[Path]:
    """Entries of a folder in natural order (cpu2 before cpu10); empty when it cannot be read."""
    try:
        return sorted(folder.glob(pattern), key=lambda path: (len(path.name), path.name))
    except OSError:
        return []
