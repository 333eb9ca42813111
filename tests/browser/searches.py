"""Small searches of every kind, for the pages that show them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

import kt_extensions as kte
from kt_extensions.hparams import HParamsLogger

OBJECTIVE = kt.Objective("val_loss", "min")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Computed(kte.Tuner):
    """Trials without models. Those whose numbers are told fail, are pruned, or are cut."""

    failing, pruned, cut = 2, 3, -1

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        values = trial.hyperparameters.values
        number = int(trial.trial_id)
        if number == self.failing:
            raise kt.errors.FailedTrialError("on purpose")
        if number == self.pruned and self._reports is not None:
            self._reports.prune(trial.trial_id, "on purpose")
        return {"val_loss": values["rate"] + len(values["kind"]), "loss": 0.5}


def large_space() -> kt.HyperParameters:
    """More than five that every trial has, and one that is conditional."""
    hp = kt.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Choice("kind", ["a", "bb"])
    hp.Boolean("bias")
    hp.Int("layers", 1, 3)
    hp.Float("dropout", 0.0, 0.5)
    with hp.conditional_scope("kind", ["bb"]):
        hp.Int("units", 1, 9)
    return hp


def small_space() -> kt.HyperParameters:
    """Two that every trial has; of the others each trial lacks some."""
    hp = kt.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Choice("kind", ["a", "bb"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("amount", 1, 9)
        hp.Boolean("bias")
    with hp.conditional_scope("kind", ["bb"]):
        hp.Float("breadth", 0.0, 1.0)
        hp.Choice("base", ["x", "y"])
    return hp


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((3,))])
    if hp.Choice("kind", ["plain", "wide"]) == "wide":
        with hp.conditional_scope("kind", ["wide"]):
            model.add(keras.layers.Dense(hp.Int("units", 2, 8), "relu"))
    model.add(keras.layers.Dense(1))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"], run_eagerly=True)
    return model


class Cut(keras.callbacks.Callback):
    """Interrupts the second training after its first epoch, as Ctrl-C does."""

    begun = 0

    def on_train_begin(self, logs: Any = None) -> None:
        Cut.begun += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if Cut.begun == 2:
            raise KeyboardInterrupt


def fit(tuner: Any, *callbacks: keras.callbacks.Callback, **settings: Any) -> Any:
    data = {"validation_data": (X, Y), "batch_size": 24, "verbose": 0}
    tuner.search(X, Y, callbacks=list(callbacks), **{**data, **settings})
    return tuner


class Searches:
    """Runs searches into one folder of logs.

    Args:
        folder: Where projects and logs go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.logs = folder, folder / "logs"

    def make(self, tuner_class: Callable[..., Any], name: str, *args: Any, **settings: Any) -> Any:
        place = {"directory": self.folder, "project_name": name, "tensorboard_dir": self.logs}
        return tuner_class(*args, **{**place, **settings})

    def computed(
        self,
        name: str,
        space: kt.HyperParameters,
        trials: int,
        seed: int = 4,
        objective: kt.Objective = OBJECTIVE,
        **settings: Any,
    ) -> Any:
        oracle = kt.oracles.RandomSearchOracle(
            objective, max_trials=trials, seed=seed, hyperparameters=space
        )
        tuner = self.make(Computed, name, oracle, **settings)
        tuner.search(verbose=0)
        return tuner

    def promoted(self, tuner_class: Callable[..., Any], name: str, **settings: Any) -> Any:
        """Hyperband and its kind: three trials of one epoch, the best goes on to three."""
        settings |= {"objective": OBJECTIVE, "max_epochs": 3, "factor": 3, "seed": 1}
        return fit(self.make(tuner_class, name, build, **settings))

    def repeated(self, name: str) -> Any:
        settings = {"objective": OBJECTIVE, "max_trials": 2, "seed": 1, "executions_per_trial": 2}
        return fit(self.make(kte.TPE, name, build, **settings), epochs=2)

    def resumed(self, name: str) -> Any:
        """A search that Ctrl-C ended in the middle of its second trial, and that went on."""
        settings = {"objective": OBJECTIVE, "max_trials": 3, "seed": 1}
        Cut.begun = 0
        try:
            fit(self.make(kte.TPE, name, build, **settings), Cut(), epochs=2)
        except KeyboardInterrupt:
            return fit(self.make(kte.TPE, name, build, **settings), epochs=2)
        raise AssertionError("the search was not interrupted")

    def overwritten(self, name: str) -> Any:
        self.computed(name, small_space(), trials=5)
        return self.computed(name, large_space(), trials=2, seed=9, overwrite=True)

    def attached(self, name: str) -> Any:
        """KerasTuner's own tuner in an existing script."""
        tuner = kt.RandomSearch(
            build, OBJECTIVE, 2, seed=1, directory=self.folder, project_name=name
        )
        HParamsLogger(self.logs).attach(tuner)
        return fit(tuner, epochs=2)
