"""Trainings whose only weight falls by the learning rate in each step; prints what happened.

Run as `python callbacks_program.py [replicas]`, the backend in KERAS_BACKEND. The weight is read
between epochs only: reading it within one has JAX bring the state of the training into the model.
"""

import json
import sys

import keras
import numpy as np

from kt_extensions import schedules
from kt_extensions.callbacks import LearningRateWarmup, PlateauDecay, StepDecay, WarmupDecay
from kt_extensions.optimizers import HypergradientAdam, HypergradientSGD

ONES = np.ones((16, 1), "float32")


def mean(y, predicted):
    return keras.ops.mean(predicted, axis=-1)


def make_model(optimizer, **settings):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer, loss=mean, **settings)
    return model


def batches():
    """Yields an epoch, and does not tell how long it is; Keras may drop some to learn its shape."""
    for _ in range(6):
        yield ONES[:4], ONES[:4]


def trained(callbacks, optimizer=None, settings=None, **fit):
    """Returns the rates in the logs, and the sum of those that each epoch of 4 steps applied."""
    model = make_model(optimizer or keras.optimizers.SGD(0.5), **settings or {})
    weights = [float(model.get_weights()[0][0, 0])]
    reader = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(float(model.get_weights()[0][0, 0]))
    )
    fit = {"epochs": 4, "verbose": 0, "callbacks": [*callbacks, reader], **fit}
    if "x" not in fit:
        fit |= {"x": ONES, "y": ONES, "batch_size": 4}
    history = model.fit(**fit).history
    return {"rates": history["learning_rate"], "sums": (-np.diff(weights)).tolist()}


def hypergradient(optimizer):
    """Returns the rate after 20 steps of a linear regression."""
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    y = (x @ [[1.0], [-2.0], [0.5]]).astype("float32")
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(optimizer, loss="mse")
    model.fit(x, y, batch_size=16, epochs=5, shuffle=False, verbose=0)
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def executions():
    """Does several steps at once, or returns why Keras cannot."""
    try:
        return trained([LearningRateWarmup(2)], settings={"steps_per_execution": 2})
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def generator():
    """Trains for an epoch of unknown length."""
    steps = []
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: steps.append(b))
    callbacks = [LearningRateWarmup(8, unit="step"), counter]
    found = trained(callbacks, x=batches(), epochs=1)
    return {**found, "steps": len(steps)}


def results():
    stall = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: logs.update(val_loss=1.0))
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=8.0)
    decay = StepDecay(0.1, every=1)
    return {
        "executions": executions(),
        "warmup": trained([LearningRateWarmup(2, start=0.2)]),
        "steps": trained([LearningRateWarmup(6, unit="step", start=0.25)]),
        "generator": generator(),
        "resumed": trained([LearningRateWarmup(3, start=0.2)], initial_epoch=1),
        "joined": trained([WarmupDecay(1, schedules.staircase(schedules.exponential(0.5)))]),
        "plateau": trained([stall, PlateauDecay(0.5, patience=1)]),
        "scaled": trained([WarmupDecay(1, decay)], scaled),
        "sgd": hypergradient(HypergradientSGD(0.001, hypergradient_rate=1e-3)),
        "nesterov": hypergradient(HypergradientSGD(0.001, hypergradient_rate=1e-4, momentum=0.9)),
        "adam": hypergradient(HypergradientAdam(0.001, hypergradient_rate=1e-4, beta_2=0.99)),
    }


def on_replicas():
    """Does it all on two logical processors, among which each batch is split."""
    import tensorflow as tf

    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        return results()


if __name__ == "__main__":
    print(json.dumps(on_replicas() if "replicas" in sys.argv else results()))
