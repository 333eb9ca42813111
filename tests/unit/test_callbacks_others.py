"""The rate that callbacks of Keras change beside ours."""

from __future__ import annotations

import itertools

import keras
import pytest

from kt_extensions.callbacks import LearningRateWarmup, PlateauDecay, StepDecay
from tests.unit.test_callbacks import Metric, close, fit, make_model

WARMUP = [0.05, 0.1625, 0.275, 0.3875]


def reduce():
    return keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=0)


def in_both_orders(test):
    ways = [lambda ours, other: [ours, other], lambda ours, other: [other, ours]]
    return pytest.mark.parametrize("order", ways, ids=["ours first", "ours last"])(test)


@in_both_orders
def test_reduction_on_a_plateau_is_kept(order):
    callbacks = order(LearningRateWarmup(1), reduce())
    rates, history = fit([Metric([1.0] * 6), *callbacks], epochs=6)
    epochs = [0.5, 0.25, 0.125, 0.0625, 0.03125]
    assert rates == close([*WARMUP, *[rate for rate in epochs for _ in range(4)]])
    assert history["learning_rate"] == close([WARMUP[-1], *epochs])


@in_both_orders
def test_reduction_and_decay_are_multiplied(order):
    callbacks = order(StepDecay(0.1, every=2), reduce())
    rates, history = fit([Metric([1.0] * 4), *callbacks], epochs=4)
    epochs = [0.5, 0.5, 0.025, 0.0125]
    assert rates == close([rate for rate in epochs for _ in range(4)])
    assert history["learning_rate"] == close(epochs)


@in_both_orders
def test_rate_of_a_scheduler_is_kept(order):
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.8)
    rates, history = fit(order(StepDecay(0.1, every=2), scheduler), epochs=4)
    epochs = history["learning_rate"]
    assert rates == close([rate for rate in epochs for _ in range(4)])
    assert [b / a for a, b in itertools.pairwise(epochs)] == close([0.8, 0.08, 0.8])


def test_logs_have_the_rate_before_others_change_it():
    _, history = fit([Metric([1.0] * 2), reduce(), LearningRateWarmup(8)], epochs=2)
    assert history["learning_rate"] == close([0.5 * (0.1 + 0.9 * t / 8) for t in (0.75, 1.75)])


@in_both_orders
def test_reduction_at_the_end_of_a_training_is_kept_by_the_next(order):
    model = make_model()
    for first in (0.5, 0.125):
        callbacks = order(StepDecay(0.1, every=1), reduce())
        rates, _ = fit([Metric([1.0] * 3), *callbacks], model, epochs=3)
        assert rates[::4] == close([first, first * 0.1, first * 0.005])


def test_least_rate_of_a_plateau_holds_for_a_base_that_others_change():
    callbacks = [reduce(), PlateauDecay(0.5, patience=1, min_rate=0.1)]
    _, history = fit([Metric([1.0] * 6), *callbacks], epochs=6)
    assert history["learning_rate"] == close([0.5, 0.5, 0.125, 0.1, 0.0625, 0.03125])


def test_rate_0_of_a_decay_is_not_taken_for_a_base():
    callbacks = [LearningRateWarmup(1, start=0), reduce()]
    rates, _ = fit([Metric([1.0] * 2), *callbacks], epochs=2)
    assert rates == close([0, 0.125, 0.25, 0.375, *[0.5] * 4])
