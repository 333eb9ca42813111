"""The gradients that TensorFlow registers while it traces."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

import kt_extensions as kte
from kt_extensions.tuners.gradients import tie_to_graphs

X = np.random.default_rng(0).random((24, 4)).astype("float32")
Y = (X.sum(axis=1) > 2).astype("int32")


@pytest.fixture(autouse=True)
def before() -> Iterator[set[str]]:
    """The names that were registered before the test."""
    keras.backend.clear_session()
    gc.collect()
    yield set(ops.gradient_registry._registry)


def registered(before: set[str]) -> set[str]:
    return set(ops.gradient_registry._registry) - before


@tf.custom_gradient
def twice(x: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The double of a number, whose gradient pretends to be seven."""
    return 2 * x, lambda upstream: 7 * upstream


def network() -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    return model


def test_tensorflow_never_forgets(before: set[str]) -> None:
    """Should this fail, TensorFlow has mended it, and `gradients.py` is of no use any more."""
    network().fit(X, Y, verbose=0)
    keras.backend.clear_session()
    gc.collect()
    assert registered(before)


def test_gradients_go_with_their_model(before: set[str]) -> None:
    network().fit(X, Y, verbose=0)
    tie_to_graphs()
    keras.backend.clear_session()
    gc.collect()
    assert registered(before) == set()


def test_a_model_that_is_kept_trains_on(before: set[str]) -> None:
    """Also with batches of another size, for which Keras traces again."""
    models = [network(), network()]
    models[1].set_weights(models[0].get_weights())
    for model, batch_size in itertools.product(models, (8, 5)):
        history = model.fit(X, Y, batch_size=batch_size, shuffle=False, verbose=0, epochs=2)
        if model is models[1]:
            tie_to_graphs()
            gc.collect()
    assert registered(before)
    for expected, found in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.isfinite(history.history["loss"]).all()


def plain(x: Any) -> Any:
    return twice(x)


def looped(x: Any) -> Any:
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, twice(y)), [0, x])[1]


def nested(x: Any) -> Any:
    return tf.function(plain)(x) + tf.cond(x > 0, lambda: twice(x), lambda: x)


@pytest.mark.parametrize(("function", "slope"), [(plain, 7.0), (looped, 343.0), (nested, 14.0)])
def test_a_traced_function_is_differentiated_later(function: Any, slope: float) -> None:
    """It is the first gradient that looks up those of the operations."""
    traced = tf.function(function)
    x = tf.Variable(1.5)
    traced(tf.constant(1.5))
    tie_to_graphs()
    gc.collect()
    with tf.GradientTape() as tape:
        y = traced(tf.convert_to_tensor(x))
    assert tape.gradient(y, x) == slope


def test_it_may_be_called_again_and_again(before: set[str]) -> None:
    traced = tf.function(lambda x: twice(x))
    for x in (1.0, [1.0, 2.0], [[3.0]]):
        traced(tf.constant(x))
        tie_to_graphs()
        tie_to_graphs()
    assert len(registered(before)) == 3
    del traced
    gc.collect()
    assert registered(before) == set()


@pytest.mark.parametrize("oracle", ["ours", "kerastuner's"])
def test_a_search_keeps_no_graph(tmp_path: Path, before: set[str], oracle: str) -> None:
    left = []

    def build(hp: kt.HyperParameters) -> keras.Model:
        left.append(len(registered(before)))
        hp.Float("x", 0.0, 1.0)
        return network()

    kind = {"ours": kte.oracles.TPEOracle, "kerastuner's": kt.oracles.RandomSearchOracle}[oracle]
    tuner = kte.Tuner(kind("val_loss", max_trials=6, seed=1), build, directory=tmp_path)
    tuner.search(X, Y, validation_split=0.25, verbose=0)
    assert len(left) == 7
    assert max(left) == 0
    gc.collect()
    assert registered(before) == set()
