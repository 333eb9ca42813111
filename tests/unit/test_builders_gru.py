"""The search space of recurrent networks, and the models in it."""

import inspect
import subprocess
import sys

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import GRU, adapt_inputs, build_gru, windows

PADDING = -9.0
LENGTHS = (8, 5, 1, 6)


def space_of(**arguments):
    """Returns the hyperparameters of a space by name."""
    hp = kt.HyperParameters()
    build_gru(hp, **{"input_shape": (8, 3), "outputs": 2, **arguments})
    names = [p.name for p in hp.space]
    assert len(set(names)) == len(names)
    return {p.name: p for p in hp.space}


def model_of(**arguments):
    """Returns a small model with the first value of each range that is not given."""
    keras.utils.set_random_seed(0)
    small = {"input_shape": (8, 3), "outputs": 2, "cell": "gru", "units": 4}
    return build_gru(kt.HyperParameters(), **{**small, **arguments})


def predictions(model, x):
    return keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(x), training=False))


def padded(value=PADDING, before=0, after=0):
    """Returns sequences of lengths 8, 5, 1 and 6 with padding before and after them."""
    values = np.random.default_rng(0).normal(size=(4, 8, 3))
    x = np.full((4, before + 8 + after, 3), value, "float32")
    for row, length in enumerate(LENGTHS):
        x[row, before : before + length] = values[row, :length]
    return x


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_names_and_conditions_of_the_whole_space():
    space = space_of()
    conditions = {name: [(c.name, c.values) for c in p.conditions] for name, p in space.items()}
    some = [("conv_layers", [1])]
    assert conditions == {
        "depth": [],
        "units_0": [],
        "units_1": [("depth", [2])],
        "cell": [],
        "pooling": [],
        "conv_layers": [],
        "filters": some,
        "kernel_size": some,
        "activation": some,
        "normalization": [],
        "dropout": [],
        "optimizer": [],
        "learning_rate": [],
        "momentum": [("optimizer", ["nesterov"])],
        "rho": [("optimizer", ["rmsprop"])],
        "weight_decay": [("optimizer", ["adamw"])],
    }


@pytest.mark.parametrize(
    ("arguments", "condition"),
    [
        ({"conv_layers": 1}, []),
        ({"conv_layers": [0, 2, 3]}, [("conv_layers", [2, 3])]),
        ({"conv_layers": 0, "dense_units": [0, 8]}, [("dense_units", [8])]),
        ({"conv_layers": 0, "dense_units": (4, 8)}, []),
        ({"conv_layers": (0, 2), "dense_units": [0, 8]}, []),
        ({"conv_layers": 0}, None),
        ({"conv_layers": 0, "dense_units": 0}, None),
    ],
)
def test_activation_is_searched_where_some_layer_has_one(arguments, condition):
    activation = space_of(**arguments).get("activation")
    found = activation and [(c.name, c.values) for c in activation.conditions]
    assert found == condition


def test_wholly_fixed_space_is_empty():
    model = model_of(
        cell="lstm",
        depth=2,
        bidirectional=True,
        pooling="attention",
        conv_layers=1,
        filters=8,
        kernel_size=3,
        dense_units=6,
        activation="relu",
        normalization="layer",
        dropout=0.1,
        optimizer="adam",
        learning_rate=0.01,
        window=4,
        padding_value=PADDING,
        input_normalization=True,
    )
    after = ["LayerNormalization", "Activation", "Dropout"]
    assert kinds(model) == [
        *("InputLayer", "LastSteps", "StepNormalization"),
        *("StepConvolution", *after),
        *("Bidirectional", "LayerNormalization", "Dropout"),
        *("Bidirectional", "LayerNormalization", "AttentionSteps", "Dropout"),
        *("Dense", *after, "Dense"),
    ]
    convolution = model.layers[3]
    assert (convolution.filters, convolution.kernel_size, convolution.use_bias) == (8, (3,), False)
    assert [type(model.layers[i].forward_layer) for i in (7, 10)] == [keras.layers.LSTM] * 2


