"""A `HyperModel.fit` that leaves out `initial_epoch` trains no epoch twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Forgetful(kt.HyperModel):
    """Counts the epochs that are trained, and stops the program once, if it is told to."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__()
        self.stop, self.trained = stop, 0
        self.ends: list[list[int]] = []

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-3, 1e-1)), "mse")
        return model

    def fit(self, hp: Any, model: Any, x: Any, y: Any, callbacks: Any = (), **given: Any) -> Any:
        settings = {"epochs": given["epochs"], "validation_split": 0.25, "verbose": 0}
        own = keras.callbacks.LambdaCallback(on_epoch_begin=self._count)
        history = model.fit(x, y, callbacks=[*callbacks, own], **settings)
        self.ends.append(history.epoch)
        return history

    def _count(self, epoch: int, logs: Any) -> None:
        if epoch == self.stop:
            self.stop = None
            raise KeyboardInterrupt
        self.trained += 1


def test_a_resumed_trial(tmp_path: Path) -> None:
    hypermodel = Forgetful(stop=3)
    settings = {"max_trials": 1, "seed": 1, "directory": tmp_path}
    settings["snapshots"] = kte.Snapshots(every_epochs=1)
    with pytest.raises(KeyboardInterrupt):
        kte.TPE(hypermodel, "val_loss", **settings).search(X, Y, epochs=6, verbose=0)
    with pytest.warns(UserWarning, match=r"Received: initial_epoch=0\. It goes on after epoch 3"):
        kte.TPE(hypermodel, "val_loss", **settings).search(X, Y, epochs=6, verbose=0)
    assert (hypermodel.trained, hypermodel.ends) == (6, [[0, 1, 2, 3, 4, 5]])


def test_a_promoted_trial(tmp_path: Path) -> None:
    hypermodel = Forgetful()
    tuner = kte.Hyperband(
        hypermodel, "val_loss", max_epochs=2, factor=2, seed=1, directory=tmp_path
    )
    with pytest.warns(UserWarning, match=r"Received: initial_epoch=0\. It goes on after epoch 1"):
        tuner.search(X, Y, verbose=0)
    values = [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]
    assert [0, 1] in hypermodel.ends
    assert hypermodel.trained == sum(v["tuner/epochs"] - v["tuner/initial_epoch"] for v in values)
