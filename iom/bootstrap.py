"""Builds `.venv` from the hashed requirements when the packages are not importable. Standard library only.

Inert inside a container or an environment that has the packages, and with NO_BOOTSTRAP=1.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = (
    "django",
    "rest_framework",
    "django_fsm",
    "django_q",
    "unfold",
    "import_export",
    "plotly",
    "highspy",
)
NEEDED_FOR_TESTS = ("pytest", "pytest_django", "hypothesis", "playwright")
NO_VENV = """\
This Python has no working `venv` module, so the project cannot build its own environment.
  Debian, Ubuntu:  apt-get install python3-venv
  Fedora:          dnf install python3-pip
  otherwise:       install the packages of {requirements} yourself and set NO_BOOTSTRAP=1
"""


def ensure(root: Path, *, dev: bool = False) -> None:
    """Return with the packages importable, or replace this process by one that has them.

    Raises SystemExit with a sentence that says what to do: Python too old, no `venv`, installation failed.
    """
    if sys.version_info < (3, 11):
        raise SystemExit(f"IOM needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    requirements = root / ("requirements-dev.txt" if dev else "requirements.txt")
    if os.environ.get("NO_BOOTSTRAP") or (_importable(dev) and not _is_own_and_old(root, requirements)):
        return
    python = _venv_python(root / ".venv")
    if not _is_current(root, requirements):
        _build(root, python, requirements)
    _become(python)


def _importable(dev: bool) -> bool:
    names = NEEDED + NEEDED_FOR_TESTS if dev else NEEDED
    return all(importlib.util.find_spec(name) for name in names)


def _is_own_and_old(root: Path, requirements: Path) -> bool:
    """Do we run in the environment built here, from requirements that have changed since."""
    built_here = Path(sys.prefix).resolve() == (root / ".venv").resolve()
    return built_here and _stamp(root, requirements).exists() and not _is_current(root, requirements)


def _venv_python(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def _stamp(root: Path, requirements: Path) -> Path:
    return root / ".venv" / f"{requirements.stem}.installed"


def _is_current(root: Path, requirements: Path) -> bool:
    stamp = _stamp(root, requirements)
    return stamp.exists() and stamp.read_text() == _digest(requirements)


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def _build(root: Path, python: Path, requirements: Path) -> None:
    if not python.exists():
        _say("building .venv (once, about 20 seconds)")
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(root / ".venv")], capture_output=True, text=True
        )
        if made.returncode:  # what is half built would look whole to the next run
            shutil.rmtree(root / ".venv", ignore_errors=True)
            raise SystemExit(NO_VENV.format(requirements=requirements.name) + made.stderr)
    _say(f"installing the pinned packages of {requirements.name} into .venv")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run([*pip, "--require-hashes", "-r", str(requirements)])
    if installed.returncode:
        raise SystemExit(f"The packages of {requirements.name} could not be installed; pip said why above.")
    _stamp(root, requirements).write_text(_digest(requirements))


def _become(python: Path) -> None:
    arguments = [str(python), *sys.argv]
    environment = {**os.environ, "NO_BOOTSTRAP": "1"}
    if os.name == "nt":  # Windows has no exec that keeps the console and the exit code
        raise SystemExit(subprocess.run(arguments, env=environment).returncode)
    os.execve(str(python), arguments, environment)  # noqa: S606


def _say(text: str) -> None:
    print(f"iom: {text}", file=sys.stderr, flush=True)
