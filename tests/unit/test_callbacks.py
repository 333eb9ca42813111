"""The rate of each step and epoch, as callbacks set it."""

from __future__ import annotations

import copy

import keras
import numpy as np
import pytest

from kt_extensions import schedules
from kt_extensions.callbacks import (
    CosineDecay,
    LearningRateWarmup,
    LinearScaling,
    PlateauDecay,
    ScheduledRate,
    StepDecay,
    WarmupDecay,
)
from kt_extensions.snapshot import Continuation, read, snapshot_file

BASE = 0.5
KERAS_SCHEDULE = keras.optimizers.schedules.CosineDecay(0.1, 100)
ONES = np.ones((8, 1), "float32")


class Recorder(keras.callbacks.Callback):
    """By how much each step has lowered the weight, which is the rate: the gradient is 1."""

    def __init__(self):
        super().__init__()
        self.weights = []
        self.rates = []

    def on_train_begin(self, logs=None):
        self.weights = [self.weight()]

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.weight())
        self.rates = (-np.diff(self.weights)).tolist()

    def weight(self):
        return float(keras.ops.convert_to_numpy(self.model.trainable_variables[0])[0, 0])


def rate_of(optimizer):
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def make_model(optimizer=None, **settings):
    """Returns a model whose loss is its only weight."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = optimizer or keras.optimizers.SGD(BASE)
    settings = {"run_eagerly": True, **settings}
    model.compile(optimizer, loss=lambda y, predicted: keras.ops.mean(predicted), **settings)
    return model


def fit(callbacks, model=None, data=ONES, epochs=3, **settings):
    """Returns the rate of each step, with 4 steps in an epoch of the arrays, and the history."""
    recorder = Recorder()
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    y = ONES if data is ONES else None
    history = (model or make_model()).fit(
        data, y, batch_size=2 if data is ONES else None, epochs=epochs, verbose=0,
        shuffle=False,
        callbacks=[*callbacks, recorder], **settings,
    )  # fmt: skip
    return recorder.rates, history.history


def factors(function, epochs, steps=4):
    return [BASE * function(epoch + step / steps) for epoch in epochs for step in range(steps)]


def close(values):
    return pytest.approx(values, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential"])
def test_warmup_rises_batch_by_batch(shape):
    rates, history = fit(LearningRateWarmup(2, shape=shape))
    expected = factors(schedules.warmup(2, shape=shape), range(3))
    assert rates == close(expected)
    assert history["learning_rate"] == close(expected[3::4])


def test_warmup_in_steps_from_zero():
    rates, _ = fit(LearningRateWarmup(5, unit="step", start=0))
    assert rates == close([0, 0.1, 0.2, 0.3, 0.4, *[0.5] * 7])


def test_linear_scaling_rises_to_the_ratio_of_the_batches():
    rates, history = fit(LinearScaling(1024, reference=256, warmup=2))
    rise = [1, 1.375, 1.75, 2.125, 2.5, 2.875, 3.25, 3.625]  # by as much in each batch
    assert rates == close([BASE * factor for factor in [*rise, 4, 4, 4, 4]])
    assert history["learning_rate"] == close([BASE * 2.125, BASE * 3.625, BASE * 4])


@pytest.mark.parametrize(("size", "warmup", "factor"), [(64, 5, 0.25), (256, 5, 1), (512, 0, 2)])
def test_linear_scaling_without_a_rise(size, warmup, factor):
    rates, _ = fit(LinearScaling(size, reference=256, warmup=warmup))
    assert rates == close([BASE * factor] * 12)


def test_linear_scaling_and_a_decay_are_multiplied():
    _, history = fit([LinearScaling(512, reference=256, warmup=0), StepDecay(0.1, every=1)])
    assert history["learning_rate"] == close([1, 0.1, 0.01])


@pytest.mark.parametrize("drops", [{"every": 2}, {"milestones": [2, 4]}])
def test_step_decay(drops):
    rates, history = fit(StepDecay(0.1, **drops), epochs=5)
    assert rates == close(np.repeat([0.5, 0.5, 0.05, 0.05, 0.005], 4))
    assert history["learning_rate"] == close([0.5, 0.5, 0.05, 0.05, 0.005])


def test_cosine_ends_with_the_training():
    _, history = fit(CosineDecay(), epochs=4)
    assert history["learning_rate"] == close([BASE * schedules.cosine(4)(t) for t in range(4)])


def test_cosine_of_a_given_length():
    _, history = fit(CosineDecay(2, final=0.2), epochs=3)
    assert history["learning_rate"] == close([0.5, 0.3, 0.1])


def test_warmup_and_decay_are_joined():
    rates, _ = fit(WarmupDecay(1, schedules.staircase(schedules.exponential(0.5)), start=0.2))
    assert rates == close([0.1, 0.2, 0.3, 0.4, *[0.5] * 4, *[0.25] * 4])


def test_cosine_after_a_warmup_ends_with_the_training():
    _, history = fit(WarmupDecay(2, CosineDecay()), epochs=6)
    after = [BASE * schedules.cosine(4)(t) for t in range(4)]
    assert history["learning_rate"][2:] == close(after)


def test_decay_after_a_warmup_in_steps():
    rates, _ = fit(WarmupDecay(2, StepDecay(0.1, every=1), unit="step", start=0.5), epochs=2)
    assert rates == close([0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.05, 0.05])


@pytest.mark.parametrize("length", [1, 2, 4, 5])
def test_decay_after_a_warmup_in_steps_drops_after_whole_epochs(length):
    callback = WarmupDecay(length, StepDecay(0.5, every=1), unit="step")
    rates, _ = fit(callback, epochs=4, steps_per_epoch=3, data=endless())
    assert rates[length:] == close([0.5 * 0.5 ** (step // 3) for step in range(12 - length)])


def endless():
    while True:
        yield ONES[:2], ONES[:2]


@pytest.mark.parametrize("read_once", [iter, lambda times: (time for time in times)])
def test_milestones_may_be_read_only_once(read_once):
    _, history = fit(StepDecay(0.1, milestones=read_once([1, 2])))
    assert history["learning_rate"] == close([0.5, 0.05, 0.005])


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), -0.1, None, "high"])
@pytest.mark.parametrize("wrap", [ScheduledRate, lambda schedule: WarmupDecay(1, schedule)])
def test_factor_that_is_no_finite_number(factor, wrap):
    callback = wrap(lambda time: factor)
    expected = f"`factor` to be a finite number of at least 0. Received: factor={factor!r}."
    with pytest.raises(ValueError) as error:
        fit(callback)
    assert expected in str(error.value)
    assert type(callback).__name__ in str(error.value)


@pytest.mark.parametrize("initial", [1, 2, 5])
@pytest.mark.parametrize(
    "make",
    [
        lambda: LearningRateWarmup(3),
        lambda: LearningRateWarmup(11, unit="step"),
        lambda: LinearScaling(64, reference=8, warmup=3),
        lambda: StepDecay(0.3, every=2),
        lambda: CosineDecay(),
        lambda: WarmupDecay(2, StepDecay(0.3, milestones=[1, 3])),
        lambda: WarmupDecay(6, CosineDecay(), unit="step"),
    ],
)
def test_resumed_training_has_the_rates_of_one_never_cut(make, initial):
    whole, _ = fit(make(), epochs=6)
    rest, _ = fit(make(), epochs=6, initial_epoch=initial)
    assert rest == close(whole[4 * initial :])


def test_second_fit_of_a_model_has_the_same_base():
    model = make_model()
    first, _ = fit(StepDecay(0.1, every=1), model)
    second, _ = fit(StepDecay(0.1, every=1), model, epochs=5, initial_epoch=3)
    assert [*first, *second] == close(np.repeat([0.5 * 0.1**e for e in range(5)], 4))


def test_rate_that_somebody_else_sets_is_the_new_base():
    model = make_model()
    fit(StepDecay(0.1, every=1), model)
    model.optimizer.learning_rate = 0.2
    rates, _ = fit(StepDecay(0.1, every=1), model, epochs=2)
    assert rates == close(np.repeat([0.2, 0.02], 4))


class Restore(keras.callbacks.Callback):
    """Brings back a decayed rate, as restoring an optimizer does."""

    def on_train_begin(self, logs=None):
        self.model.optimizer.learning_rate = 0.05


@pytest.mark.parametrize("first", [True, False])
def test_restored_optimizer_does_not_change_the_base(first):
    callbacks = [Restore(), StepDecay(0.1, every=2)]
    rates, _ = fit(callbacks if first else callbacks[::-1], epochs=5, initial_epoch=3)
    assert rates == close(np.repeat([0.05, 0.005], 4))


def test_factors_of_several_callbacks_are_multiplied():
    callbacks = [LearningRateWarmup(1, start=0.2), StepDecay(0.1, every=2)]
    model = make_model()
    for _ in range(2):
        rates, _ = fit(callbacks, model)
        assert rates == close([0.1, 0.2, 0.3, 0.4, *[0.5] * 4, *[0.05] * 4])


@pytest.mark.skipif(keras.config.backend() == "torch", reason="Keras cannot do this there")
def test_steps_per_execution():
    model = make_model(steps_per_execution=2, run_eagerly=False)
    recorded = []
    probe = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: recorded.append((batch, rate_of(model.optimizer)))
    )
    fit([LearningRateWarmup(2, start=0.2), probe], model, epochs=2)
    batches, rates = zip(*recorded, strict=True)
    assert batches == (0, 2, 0, 2)
    assert rates == close([0.1, 0.2, 0.3, 0.4])


class Metric(keras.callbacks.Callback):
    """Puts a metric into the logs."""

    def __init__(self, values, name="val_loss"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def stalled(callback, values, name="val_loss", **settings):
    """Returns the rate of each epoch in which a metric had these values."""
    settings = {"epochs": len(values), **settings}
    return fit([Metric(values, name), callback], **settings)[1]["learning_rate"]


class Subclassed(keras.Model):
    """A model that is only built, and restored, in its first step."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, use_bias=False)

    def call(self, x):
        return self.dense(x)


