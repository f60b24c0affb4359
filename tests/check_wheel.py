"""
Build the wheel, look into it, install it into an empty environment and use it from a folder that holds a namesake.

A command (`python tests/check_wheel.py`), not a test: it needs the groups `lint` and `package` and a minute. An
editable install cannot show that data files are missing from the wheel; this does.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def sh(*command: str, cwd: Path = ROOT, **environment: str) -> str:
    print("+", " ".join(command), flush=True)
    env = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}} | environment
    done = subprocess.run(command, cwd=cwd, env=env, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\n{command[0]} ended with {done.returncode}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sh("uv", "build", "-q", "--wheel", "--no-build-isolation", "-o", str(folder), "--python", sys.executable)
        (wheel,) = folder.glob("*.whl")
        sh(str(Path(sys.executable).with_name("check-wheel-contents")), str(wheel))
        sh("uv", "venv", "-q", "--python", sys.executable, str(folder / "env"))
        python = folder / "env" / "bin" / "python"
        sh("uv", "pip", "install", "-q", "--python", str(python), str(wheel), "-c", str(_constraints(folder)))
        use(folder, python.parent / "phibench")
    print("the wheel is whole and works")


def _constraints(folder: Path) -> Path:
    """The engine as it is built in our own environment, so that it is not compiled again."""
    pins = folder / "pins.txt"
    listed = sh("uv", "pip", "freeze", "--python", sys.executable)
    pins.write_text("".join(f"{line}\n" for line in listed.splitlines() if "==" in line))
    return pins


def use(folder: Path, phibench: Path) -> None:
    """From an empty folder with a package `runners` of its own."""
    here = folder / "elsewhere"
    (here / "runners").mkdir(parents=True)
    (here / "runners" / "__init__.py").write_text("raise SystemExit('the wrong runners')")
    db = str(here / "results.db")
    models = {"PHIBENCH_MODELS": str(here / "models"), "PHIBENCH_CACHE": str(here / "cache")}
    sh(str(phibench), "doctor", "--db", db, cwd=here, **models)
    sh(str(phibench), "run", "quick", "--engine", "fake", "--db", db, cwd=here, **models)
    table = sh(str(phibench), "export", "csv", "-", "--db", db, cwd=here, **models)
    if table.count("simulated") < 2:
        sys.exit(f"the export does not hold both simulated cells:\n{table}")


if __name__ == "__main__":
    main()
