"""Data in an order of our own are weighted as Keras weighs arrays, or left to it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from kt_extensions.snapshot import Continuation, Order

RNG = np.random.default_rng(0)
X, A, B = RNG.normal(size=(16, 3)), RNG.normal(size=(16, 1)), RNG.normal(size=(16, 1))
W = np.linspace(0, 2, 16)


def model_of(y: Any) -> keras.Model:
    """Returns a model whose outputs have the structure of the targets."""
    inputs, names = keras.Input((3,)), iter("op")
    outputs = keras.tree.map_structure(lambda _: keras.layers.Dense(1, name=next(names))(inputs), y)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", keras.tree.map_structure(lambda _: "mse", y))
    return model


def losses(y: Any, order: Order | None, **weights: Any) -> dict[str, list[float]]:
    """Trains with all rows in each batch: the order changes nothing but roundings."""
    keras.utils.set_random_seed(0)
    model = model_of(y)
    continuation = Continuation(order=order)
    settings = {"batch_size": 16, "epochs": 2, "verbose": 0, "callbacks": [continuation]}
    return continuation.attach(model).fit(X, y, **settings, **weights).history


def losses_of_both(y: Any, **weights: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the losses of a training in our order, and what they are to be: those of Keras'."""
    expected = losses(y, None, **weights)
    return losses(y, Order(0), **weights), {n: pytest.approx(v) for n, v in expected.items()}


@pytest.mark.parametrize("split", [0.0, 0.25])
@pytest.mark.parametrize(
    ("y", "weights"),
    [
        ([A, B], [W, None]),
        ([A, B], [None, W]),
        ({"a": A, "b": B}, {"a": W, "b": None}),
        ([A, B], [None, None]),
        ([A, B], W),
        ([A, B], W[:, None]),
    ],
)
def test_rows_may_be_weighted_for_some_outputs(y: Any, weights: Any, split: float) -> None:
    found, expected = losses_of_both(y, sample_weight=weights, validation_split=split)
    assert found == expected


@pytest.mark.parametrize(
    ("y", "weights", "reason"),
    [
        ({"a": A, "b": B}, {"a": W}, "one `sample_weight` array per output"),
        ([A, B], {"a": W, "b": W}, "one `sample_weight` array per output"),
        ([A, B], np.ones((16, 3)), "only have one scalar score per sample"),
    ],
)
def test_keras_tells_what_is_wrong_with_weights_of_rows(y: Any, weights: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        losses(y, Order(0), sample_weight=weights)


def test_keras_tells_that_targets_are_missing() -> None:
    with pytest.raises(ValueError, match=r"None|dtype") as expected:
        losses([A, None], None)
    with pytest.raises(ValueError, match=r"None|dtype") as found:
        losses([A, None], Order(0))
    assert str(found.value).splitlines()[0] == str(expected.value).splitlines()[0]


@pytest.mark.parametrize("split", [0.0, 0.25])
@pytest.mark.parametrize(
    ("y", "weights"),
    [
        (np.where(A > 0, 1, -1), {-1: 2.0, 1: 3.0}),
        (np.where(A > 0, 1.0, -1.0)[:, 0], {-1: 2.0, 1: 3.0}),
        (np.where(A > 0, 2, 0), {0: 3.0}),
        (A > 0, {0: 2.0, 1: 3.0}),
    ],
)
def test_labels_of_classes_may_be_any_integers(
    y: Any, weights: dict[int, float], split: float
) -> None:
    found, expected = losses_of_both(y, class_weight=weights, validation_split=split)
    assert found == expected


def test_classes_of_one_hot_targets() -> None:
    inputs = keras.Input((3,))
    y = keras.utils.to_categorical(np.arange(16) % 3)
    found = []
    for order in (None, Order(0)):
        keras.utils.set_random_seed(0)
        model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
        model.compile("sgd", "mse")
        continuation = Continuation(order=order)
        fit = continuation.attach(model).fit
        settings = {"batch_size": 16, "verbose": 0, "callbacks": [continuation]}
        found.append(fit(X, y, class_weight={1: 5.0}, **settings).history["loss"])
    assert found[1] == pytest.approx(found[0])


def test_keras_tells_that_both_weights_are_too_many() -> None:
    with pytest.raises(ValueError, match="at the same time"):
        losses((A > 0).astype(int), Order(0), class_weight={0: 2.0}, sample_weight=W)
