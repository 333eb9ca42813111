"""Convolutional networks on a backbone, and their training in two phases."""

import copy
import pickle

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras import layers

import kt_extensions as kte
from kt_extensions.builders import CNN, build_cnn
from kt_extensions.snapshot import Continuation, read

X = np.random.default_rng(0).uniform(size=(32, 8, 8, 1)).astype("float32")
Y = np.arange(32) % 3

FIXED = {
    "fine_tuned_share": 0.5,
    "head_epochs": 2,
    "fine_tuning_rate": 0.1,
    "learning_rate": 0.01,
    "optimizer": "adam",
    "schedule": "fixed",
    "pooling": "average",
    "dense_units": None,
    "batch_size": 16,
    "dropout": 0.0,
}


def backbone(channels=1):
    """Returns a backbone of four layers with weights, two of which are batch normalizations."""
    return keras.Sequential(
        [
            keras.Input((8, 8, channels)),
            layers.Conv2D(4, 3, strides=2, name="first"),
            layers.BatchNormalization(name="first_norm"),
            layers.Conv2D(6, 2, name="second"),
            layers.BatchNormalization(name="second_norm"),
            layers.Dropout(0.5),
        ]
    )


def cnn(**arguments):
    return CNN(
        **{"input_shape": (8, 8, 1), "outputs": 3, "backbone": backbone(), **FIXED, **arguments}
    )


def space_of(**arguments):
    hp = kt.HyperParameters()
    cnn(**arguments).build(hp)
    return {p.name: p for p in hp.space}


def arrays(model):
    """Returns a model's variables by the names of their layers."""
    return {(layer.name, v.name): array(v) for layer in model.layers for v in layer.weights}


def array(variable):
    return np.array(keras.ops.convert_to_numpy(variable))


class Seen(keras.callbacks.Callback):
    """Notes what the callbacks of a training are told, and which weights are trained."""

    def __init__(self):
        super().__init__()
        self.events, self.rates, self.trained = [], [], []

    def on_train_begin(self, logs=None):
        self.events.append(("begin", self.params["epochs"]))

    def on_train_end(self, logs=None):
        self.events.append("end")

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(epoch)
        self.rates.append(round(float(array(self.model.optimizer.learning_rate)), 6))
        self.trained.append({v.path.split("/")[-2] for v in self.model.trainable_variables})


def seen_in(hypermodel, epochs, **kwargs):
    """Returns what callbacks saw of a training, and its history."""
    hp, seen = kt.HyperParameters(), Seen()
    model = hypermodel.build(hp)
    callbacks = [*kwargs.pop("callbacks", []), seen]
    fitted = hypermodel.fit(
        hp, model, X, Y, epochs=epochs, callbacks=callbacks, verbose=0, **kwargs
    )
    return seen, fitted, model


def test_backbone_takes_the_place_of_the_blocks():
    given = dict.fromkeys(["fine_tuned_share", "fine_tuning_rate"], (0.01, 1.0))
    space = space_of(**given, head_epochs=(1, 5))
    assert list(space) == ["fine_tuned_share", "head_epochs", "fine_tuning_rate"]
    assert all(p.conditions == [] for p in space.values())
    assert space["fine_tuning_rate"].sampling == "log"


def test_phases_are_searched_where_there_are_two():
    space = space_of(fine_tuned_share=[0, 0.5, 1], head_epochs=[1, 2], fine_tuning_rate=(0.1, 1.0))
    scopes = [
        (c.name, c.values) for n in ("head_epochs", "fine_tuning_rate") for c in space[n].conditions
    ]
    assert scopes == [("fine_tuned_share", [0.5, 1.0])] * 2
    assert {"head_epochs", "fine_tuning_rate"}.isdisjoint(
        space_of(fine_tuned_share=0, head_epochs=[1, 2], fine_tuning_rate=(0.1, 1.0))
    )


HIDDEN = {
    "activation": ["relu", "tanh"],
    "normalization": ["batch", "layer"],
    "normalization_momentum": (0.5, 0.9),
    "initializer": ["he", "normal"],
    "initializer_deviation": (0.1, 0.2),
    "l2": (1e-4, 1e-2),
    "dropout": (0.1, 0.5),
    "output_dropout": 0.2,
}


