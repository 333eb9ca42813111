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


FAMILIES = {"mlp": mlp}


def samples(name):
    """Returns a hypermodel of a family, and inputs and labels for it."""
    hypermodel, x = FAMILIES[name]()
    return hypermodel, x, np.arange(len(keras.tree.flatten(x)[0])) % CLASSES
