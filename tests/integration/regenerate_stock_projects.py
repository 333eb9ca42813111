"""Writes the project folders of KerasTuner's own tuners that `test_stock_projects.py` reads.

    .venv/bin/python -m tests.integration.regenerate_stock_projects

Each search is stopped in the middle of a trial, as by Ctrl-C. Weights are left out.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

FOLDER = Path(__file__).with_name("stock_projects")
NAMES = ("oracle.json", "tuner0.json", "trial.json")
TUNERS: dict[str, tuple[type[kt.Tuner], dict[str, Any]]] = {
    "random": (kt.RandomSearch, {"objective": "val_loss", "max_trials": 9}),
    "grid": (kt.GridSearch, {"objective": "val_accuracy"}),
    "bayesian": (
        kt.BayesianOptimization,
        {"objective": "val_accuracy", "max_trials": 9, "num_initial_points": 3},
    ),
    "hyperband": (kt.Hyperband, {"objective": "val_loss", "max_epochs": 4, "factor": 2}),
}
STOPPED = {"random": 6, "grid": 6, "bayesian": 6, "hyperband": 10}
"""The number of the trial in which each search is stopped."""


def build(hp: kt.HyperParameters) -> keras.Model:
    """Declares hyperparameters of every kind, one beside an option only."""
    units = hp.Int("units", 2, 8, step=2)
    activation = hp.Choice("activation", ["relu", "tanh"])
    bias = hp.Boolean("bias")
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    momentum = 0.0
    if hp.Choice("optimizer", ["sgd", "momentum"]) == "momentum":
        with hp.conditional_scope("optimizer", ["momentum"]):
            momentum = hp.Float("momentum", 0.1, 0.9, step=0.1)
    hp.Fixed("batch_norm", False)
    hidden = keras.layers.Dense(units, activation=activation, use_bias=bias)
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1, "sigmoid")])
    optimizer = keras.optimizers.SGD(rate, momentum=momentum)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


class Stopping(kt.HyperModel):
    """Ends the program in a trial."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return model.fit(*args, **kwargs)


def main() -> None:
    """Searches, and keeps the small files."""
    x = np.random.default_rng(0).random((32, 4))
    y = (x.sum(axis=1) > 2).astype("float32")
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, (kind, settings) in TUNERS.items():
        with tempfile.TemporaryDirectory() as folder:
            hypermodel = Stopping(STOPPED[name])
            tuner = kind(hypermodel, seed=1, directory=folder, project_name=name, **settings)
            try:
                tuner.search(x, y, validation_split=0.5, epochs=2, verbose=0)
            except KeyboardInterrupt:
                print(f"{name}: {len(tuner.oracle.trials)} trials")
            for file in Path(folder, name).rglob("*.json"):
                if file.name in NAMES:
                    kept = FOLDER / file.relative_to(folder)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, kept)


if __name__ == "__main__":
    main()