def subclassed():
    model = Subclassed()
    model.compile(keras.optimizers.SGD(BASE), loss="mse")
    return model


@pytest.mark.parametrize("make_new", [make_model, subclassed])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: StepDecay(0.1, every=2), [0.5, 0.5, 0.05, 0.05, 0.005]),
        (lambda: CosineDecay(8), [0.5, 0.48097, 0.42678, 0.34567, 0.25]),
        (lambda: WarmupDecay(1, StepDecay(0.1, every=2)), [0.38750, 0.5, 0.5, 0.05, 0.05]),
        (lambda: PlateauDecay(0.1, patience=2), [0.5, 0.5, 0.5, 0.05, 0.05]),
    ],
)
def test_promoted_trial_has_the_rates_of_one_never_cut(make_new, make, expected, tmp_path):
    files = [snapshot_file(tmp_path, i) for i in range(2)]
    for start, end, first, last in ((None, files[0], 0, 4), (files[0], files[1], 4, 5)):
        continuation = Continuation(start and read(start), end)
        history = continuation.attach(make_new()).fit(
            ONES, ONES, batch_size=2, initial_epoch=first, epochs=last, verbose=0,
            callbacks=[continuation, Metric([1.0] * 5), make()],
        )  # fmt: skip
    assert history.history["learning_rate"] == pytest.approx(expected, rel=1e-3)


