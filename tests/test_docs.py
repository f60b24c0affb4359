"""Documents say what is true: every command has help and a mention, and what needs no device is run."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from collector.cli import COMMANDS, cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(group: click.Group, prefix: str = "") -> list[tuple[str, click.Command]]:
    found = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append((f"{prefix}{name}", command))
            if isinstance(command, click.Group):
                found += commands(command, f"{prefix}{name} ")
    return found


ALL = commands(cli)


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help, name
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert re.search(rf"`(phibench )?{name}\b", README) or f"phibench {name}" in README, name


def documented() -> set[str]:
    text = "\n".join(page.read_text() for page in PAGES)
    found = re.findall(r"phibench ((?:[a-z]+)(?: [a-z]+)?)", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)))
    return {" ".join(words.split()) for words in found}


def test_every_documented_command_exists() -> None:
    known = {name for name, _ in ALL}
    groups = {name for name, command in ALL if isinstance(command, click.Group)}
    for words in documented():
        first, _, second = words.partition(" ")
        assert first in known, words
        assert first not in groups or not second or words in known, words


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readmes_two_commands_are_there() -> None:
    assert "\npip install uv && uv run phibench quickstart\n" in README
    assert "\npip install uv && uv run pytest\n" in README


def test_the_documented_benchmarks_exist() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    named = set(re.findall(r"tests/benchmarks/(\w+)\.py", text))
    there = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    assert named == there


def test_nothing_in_the_tree_names_a_registry_or_this_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    words = re.compile(r"files\.pythonhosted|/ro[o]t/|index-url")
    for name in files:
        if name != "tests/test_docs.py" and (ROOT / name).suffix in {".py", ".md", ".toml", ".json"}:
            assert not words.search((ROOT / name).read_text()), name


def test_the_help_of_the_program_runs() -> None:
    script = Path(sys.executable).with_name("phibench")
    out = subprocess.run([str(script), "--help"], capture_output=True, text=True, check=True).stdout
    assert "Measure what a 4-bit language model really costs" in out
