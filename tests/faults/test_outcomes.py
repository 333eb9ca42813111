"""What comes of a search in which something goes wrong: the table of docs/faults.md."""

from __future__ import annotations

import math
import re
import threading
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte

X = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
FAULTY = 1
"""The trial in which something goes wrong."""


class Faults(kt.HyperModel):
    """A small model, and what goes wrong with it in some trials."""

    def __init__(self, fault: str | None, faulty: tuple[int, ...] = (FAULTY,)) -> None:
        super().__init__()
        self.fault, self.faulty, self.trial = fault, faulty, -1

    def has(self, *faults: str) -> bool:
        return self.trial in self.faulty and self.fault in faults

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        if self.has("build"):
            raise ValueError("no such model")
        units = 10_000 if self.has("size") else hp.Int("units", 1, 8)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        model.add(keras.layers.Dense(1))
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        if self.has("fit"):
            raise ArithmeticError("no such fit")
        if self.has("memory"):
            raise MemoryError("Unable to allocate 8.0 TiB")
        if self.has("gpu memory"):
            tf = pytest.importorskip("tensorflow")
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        if self.has("callback"):
            kwargs["callbacks"] = [*kwargs["callbacks"], Raising()]
        if self.has("nan loss"):
            args = (args[0] * math.nan, *args[1:])
        history = model.fit(*args, **kwargs)
        if self.has("none"):
            return None
        return {"val_loss": math.inf} if self.has("inf") else history


class Raising(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        raise ConnectionError("no such server")


class Telling:
    """Tells the hypermodel which trial it is."""

    def on_trial_begin(self, trial: Trial) -> None:
        self.hypermodel.trial = int(trial.trial_id)
        super().on_trial_begin(trial)


class Search(Telling, kte.TPE):
    pass


class Stock(Telling, kte.Tuner):
    """With an oracle of KerasTuner's."""


def tuner(folder: Path, fault: str | None, **kwargs: Any) -> Search:
    faulty = kwargs.pop("faulty", (FAULTY,))
    return Search(
        Faults(fault, faulty), "val_loss", seed=0, max_model_size=1000, directory=folder,
        project_name="project", **{"max_trials": 3, **kwargs},
    )  # fmt: skip


def search(made: kte.Tuner) -> None:
    made.search(X, X[:, :1], validation_split=0.5, epochs=1, verbose=0)


def search_in_a_thread(made: kte.Tuner) -> None:
    """Searches where a lock that was not given back would keep it from that."""
    thread = threading.Thread(target=search, args=[made], daemon=True)
    thread.start()
    thread.join(timeout=300)
    assert not thread.is_alive()


FAILED = {
    "build": "ValueError: no such model",
    "fit": "ArithmeticError: no such fit",
    "callback": "ConnectionError: no such server",
    "memory": "MemoryError: Unable to allocate 8.0 TiB",
    "gpu memory": "ResourceExhaustedError(.|\n)*OOM when allocating tensor",
    "size": "FailedTrialError(.|\n)*size",
    "nan loss": "The objective 'val_loss' was nan",
    "inf": "The objective 'val_loss' was inf",
}
"""What fails a trial, and what is told of it."""


@pytest.mark.parametrize("fault", FAILED)
def test_a_trial_that_fails(tmp_path: Path, fault: str) -> None:
    made = tuner(tmp_path, fault)
    search(made)
    results = made.results()
    assert [r["status"] for r in results] == ["COMPLETED", "FAILED", "COMPLETED"]
    (failure,) = made.failures()
    assert failure["trial_id"] == str(FAULTY)
    assert re.search(FAILED[fault], failure["message"] or "")
    again = tuner(tmp_path, None)
    assert again.failures() == [failure]
    assert [r["score"] for r in again.results()] == [r["score"] for r in results]
    assert len(made.get_best_models(3)) == 2


def test_a_fit_that_returns_nothing_ends_the_search(tmp_path: Path) -> None:
    made = tuner(tmp_path, "none")
    with pytest.raises(kt.errors.FatalTypeError, match="Did you forget to return the metrics"):
        search(made)
    assert [r["status"] for r in made.results()] == ["COMPLETED", "RUNNING"]
    again = tuner(tmp_path, None)
    search(again)
    assert [r["status"] for r in again.results()] == ["COMPLETED"] * 3


@pytest.mark.parametrize("fault", ["build", "fit", "memory", "size", "nan loss"])
def test_too_many_failures_in_a_row(tmp_path: Path, fault: str) -> None:
    made = tuner(tmp_path, fault, max_trials=5, faulty=(1, 2))
    made.oracle.max_consecutive_failed_trials = 2
    with pytest.raises(RuntimeError, match="2 trials in a row have failed"):
        search(made)
    assert [r["status"] for r in made.results()] == ["COMPLETED", "FAILED", "FAILED"]
    made.hypermodel.fault = None
    search_in_a_thread(made)
    statuses = [r["status"] for r in made.results()]
    assert statuses == ["COMPLETED", "FAILED", "FAILED", "COMPLETED", "COMPLETED"]


def test_too_many_failures_of_an_oracle_of_kerastuner(tmp_path: Path) -> None:
    """KerasTuner would raise under its lock, and leave the last trial as if it were running."""

    def made() -> Stock:
        oracle = kt.oracles.RandomSearchOracle(
            "val_loss", max_trials=5, seed=0, max_consecutive_failed_trials=2
        )
        hypermodel = Faults("fit", (1, 2))
        return Stock(oracle, hypermodel, directory=tmp_path, project_name="project")

    first = made()
    with pytest.raises(RuntimeError, match=r"2 trials in a row have failed(.|\n)*no such fit"):
        search(first)
    for number, again in ((4, first), (5, made())):
        assert [r["status"] for r in again.results()][:3] == ["COMPLETED", "FAILED", "FAILED"]
        again.oracle.max_trials = number
        search_in_a_thread(again)
        assert [r["status"] for r in again.results()][3:] == ["COMPLETED"] * (number - 3)
    assert [f["trial_id"] for f in first.failures()] == ["1", "2"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Exception, match="file"):
        tuner(tmp_path / "file", None)
    assert (tmp_path / "file").read_bytes() == b""


def test_a_folder_that_can_no_longer_be_written_to(tmp_path: Path) -> None:
    made = tuner(tmp_path, None)
    log = tmp_path / "project" / "trials.jsonl"
    log.parent.mkdir(exist_ok=True)
    log.mkdir()  # as permissions do not bind a superuser
    with pytest.raises(OSError, match=re.escape(str(log))):
        search(made)
    assert made.results() == []
    log.rmdir()
    search_in_a_thread(made)
    assert [r["status"] for r in made.results()] == ["COMPLETED"] * 3
