"""A search that is right; each test makes one mistake in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

import kt_extensions as kte

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
LABELS = np.arange(16) % 3


def model(units: int, compiled: bool = True) -> keras.Model:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    if compiled:
        made.compile("sgd", "mse", metrics=["mae"], run_eagerly=True)
    return made


def build(hp: kt.HyperParameters) -> keras.Model:
    return model(hp.Int("units", 1, 8))


class Own(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)


class Returning(Own):
    """Its `fit` returns what it is told, and trains nothing."""

    def __init__(self, returned: Any) -> None:
        super().__init__()
        self.returned = returned

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        return self.returned


class Trained(keras.callbacks.Callback):
    """Counts trainings; a tuner copies its callbacks for each."""

    count = 0

    def on_train_begin(self, logs: Any = None) -> None:
        Trained.count += 1


def tuner(folder: Path, hypermodel: Any = build, **kwargs: Any) -> kte.Tuner:
    made: type[kte.Tuner] = kwargs.pop("tuner", kte.TPE)
    right = {"objective": "val_loss", "max_trials": 3, "seed": 0}
    where = {"directory": folder, "project_name": "p"}
    return made(hypermodel, **{**right, **where, **kwargs})


def search(made: kte.Tuner, *data: Any, **kwargs: Any) -> kte.Tuner:
    """Runs a search; `callbacks=None` for none."""
    Trained.count = 0
    right = {"epochs": 1, "verbose": 0, "validation_split": 0.5, "callbacks": [Trained()]}
    made.search(*(data or (X, Y)), **{**right, **kwargs})
    return made