def test_what_hidden_layers_have_is_searched_where_there_is_one():
    fixed = {"fine_tuned_share": 0}
    assert space_of(**fixed, dense_units=None, **HIDDEN) == {}
    always = space_of(**fixed, dense_units=8, **HIDDEN)
    assert {*always} == {*HIDDEN} - {"output_dropout"}
    assert not always["activation"].conditions
    space = space_of(**fixed, dense_units=[0, 8, 16], **HIDDEN)
    assert {*space} == {*always, "dense_units"}
    for name in ("activation", "normalization", "initializer", "l2", "dropout"):
        conditions = [(c.name, c.values) for c in space[name].conditions]
        assert conditions == [("dense_units", [8, 16])]


def test_what_belongs_to_a_fixed_value_depends_on_the_layer_that_has_it():
    given = {**HIDDEN, "normalization": "batch", "initializer": "normal"}
    space = space_of(fine_tuned_share=0, dense_units=[0, 8], **given)
    for name in ("normalization_momentum", "initializer_deviation"):
        assert [(c.name, c.values) for c in space[name].conditions] == [("dense_units", [8])]


@pytest.mark.parametrize("dense_units", [0, 8])
def test_each_hidden_layer_has_its_settings(dense_units):
    hp = kt.HyperParameters()
    hp.values["dense_units"] = dense_units
    model = cnn(dense_units=[0, 8], fine_tuned_share=0, **HIDDEN).build(hp)
    drops = [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert drops == ([0.1, 0.2] if dense_units else [0.2])
    assert model.predict(X, verbose=0).shape == (32, 3)


@pytest.mark.parametrize(
    ("share", "tuned"), [(0, set()), (0.1, {"second"}), (0.5, {"second"}), (1, {"first", "second"})]
)
def test_share_of_the_layers_from_the_last(share, tuned):
    model = build_cnn(
        kt.HyperParameters(),
        input_shape=(8, 8, 1),
        outputs=3,
        backbone=backbone(),
        fine_tuned_share=share,
    )
    inner = model.get_layer("backbone").model
    assert {layer.name for layer in inner.layers if layer.trainable_weights} == tuned
    assert model.get_layer("head").trainable


def test_two_phases_are_one_training():
    seen, fitted, model = seen_in(cnn(), 5, validation_data=(X, Y))
    assert seen.events == [("begin", 5), 0, 1, 2, 3, 4, "end"]
    assert seen.rates == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.001])
    assert seen.trained == [{"head"}] * 2 + [{"head", "second"}] * 3
    assert fitted.epoch == [0, 1, 2, 3, 4]
    assert {name: len(values) for name, values in fitted.history.items()} == dict.fromkeys(
        ["accuracy", "loss", "val_accuracy", "val_loss"], 5
    )
    assert model.history is fitted


@pytest.mark.parametrize(
    ("arguments", "epochs", "trained"),
    [
        ({"head_epochs": 0}, 2, [{"head", "second"}] * 2),
        ({"head_epochs": 3}, 2, [{"head"}] * 2),
        ({"fine_tuned_share": 0}, 3, [{"head"}] * 3),
    ],
)
def test_one_phase(arguments, epochs, trained):
    seen, fitted, _ = seen_in(cnn(**arguments), epochs)
    assert seen.trained == trained
    assert seen.events == [("begin", epochs), *range(epochs), "end"]
    assert fitted.epoch == list(range(epochs))


def test_frozen_layers_and_moving_averages_stay():
    source = backbone()
    before = arrays(source)
    _, _, model = seen_in(cnn(backbone=source), 4)
    after = arrays(model.get_layer("backbone").model)
    assert {name for name, _ in before if name != "dropout"} == {n for n, _ in after}
    assert {key[0] for key in before if np.any(before[key] != after[key])} == {"second"}
    assert arrays(source).keys() == before.keys()
    assert all(np.all(value == before[key]) for key, value in arrays(source).items())


