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

PROGRAM = Path(__file__).with_name("continuation_program.py")
ROOT = Path(__file__).parents[2]


def results(folder: Path, backend: str, *arguments: str) -> tuple[int, int, Any, Any]:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(PROGRAM), str(folder), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    arrays, differing, whole, parts = json.loads(done.stdout.splitlines()[-1])
    return arrays, differing, whole, parts


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize(
    ("arguments", "arrays", "epochs"),
    [
        (["mixed"], 37, 5),  # with loss scaling; stopped early: 4 epochs are no better
        (["subclassed", "plateau"], 25, 6),
        (["stopped"], 33, 2),  # in the first of three trials; the others train no epoch
    ],
)
def test_parts_are_as_the_whole(
    tmp_path: Path, backend: str, arguments: list[str], arrays: int, epochs: int
) -> None:
    """Weights, optimizer, seeds and best weights; history, score and best epoch."""
    compared, differing, whole, parts = results(tmp_path, backend, *arguments)
    assert differing == 0
    assert compared == arrays
    assert parts == whole
    assert whole["epoch"] == list(range(epochs))
