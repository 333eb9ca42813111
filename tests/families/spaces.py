"""Search spaces in which everything is searched that a family can search, on small data."""

import keras
import numpy as np

from kt_extensions import builders
from kt_extensions.builders.layers import ACTIVATIONS, INITIALIZERS, NORMALIZATIONS
from kt_extensions.builders.optimizers import OPTIMIZERS

WHOLE = {
    "label_smoothing": (0.0, 0.2),
    "activation": ACTIVATIONS,
    "normalization": NORMALIZATIONS,
    "normalization_momentum": (0.5, 0.99),
    "dropout": (0.0, 0.5),
    "output_dropout": (0.0, 0.5),
    "residual": [False, True],
    "initializer": [*INITIALIZERS],
    "l2": (1e-6, 1e-2),
    "input_normalization": [False, True],
    "optimizer": [*OPTIMIZERS],
    "clip_norm": (0.1, 10.0),
    "beta_1": (0.8, 0.95),
    "beta_2": (0.9, 0.999),
    "epsilon": (1e-8, 1e-3),
    "batch_size": (4, 16),
    "epochs": [1, 2],
    "patience": (1, 3),
    "class_weight": ["none", "balanced"],
    "schedule": ["fixed", "inverse_time", "exponential", "step", "cosine", "plateau"],
    "warmup_epochs": (0, 2),
}
CLASSES = 3


def mlp():
    """Returns a hypermodel of perceptrons, and data for it."""
    columns = {"a": "number", "b": "number", "c": [1, 2, 5]}
    hypermodel = builders.MLP(
        input_shape=columns,
        outputs=CLASSES,
        depth=(1, 10),
        units=(4, 16),
        width=["constant", "each", "pyramid"],
        wide=[False, True],
        embedding_size=(2, 4),
        **WHOLE,
    )
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=12), "b": rng.normal(size=12), "c": rng.choice([1, 2, 5], 12)}
    return hypermodel, x


def cnn():
    """Returns a hypermodel of convolutional networks, and data for it."""
    hypermodel = builders.CNN(
        input_shape=(9, 8, 1),
        outputs=CLASSES,
        blocks=(1, 5),
        convolutions=(1, 2),
        filters=(2, 8),
        downsampling=["max", "average", "stride", "none"],
        pooling=["average", "max", "flatten"],
        dense_units=[0, 8],
        flip=["none", "horizontal", "both"],
        rotation=(0.0, 0.2),
        zoom=(0.0, 0.2),
        contrast=(0.0, 0.2),
        **WHOLE,
    )
    return hypermodel, np.random.default_rng(0).uniform(0, 255, (12, 9, 8, 1)).astype("uint8")


def gru():
    """Returns a hypermodel of recurrent networks, and padded sequences for it."""
    hypermodel = builders.GRU(
        input_shape=(7, 2),
        outputs=CLASSES,
        cell=["gru", "lstm", "simple"],
        depth=(1, 3),
        units=(2, 8),
        width=["constant", "each", "pyramid"],
        bidirectional=[False, True],
        recurrent_dropout=[0.0, 0.2],
        conv_layers=(0, 2),
        filters=(2, 8),
        kernel_size=(1, 9),
        dense_units=[0, 8],
        window=(2, 7),
        padding_value=0.0,
        **WHOLE,
    )
    x = np.random.default_rng(0).normal(size=(12, 7, 2))
    x[::3, 4:] = 0.0
    return hypermodel, x.astype("float32")


FAMILIES = {"mlp": mlp, "cnn": cnn, "gru": gru}


def samples(name):
    """Returns a hypermodel of a family, and inputs and labels for it."""
    hypermodel, x = FAMILIES[name]()
    return hypermodel, x, np.arange(len(keras.tree.flatten(x)[0])) % CLASSES
