"""TensorFlow traces the step of a training once in our tuner, twice in KerasTuner's."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.snapshot.building import build_rest

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")

X = np.random.default_rng(0).normal(size=(40, 4))
Y = np.arange(40) % 3
DATA = {
    "arrays": (X, Y),
    "dataset": (tf.data.Dataset.from_tensor_slices((X, Y)).batch(8),),
}


class Counting(keras.layers.Layer):
    """Counts how often it is traced for a training."""

    traced = 0

    def call(self, x, training=None):
        Counting.traced += training is True
        return x


def build(hp):
    layers = [Counting(), keras.layers.Dense(hp.Int("units", 2, 9)), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("kind", "times"), [(kt.Tuner, 2), (kte.Tuner, 1)])
def test_traces_of_a_trial(kind, times, data, tmp_path):
    oracle = kt.oracles.RandomSearchOracle("loss", max_trials=1, seed=1)
    tuner = kind(oracle=oracle, hypermodel=build, directory=tmp_path)
    Counting.traced = 0
    tuner.search(*DATA[data], epochs=3, verbose=0)
    assert Counting.traced == times


def trained(rest):
    keras.utils.set_random_seed(3)
    model = build(kt.HyperParameters())
    if rest:
        build_rest(model, {"x": X, "y": Y})
        assert model.optimizer.built
    history = model.fit(X, Y, epochs=3, batch_size=8, verbose=0).history
    return history, model.get_weights(), [v.numpy() for v in model.optimizer.variables]


def test_nothing_else_changes():
    plain, built = trained(False), trained(True)
    assert plain[0] == built[0]
    for one, other in zip(plain[1] + plain[2], built[1] + built[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_cannot_be_built_is_left_to_keras():
    model = build(kt.HyperParameters())
    build_rest(model, {"x": X[:, :2], "y": Y})
    build_rest(model, {"x": iter([]), "y": None})
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0


def test_a_step_of_the_model_s_own_is_left_alone():
    class Own(keras.Sequential):
        def train_step(self, data):
            return super().train_step(data)

    model = Own([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", "mse")
    build_rest(model, {"x": X, "y": Y})
    assert not model.optimizer.built
