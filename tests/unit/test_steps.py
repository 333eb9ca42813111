"""Layers over steps, some of which are padding, beside what numpy says."""

import keras
import numpy as np
import pytest

from kt_extensions.builders.pooling import AttentionSteps, AverageSteps, LastStep
from kt_extensions.builders.steps import LastSteps, StepConvolution, StepNormalization, true_steps

PADDING = -9.0
LENGTHS = (5, 3, 1, 4)


def array(x):
    return keras.ops.convert_to_numpy(x)


def padded(before=0, after=0):
    """Returns sequences of lengths 5, 3, 1 and 4, with padding before and after them."""
    values = np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")
    x = np.full((4, before + 5 + after, 2), PADDING, "float32")
    for row, length in enumerate(LENGTHS):
        x[row, before : before + length] = values[row, :length]
    return x


def mask_of(x):
    return array(true_steps(x, PADDING))


def test_step_is_padding_only_where_all_features_are():
    x = np.array([[[1.0, PADDING], [PADDING, PADDING]]])
    assert array(true_steps(x, PADDING)).tolist() == [[True, False]]
    assert array(true_steps(np.array([[3, 0, 1]]), 0)).tolist() == [[True, False, True]]


@pytest.mark.parametrize("window", [1, 3, 4, 9])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (4, 0), (0, 2), (3, 3)])
def test_last_true_steps_stand_in_front(window, before, after):
    x = padded()
    cut = array(LastSteps(window, PADDING)(padded(before, after)))
    assert cut.shape == (4, window, 2)
    for row, length in enumerate(LENGTHS):
        kept = min(length, window)
        np.testing.assert_array_equal(cut[row, :kept], x[row, length - kept : length])
        assert (cut[row, kept:] == PADDING).all()


def test_padding_in_front_is_moved_to_the_end():
    x = padded(before=2)
    np.testing.assert_array_equal(array(LastSteps(None, PADDING)(x)), padded(after=2))


def test_series_without_padding_are_cut():
    x = padded()
    np.testing.assert_array_equal(array(LastSteps(2)(x)), x[:, -2:])
    np.testing.assert_array_equal(array(LastSteps(9)(x)), x)


def test_nothing_but_padding_stays_so():
    assert array(LastSteps(2, 0)(np.zeros((2, 4), "int32"))).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("padding_value", [None, PADDING])
@pytest.mark.parametrize("steps", [None, 5])
def test_shape_of_the_last_steps(padding_value, steps):
    known = padding_value is not None or steps is not None
    x = keras.Input((steps, 2))
    assert LastSteps(3, padding_value)(x).shape == (None, 3 if known else None, 2)


def test_statistics_leave_padding_out():
    x = padded(after=3)
    true = x[mask_of(x)]
    layer = StepNormalization(PADDING)
    layer.adapt(x)
    y = array(layer(x))
    assert (y[~mask_of(x)] == 0).all()
    expected = (true - true.mean(0)) / true.std(0)
    np.testing.assert_allclose(y[mask_of(x)], expected, rtol=1e-4, atol=1e-5)


def test_step_at_the_mean_is_not_masked():
    layer = StepNormalization(PADDING)
    x = np.array([[[1.0], [2.0], [3.0], [PADDING]]], "float32")
    layer.adapt(x)
    assert array(layer(x)).ravel()[1] == 0
    assert array(layer.compute_mask(x)).tolist() == [[True, True, True, False]]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_statistics_of_a_dataset_are_those_of_its_array():
    import tensorflow as tf

    x = padded(after=1)
    layers = StepNormalization(PADDING), StepNormalization(PADDING)
    layers[0].adapt(x)
    layers[1].adapt(tf.data.Dataset.from_tensor_slices(x).batch(3))
    np.testing.assert_allclose(array(layers[1](x)), array(layers[0](x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_convolution_reads_padding_as_zeros(kernel_size):
    layer = StepConvolution(3, kernel_size)
    x, longer = padded(), padded(after=4)
    zeros = np.where(mask_of(x)[..., None], x, 0)
    y = array(layer(x, mask=mask_of(x)))
    z = array(layer(longer, mask=mask_of(longer)))
    np.testing.assert_allclose(y, array(layer(zeros)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(z[:, :5], y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 0), (0, 2)])
def test_last_and_average_of_the_true_steps(before, after):
    x = padded(before, after)
    rows = [padded()[row, :length] for row, length in enumerate(LENGTHS)]
    last, average = LastStep()(x, mask=mask_of(x)), AverageSteps()(x, mask=mask_of(x))
    np.testing.assert_array_equal(array(last), [row[-1] for row in rows])
    np.testing.assert_allclose(array(average), [row.mean(0) for row in rows], rtol=1e-5)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 0), (0, 2)])
def test_attention_weighs_the_true_steps(before, after):
    x, mask = padded(before, after), mask_of(padded(before, after))
    layer = AttentionSteps()
    y = array(layer(x, mask=mask))
    kernel, bias, context = (array(w) for w in layer.weights)
    for row, length in enumerate(LENGTHS):
        true = padded()[row, :length]
        weights = np.exp(np.tanh(true @ kernel + bias) @ context)
        np.testing.assert_allclose(y[row], (true * weights / weights.sum()).sum(0), rtol=1e-4)
    weights = array(layer.attention(x, mask))[..., 0]
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    assert (weights[~mask] == 0).all()


@pytest.mark.parametrize("pooling", [LastStep, AverageSteps, AttentionSteps])
def test_pooling_without_mask_takes_every_step(pooling):
    x = padded()
    layer = pooling()
    np.testing.assert_allclose(
        array(layer(x)), array(layer(x, mask=np.ones((4, 5), bool))), rtol=1e-5
    )


@pytest.mark.parametrize("pooling", [AverageSteps, AttentionSteps])
def test_nothing_but_padding_gives_zeros(pooling):
    y = pooling()(np.ones((2, 3, 4), "float32"), mask=np.zeros((2, 3), bool))
    assert array(y).tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(
    "layer",
    [
        LastSteps(2, 0.0),
        StepNormalization(PADDING),
        StepConvolution(3, 2, use_bias=False),
        LastStep(),
        AverageSteps(),
        AttentionSteps(),
    ],
)
def test_layers_are_remade_from_their_configuration(layer):
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()
