"""Trains a model for 6 epochs, and one for 2, 2 and 2 epochs; prints both, and how they differ.

python continuation_program.py FOLDER CASE..., each some of "mixed subclassed plateau stopped".
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np

import kt_extensions as kte
from kt_extensions.callbacks import CosineDecay, WarmupDecay
from kt_extensions.history import Run
from kt_extensions.oracles import SamplerOracle
from kt_extensions.samplers import Random
from kt_extensions.schedulers.base import Done, Start

RNG = np.random.default_rng(0)
X = RNG.random((50, 6, 6, 1))
Y = (X.mean(axis=(1, 2, 3)) > 0.5).astype("int32")


class Rungs:
    """A scheduler of one configuration, which is trained to one epoch after the other."""

    description = None
    n_trials = None

    def __init__(self, *epochs: int) -> None:
        self._epochs = epochs

    def next(self, history: Any, exhausted: bool = False) -> Any:
        rung = len(history)
        if rung >= len(self._epochs):
            return Done()
        return Start(Run(0, rung, self._epochs[rung], rung - 1))

    def halvings(self, bracket: int) -> int:
        return len(self._epochs) - 1


class Network(keras.Model):
    """A model that declares no inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers()

    def call(self, x: Any, training: bool = False) -> Any:
        for layer in self.parts:
            x = layer(x, training=training) if layer.name in TRAINED else layer(x)
        return x


case: list[str] = []
"""What is special in the trainings now."""
TRAINED = ("flip", "noise", "normalization", "dropout")


def layers() -> list[Any]:
    return [
        keras.layers.RandomFlip("horizontal", name="flip"),
        keras.layers.GaussianNoise(0.1, name="noise"),
        keras.layers.Conv2D(3, 3),
        keras.layers.BatchNormalization(name="normalization"),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.3, name="dropout"),
        keras.layers.Dense(2, dtype="float32"),
    ]


def build(hp: kt.HyperParameters) -> keras.Model:
    subclassed = "subclassed" in case
    model = Network() if subclassed else keras.Sequential([keras.Input((6, 6, 1)), *layers()])
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate), loss, metrics=["accuracy"])
    return model


class End(keras.callbacks.Callback):
    """Keeps the state in which the last training ended."""

    arrays: list[Any] = []  # noqa: RUF012

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        variables = [*self.model.variables, *self.model.optimizer.variables]
        self.arrays[:] = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def train(folder: Path, *epochs: int) -> tuple[list[Any], dict[str, Any]]:
    oracle = SamplerOracle("val_loss", None, seed=5, sampler=Random(), scheduler=Rungs(*epochs))
    tuner = kte.Tuner(oracle, build, directory=folder, project_name="project")
    histories = []
    run_trial = tuner.run_trial
    tuner.run_trial = lambda *a, **k: histories.append(run_trial(*a, **k)) or histories[-1]
    patience = 1 if "stopped" in case else 4
    callbacks = [
        WarmupDecay(3, CosineDecay(5)),
        keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True),
        End(),
    ]
    if "plateau" in case:
        callbacks = [keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3), End()]
    tuner.search(X, Y, validation_split=0.2, batch_size=8, verbose=0, callbacks=callbacks)
    trials = list(oracle.trials.values())
    assert {trial.status for trial in trials} == {"COMPLETED"}, [t.message for t in trials]
    history = histories[-1][0]
    named = "subclassed" not in case  # KerasTuner cannot load a model that declares no inputs
    weights = tuner.load_model(trials[-1]).get_weights() if named else []
    known = {"history": history.history, "epoch": history.epoch, "score": trials[-1].score}
    return [*End.arrays, *weights], known | {"best_step": trials[-1].best_step}


def compare(folder: Path) -> list[Any]:
    keras.mixed_precision.set_global_policy("mixed_float16" if "mixed" in case else "float32")
    whole, known = train(folder / "whole", 6)
    parts, known_of_parts = train(folder / "parts", 2, 4, 6)
    pairs = list(zip(whole, parts, strict=True))
    differing = sum(not np.array_equal(a, b) for a, b in pairs)
    return [len(pairs), differing, known, known_of_parts]


def main(folder: Path, *cases: str) -> None:
    gc.collect()
    gc.freeze()  # KerasTuner collects garbage in each trial
    found = {}
    for name in cases:
        case[:] = name.split()
        found[name] = compare(folder / name)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
