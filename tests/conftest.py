"""Settings and data that the tests share."""

import os

# Before anything imports TensorFlow, which reads them once.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # as `Cluster` has it

import gc
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import hypothesis
import keras
import numpy as np
import pytest
from filelock import FileLock
from sklearn.datasets import load_digits

from kt_extensions.tuners.gradients import tie_to_graphs
from tests.nursery import Nursery

# A shell that starts the tests in the background has them, and their programs, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("default", derandomize=True, deadline=None)
hypothesis.settings.load_profile("default")


class Data(NamedTuple):
    """Arrays of a classification: inputs of shape (n, 64) in [0, 1], labels 0 to 9."""

    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


@pytest.fixture(autouse=True, scope="module")
def forgotten(request: pytest.FixtureRequest) -> Iterator[None]:
    """Makes garbage collections cheap: KerasTuner and Keras ask for two in each trial.

    Each leaves out what is older than the module, as a search of ours has it itself unless the
    program does; in modules marked `unfrozen` it is left to that. A module's models are let go of.
    """
    if not request.node.get_closest_marker("unfrozen"):
        gc.collect()
        gc.freeze()
    yield
    gc.unfreeze()
    tie_to_graphs()
    keras.backend.clear_session()


Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Makes the contents of a folder once for all processes that share the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def folder_of(name: str, make: Callable[[Path], None]) -> Path:
        folder, made = shared / name, shared / f"{name}.made"
        with FileLock(shared / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def digits() -> Data:
    """600 training and 200 validation images of handwritten digits, 8 by 8 pixels."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:800]
    x, y = (x[order] / 16).astype("float32"), y[order]
    return Data(x[:600], y[:600], x[600:], y[600:])


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has workers and programs import no TensorFlow, which takes seconds: they train nothing."""
    numpy = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "numpy"))
    monkeypatch.setattr("kt_extensions.tuners.workers.keras", numpy)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")


@pytest.fixture(scope="session")
def shared_nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def nursery(shared_nursery: Nursery) -> Iterator[Nursery]:
    """Starts processes, which end with the test."""
    yield shared_nursery
    shared_nursery.end_all()