@pytest.mark.parametrize(
    ("arguments", "name", "found"),
    [
        ({"cell": ["gru", "simple"]}, "cell", ["gru", "simple"]),
        ({"bidirectional": [False, True]}, "bidirectional", None),
        ({"pooling": ["last", "average"]}, "pooling", ["last", "average"]),
        ({"window": [3, 5]}, "window", [3, 5]),
        ({"recurrent_dropout": [0, 0.2]}, "recurrent_dropout", [0.0, 0.2]),
        ({"dense_units": [0, 16]}, "dense_units", [0, 16]),
    ],
)
def test_lists_are_choices(arguments, name, found):
    assert (
        name not in space_of(bidirectional=False, cell="gru", pooling="last") or name in arguments
    )
    assert getattr(space_of(**arguments)[name], "values", None) == found or found is None


@pytest.mark.parametrize(
    ("arguments", "name", "expected"),
    [
        ({"window": (2, 8)}, "window", (2, 8, "log")),
        ({"dense_units": (0, 8)}, "dense_units", (0, 8, "linear")),
        ({"dense_units": (4, 8)}, "dense_units", (4, 8, "log")),
        ({"filters": (4, 8)}, "filters", (4, 8, "log")),
    ],
)
def test_tuples_are_ranges(arguments, name, expected):
    p = space_of(**arguments)[name]
    assert (p.min_value, p.max_value, p.sampling) == expected


def test_depth_widths_and_cells_of_the_layers():
    model = model_of(depth=3, units=8, width="pyramid", cell="simple", bidirectional=True)
    layers = [layer for layer in model.layers if hasattr(layer, "forward_layer")]
    assert [layer.forward_layer.units for layer in layers] == [8, 4, 2]
    assert {type(layer.forward_layer) for layer in layers} == {keras.layers.SimpleRNN}
    assert [layer.forward_layer.return_sequences for layer in layers] == [True, True, False]


@pytest.mark.parametrize("pooling", ["last", "average", "attention"])
def test_residual_projects_only_other_widths(pooling):
    model = model_of(depth=3, units=4, width="constant", residual=True, pooling=pooling)
    assert kinds(model).count("Add") == 3
    assert kinds(model).count("Dense") == 2  # One for 3 features to 4 units, one for the outputs.


def test_recurrent_dropout_is_off_unless_asked_for():
    assert model_of().layers[1].recurrent_dropout == 0
    assert model_of(recurrent_dropout=0.25).layers[1].recurrent_dropout == 0.25


