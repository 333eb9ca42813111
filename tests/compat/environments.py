"""Environments with the versions of a row, below `.venv-compat/`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.compat.rows import Row

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-compat"
_VERSIONS = """
import importlib.metadata as metadata, json, platform, sys
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"python": platform.python_version(), **versions}))
"""


def interpreter(row: Row) -> str | None:
    """Returns the path of the first Python of a row that is there, `None` if none is."""
    for version in row.pythons:
        name = shutil.which(f"python{version}")
        # pyenv's shims run a version only if they are asked for it.
        environment = {**os.environ, "PYENV_VERSION": version}
        if name and (path := _printed(name, "import sys; print(sys.executable)", environment)):
            return path
    return None


def environment(row: Row, python: str) -> Path:
    """Returns the interpreter of a row's environment, which is made if it is not there.

    Raises:
        subprocess.CalledProcessError: If something cannot be installed.
    """
    home = FOLDER / row.name
    binary, stamp = home / "bin" / "python", home / ".installed"
    wanted = _fingerprint(row, python)
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([python, "-m", "venv", "--without-pip", home], check=True)
        _install(row, binary)
        stamp.write_text(wanted)
    return binary


def versions(python: Path, names: list[str]) -> dict[str, str]:
    """Returns the versions of the packages that are there, and that of Python."""
    done = subprocess.run([python, "-c", _VERSIONS, *names], capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _install(row: Row, binary: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", binary, "--disable-pip-version-check"]
    # What is never imported need not be compiled.
    install = [*pip, "install", "--quiet", "--no-compile"]
    if row.constraints:
        install += ["--constraint", row.constraints]
    project = ["--no-build-isolation", "-e", ".[plots]", *row.packages, "pytest"]
    for what in (["setuptools"], project):
        done = subprocess.run([*install, *what], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            done.check_returncode()


def _fingerprint(row: Row, python: str) -> str:
    """Tells what an environment is made of."""
    files = [ROOT / "pyproject.toml", *([ROOT / row.constraints] if row.constraints else [])]
    contents = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(f"{row}{python}".encode() + contents).hexdigest()


def _printed(python: str, code: str, environment: dict[str, str]) -> str:
    command = [python, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
