"""The hyperparameters of training."""

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.errors import FatalValueError

import kt_extensions as kte
from kt_extensions.builders import MLP

X, Y = np.ones((64, 4)), np.zeros(64)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[:8], Y[:8]


def generator():
    while True:
        yield X[:8], Y[:8]


def steps_and_space(*args, batch_size=(16, 32), input_normalization=True, **kwargs):
    """Trains for an epoch; returns the optimizer's steps and the batch size's hyperparameters."""
    hypermodel = MLP(
        input_shape=(4,),
        outputs=3,
        batch_size=batch_size,
        input_normalization=input_normalization,
    )
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, *args, verbose=0, **kwargs)
    space = [p for p in hp.space if p.name == "batch_size"]
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations)), space


def test_default_is_a_choice():
    hp = kt.HyperParameters()
    hypermodel = MLP(input_shape=(4,), outputs=3)
    hypermodel.fit(hp, hypermodel.build(hp), X, Y, verbose=0)
    [batch_size] = [p for p in hp.space if p.name == "batch_size"]
    assert (batch_size.min_value, batch_size.max_value, batch_size.step) == (16, 128, 2)


@pytest.mark.parametrize("args", [(X, Y), (keras.ops.ones((64, 4)), Y)])
def test_batch_size_of_arrays_is_tuned(args):
    steps, [batch_size] = steps_and_space(*args)
    assert steps == 64 // 16
    assert (batch_size.min_value, batch_size.max_value, batch_size.sampling) == (16, 32, "log")


def test_keyword_arrays_are_tuned():
    steps, space = steps_and_space(x=X, y=Y)
    assert (steps, len(space)) == (4, 1)


def test_fixed_batch_size_is_used_and_not_tuned():
    assert steps_and_space(X, Y, batch_size=8) == (8, [])


def test_batch_size_passed_to_search_wins():
    hypermodel = MLP(input_shape=(4,), outputs=3)
    for args, kwargs in [((X, Y), {"batch_size": 64}), ((X, Y, 64), {})]:
        hp = kt.HyperParameters()
        model = hypermodel.build(hp)
        hypermodel.fit(hp, model, *args, **kwargs, verbose=0)
        assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 1
        assert "batch_size" not in [p.name for p in hp.space]


def test_data_in_batches_keep_theirs():
    plain = {"input_normalization": False, "shuffle": False}
    assert steps_and_space(Batches(), **plain) == (2, [])
    assert steps_and_space(generator(), steps_per_epoch=3, **plain) == (3, [])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_tf_datasets_keep_their_batches():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    assert steps_and_space(data, shuffle=False) == (2, [])


def test_random_search_finds_a_good_model(digits, tmp_path):
    hypermodel = MLP(input_shape=(64,), outputs=10, depth=(1, 2), learning_rate=(1e-3, 1e-2))
    tuner = kt.RandomSearch(
        hypermodel, "val_accuracy", max_trials=4, seed=1, directory=tmp_path, project_name="mlp"
    )
    validation = (digits.x_val, digits.y_val)
    tuner.search(digits.x, digits.y, validation_data=validation, epochs=5, verbose=0)
    best, *others = tuner.oracle.get_best_trials(4)
    assert best.score > 0.9
    sizes = {trial.hyperparameters.get("batch_size") for trial in (best, *others)}
    assert sizes <= {16, 32, 64, 128}
    assert len(sizes) > 1
    model = tuner.get_best_models()[0]
    _, accuracy = model.evaluate(*validation, verbose=0)
    assert accuracy == pytest.approx(best.score, abs=1e-6)


def fitted(values=(), x=X, y=Y, fit_arguments=(), **arguments):
    """Trains one configuration; returns the arguments that `Model.fit` got, and the model."""
    hypermodel = MLP(**{"input_shape": (4,), "outputs": 3, "schedule": "fixed", **arguments})
    hp = kt.HyperParameters()
    hp.values.update(values)
    model = hypermodel.build(hp)
    received = {}
    fit = model.fit

    def spy(*args, **kwargs):
        received.update(kwargs)
        return fit(*args, **kwargs)

    model.fit = spy
    hypermodel.fit(hp, model, x, y, verbose=0, **dict(fit_arguments))
    return received, model


