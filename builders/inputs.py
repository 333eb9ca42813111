"""Normalization of a model's inputs, adapted to the data that it is trained on."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from kt_extensions import ranges

from .data import is_arrays

_ROUNDING = 1e-12  # of a variance in 32 bits, as a share of the squared mean
NAME = "input_normalization"

OFF = ranges.Fixed(NAME, False)  # of inputs that are no numbers, or go to a backbone as they are

_ENDLESS = -1  # tf.data.INFINITE_CARDINALITY


def normalized(x: Any) -> Any:
    """Returns the inputs after a normalization of each feature (of the last axis).

    Until `adapt_inputs` is called on the model, the layer passes its inputs on as they are.
    """
    return keras.layers.Normalization(name=NAME)(x)


def adapt_inputs(model: keras.Model, x: Any) -> None:
    """Gives a model's input normalization the means and variances of the training data.

    The hypermodels `MLP`, `CNN` and `GRU` do this themselves before they train. Beside a builder
    function, call it on the model before its first `fit`. A model without that layer is left as it
    is.

    Args:
        model: A model from a builder of this package, not trained yet.
        x: The inputs to train on: what the model takes as an array, a dictionary of arrays, or a
            `tf.data.Dataset` of batches.

    Raises:
        ValueError: If the data can be read only once, as those of a generator, or do not end.

    Example:

    >>> import keras_tuner as kt, numpy as np
    >>> from kt_extensions.builders import build_mlp
    >>> x = np.array([[1.0], [3.0]])
    >>> model = build_mlp(
    ...     kt.HyperParameters(), input_shape=(1,), outputs=2, input_normalization=True
    ... )
    >>> adapt_inputs(model, x)
    >>> layer = model.get_layer("input_normalization")
    >>> keras.ops.convert_to_numpy(layer(x)).ravel().tolist()
    [-1.0, 1.0]
    """
    layer = next((layer for layer in model.layers if layer.name == NAME), None)
    if layer is None:
        return
    check_adaptable(x)
    before = keras.Model(model.input, layer.input)
    if is_arrays(x):
        layer.adapt(keras.ops.convert_to_numpy(before(x)))
    else:
        layer.adapt(x.map(lambda inputs, *_: _shaped(before(inputs), layer.input.shape)))
    _keep_constants(layer)


def _keep_constants(layer: keras.layers.Normalization) -> None:
    """Has a feature that is constant in the training data only lose its mean.

    Divided by a deviation of 0, or of rounding, another value of it would become huge later.
    """
    mean = keras.ops.convert_to_numpy(layer.adapt_mean)
    variance = keras.ops.convert_to_numpy(layer.adapt_variance)
    constant = variance <= _ROUNDING * np.square(mean)
    layer.adapt_variance.assign(np.where(constant, 1.0, variance))
    layer.finalize_state()


def _shaped(x: Any, shape: tuple[int | None, ...]) -> Any:
    """Returns a tensor of a dataset, which may not tell its shape, with the one that it has."""
    x.set_shape(shape)
    return x


def check_adaptable(x: Any) -> None:
    """Checks that a normalization can be adapted to inputs.

    Raises:
        ValueError: If they can be read only once, or do not end.
    """
    if is_arrays(x):
        return
    if not hasattr(x, "element_spec"):
        raise ValueError(
            "Expected arrays or a tf.data.Dataset, whose means the input normalization takes. "
            f"Received: {type(x).__name__}. Pass one of these, or `input_normalization=False`."
        )
    if int(x.cardinality()) == _ENDLESS:
        raise ValueError(
            "Expected a tf.data.Dataset that ends, whose means the input normalization takes. "
            "Received: one that repeats for ever. Pass it without `repeat()`, or "
            "`input_normalization=False`."
        )


def training_part(x: Any, validation_split: float) -> Any:
    """Returns the rows that `Model.fit` trains on if it is given a validation split."""
    if not validation_split or not is_arrays(x):
        return x
    first = keras.tree.flatten(x)[0]
    end = math.floor(len(first) * (1 - validation_split))
    return keras.tree.map_structure(lambda leaf: leaf[:end], x)
