"""Each option of the optimizers and the hidden layers reaches the model."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import MLP
from kt_extensions.builders.layers import ACTIVATIONS, INITIALIZERS
from kt_extensions.builders.optimizers import OPTIMIZERS, OWNERS

FIXED = {"input_shape": (40,), "outputs": 3, "depth": 2, "units": 50}
SETTINGS = {
    "momentum": 0.6,
    "rho": 0.85,
    "beta_1": 0.8,
    "beta_2": 0.95,
    "epsilon": 1e-5,
    "weight_decay": 0.02,
}


def built(**arguments):
    hp = kt.HyperParameters()
    return MLP(**FIXED, **arguments).build(hp), hp


def dense(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][:-1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_gets_its_settings_and_no_others(name):
    model, _ = built(optimizer=name, learning_rate=0.02, clip_norm=2.5, **SETTINGS)
    config = model.optimizer.get_config()
    assert config["learning_rate"] == pytest.approx(0.02)
    assert config["global_clipnorm"] == 2.5
    own = {setting: value for setting, value in SETTINGS.items() if name in OWNERS[setting]}
    assert {setting: config[setting] for setting in own} == pytest.approx(own)
    default = type(model.optimizer)().get_config()
    others = [s for s in SETTINGS if s in default and s not in own]
    assert {s: config[s] for s in others} == {s: default[s] for s in others}
    assert config.get("nesterov", False) == (name == "nesterov")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_left_out_are_the_optimizers_own(name):
    model, _ = built(optimizer=name)
    config, default = model.optimizer.get_config(), type(model.optimizer)().get_config()
    for setting in ("beta_1", "beta_2", "epsilon", "global_clipnorm"):
        assert config.get(setting) == default.get(setting)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_are_active_with_their_optimizers_only(name):
    ranges = {"beta_1": (0.8, 0.9), "beta_2": (0.9, 0.99), "epsilon": (1e-8, 1e-3)}
    hp = kt.HyperParameters()
    hp.values["optimizer"] = name
    MLP(**FIXED, optimizer=[*OPTIMIZERS], **ranges).build(hp)
    assert {s for s in OWNERS if s in hp.values} == {s for s in OWNERS if name in OWNERS[s]}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers(name):
    model, _ = built(initializer=name, initializer_deviation=0.3)
    first, second = (layer.kernel.numpy() for layer in dense(model))
    fan = {"glorot": 2 / (40 + 50), "he": 2 / 40, "orthogonal": 1 / 50}
    deviation = {"constant": 0, "normal": 0.3, "uniform": 0.1 / np.sqrt(12)}
    expected = np.sqrt(fan[name]) if name in fan else deviation[name]
    assert first.std() == pytest.approx(expected, rel=0.1, abs=1e-7)
    assert np.array_equal(first, second[:40]) == (name == "constant")
    if name == "orthogonal":
        np.testing.assert_allclose(first @ first.T, np.eye(40), atol=1e-5)


def test_deviation_belongs_to_the_normal_initializer():
    hp = kt.HyperParameters()
    MLP(**FIXED, initializer=["glorot", "normal"]).build(hp)
    [p] = [p for p in hp.space if p.name == "initializer_deviation"]
    assert [(c.name, c.values) for c in p.conditions] == [("initializer", ["normal"])]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    model, _ = built(activation=name)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Activation)]
    assert [layer.activation for layer in layers] == [keras.activations.get(name)] * 2


def test_l2_is_in_the_loss():
    model, _ = built(l2=0.01, dropout=0.0, normalization="none")
    squares = sum(float(np.square(layer.kernel.numpy()).sum()) for layer in dense(model))
    assert float(sum(model.losses)) == pytest.approx(0.01 * squares, rel=1e-5)
    assert built(l2=0)[0].losses == []


@pytest.mark.parametrize(("name", "momentum"), [("batch", 0.7), ("layer", None), ("none", None)])
def test_normalizations(name, momentum):
    model, _ = built(normalization=name, normalization_momentum=0.7)
    kinds = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)
    found = [layer for layer in model.layers if isinstance(layer, kinds)]
    assert len(found) == (0 if name == "none" else 2)
    assert [layer.use_bias for layer in dense(model)] == [name == "none"] * 2
    if momentum:
        assert [layer.momentum for layer in found] == [momentum] * 2


def test_momentum_of_the_normalization_is_active_with_batches_only():
    hp = kt.HyperParameters()
    MLP(**FIXED, normalization_momentum=(0.8, 0.99)).build(hp)
    [p] = [p for p in hp.space if p.name == "normalization_momentum"]
    assert [(c.name, c.values) for c in p.conditions] == [("normalization", ["batch"])]
