"""The rates that callbacks set are those that steps apply, with each backend and on replicas."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kt_extensions import schedules
from tests.unit.test_hypergradient import adam_hd, sgd_hd, sgdn_hd

PROGRAM = Path(__file__).with_name("callbacks_program.py")
PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


@pytest.fixture(scope="module", params=["tensorflow", "tensorflow replicas", "jax", "torch"])
def results(request, once):
    backend, *arguments = request.param.split()
    if importlib.util.find_spec(PACKAGES[backend]) is None:
        pytest.skip(f"{backend} is not installed")

    def run(folder):
        compiling = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
        environment = {**os.environ, "KERAS_BACKEND": backend, **compiling}
        command = [sys.executable, str(PROGRAM), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (folder / "printed.json").write_text(done.stdout.splitlines()[-1])

    folder = once(f"callbacks_{'_'.join(request.param.split())}", run)
    return {"under": request.param, **json.loads((folder / "printed.json").read_text())}


def expected(schedule, epochs=range(4), each=1):
    """Returns the last rate and the sum of the rates in each epoch of 4 steps."""
    rates = [
        [0.5 * schedule(epoch + (step - step % each) / 4) for step in range(4)] for epoch in epochs
    ]
    return {
        "rates": pytest.approx([r[-1] for r in rates], rel=1e-5),
        "sums": pytest.approx([sum(r) for r in rates], rel=1e-4),
    }


SCHEDULES = {
    "warmup": expected(schedules.warmup(2, start=0.2)),
    "steps": expected(schedules.warmup(1.5, start=0.25)),
    "resumed": expected(schedules.warmup(3, start=0.2), range(1, 4)),
    "executions": expected(schedules.warmup(2), each=2),
    "joined": expected(
        schedules.join([schedules.warmup(1), schedules.staircase(schedules.exponential(0.5))], [1])
    ),
    "plateau": expected(lambda t: 0.5 ** max(t // 1 - 1, 0)),
    "scaled": expected(schedules.join([schedules.warmup(1), schedules.step(0.1, every=1)], [1])),
}


# What Keras says where it cannot do several steps in one call.
NO_EXECUTIONS = {
    "tensorflow replicas": "InvalidArgumentError: Graph execution error",
    "torch": "ValueError: `steps_per_execution` must be 1 with the PyTorch backend",
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_step_applies_the_rate_of_the_schedule(results, name):
    if name == "executions" and results["under"] in NO_EXECUTIONS:
        assert results[name].startswith(NO_EXECUTIONS[results["under"]])
    else:
        assert results[name] == SCHEDULES[name]


def test_generator_of_unknown_length(results):
    found = results["generator"]
    rates = [0.5 * schedules.warmup(8)(step) for step in range(found["steps"])]
    assert len(rates) > 1
    assert found["rates"] == pytest.approx(rates[-1:])
    assert found["sums"] == pytest.approx([sum(rates)])


def learnt_rate(direction, beta):
    """Returns the rate after the same steps by the paper's equations."""
    x = np.random.default_rng(0).normal(size=(64, 3))
    y, x = x @ [1.0, -2.0, 0.5], np.c_[x, np.ones(64)]  # The last weight is the bias.
    alpha, theta, state, last = 0.001, np.zeros(4), {}, np.zeros(4)
    for step in range(20):
        rows = slice(16 * (step % 4), 16 * (step % 4 + 1))
        gradient = x[rows].T @ (x[rows] @ theta - y[rows]) / 8
        alpha += beta * gradient @ last
        [last] = direction([gradient], state, step + 1)
        theta = theta - alpha * last
    return alpha


@pytest.mark.parametrize(
    ("name", "direction", "beta"),
    [("sgd", sgd_hd, 1e-3), ("nesterov", sgdn_hd, 1e-4), ("adam", adam_hd, 1e-4)],
)
def test_hypergradient_learns_the_rate_of_the_paper(results, name, direction, beta):
    assert results[name] == pytest.approx(learnt_rate(direction, beta), rel=1e-4)
