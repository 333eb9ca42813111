"""The rates of optimizers that wrap others, accumulate, or are several."""

from __future__ import annotations

import keras
import pytest

from kt_extensions import schedules
from kt_extensions.callbacks import LearningRateWarmup, StepDecay, WarmupDecay
from tests.unit.test_callbacks import BASE, ONES, close, factors, fit, make_model, rate_of


def test_mixed_precision_with_loss_scaling():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(BASE), initial_scale=8.0)
    rates, history = fit(WarmupDecay(1, StepDecay(0.1, every=1)), make_model(optimizer))
    expected = [*factors(schedules.warmup(1), [0]), *[0.5] * 4, *[0.05] * 4]
    assert rates == close(expected)
    assert history["learning_rate"] == close(expected[3::4])


def test_gradient_accumulation_counts_batches():
    optimizer = keras.optimizers.SGD(BASE, gradient_accumulation_steps=2)
    rates, _ = fit(LearningRateWarmup(8, unit="step", start=0.2), make_model(optimizer), epochs=2)
    assert rates == close([0, 0.15, 0, 0.25, 0, 0.35, 0, 0.45])


needs_state_in_the_model = pytest.mark.skipif(
    keras.config.backend() == "jax", reason="the model's `train_step` is for other backends"
)


class Rivals(keras.Model):
    """A model with two optimizers, which it applies by turns."""

    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(1)
        self.second = keras.layers.Dense(1)
        self.first_optimizer = keras.optimizers.SGD(0.5)
        self.second_optimizer = keras.optimizers.SGD(0.05)

    def call(self, x):
        return self.second(self.first(x))

    def train_step(self, data):
        self(data[0])
        for layer, optimizer in (
            (self.first, self.first_optimizer),
            (self.second, self.second_optimizer),
        ):
            variables = layer.trainable_variables
            optimizer.apply([keras.ops.zeros_like(v) for v in variables], variables)
        return {"loss": keras.ops.zeros(())}


def rivals():
    model = Rivals()
    model.compile(optimizer=None)
    return model


@needs_state_in_the_model
def test_several_optimizers():
    names = ["first_optimizer", "second_optimizer"]
    model = rivals()
    history = model.fit(
        ONES, ONES, epochs=3, verbose=0, callbacks=[StepDecay(0.1, every=1, optimizers=names)]
    )
    assert history.history["learning_rate_first_optimizer"] == close([0.5, 0.05, 0.005])
    assert history.history["learning_rate_second_optimizer"] == close([0.05, 0.005, 0.0005])


@needs_state_in_the_model
def test_one_of_several_optimizers():
    model = rivals()
    callback = StepDecay(0.1, every=1, optimizers="second_optimizer")
    history = model.fit(ONES, ONES, epochs=2, verbose=0, callbacks=[callback])
    assert history.history["learning_rate"] == close([0.05, 0.005])
    assert rate_of(model.first_optimizer) == close(0.5)


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer"
)
def test_optimizers_of_parts_of_a_model():
    parts = {"slow/.*": keras.optimizers.SGD(0.05)}
    optimizer = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.5), parts)
    )
    layers = [keras.layers.Dense(1), keras.layers.Dense(1, name="slow")]
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.compile(optimizer, loss="mse")
    history = model.fit(ONES, ONES, epochs=2, verbose=0, callbacks=[StepDecay(0.1, every=1)])
    ends = [history.history[f"learning_rate_optimizer_{i}"][-1] for i in range(2)]
    assert sorted(ends) == close([0.005, 0.05])


def test_model_without_such_an_optimizer():
    with pytest.raises(ValueError, match=r"model\.optimizer.*Received: Rivals.*Compile"):
        rivals().fit(ONES, ONES, verbose=0, callbacks=[StepDecay(0.1, every=1)])


def test_optimizer_with_a_schedule_of_its_own():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = make_model(keras.optimizers.SGD(schedule))
    with pytest.raises(ValueError, match=r"an optimizer SGD with a schedule of its own.*Pass"):
        fit(StepDecay(0.1, every=1), model)
