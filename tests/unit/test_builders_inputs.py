"""The normalization of a model's inputs, and where its layers look for channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.builders import CNN, MLP, adapt_inputs, build_cnn, build_mlp
from kt_extensions.builders import inputs as inputs_module

RNG = np.random.default_rng(0)


def mlp(features: int = 1, **settings: Any) -> keras.Model:
    hp = kt.HyperParameters()
    fixed = {"depth": 1, "units": 4, "input_normalization": True}
    return build_mlp(hp, input_shape=(features,), outputs=2, **{**fixed, **settings})


def moments(model: keras.Model) -> tuple[Any, Any]:
    layer = model.get_layer("input_normalization")
    found = (layer.adapt_mean, layer.adapt_variance)
    mean, variance = (keras.ops.convert_to_numpy(value).ravel() for value in found)
    return mean, variance


def test_moments_of_more_values_than_32_bits_can_add_up() -> None:
    x = np.tile(np.array([[1.0, 1.0], [2.0, 2.0]], "float32"), (2**23, 1))
    assert x.mean(axis=0) != pytest.approx([1.5, 1.5], rel=1e-3)  # NumPy's own, in 32 bits
    model = mlp(2)
    adapt_inputs(model, x)
    mean, variance = moments(model)
    assert mean == pytest.approx([1.5, 1.5])
    assert variance == pytest.approx([0.25, 0.25])


def test_moments_of_many_parts_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs_module, "_VALUES", 20)
    x = RNG.normal(1e4, 1.0, (101, 3))
    model = mlp(3)
    adapt_inputs(model, x)
    mean, variance = moments(model)
    assert mean == pytest.approx(x.mean(axis=0), rel=1e-6)
    assert variance == pytest.approx(x.astype("float32").astype(float).var(axis=0), rel=1e-4)


def test_a_dataset_is_read_batch_by_batch() -> None:
    tf = pytest.importorskip("tensorflow")
    x = RNG.normal(5.0, 2.0, (50, 3)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices((x, x[:, :1])).batch(16)
    model = mlp(3)
    adapt_inputs(model, dataset)
    mean, variance = moments(model)
    assert mean == pytest.approx(x.mean(axis=0), rel=1e-5)
    assert variance == pytest.approx(x.var(axis=0), rel=1e-5)


@pytest.fixture
def sixteen_bits() -> Iterator[None]:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.usefixtures("sixteen_bits")
def test_years_stay_apart_in_mixed_precision() -> None:
    years = np.arange(1990.0, 2024.0)[:, np.newaxis]
    model = mlp()
    adapt_inputs(model, years)
    layer = model.get_layer("input_normalization")
    normalized = keras.Model(model.input, layer.output)(years)
    assert len(np.unique(keras.ops.convert_to_numpy(normalized))) == 34
    assert model.layers[-1].compute_dtype in ("bfloat16", "float32")
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    assert dense.compute_dtype == "bfloat16"


@pytest.fixture
def channels_first() -> Iterator[None]:
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


@pytest.mark.usefixtures("channels_first")
def test_channels_are_last_whatever_keras_is_set_to() -> None:
    settings = {"blocks": 2, "filters": 4, "growth": 1.0, "downsampling": "max"}
    model = build_cnn(kt.HyperParameters(), input_shape=(12, 20, 1), outputs=2, **settings)
    kinds = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
    shapes = [layer.output.shape for layer in model.layers if isinstance(layer, kinds)]
    assert shapes[0] == (None, 12, 20, 4)
    assert {shape[-1] for shape in shapes} == {4}
    assert (None, 6, 10, 4) in shapes


@pytest.mark.parametrize(
    "hypermodel", [MLP(input_shape=(3,), outputs=2), CNN(input_shape=(4, 4, 1), outputs=2)]
)
def test_an_infinite_input_is_refused(hypermodel: Any) -> None:
    shape = (8, 3) if isinstance(hypermodel, MLP) else (8, 4, 4, 1)
    x = np.zeros(shape)
    x[(2, *[0] * (x.ndim - 1))] = np.inf
    hp = kt.HyperParameters()
    model = hypermodel.build(hp)
    with pytest.raises(ValueError, match=r"Received: 1 times infinity\. Fill"):
        hypermodel.fit(hp, model, x, np.arange(8) % 2, epochs=1)
