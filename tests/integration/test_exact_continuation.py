"""A training that is stopped and goes on is, to the bit, one that was never stopped."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Once

PROGRAM = Path(__file__).with_name("continuation_program.py")
ROOT = Path(__file__).parents[2]


CASES = {
    "mixed": (37, 5),  # with loss scaling; stopped early: 4 epochs are no better
    "subclassed plateau": (25, 6),
    "stopped": (33, 2),  # in the first of three trials; the others train no epoch
}
"""How many arrays are compared, and how many epochs the whole has."""


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def results(request: pytest.FixtureRequest, once: Once) -> dict[str, Any]:
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")

    def run(folder: Path) -> None:
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": str(ROOT),
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        }
        command = [sys.executable, str(PROGRAM), str(folder), *CASES]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (folder / "printed.json").write_text(done.stdout.splitlines()[-1])

    folder = once(f"continuation_{backend}", run)
    found: dict[str, Any] = json.loads((folder / "printed.json").read_text())
    return found


@pytest.mark.parametrize("name", CASES)
def test_parts_are_as_the_whole(results: dict[str, Any], name: str) -> None:
    """Weights, optimizer, seeds and best weights; history, score and best epoch."""
    arrays, epochs = CASES[name]
    compared, differing, whole, parts = results[name]
    assert differing == 0
    assert compared == arrays
    assert parts == whole
    assert whole["epoch"] == list(range(epochs))