@keras.saving.register_keras_serializable(package="tests")
class Block(layers.Layer):
    """A layer with a batch normalization of its own, as some backbones have."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)
        self.norm = layers.BatchNormalization()

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.norm.build((*input_shape[:-1], 3))

    def call(self, x, training=False):
        return self.norm(self.dense(x), training=training)


def test_moving_averages_inside_of_other_layers_stay():
    inputs = keras.Input((8, 8, 1))
    source = keras.Model(inputs, Block(name="block")(layers.Rescaling(3.0)(inputs)))
    _, _, model = seen_in(cnn(backbone=source, fine_tuned_share=1), 3)
    block = model.get_layer("backbone").model.get_layer("block")
    assert np.all(array(block.norm.moving_mean) == 0)
    assert np.all(array(block.norm.moving_variance) == 1)
    assert np.any(array(block.dense.kernel) != array(source.get_layer("block").dense.kernel))


def test_early_stopping_ends_both_phases():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    seen, fitted, _ = seen_in(cnn(), 5, callbacks=[Stop()])
    assert seen.events == [("begin", 5), 0, "end"]
    assert fitted.epoch == [0]


def test_schedule_goes_through_both_phases():
    _, fitted, _ = seen_in(cnn(schedule="exponential", gamma=0.5), 4)
    rates = np.array(fitted.history["learning_rate"])
    assert rates == pytest.approx(0.01 * np.array([1, 0.5, 0.025, 0.0125]))


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_continuation_is_as_if_never_stopped(cut, tmp_path):
    def train(first, end, start, file):
        keras.utils.set_random_seed(0)
        continuation = Continuation(start and read(tmp_path / start), tmp_path / file)
        hypermodel = cnn()
        hypermodel.build = lambda hp: continuation.attach(type(hypermodel).build(hypermodel, hp))
        return seen_in(
            hypermodel, end, initial_epoch=first, callbacks=[continuation], shuffle=False
        )

    _, whole, model = train(0, 4, None, "whole.snapshot")
    _, one, _ = train(0, cut, None, "one.snapshot")
    seen, two, twin = train(cut, 4, "one.snapshot", "two.snapshot")
    assert seen.events == [("begin", 4), *range(cut, 4), "end"]
    assert one.history["loss"] == whole.history["loss"][:cut]
    assert two.history == whole.history
    for a, b in zip(model.variables, twin.variables, strict=True):
        np.testing.assert_array_equal(array(a), array(b))


def test_fitting_again_begins_with_the_head():
    hypermodel, hp, seen = cnn(), kt.HyperParameters(), Seen()
    model = hypermodel.build(hp)
    for _ in range(2):
        hypermodel.fit(hp, model, X, Y, epochs=3, callbacks=[seen], verbose=0)
    assert seen.rates == pytest.approx([0.01, 0.01, 0.001] * 2)
    assert seen.trained == [{"head"}, {"head"}, {"head", "second"}] * 2


def test_trials_do_not_share_weights():
    source = backbone()
    hypermodel = cnn(backbone=source)
    one, two = (hypermodel.build(kt.HyperParameters()).get_layer("backbone") for _ in range(2))
    assert not {id(v) for v in one.variables} & {id(v) for v in two.variables}
    for a, b in zip(one.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_copies_have_the_weights_of_the_backbone():
    hypermodel = cnn()
    hp = kt.HyperParameters()
    expected = hypermodel.build(hp).get_layer("backbone").model.get_weights()
    for twin in (copy.deepcopy(hypermodel), pickle.loads(pickle.dumps(hypermodel))):
        for a, b in zip(
            twin.build(hp).get_layer("backbone").model.get_weights(), expected, strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_function_makes_the_backbone():
    hypermodel = pickle.loads(pickle.dumps(cnn(backbone=backbone)))
    seen, _, _ = seen_in(hypermodel, 3)
    assert seen.trained == [{"head"}, {"head"}, {"head", "second"}]


def test_saved_model_predicts_the_same(tmp_path):
    _, _, model = seen_in(cnn(normalization="batch", dense_units=4, flip="horizontal"), 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_backbone_that_ends_in_a_vector_is_not_pooled():
    vector = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(5)])
    assert "pooling" not in space_of(backbone=vector, pooling=["average", "max"])
    assert seen_in(cnn(backbone=vector), 3)[1].epoch == [0, 1, 2]


def test_nested_backbone_of_keras_applications():
    shape = (32, 32, 3)
    mobile = keras.applications.MobileNetV2(weights=None, input_shape=shape, include_top=False)
    inputs = keras.Input(shape)
    outer = keras.Model(inputs, mobile(layers.Rescaling(2, -1)(inputs)))
    model = cnn(backbone=outer, input_shape=shape, fine_tuned_share=0.1).build(kt.HyperParameters())
    inner = model.get_layer("backbone").model.get_layer(mobile.name)
    tuned = [layer for layer in inner.layers if layer.trainable_weights]
    weighted = [
        layer
        for layer in inner.layers
        if layer.weights and not isinstance(layer, layers.BatchNormalization)
    ]
    assert tuned == weighted[-(-len(weighted) // 10) * -1 :]
    assert len(tuned) == 6
    before = [array(v) for v in model.variables]
    model.fit(np.ones((4, *shape)), np.zeros(4), verbose=0)
    changed = [np.any(array(v) != b) for v, b in zip(model.variables, before, strict=True)]
    assert sum(changed) == len(model.trainable_variables)


def test_head_on_a_trained_backbone_learns(digits):
    """A backbone trained on digits below 5 helps to tell the others apart."""
    keras.utils.set_random_seed(0)
    x, x_val = digits.x.reshape(-1, 8, 8, 1), digits.x_val.reshape(-1, 8, 8, 1)
    low = digits.y < 5
    hp = kt.HyperParameters()
    fixed = {"blocks": 2, "convolutions": 1, "filters": 16, "convolution": "full", "growth": 2.0}
    teacher = build_cnn(
        hp,
        input_shape=(8, 8, 1),
        outputs=5,
        **fixed,
        kernel_size=3,
        downsampling="max",
        pooling="average",
        dense_units=0,
        dropout=0.0,
        normalization="batch",
        activation="relu",
        learning_rate=0.01,
        optimizer="adam",
    )
    teacher.fit(x[low], digits.y[low], epochs=10, batch_size=16, verbose=0)
    hypermodel = cnn(
        backbone=keras.Model(teacher.input, teacher.layers[-2].output),
        outputs=5,
        head_epochs=5,
        fine_tuned_share=1,
        fine_tuning_rate=0.3,
    )
    model = hypermodel.build(hp)
    high, high_val = ~low, digits.y_val >= 5
    fitted = hypermodel.fit(
        hp,
        model,
        x[high],
        digits.y[high] - 5,
        epochs=10,
        verbose=0,
        validation_data=(x_val[high_val], digits.y_val[high_val] - 5),
    )
    assert fitted.history["val_accuracy"][-1] > 0.9
    assert fitted.history["loss"][-1] < fitted.history["loss"][4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "resnet"}, "a keras.Model with declared inputs .* Received: 'resnet'"),
        ({"backbone": lambda: None}, "Received: None"),
        ({"backbone": keras.Sequential([layers.Conv2D(2, 3)])}, "declared inputs"),
        ({"backbone": backbone(3)}, r"Received: a model for inputs of shape \(8, 8, 3\)"),
        ({"input_shape": (8, 1)}, "`backbone` to take inputs of"),
        (
            {"backbone": keras.Model(*[[keras.Input((8, 8, 1)) for _ in range(2)]] * 2)},
            "Received: a model with 2 and 2",
        ),
        ({"fine_tuned_share": 1.5}, "`fine_tuned_share` to be a number"),
        ({"head_epochs": -1}, "`head_epochs` to be an integer of at least 0"),
        ({"fine_tuning_rate": 0}, "`fine_tuning_rate` to be a number above 0"),
    ],
)
def test_wrong_arguments_raise_before_any_trial(arguments, message):
    with pytest.raises(ValueError, match=message):
        cnn(**arguments)


def test_promoted_trials_go_on_in_their_phase(tmp_path):
    hypermodel = cnn(head_epochs=1, learning_rate=(0.005, 0.02))
    tuner = kte.Hyperband(
        hypermodel,
        objective="val_accuracy",
        max_epochs=2,
        factor=2,
        directory=tmp_path,
        seed=1,
    )
    tuner.search(X, Y, validation_data=(X, Y), verbose=0)
    trials = list(tuner.oracle.trials.values())
    assert {trial.status for trial in trials} == {"COMPLETED"}
    epochs = {
        (
            trial.hyperparameters.values["tuner/initial_epoch"],
            trial.hyperparameters.values["tuner/epochs"],
        )
        for trial in trials
    }
    assert epochs == {(0, 1), (1, 2), (0, 2)}
    best = tuner.get_best_models(1)[0]
    score = tuner.oracle.get_best_trials(1)[0].score
    assert best.evaluate(X, Y, verbose=0, return_dict=True)["accuracy"] == pytest.approx(score)
