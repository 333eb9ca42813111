"""Normalization of a model's inputs, adapted to the data that it is trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kt_extensions import ranges

from .data import is_arrays
from .steps import StepNormalization

_ROUNDING = 1e-12  # of a variance in 32 bits, as a share of the squared mean
NAME = "input_normalization"

OFF = ranges.Fixed(NAME, False)  # of inputs that are no numbers, or go to a backbone as they are

_VALUES = 2**22  # of the inputs at a time, from which the means are taken
_ENDLESS = -1  # tf.data.INFINITE_CARDINALITY


def normalized(x: Any) -> Any:
    """Returns the inputs after a normalization of each feature (of the last axis).

    Until `adapt_inputs` is called on the model, the layer passes its inputs on as they are. It
    computes in 32 bits whatever the policy: a year or a salary does not fit into 16.
    """
    return keras.layers.Normalization(name=NAME, dtype="float32")(x)


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
    moments = _Moments(layer.input.shape[-1])
    for batch in _batches(x):
        features = before(batch)
        if isinstance(layer, StepNormalization):
            features = layer.true_rows(features)
        moments.add(keras.ops.convert_to_numpy(features))
    _assign(layer, moments)


class _Moments:
    """Mean and variance of each feature, of any number of values, in 64 bits.

    Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician
    1983, equation 2.1.

    Args:
        size: The number of features.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = np.zeros(size)
        self._squares = np.zeros(size)  # the sum of the squared distances from the mean

    def add(self, x: Any) -> None:
        """Adds values. Array `(..., size)`."""
        rows = x.reshape(-1, len(self.mean)).astype(np.float64)
        if not len(rows):
            return
        mean, count = rows.mean(axis=0), self.count + len(rows)
        apart = mean - self.mean
        self._squares += np.square(rows - mean).sum(axis=0)
        self._squares += np.square(apart) * (self.count * len(rows) / count)
        self.mean += apart * (len(rows) / count)
        self.count = count

    def variance(self) -> Any:
        """Returns the variances. Array `(size,)`."""
        return self._squares / max(self.count, 1)


def _batches(x: Any) -> Iterator[Any]:
    """Yields the inputs in parts that fit into memory, as arrays of NumPy's."""
    if not is_arrays(x):
        for batch in x:
            yield keras.tree.map_structure(
                np.asarray, batch[0] if isinstance(batch, tuple) else batch
            )
        return
    leaves = keras.tree.flatten(x)
    samples = max(_VALUES // max(math.prod(np.shape(leaf)[1:]) for leaf in leaves), 1)
    for start in range(0, len(leaves[0]), samples):
        part = slice(start, start + samples)
        yield keras.tree.map_structure(lambda leaf, part=part: leaf[part], x)


def _assign(layer: keras.layers.Normalization, moments: _Moments) -> None:
    """Gives a normalization its means and variances.

    A feature that is constant in the training data only loses its mean. Divided by a deviation of
    0, or of rounding, another value of it would become huge later.
    """
    mean, variance = moments.mean, moments.variance()
    constant = variance <= _ROUNDING * np.square(mean)
    shape = layer.adapt_mean.shape
    layer.adapt_mean.assign(mean.reshape(shape))
    layer.adapt_variance.assign(np.where(constant, 1.0, variance).reshape(shape))
    layer.finalize_state()


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
