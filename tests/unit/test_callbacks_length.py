"""The rates of data that do not tell their length, and of loops that do not tell their batches."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from kt_extensions.callbacks import LearningRateWarmup, PlateauDecay, StepDecay
from tests.unit.test_callbacks import BASE, ONES, close, fit, make_model, rate_of

pytestmark = pytest.mark.filterwarnings("ignore:Your input ran out of data")


def batches():
    for _ in range(4):
        yield ONES[:2], ONES[:2]


def data_of_unknown_length(source=batches):
    """Returns batches of unknown number, 4 in each epoch."""
    tf = pytest.importorskip("tensorflow")
    spec = tf.TensorSpec((2, 1), tf.float32)
    return tf.data.Dataset.from_generator(source, output_signature=(spec, spec))


def test_unknown_length_in_steps():
    warmup = LearningRateWarmup(8, unit="step", start=0.2)
    rates, history = fit(warmup, data=data_of_unknown_length())
    assert rates == close([0.1 + 0.05 * step for step in range(8)] + [0.5] * 4)
    assert history["learning_rate"] == close(rates[3::4])


def test_unknown_length_in_epochs_has_the_middle_of_the_first():
    rates, _ = fit(LearningRateWarmup(2, start=0.2), data=data_of_unknown_length())
    assert rates == close([*[0.2] * 4, 0.3, 0.35, 0.4, 0.45, *[0.5] * 4])


@pytest.mark.parametrize("source", ["state", "optimizer"])
@pytest.mark.parametrize("unit", ["epoch", "step"])
def test_unknown_length_of_a_resumed_training(unit, source):
    first, second = (
        LearningRateWarmup(12 if unit == "step" else 3, unit=unit, start=0.2) for _ in range(2)
    )
    model = make_model()
    if source == "state":
        fit(first, model, data=data_of_unknown_length(), epochs=1)
        second.set_state(json.loads(json.dumps(first.get_state())))
    else:
        fit(first, model, epochs=1)
    rates, _ = fit(second, model, data=data_of_unknown_length(), epochs=3, initial_epoch=1)
    assert rates == close([0.1 + 0.4 * step / 12 for step in range(4, 12)])


def fit_lengths(callback, lengths, **settings):
    """Returns the rates of each epoch's batches, and the history.

    Keras ends an epoch one batch after the length of the first.
    """
    remaining, seen = list(lengths), []

    def batches():
        for _ in range(remaining[0]):
            yield ONES[:2], ONES[:2]

    reader = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(0),
        on_epoch_end=lambda epoch, logs: remaining.pop(0),
        on_train_batch_end=lambda batch, logs: seen.append(seen.pop() + 1),
    )
    settings = {"epochs": len(lengths), **settings}
    rates, history = fit([callback, reader], data=data_of_unknown_length(batches), **settings)
    parts = [part.tolist() for part in np.split(rates, np.cumsum(seen)[:-1])]
    return parts, history["learning_rate"]


def each(values, parts):
    return [close([value] * len(part)) for value, part in zip(values, parts, strict=True)]


def test_decay_waits_for_the_end_of_an_epoch_longer_than_the_one_before():
    rates, logged = fit_lengths(StepDecay(0.5, every=1), [3, 5, 2, 6])
    assert [len(part) for part in rates] == [3, 4, 2, 4]
    assert rates == each([0.5, 0.25, 0.125, 0.0625], rates)
    assert logged == close([0.5, 0.25, 0.125, 0.0625])


def test_decay_waits_for_the_end_of_an_epoch_longer_than_estimated():
    model = make_model()
    fit([], model, epochs=1)
    callback = StepDecay(0.5, every=1)
    rates, logged = fit_lengths(callback, [8, 8], model=model, initial_epoch=2, epochs=4)
    assert [len(part) for part in rates] == [8, 8]
    assert rates == each([0.125, 0.0625], rates)
    assert logged == close([0.125, 0.0625])


def test_warmup_takes_an_epoch_to_be_as_long_as_the_one_before():
    rates, logged = fit_lengths(LearningRateWarmup(4, start=0), [3, 4, 2, 4])
    times = [[0.5] * 3, [1, 4 / 3, 5 / 3, 5 / 3], [2, 2.25], [3, 3.5, 3.5, 3.5]]
    assert rates == [close([BASE * time / 4 for time in part]) for part in times]
    assert logged == close([part[-1] for part in rates])


def test_warmup_in_steps_counts_epochs_of_any_length():
    rates, _ = fit_lengths(LearningRateWarmup(20, unit="step", start=0), [3, 4, 2, 4])
    assert np.concatenate(rates) == close([BASE * step / 20 for step in range(13)])


def loop(callback, params=None, batches=0, epochs=3):
    """Returns the rate in each epoch of a loop that calls the callbacks itself, and the logs."""
    model = make_model()
    rates, logged = [], []
    reader = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logged.append(logs["learning_rate"])
    )
    hooks = keras.callbacks.CallbackList([callback, reader], model=model)
    if params is not None:
        hooks.set_params(params)
    hooks.on_train_begin()
    for epoch in range(epochs):
        hooks.on_epoch_begin(epoch)
        for batch in range(batches):
            hooks.on_train_batch_begin(batch)
            hooks.on_train_batch_end(batch)
        rates.append(rate_of(model.optimizer))
        hooks.on_epoch_end(epoch, {"val_loss": 1.0})
        assert rate_of(model.optimizer) == rates[-1]
    hooks.on_train_end()
    return rates, logged


@pytest.mark.parametrize("params", [None, {}, {"epochs": 3}, {"epochs": 3, "steps": 2}])
@pytest.mark.parametrize("batches", [0, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda: StepDecay(0.5, every=1),
        lambda: PlateauDecay(0.5, patience=1, min_delta=2),
    ],
)
def test_loop_of_ones_own(make, params, batches):
    expected = [0.5, 0.25, 0.125] if isinstance(make(), StepDecay) else [0.5, 0.5, 0.25]
    assert loop(make(), params, batches) == (close(expected), close(expected))