@pytest.mark.parametrize("cell", ["gru", "lstm", "simple"])
@pytest.mark.parametrize("pooling", ["last", "average", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("conv_layers", [0, 2])
def test_padding_has_no_part_in_predictions(cell, pooling, bidirectional, conv_layers):
    settings = {
        "input_shape": (None, 3),
        "cell": cell,
        "depth": 2,
        "pooling": pooling,
        "bidirectional": bidirectional,
        "conv_layers": conv_layers,
        "normalization": "batch",
        "input_normalization": True,
        "residual": True,
    }
    model = model_of(padding_value=PADDING, **settings)
    adapt_inputs(model, padded())
    expected = predictions(model, padded())
    longer = [padded(before=2), padded(after=2), padded(before=1, after=1)]
    found = predictions(model, np.concatenate(longer))
    np.testing.assert_allclose(found, np.tile(expected, (3, 1)), atol=1e-6)
    alone = predictions(model, padded()[2:3, :1])  # The third sequence has one step.
    np.testing.assert_allclose(alone, expected[2:3], atol=1e-6)
    other = model_of(padding_value=5.0, **settings)
    adapt_inputs(other, padded(5.0))
    np.testing.assert_allclose(predictions(other, padded(5.0)), expected, atol=1e-6)


def test_batch_statistics_leave_padding_out():
    moved = []
    for x in (padded(), padded(after=9)):
        model = model_of(
            input_shape=(None, 3),
            padding_value=PADDING,
            pooling="average",
            normalization="batch",
            normalization_momentum=0.0,
            conv_layers=1,
        )
        model(x, training=True)
        layers = [layer for layer in model.layers if "Batch" in type(layer).__name__]
        moved.append([keras.ops.convert_to_numpy(layer.moving_mean) for layer in layers])
    for ours, theirs in zip(*moved, strict=True):
        assert np.abs(ours).max() > 0
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_normalization_of_inputs_leaves_padding_out():
    model = model_of(padding_value=PADDING, input_normalization=True)
    adapt_inputs(model, padded())
    true = np.concatenate([padded()[row, :length] for row, length in enumerate(LENGTHS)])
    layer = model.get_layer("input_normalization")
    found = keras.ops.convert_to_numpy(layer.mean).ravel()
    np.testing.assert_allclose(found, true.mean(0), rtol=1e-4)


def test_sequence_of_nothing_but_padding_gives_finite_predictions():
    for pooling in ("last", "average", "attention"):
        model = model_of(padding_value=0.0, pooling=pooling, bidirectional=True, conv_layers=1)
        assert np.isfinite(predictions(model, np.zeros((2, 8, 3)))).all()


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("conv_layers", [0, 1])
@pytest.mark.parametrize("steps", [None, 8])
def test_prediction_depends_on_exactly_the_last_steps(window, conv_layers, steps):
    x = np.random.default_rng(0).normal(size=(1, 8, 3)).astype("float32")
    model = model_of(
        input_shape=(steps, 3), window=window, conv_layers=conv_layers, pooling="average"
    )
    expected = predictions(model, x)
    seen = []
    for step in range(8):
        changed = x.copy()
        changed[:, step] += 10
        seen.append(not np.allclose(predictions(model, changed), expected))
    assert seen == [step >= 8 - window for step in range(8)]


def test_window_of_padded_sequences_counts_true_steps():
    model = model_of(input_shape=(None, 3), window=2, padding_value=PADDING, conv_layers=1)
    expected = predictions(model, padded())
    np.testing.assert_allclose(predictions(model, padded(after=2)), expected, atol=1e-6)
    changed = padded()
    changed[1, :3] += 1  # The second sequence has five steps.
    np.testing.assert_allclose(predictions(model, changed), expected, atol=1e-6)
    changed[1, 3] += 1
    assert not np.allclose(predictions(model, changed)[1], expected[1])


@pytest.mark.parametrize("steps", [None, 6])
def test_tokens_are_embedded_and_zeros_masked(steps):
    tokens = {"input_shape": (steps,), "vocabulary_size": 9}
    model = model_of(**tokens, embedding_size=5, conv_layers=1, pooling="attention")
    assert kinds(model)[:3] == ["InputLayer", "LastSteps", "Embedding"]
    assert (model.layers[2].input_dim, model.layers[2].output_dim) == (9, 5)
    x = np.array([[1, 8, 2, 0, 0, 0], [0, 0, 0, 1, 8, 2]])
    ours, theirs = predictions(model, x)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    space = space_of(**tokens, input_normalization=[False, True])
    assert (space["embedding_size"].min_value, space["embedding_size"].max_value) == (8, 64)
    assert "input_normalization" not in space


def test_embedding_size_is_of_tokens_only():
    assert "embedding_size" not in space_of()


@pytest.mark.parametrize(
    ("targets", "outputs", "shape"),
    [(0, 4, (4,)), ([0, 2], (4, 2), (4, 2)), (None, (4, 3), (4, 3))],
)
def test_forecast_of_several_steps(targets, outputs, shape):
    series = np.random.default_rng(0).normal(size=(30, 3))
    x, y = windows(series, length=8, horizon=4, targets=targets)
    hypermodel = GRU(
        input_shape=(8, 3), outputs=outputs, task="regression", units=4, window=(2, 8), loss="huber"
    )
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    assert model.output_shape == (None, *shape)
    history = hypermodel.fit(hp, model, x, y, verbose=0).history
    assert np.isfinite(history["rmse"]).all()
    assert model.predict(x, verbose=0).shape == (len(x), *shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (8,)}, r"\(steps, features\). Received: input_shape=\(8,\). Series have"),
        ({"input_shape": (8, 3), "vocabulary_size": 5}, r"\(steps,\)"),
        ({"input_shape": (8, None)}, "positive integers"),
        ({"input_shape": (None, 0)}, "positive integers"),
        ({"input_shape": 8}, "input_shape=8"),
        ({"cell": "gro"}, "Did you mean 'gru'"),
        ({"pooling": "max"}, r"\['attention', 'average', 'last'\]"),
        ({"bidirectional": "yes"}, "True, False"),
        ({"depth": 0}, "`depth` to be an integer of at least 1"),
        ({"units": (64, 16)}, "Swap the two ends"),
        ({"recurrent_dropout": 1}, "below 1"),
        ({"conv_layers": -1}, "at least 0"),
        ({"kernel_size": 0}, "at least 1"),
        ({"dense_units": -1}, "at least 0"),
        ({"window": 9}, "at most 8, the steps of `input_shape`"),
        ({"window": (4, 9)}, "at most 8"),
        ({"window": 0}, "at least 1"),
        ({"padding_value": float("nan")}, "finite number or None"),
        ({"padding_value": "0"}, "finite number or None"),
        ({"input_shape": (8,), "vocabulary_size": 5, "padding_value": 1}, "whose padding is 0"),
        ({"input_shape": (8,), "vocabulary_size": 0}, "`vocabulary_size`"),
        ({"embedding_size": 0}, "`embedding_size`"),
    ],
)
def test_wrong_arguments_raise_before_any_trial(arguments, message):
    with pytest.raises(ValueError, match=message):
        GRU(**{"input_shape": (8, 3), "outputs": 2, **arguments})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 6, 1), int), r"the shape \(None, 6\)"),
        (np.zeros((4, 5), int), r"Received: \(4, 5\)"),
        (np.zeros((4, 6)), "dtype float64"),
        (np.full((4, 6), 9), "integers from 0, which is padding, to 8, .* from 9 to 9"),
        (np.full((4, 6), -1), "from -1 to -1"),
    ],
)
def test_tokens_that_do_not_fit_are_refused(x, message):
    hypermodel = GRU(input_shape=(6,), outputs=2, vocabulary_size=9)
    hypermodel.check(np.full((4, 6), 8), np.zeros(4))
    with pytest.raises(ValueError, match=message):
        hypermodel.check(x, np.zeros(4))