def test_copies_are_independent():
    original = WarmupDecay(1, PlateauDecay(0.5, patience=1))
    rates = [stalled(copy.deepcopy(original), [1.0] * 5) for _ in range(2)]
    assert rates[0] == rates[1]
    assert original.get_state() == WarmupDecay(1, PlateauDecay(0.5, patience=1)).get_state()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LearningRateWarmup(0), "`length` to be a positive number. Received: length=0"),
        (lambda: LearningRateWarmup(2, unit="batch"), "'epoch' or 'step'. Received: unit='batch'"),
        (lambda: LearningRateWarmup(2, shape="cubic"), "`shape` to be one of"),
        (lambda: LinearScaling(0, reference=256), "`batch_size` to be a positive number of rows"),
        (lambda: LinearScaling(64, reference="32"), "`reference` to be a positive number of rows"),
        (lambda: LinearScaling(64, reference=32, warmup=-1), "`warmup` to be a number of epochs"),
        (lambda: ScheduledRate(0.1), "`schedule` to be a function"),
        (lambda: ScheduledRate(KERAS_SCHEDULE), "`LearningRateSchedule` returns whole rates: take"),
        (lambda: StepDecay(0.1), "`every` to be given, or else `milestones`"),
        (lambda: StepDecay(2, every=1), "`factor` to be a number above 0 and of at most 1"),
        (lambda: CosineDecay(0), "`epochs` to be a positive number or None"),
        (lambda: PlateauDecay(1.0), "`factor` to be a number above 0 and below 1"),
        (lambda: PlateauDecay(patience=0), "`patience` to be a number of at least 1"),
        (lambda: PlateauDecay(mode="up"), "`mode` to be 'auto', 'min' or 'max'"),
        (lambda: PlateauDecay(monitor="score"), "monitor='score'. Pass `mode='min'`"),
        (lambda: PlateauDecay(min_rate=-1), "`min_rate` to be a number of at least 0"),
        (lambda: StepDecay(0.1, every=1, optimizers=[]), "`optimizers` to be the name"),
        (lambda: WarmupDecay(1, 0.5), "`decay` to be a callback of `kt_extensions.callbacks` or a"),
        (lambda: WarmupDecay(1, keras.callbacks.ReduceLROnPlateau()), "Received: decay=<keras"),
        (
            lambda: WarmupDecay(1, KERAS_SCHEDULE),
            "`LearningRateSchedule` returns whole rates: take",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
