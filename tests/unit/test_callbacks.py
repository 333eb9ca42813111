"""The rate of each step and epoch, as callbacks set it."""

from __future__ import annotations

import copy
import json

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


def batches():
    for _ in range(4):
        yield ONES[:2], ONES[:2]


def data_of_unknown_length():
    """Returns batches of unknown number, 4 in each epoch."""
    tf = pytest.importorskip("tensorflow")
    spec = tf.TensorSpec((2, 1), tf.float32)
    return tf.data.Dataset.from_generator(batches, output_signature=(spec, spec))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_unknown_length_in_steps():
    warmup = LearningRateWarmup(8, unit="step", start=0.2)
    rates, history = fit(warmup, data=data_of_unknown_length())
    assert rates == close([0.1 + 0.05 * step for step in range(8)] + [0.5] * 4)
    assert history["learning_rate"] == close(rates[3::4])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_unknown_length_in_epochs_has_the_middle_of_the_first():
    rates, _ = fit(LearningRateWarmup(2, start=0.2), data=data_of_unknown_length())
    assert rates == close([*[0.2] * 4, 0.3, 0.35, 0.4, 0.45, *[0.5] * 4])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
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


def test_plateau_lowers_the_rate_after_epochs_without_improvement():
    losses = [1.0, 0.8, 0.9, 0.8, 0.7, 0.7, 0.7, 0.6]
    history = stalled(PlateauDecay(0.5, patience=2), losses)
    assert history == close([0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125])


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


@pytest.mark.parametrize(("name", "mode"), [("val_accuracy", "auto"), ("score", "max")])
def test_plateau_of_a_maximized_metric(name, mode):
    values = [0.1, 0.2, 0.3, 0.3, 0.4]
    rates = stalled(PlateauDecay(0.5, monitor=name, mode=mode, patience=1), values, name)
    assert rates == close([0.5, 0.5, 0.5, 0.5, 0.25])


def test_plateau_cools_down_and_keeps_a_least_rate():
    callback = PlateauDecay(0.1, patience=1, cooldown=2, min_rate=0.02)
    rates = stalled(callback, [1.0] * 8)
    assert rates == close([0.5, 0.5, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02])


def test_plateau_needs_an_improvement_of_min_delta():
    callback = PlateauDecay(0.5, patience=2, min_delta=0.1)
    assert stalled(callback, [1.0, 0.95, 0.92, 0.8]) == close([0.5, 0.5, 0.5, 0.25])


def test_plateau_takes_what_is_not_finite_for_no_improvement():
    callback = PlateauDecay(0.5, patience=1)
    assert stalled(callback, [1.0, float("nan"), -float("inf")]) == close([0.5, 0.5, 0.25])


def test_plateau_counts_after_the_warmup():
    callback = WarmupDecay(2, PlateauDecay(0.5, patience=1))
    assert stalled(callback, [1.0] * 6)[2:] == close([0.5, 0.5, 0.25, 0.125])


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: WarmupDecay(1, c)])
@pytest.mark.parametrize("cut", [1, 3, 4, 6])
def test_plateau_goes_on_with_its_state(cut, wrap):
    losses = [1.0, 0.8, 0.9, 0.8, 0.7, 0.7, 0.7, 0.7]

    def make():
        return wrap(PlateauDecay(0.5, patience=2, cooldown=1))

    whole = stalled(make(), losses)
    first, second = make(), make()
    start = stalled(first, losses, epochs=cut)
    second.set_state(json.loads(json.dumps(first.get_state())))
    assert start + stalled(second, losses, initial_epoch=cut) == close(whole)


def test_plateau_without_state_takes_the_rate_of_the_restored_optimizer():
    callbacks = [Restore(), PlateauDecay(0.1, patience=1)]
    _, history = fit([Metric([1.0] * 5), *callbacks], epochs=5, initial_epoch=3)
    assert history["learning_rate"] == close([0.05, 0.05])


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


def test_plateau_begins_anew_with_epoch_0():
    callback, model = PlateauDecay(0.5, patience=1), make_model()
    for _ in range(2):
        assert stalled(callback, [1.0] * 3, model=model) == close([0.5, 0.5, 0.25])


def test_missing_metric_warns_once():
    with pytest.warns(UserWarning, match="'val_loss'.*'learning_rate'.*monitor") as warned:
        fit(PlateauDecay(), epochs=3)
    assert len([w for w in warned if "PlateauDecay" in str(w.message)]) == 1


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
        (lambda: StepDecay(0.1), "`every` to be given, or else `milestones`"),
        (lambda: StepDecay(2, every=1), "`factor` to be a number above 0 and of at most 1"),
        (lambda: CosineDecay(0), "`epochs` to be a positive number or None"),
        (lambda: PlateauDecay(1.0), "`factor` to be a number above 0 and below 1"),
        (lambda: PlateauDecay(patience=0), "`patience` to be a number of at least 1"),
        (lambda: PlateauDecay(mode="up"), "`mode` to be 'auto', 'min' or 'max'"),
        (lambda: PlateauDecay(monitor="score"), "monitor='score'. Pass `mode='min'`"),
        (lambda: PlateauDecay(min_rate=-1), "`min_rate` to be a number of at least 0"),
        (lambda: StepDecay(0.1, every=1, optimizers=[]), "`optimizers` to be the name"),
        (lambda: WarmupDecay(1, 0.5), "`schedule` to be a function"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
