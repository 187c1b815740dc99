"""The first command on a machine that has Python and nothing else: what it says when that Python cannot build a venv."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HALF = """
import pathlib, sys
made = pathlib.Path(sys.argv[-1]) / "bin"
made.mkdir(parents=True)
(made / "python").write_text("")
raise SystemExit("ensurepip is not available")
"""
NONE = 'raise ModuleNotFoundError("No module named venv")'


@pytest.fixture
def machine(tmp_path):
    """`machine(venv)`: run the project's door there by a bare Python whose `venv` module is this."""
    project, broken = tmp_path / "project", tmp_path / "broken"
    (project / "iom").mkdir(parents=True)
    broken.mkdir()
    for name in ("manage.py", "iom/__init__.py", "iom/bootstrap.py", "requirements.txt"):
        shutil.copy(ROOT / name, project / name)

    def run(venv: str) -> subprocess.CompletedProcess:
        (broken / "venv.py").write_text(venv)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(broken), "HOME": str(tmp_path)}
        command = [sys._base_executable, "-S", "manage.py", "check"]
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=120
        )

    run.project = project
    return run


@pytest.mark.skipif(os.name == "nt", reason="the half built venv is laid out as on Unix")
@pytest.mark.parametrize("venv", [NONE, HALF], ids=["none", "half"])
def test_a_python_without_venv_is_told_what_to_install(machine, venv):
    for _ in range(2):  # the second time too: nothing half built is left
        done = machine(venv)
        assert done.returncode == 1
        assert "no working `venv` module" in done.stderr
        assert "apt-get install python3-venv" in done.stderr
        assert 'Traceback (most recent call last):\n  File "manage.py"' not in done.stderr
        assert not (machine.project / ".venv").exists()