def test_epochs_are_tuned():
    received, _ = fitted({"epochs": 3}, epochs=(1, 4))
    assert received["epochs"] == 3


def test_epochs_given_twice_end_the_search():
    hypermodel = MLP(input_shape=(4,), outputs=3, epochs=(1, 4))
    hp = kt.HyperParameters()
    with pytest.raises(FatalValueError, match="`epochs` in one place"):
        hypermodel.fit(hp, hypermodel.build(hp), X, Y, epochs=2)


@pytest.mark.parametrize(
    ("validation", "monitor"), [({}, "loss"), ({"validation_split": 0.25}, "val_loss")]
)
def test_patience_stops_a_training(validation, monitor):
    arguments = {"epochs": 50, "learning_rate": 1e-30, "dropout": 0.0, "normalization": "none"}
    received, model = fitted(
        {"patience": 2}, fit_arguments=validation, patience=(1, 3), **arguments
    )
    [callback] = received["callbacks"]
    assert (callback.monitor, callback.patience) == (monitor, 2)
    assert len(model.history.epoch) == 3


def test_own_callbacks_are_kept():
    mine = keras.callbacks.LambdaCallback()
    received, _ = fitted(fit_arguments={"callbacks": [mine]}, patience=2)
    assert received["callbacks"][0] is mine
    assert len(received["callbacks"]) == 2


def test_schedule_sets_the_rate_of_each_epoch():
    _, model = fitted(schedule="cosine", epochs=4, learning_rate=0.01)
    rates = model.history.history["learning_rate"]
    assert rates == pytest.approx([0.01 * (1 + np.cos(np.pi * e / 4)) / 2 for e in range(4)])


def test_classes_are_weighed():
    y = np.repeat([0, 1, 2], [40, 16, 8])
    received, _ = fitted({"class_weight": "balanced"}, y=y, class_weight=["none", "balanced"])
    weights = received["class_weight"]
    assert weights == pytest.approx({0: 64 / 3 / 40, 1: 64 / 3 / 16, 2: 64 / 3 / 8})
    received, _ = fitted({"class_weight": "none"}, y=y, class_weight=["none", "balanced"])
    assert "class_weight" not in received


def test_classes_are_counted_in_the_training_part():
    y = np.repeat([0, 1, 0, 2], [24, 8, 16, 16])
    fit = {"validation_split": 0.5}
    received, _ = fitted(y=y, fit_arguments=fit, class_weight="balanced")
    assert received["class_weight"] == pytest.approx({0: 32 / 48, 1: 2.0, 2: 1.0})


def test_two_classes_of_one_output_are_weighed():
    y = np.repeat([0, 1], [48, 16])
    received, _ = fitted(y=y, outputs=1, task="classification", class_weight="balanced")
    assert received["class_weight"] == pytest.approx({0: 64 / 96, 1: 2.0})


RAW = np.random.default_rng(0).normal(5, 3, (64, 4)) * [1, 10, 100, 1000]


def normalized(model, x):
    layer = model.get_layer("input_normalization")
    return keras.ops.convert_to_numpy(keras.Model(model.input, layer.output)(x))


def test_inputs_are_normalized_by_the_training_part():
    _, model = fitted(x=RAW, fit_arguments={"validation_split": 0.25})
    inputs = normalized(model, RAW)[:48]
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(inputs.std(0), 1, rtol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_inputs_are_normalized_by_a_dataset():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((RAW, Y)).batch(24)
    _, model = fitted(x=data, y=None, fit_arguments={"shuffle": False})
    np.testing.assert_allclose(normalized(model, RAW).std(0), 1, rtol=1e-4)


def test_constant_features_are_not_blown_up():
    constant = np.hstack([RAW[:, :2], np.zeros((64, 1)), np.full((64, 1), 1000.1)])
    _, model = fitted(x=constant)
    inputs = normalized(model, np.add(constant, [0, 0, 0.5, 2.0]))
    np.testing.assert_allclose(inputs[:, :2].std(0), 1, rtol=1e-4)
    np.testing.assert_allclose(inputs[:, 2:], [[0.5, 2.0]] * 64, rtol=1e-3)


def test_generator_cannot_normalize_the_inputs():
    with pytest.raises(FatalValueError, match="`input_normalization=False`"):
        fitted(x=generator(), y=None, fit_arguments={"steps_per_epoch": 1})


def test_normalization_is_saved(tmp_path):
    _, model = fitted(x=RAW)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(RAW), model.predict(RAW))


