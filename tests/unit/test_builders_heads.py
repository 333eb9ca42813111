"""What a task makes of a model's outputs."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import MLP
from kt_extensions.builders.losses import SmoothedSparseCategoricalCrossentropy


def built(**arguments):
    return MLP(**{"input_shape": (4,), "depth": 1, **arguments}).build(kt.HyperParameters())


@pytest.mark.parametrize(
    ("outputs", "task", "activation", "loss", "metrics", "y"),
    [
        (3, None, "softmax", "sparse_categorical_crossentropy", {"accuracy"}, [0, 1, 2, 0]),
        (2, "classification", "softmax", "sparse_categorical_crossentropy", {"accuracy"}, [0, 1]),
        (1, "classification", "sigmoid", "BinaryCrossentropy", {"accuracy", "auc"}, [0, 1, 1]),
        (3, "multilabel", "sigmoid", "BinaryCrossentropy", {"accuracy", "auc"}, [[0, 1, 1]] * 2),
        (1, "regression", "linear", "mean_squared_error", {"mae", "rmse"}, [0.1, -2, 3, 4]),
        (2, "regression", "linear", "mean_squared_error", {"mae", "rmse"}, [[0.1, 2], [3, 3]]),
    ],
)
def test_task_sets_head_loss_and_metrics(outputs, task, activation, loss, metrics, y):
    model = built(outputs=outputs, task=task)
    assert model.output_shape == (None, outputs)
    assert model.layers[-1].activation is keras.activations.get(activation)
    assert (model.loss if isinstance(model.loss, str) else type(model.loss).__name__) == loss
    logs = model.fit(np.ones((len(y), 4)), np.array(y), verbose=0).history
    assert logs.keys() == {"loss", *metrics}


def test_targets_of_a_regression_may_have_a_shape():
    model = built(outputs=(5, 2), task="regression")
    assert model.output_shape == (None, 5, 2)
    model.fit(np.ones((6, 4)), np.zeros((6, 5, 2)), verbose=0)


def test_several_named_outputs():
    outputs = {"price": 1, "kind": 3, "tags": 4}
    task = {"price": "regression", "kind": "classification", "tags": "multilabel"}
    model = built(outputs=outputs, task=task)
    y = {"price": np.ones(8), "kind": np.zeros(8, int), "tags": np.zeros((8, 4))}
    logs = model.fit(np.ones((8, 4)), y, verbose=0).history
    assert {"price_mae", "price_rmse", "kind_accuracy", "tags_auc"} < logs.keys()
    shapes = {name: output.shape for name, output in model.predict(np.ones((2, 4))).items()}
    assert shapes == {"price": (2, 1), "kind": (2, 3), "tags": (2, 4)}


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1.0], [np.nan]], "`y` to be finite. Received: 1 that are NaN or infinite"),
        ([["1"], ["2"]], "`y` to be numbers. Received: dtype <U1"),
    ],
)
def test_targets_of_a_regression_are_finite_numbers(y, message):
    hypermodel = MLP(input_shape=(4,), outputs=1, task="regression")
    with pytest.raises(ValueError, match=message):
        hypermodel.check(np.ones((2, 4)), np.array(y))


def test_classes_of_a_named_output_are_not_weighed():
    with pytest.raises(ValueError, match="'none' unless the task is"):
        MLP(input_shape=(4,), outputs={"kind": 3}, class_weight="balanced")


def test_loss_of_a_regression_is_tunable():
    hp = kt.HyperParameters()
    hp.values["loss"] = "huber"
    losses = ["mean_absolute_error", "huber"]
    model = MLP(input_shape=(4,), outputs=1, task="regression", loss=losses).build(hp)
    assert model.loss == "huber"
    assert next(p.values for p in hp.space if p.name == "loss") == losses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"outputs": 3, "loss": "huber"}, "`loss` to be None where nothing is a regression"),
        (
            {"outputs": 1, "task": "regression", "loss": "hubert"},
            "`loss` to be one of .* Did you mean 'huber'",
        ),
        (
            {"outputs": 1, "task": "regression", "label_smoothing": 0.1},
            "`label_smoothing` to be 0 in a regression",
        ),
        ({"outputs": 3, "label_smoothing": 1}, "`label_smoothing` to be a number .* below 1"),
        ({"outputs": {"a": 1, "b": 3}, "task": {"a": "regression"}}, r"keys \['a', 'b'\]"),
        ({"outputs": {"a": 1}}, "A single output can be either"),
        ({"outputs": {}}, "`task` to be"),
        ({"outputs": {"a/b": 2}}, "`outputs` to be a dictionary by names"),
        ({"outputs": {"my price": 2, "b": 3}}, "letters A to Z, .*Received: outputs='my price'"),
        ({"outputs": {"größe": 2, "b": 3}}, "Received: outputs='größe'. Rename it"),
        ({"outputs": (2, 2), "task": "classification"}, "`outputs` to be an integer"),
        ({"outputs": (2, 0), "task": "regression"}, "shape of the targets of one sample"),
        (
            {"outputs": 1, "task": "regression", "class_weight": "balanced"},
            "`class_weight` to be 'none' unless",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(input_shape=(4,), **arguments)


@pytest.mark.parametrize("labels", [[0, 2, 1], [[0], [2], [1]]])
def test_smoothed_loss_is_that_of_one_hot_labels(labels):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 3).astype("float32")
    loss = SmoothedSparseCategoricalCrossentropy(0.1)(np.array(labels), probabilities)
    target = np.eye(3)[[0, 2, 1]] * 0.9 + 0.1 / 3
    expected = -(target * np.log(probabilities)).sum(-1).mean()
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_smoothing_none_is_the_sparse_cross_entropy():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 5).astype("float32")
    labels = np.array([0, 1, 2, 2, 1])
    plain = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    smoothed = SmoothedSparseCategoricalCrossentropy(0.0)(labels, probabilities)
    assert float(smoothed) == pytest.approx(float(keras.ops.mean(plain)), rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 4])
def test_smoothed_models_are_saved_and_loaded(outputs, tmp_path):
    model = built(outputs=outputs, task="classification", label_smoothing=0.2)
    x, y = np.random.default_rng(0).normal(size=(8, 4)), np.zeros(8)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, verbose=0)[0] == pytest.approx(model.evaluate(x, y, verbose=0)[0])


def test_heads_compute_in_32_bits():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = built(outputs=3)
        assert model.layers[-1].compute_dtype == "float32"
        assert model.layers[-2].compute_dtype == "float16"
    finally:
        keras.config.set_dtype_policy(policy)
