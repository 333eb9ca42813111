"""Random configurations of every family, with everything searched that can be.

Six of each here, one with each other backend;
`python -m tests.families.configurations FAMILY 0 200` tries more.
"""

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import pytest

from tests.families.configurations import trained
from tests.families.spaces import FAMILIES, samples


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("family", FAMILIES)
def test_configuration_trains_and_is_saved(family, seed, tmp_path):
    keras.utils.clear_session()
    values, losses, difference = trained(*samples(family), seed, tmp_path)
    assert all(math.isfinite(loss) for loss in losses), values
    assert difference < 1e-6, values


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    command = [sys.executable, "-m", "tests.families.configurations", "all", "0", "1"]
    compiling = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    environment = {**os.environ, "KERAS_BACKEND": backend, **compiling}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for family in FAMILIES:
        assert f"{backend}: 1 configurations of {family}" in done.stdout


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")
def test_replicas_train_alike():
    command = [sys.executable, "-m", "tests.families.replicas"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    results = json.loads(told.splitlines()[-1])
    assert results.keys() == FAMILIES.keys()
    for runs in results.values():
        assert [run["replicas"] for run in runs] == [2, 2]
        assert max(run["apart"] for run in runs) < 1e-6
        assert all(math.isfinite(loss) for run in runs for loss in run["losses"])