WRONG = [
    ((np.ones((64, 5)), Y), {}, r"inputs `x` to have the shape \(None, 4\).*Received: \(64, 5\)"),
    ((X, np.full(64, 3)), {}, r"integers from 0 to 2 \(`outputs=3`\). Received: also \[3\]"),
    ((X, np.full(64, -1)), {}, r"Received: also \[-1\]"),
    ((X, np.full(64, 0.5)), {}, r"Received: also \[0.5\]"),
    ((X, np.eye(3)[Y.astype(int)]), {}, r"y.argmax\(-1\)"),
    (
        (X * np.nan, Y),
        {},
        "inputs `x` to hold numbers. Received: 256 times NaN",
    ),
    ((X, Y[:60]), {}, r"Received: x of length \[64\], y of length \[60\]"),
    ((X[:0], Y[:0]), {}, "at least one"),
    ((X, Y), {"validation_data": (X[:, :2], Y)}, r"`validation_data\[0\]`"),
    ((X, Y), {"validation_data": (X, Y + 7)}, r"`validation_data\[1\]`.*\[7.0\]"),
    ((X, Y), {"validation_data": [X[:, :2], Y]}, r"`validation_data\[0\]`"),
    ((X, np.array(["b", "a"] * 32, object)), {}, r"Received: also \['a', 'b'\]"),
    ((X, np.array(1)), {}, r"a row for each sample.*Received: shape \(\)"),
    ((X,), {}, r"Received: NoneType\. Convert them"),
    ((generator(),), {"steps_per_epoch": 2}, "Received: generator.*`input_normalization=False`"),
]


def searching_for_three(folder):
    hypermodel = MLP(input_shape=(4,), outputs=3)
    return kte.TPE(hypermodel, "loss", max_trials=1, seed=0, directory=folder)


@pytest.mark.parametrize(("args", "kwargs", "message"), WRONG)
def test_wrong_data_end_a_search_before_its_first_trial(args, kwargs, message, tmp_path):
    tuner = searching_for_three(tmp_path)
    with pytest.raises(ValueError, match=message):
        tuner.search(*args, **kwargs, verbose=0)
    assert tuner.oracle.trials == {}


def test_wrong_data_do_a_project_no_harm(tmp_path):
    tuner = searching_for_three(tmp_path)
    for args, kwargs, message in WRONG:
        with pytest.raises(ValueError, match=message):
            tuner.search(*args, **kwargs, verbose=0)
    tuner.search(X, Y, verbose=0)
    assert [t.status for t in tuner.oracle.trials.values()] == ["COMPLETED"]


WEIGHTS = np.ones(64)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((X, Y), {"sample_weight": WEIGHTS}, "no `sample_weight` beside MLP.class_weight='bal"),
        ((X, Y), {"class_weight": {0: 1.0}}, "no `class_weight` beside"),
        ((Batches(),), {}, "Expected targets in an array, to count the classes"),
    ],
)
def test_weights_given_twice_or_not_known(args, kwargs, message):
    hypermodel = MLP(
        input_shape=(4,), outputs=3, class_weight="balanced", input_normalization=False
    )
    with pytest.raises(ValueError, match=message):
        hypermodel.prepare_search(kt.HyperParameters(), *args, **kwargs)


def test_own_weights_are_used_where_none_are_tuned():
    received, _ = fitted(fit_arguments={"class_weight": {0: 2.0}, "sample_weight": None})
    assert received["class_weight"] == {0: 2.0}


