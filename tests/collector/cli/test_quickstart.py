"""Which engines `phibench quickstart` measures."""

import platform
import sys

import pytest

from collector.cli import quickstart
from runners import registry
from runners.engines.mlx import MlxEngine


@pytest.mark.parametrize(
    ("system", "machine", "reason", "engines"),
    [
        ("darwin", "arm64", None, ("llama_cpp", "mlx")),
        ("darwin", "arm64", "mlx-lm is missing", ("llama_cpp",)),
        ("darwin", "x86_64", None, ("llama_cpp",)),
        ("linux", "x86_64", None, ("llama_cpp",)),
        ("linux", "arm64", None, ("llama_cpp",)),
    ],
)
def test_mlx_is_measured_beside_llama_cpp_on_a_mac_with_an_apple_chip(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, reason: str | None, engines: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(MlxEngine, "unavailable_because", lambda self: reason)
    assert quickstart._usual_engines() == engines
    assert set(engines) <= set(registry.ENGINES)
