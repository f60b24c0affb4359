"""Where things lie: the database, exports, caches. A checkout keeps results in itself, an installed tool elsewhere."""

import os
from pathlib import Path

import platformdirs


def checkout() -> Path | None:
    """The folder of the checkout that this package runs from; None when it is installed."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() and (folder / "results").is_dir() else None


def results_folder() -> Path:
    """``results/`` of the checkout, or the platform's data folder."""
    here = checkout()
    return here / "results" if here else Path(platformdirs.user_data_dir("phibench"))


def default_database() -> str:
    """``PHIBENCH_DB`` if set, else ``phibench.db`` in the results folder: a path or a database URL."""
    return os.environ.get("PHIBENCH_DB") or str(results_folder() / "phibench.db")


def demo_database() -> str:
    """``demo.db`` beside the default database: where made-up results go, so that they mix with no measured ones."""
    chosen = os.environ.get("PHIBENCH_DB")
    folder = Path(chosen).parent if chosen and "://" not in chosen else results_folder()
    return str(folder / "demo.db")


def default_export_path(name: str) -> Path:
    """Where an export goes when no path is given."""
    return results_folder() / name


def cache_folder() -> Path:
    """For what can be made again: ``PHIBENCH_CACHE`` or the platform's cache folder."""
    override = os.environ.get("PHIBENCH_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("phibench"))


def shown(path: str | Path) -> str:
    """A path as a person can paste it: relative to where they stand when that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return relative if not relative.startswith("..") else str(path)


def bridge_folder(db: str) -> Path:
    """Where the bridge keeps keys and state: ``PHIBENCH_BRIDGE``, else ``bridge`` beside the database's file."""
    override = os.environ.get("PHIBENCH_BRIDGE")
    if override:
        return Path(override)
    path = _file_of(db)
    return (results_folder() if path is None else path.parent) / "bridge"


def database_file(db: str) -> str:
    """The file of a database by its whole path, the same for every process; empty where it is on a server."""
    return str(_file_of(db) or "")


def _file_of(db: str) -> Path | None:
    path = db.partition("///")[2] if db.startswith("sqlite") and "://" in db else db
    return None if "://" in path or not path else Path(path).expanduser().resolve()