def test_series_of_any_length_are_accepted():
    hypermodel = GRU(input_shape=(None, 3), outputs=2)
    hypermodel.check(np.zeros((4, 5, 3)), np.zeros(4))
    with pytest.raises(ValueError, match=r"the shape \(None, None, 3\)"):
        hypermodel.check(np.zeros((4, 5, 2)), np.zeros(4))


@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_learns_to_read_digits_row_by_row(digits, pooling):
    keras.utils.set_random_seed(1)
    hypermodel = GRU(
        input_shape=(8, 8),
        outputs=10,
        cell="gru",
        depth=1,
        units=32,
        pooling=pooling,
        normalization="none",
        optimizer="adam",
        learning_rate=0.01,
        schedule="fixed",
        batch_size=32,
    )
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, digits.x.reshape(-1, 8, 8), digits.y, epochs=12, verbose=0)
    scores = model.evaluate(
        digits.x_val.reshape(-1, 8, 8), digits.y_val, verbose=0, return_dict=True
    )
    assert scores["accuracy"] > 0.9


@pytest.mark.parametrize(
    "arguments",
    [
        {"padding_value": PADDING, "conv_layers": 1, "pooling": "attention", "window": 3},
        {"padding_value": PADDING, "pooling": "average", "input_normalization": False},
        {"window": 4, "bidirectional": True, "depth": 2, "residual": True},
        {"input_shape": (None, 3), "cell": "lstm", "dense_units": 4},
    ],
)
def test_saved_model_predicts_the_same(arguments, tmp_path):
    model = model_of(**{"input_normalization": True, **arguments})
    adapt_inputs(model, padded())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        predictions(loaded, padded()), predictions(model, padded()), atol=1e-6
    )


def test_build_gru_takes_the_arguments_that_concern_the_model():
    ours = inspect.signature(build_gru).parameters
    theirs = inspect.signature(GRU).parameters
    names = [name for name in ours if name not in ("hp", "input_normalization")]
    assert {name: ours[name].default for name in names} == {
        name: theirs[name].default for name in names
    }


def test_name_scope_sets_two_networks_apart():
    hp = kt.HyperParameters()
    for name in ("a", "b"):
        with hp.name_scope(name):
            build_gru(hp, input_shape=(8, 3), outputs=2, conv_layers=(0, 1))
    names = [p.name for p in hp.space]
    assert {"a/filters", "b/filters"} <= set(names)
    assert len(set(names)) == len(names)


def test_saved_model_is_loaded_where_the_package_is_imported(tmp_path):
    model_of(padding_value=0.0).save(tmp_path / "model.keras")
    program = """
import keras, sys
try:
    keras.models.load_model(sys.argv[1])
except TypeError as error:
    print(error)
import kt_extensions.builders
print(keras.models.load_model(sys.argv[1]).output_shape)
"""
    arguments = [sys.executable, "-c", program, str(tmp_path / "model.keras")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "Could not locate class 'LastSteps'" in done.stdout
    assert done.stdout.endswith("(None, 2)\n")
