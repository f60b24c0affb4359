"""
The command line: one click file a subject; each command parses, calls, prints.

Commands are imported when they are called, and the help texts of the overview stand here, so that ``phibench --help``
costs little more than importing click.
"""

import sys
from importlib import import_module

import click

COMMANDS = {
    "quickstart": ("collector.cli.quickstart", "Measure Phi-3-mini against LLaMA-2-7B on this machine, now."),
    "doctor": ("collector.cli.doctor", "Check machine, engines, models and storage; each problem with its remedy."),
    "models": ("collector.cli.models", "List, show, synthesise and remove models."),
    "suites": ("collector.cli.suites", "List the suites, and say what one would take here."),
    "run": ("collector.cli.run", "Run a suite: every cell in fresh processes, blocks in drawn order."),
    "bridge": ("collector.cli.bridge", "Let a paired phone take jobs and hand in what it measured."),
    "fit": ("collector.cli.fit", "Predict whether a model fits on a device, and how fast it may decode there."),
    "compare": ("collector.cli.compare", "Set one arm against another: ratios, verdicts, and what else differs."),
    "baseline": ("collector.cli.baseline", "Give a run a name that others are compared with."),
    "noise": ("collector.cli.noise", "Run one arm against itself: how small a difference this machine can show."),
    "dashboard": ("collector.cli.dashboard", "Look at results in a browser."),
    "demo": ("collector.cli.demo", "Fill a database from a simulator, to look around in."),
    "list": ("collector.cli.results", "List the runs in the database."),
    "show": ("collector.cli.results", "Show a run, or one launch of it."),
    "note": ("collector.cli.results", "Write a note on a run."),
    "rm": ("collector.cli.results", "Remove a run and everything measured in it."),
    "export": ("collector.cli.export", "Take results away: the comparison, all values or all samples as CSV."),
}
_OPTIONS_EVERYWHERE = (
    "--db and --quiet work with every command that reads or writes results; --json where a program would read."
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; an unknown name is answered with the nearest one."""
        if cmd_name not in COMMANDS:
            return None
        function = {"list": "list_runs", "rm": "remove"}.get(cmd_name, cmd_name)
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else "phibench --help lists the commands."
            raise click.UsageError(f"there is no command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_OPTIONS_EVERYWHERE)
@click.version_option(package_name="phibench", prog_name="phibench")
def cli() -> None:
    """
    Measure what a 4-bit language model really costs on the device in your hand.

    Begin with `phibench quickstart`.
    """


def main() -> None:
    """Entry point: run the command and turn our errors into a message with its remedy and an exit code."""
    from collector.cli._common import run_guarded

    sys.exit(run_guarded(cli))
