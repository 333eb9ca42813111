"""A model and data so small that a training takes a moment."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.random((48, 4)).astype("float32")
Y = (X.sum(axis=1) > 2).astype("float32")
DATA: dict[str, Any] = {"validation_split": 0.5, "batch_size": 12, "verbose": 0}


def build(hp: kt.HyperParameters) -> keras.Model:
    """Returns a network with a range, a logarithmic one, and one beside an option only."""
    units = hp.Int("units", 2, 8)
    layers = [keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(0.2)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, "sigmoid")])
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    momentum = 0.0
    if hp.Choice("kind", ["plain", "momentum"]) == "momentum":
        with hp.conditional_scope("kind", ["momentum"]):
            momentum = hp.Float("momentum", 0.0, 0.9, step=0.1)
    optimizer = keras.optimizers.SGD(rate, momentum=momentum)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model
