"""Where phibench does not run, and what to do there instead."""

import platform
import sys
from collections.abc import Callable

from runners.device import macos

WINDOWS = (
    "phibench does not run on native Windows, where memory and processor readings would mean something else. "
    "Run it inside WSL 2:  wsl --install -d Debian"
)
ROSETTA = (
    "this Python is built for Intel and runs under Rosetta, so every speed would be that of the translator. "
    "Use a Python for Apple silicon:  uv run --python cpython-3.11-macos-aarch64-none phibench doctor"
)
UNKNOWN = "phibench reads /proc and /sys, which {name} does not have. Run it on Linux, macOS or in WSL 2."


def refuse_platform(
    platform_name: str = sys.platform, is_translated: Callable[[], bool] = macos.is_translated
) -> str | None:
    """Why nothing can be measured on this platform, with the remedy; None where it can."""
    if platform_name in {"win32", "cygwin", "msys"}:
        return WINDOWS
    if platform_name == "darwin":
        return ROSETTA if is_translated() else None
    return None if platform_name == "linux" else UNKNOWN.format(name=platform.system() or platform_name)