def test_untunable_hypermodel_adds_no_batch_size():
    hp = kt.HyperParameters()
    MLP(input_shape=(4,), outputs=3, tunable=False).prepare_search(hp, X, Y)
    assert hp.space == []


def test_epochs_given_by_position_are_given_twice():
    hypermodel = MLP(input_shape=(4,), outputs=3, epochs=(1, 4))
    with pytest.raises(ValueError, match="`epochs` in one place"):
        hypermodel.prepare_search(kt.HyperParameters(), X, Y, 32, 2)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_dataset_may_leave_the_size_of_an_axis_open():
    import tensorflow as tf

    def rows():
        yield from zip(X, Y, strict=True)

    types = tf.TensorSpec((None,)), tf.TensorSpec(())
    data = tf.data.Dataset.from_generator(rows, output_signature=types).batch(32)
    data = data.apply(tf.data.experimental.assert_cardinality(2))
    _, model = fitted(x=data, y=None, fit_arguments={"shuffle": False})
    assert int(model.optimizer.iterations) == 2


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_wrong_datasets():
    import tensorflow as tf

    def prepare(*args, **kwargs):
        MLP(input_shape=(4,), outputs=3).prepare_search(kt.HyperParameters(), *args, **kwargs)

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    with pytest.raises(ValueError, match=r"that ends.*without `repeat\(\)`"):
        prepare(data.repeat(), steps_per_epoch=8)
    with pytest.raises(ValueError, match=r"pairs of inputs and targets.*Received: TensorSpec"):
        prepare(data.map(lambda x, y: x))
    types = tf.TensorSpec(None), tf.TensorSpec(())
    with pytest.raises(ValueError, match="Received: TensorSpec of unknown shape"):
        prepare(tf.data.Dataset.from_generator(lambda: (), output_signature=types))
    other = tf.data.Dataset.from_tensor_slices((X[:, :3], Y)).batch(8)
    with pytest.raises(ValueError, match="inputs `validation_data` to have the shape"):
        prepare(data, validation_data=other)


def test_wrong_data_end_a_search_of_kerastuner_in_its_first_trial(tmp_path):
    tuner = kt.RandomSearch(
        MLP(input_shape=(4,), outputs=3), "loss", max_trials=5, directory=tmp_path
    )
    with pytest.raises(FatalValueError, match="integers from 0 to 2"):
        tuner.search(X, Y + 5, verbose=0)
    assert len(tuner.oracle.trials) <= 1


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_wrong_shape_of_a_dataset_ends_a_search_before_its_first_trial(tmp_path):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X[:, :3], Y)).batch(8)
    tuner = kte.TPE(MLP(input_shape=(4,), outputs=3), "loss", max_trials=3, directory=tmp_path)
    with pytest.raises(ValueError, match=r"shape \(None, 4\)"):
        tuner.search(data, verbose=0)
    assert tuner.oracle.trials == {}


def test_batch_size_is_searched_from_the_first_trial_on(tmp_path):
    firsts = set()
    for seed in range(4):
        tuner = kte.TPE(
            MLP(input_shape=(4,), outputs=3, schedule="fixed"),
            "loss",
            max_trials=1,
            seed=seed,
            directory=tmp_path,
            project_name=str(seed),
        )
        tuner.search(X, Y, verbose=0)
        [trial] = tuner.oracle.trials.values()
        firsts.add(trial.hyperparameters.get("batch_size"))
        if len(firsts) > 1:
            break
    assert len(firsts) > 1


def test_the_described_space_is_that_of_the_search(tmp_path):
    hypermodel = MLP(input_shape=(4,), outputs=3, depth=1, batch_size=(16, 64))
    described = kte.describe(hypermodel)
    tuner = kte.TPE(hypermodel, "loss", max_trials=1, directory=tmp_path)
    tuner.search(X, Y, verbose=0)
    assert described.rows == kte.describe(tuner).rows
    assert described.rows[-1].name == "batch_size"
    untunable = MLP(input_shape=(4,), outputs=3, depth=1, tunable=False)
    assert "batch_size" not in [row.name for row in kte.describe(untunable).rows]
