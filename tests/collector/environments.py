"""Environments of their own for tests: a Python without pip, and in it perhaps a stand-in for llama-cpp-python."""

import subprocess
import sys
from pathlib import Path

STAND_IN = Path(__file__).with_name("stand_in_llama_cpp.py")


def make_environment(folder: Path, version: int | None = None) -> Path:
    """
    An environment of this Python; its interpreter, a link.

    Args:
        version: of the stand-in in it; None = the environment is empty.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    if version is not None:
        install_stand_in(site_of(folder), version)
    return folder / "bin" / "python"


def site_of(folder: Path) -> Path:
    """Where an environment's packages lie."""
    (site,) = folder.glob("lib/python3.*/site-packages")
    return site


def install_stand_in(site: Path, version: int) -> None:
    """The package, its metadata, and a file where the library would be, so that each has its own digest."""
    package, metadata = site / "llama_cpp", site / f"llama_cpp_python-{version}.dist-info"
    package.mkdir()
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: {version}\n")
    (package / "__init__.py").write_text("raise ImportError('only the low-level module is to be imported')\n")
    source = STAND_IN.read_text()
    assert source.count("\nVERSION = 0  #") == 1
    (package / "llama_cpp.py").write_text(source.replace("\nVERSION = 0  #", f"\nVERSION = {version}  #"))
    (package / "libllama.so").write_text(f"stand-in {version}")
