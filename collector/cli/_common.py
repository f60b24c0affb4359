"""What every command shares: options, the JSON envelope, and errors turned into messages and exit codes."""

import contextlib
import errno
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from collector.errors import PhibenchError
from runners.errors import RunnerError
from runners.wire import to_wire

F = TypeVar("F", bound=Callable[..., Any])

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_SOME_FAILED = 0, 1, 2, 3
EXIT_SLOWER, EXIT_INCONCLUSIVE = 4, 5
EXIT_CANCELLED = 130

_ELSEWHERE = (
    "choose a place that you may write: --db or PHIBENCH_DB for results, PHIBENCH_CACHE for what can be made again, "
    "PHIBENCH_MODELS for models"
)
_REMEDIES = {
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.ENOSPC: "free some room, such as with phibench models rm MODEL",
}
"""Of faults of a file that nothing nearer to it has explained."""


class Duration(click.ParamType[float]):
    """A time such as 90s, 15m or 2h; a bare number is seconds."""

    name = "duration"

    def __init__(self, least_s: float = 0.0) -> None:
        self._least_s = least_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)?\s*", str(value))
        if found is None:
            self.fail(f"{value!r} is no time; write 90s, 15m or 2h", param, ctx)
        seconds = float(found.group(1)) * {"s": 1, "m": 60, "min": 60, "h": 3600}[found.group(2) or "s"]
        if seconds < self._least_s:
            self.fail(f"{value!r} is too short; at least {self._least_s:g} s", param, ctx)
        return seconds


class Share(click.ParamType[float]):
    """A share such as 2% or 0.02."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A number between 0 and 1."""
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*", str(value))
        number = float(found.group(1)) / (100 if found.group(2) else 1) if found else 0.0
        if not 0 < number < 1:
            self.fail(f"{value!r} is no share; write 2% or 0.02", param, ctx)
        return number


def db_option(command: F) -> F:
    """``--db``: a path or a database URL; default PHIBENCH_DB, then the results folder."""
    text = "Database: a path or URL.  [default: PHIBENCH_DB, or results/phibench.db]"
    return click.option("--db", "db", metavar="PATH|URL", default=None, callback=_default_db, help=text)(command)


def json_option(command: F) -> F:
    """``--json``: one envelope on standard output instead of tables."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def quiet_option(command: F) -> F:
    """``--quiet``: results only."""
    return click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Print the result only.")(command)


def echo_json(schema: str, data: Any, warnings: Sequence[str] = ()) -> None:
    """Print data in the one envelope."""
    click.echo(envelope(schema, data, warnings))


def envelope(schema: str, data: Any, warnings: Sequence[str] = ()) -> str:
    """The one envelope: {"schema": "phibench.<name>/1", "data": ..., "warnings": [...]}; unknown values are null."""
    found = {"schema": f"phibench.{schema}/1", "data": _with_nulls(data), "warnings": list(warnings)}
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)


def warn(message: str) -> None:
    """A warning on standard error; it never mixes with results."""
    click.echo(f"note: {message}", err=True)


def run_guarded(command: click.Command) -> int:  # noqa: PLR0911  # one line an error family reads best
    """Run a click command; no traceback reaches a person for a foreseeable fault."""
    refusal = _refusal()
    if refusal:
        return _complain(refusal, "", EXIT_FAILED)
    try:
        result = command.main(standalone_mode=False)
        return result if isinstance(result, int) else EXIT_DONE
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except PhibenchError as exc:
        return _complain(exc.message, exc.remedy, exc.exit_code)
    except RunnerError as exc:
        return _complain(exc.message, exc.remedy, EXIT_FAILED)
    except click.Abort as exc:
        return _aborted(exc)
    except KeyboardInterrupt:
        return _complain("stopped by hand", "", EXIT_CANCELLED)
    except BrokenPipeError:  # the reader of our output has had enough, as `head` does
        _discard_stdout()
        return EXIT_DONE
    except OSError as exc:
        where = f": {exc.filename}" if exc.filename else ""
        return _complain(f"{exc.strerror or exc}{where}", _REMEDIES.get(exc.errno or 0, ""), EXIT_FAILED)


def _aborted(exc: click.Abort) -> int:
    """Click makes one exception of a Ctrl-C anywhere and of a question that was answered with no."""
    if isinstance(exc.__cause__, KeyboardInterrupt):
        return _complain("stopped by hand", "", EXIT_CANCELLED)
    return _complain("nothing was changed", "", EXIT_FAILED)


def _refusal() -> str | None:
    """Why phibench does not run on this platform; Linux is not even asked, so that --help stays quick."""
    if sys.platform == "linux":
        return None
    from runners import device

    return device.refuse_platform()


def leave(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise click.exceptions.Exit(code)


def _complain(message: str, remedy: str, code: int) -> int:
    click.echo(f"Error: {message}", err=True)
    for line in remedy.splitlines():
        click.echo(f"  Try: {line}", err=True)
    return code


def _default_db(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str:
    from collector.paths import default_database

    return value or default_database()


def _with_nulls(data: Any) -> Any:
    """Like to_wire, but an unknown field is null rather than left out: programs want every key."""
    import dataclasses

    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return {f.name: _with_nulls(getattr(data, f.name)) for f in dataclasses.fields(data)}
    if isinstance(data, dict):
        return {str(key): _with_nulls(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_with_nulls(item) for item in data]
    return to_wire(data)


def _discard_stdout() -> None:
    """Keep the interpreter from complaining about the closed pipe when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
