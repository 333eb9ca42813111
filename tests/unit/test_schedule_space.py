"""The learning-rate schedule as hyperparameters."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions import schedules
from kt_extensions.callbacks import ScheduleSpace, tunable_schedule

BASE = 0.5


def rates(callbacks, epochs=6, val_loss=1.0):
    """Returns the rate of each epoch."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(BASE), loss="mse", run_eagerly=True)
    stalling = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(val_loss=val_loss)
    )
    history = model.fit(
        np.zeros((1, 1)), np.zeros((1, 1)), epochs=epochs, verbose=0,
        callbacks=[stalling, *callbacks],
    )  # fmt: skip
    return history.history.get("learning_rate")


def chosen(values, **arguments):
    hp = kt.HyperParameters()
    hp.values.update(values)
    return tunable_schedule(hp, **arguments)


def times(schedule, epochs=6):
    return pytest.approx([BASE * schedule(epoch) for epoch in range(epochs)], rel=1e-5)


def test_default_space():
    hp = kt.HyperParameters()
    tunable_schedule(hp)
    conditions = {p.name: [(c.name, c.values) for c in p.conditions] for p in hp.space}
    assert conditions == {
        "schedule": [],
        "decay_rate": [("schedule", ["inverse_time"])],
        "gamma": [("schedule", ["exponential"])],
        "drop": [("schedule", ["step", "plateau"])],
        "step_epochs": [("schedule", ["step"])],
        "schedule_patience": [("schedule", ["plateau"])],
        "warmup_epochs": [],
    }


@pytest.mark.parametrize("name", schedules.NAMES)
def test_settings_exist_only_beside_their_schedule(name):
    hp = kt.HyperParameters()
    hp.values["schedule"] = name
    tunable_schedule(hp)
    owners = {
        "inverse_time": ["decay_rate"],
        "exponential": ["gamma"],
        "step": ["drop", "step_epochs"],
        "plateau": ["drop", "schedule_patience"],
    }
    active = [p.name for p in hp.space if hp.is_active(p)]
    assert active == ["schedule", *owners.get(name, []), "warmup_epochs"]


def test_fixed_space_is_empty():
    hp = kt.HyperParameters()
    tunable_schedule(hp, schedule="step", drop=0.5, step_epochs=3, warmup_epochs=0)
    assert hp.space == []


def test_fixed_rate_needs_no_callback():
    assert chosen({}, schedule="fixed", warmup_epochs=0) == []


@pytest.mark.parametrize(
    ("name", "setting", "schedule"),
    [
        ("fixed", {}, schedules.constant()),
        ("inverse_time", {"decay_rate": 0.5}, schedules.inverse_time(0.5)),
        ("exponential", {"gamma": 0.8}, schedules.exponential(0.8)),
        ("step", {"drop": 0.5, "step_epochs": 2}, schedules.step(0.5, every=2)),
        ("plateau", {"drop": 0.5, "schedule_patience": 2}, lambda t: 0.5 ** (max(t - 1, 0) // 2)),
    ],
)
@pytest.mark.parametrize("warmup", [0, 2])
def test_rates(name, setting, schedule, warmup):
    callbacks = chosen({"schedule": name, "warmup_epochs": warmup, **setting})
    if warmup:
        schedule = schedules.join([schedules.warmup(warmup), schedule], [warmup])
    assert bool(callbacks) == ((name, warmup) != ("fixed", 0))
    assert not callbacks or rates(callbacks) == times(schedule)


@pytest.mark.parametrize(("epochs", "length"), [(None, 4), (12, 10)])
def test_cosine_ends_with_the_training_or_where_told(epochs, length):
    callbacks = chosen({"schedule": "cosine", "warmup_epochs": 2}, epochs=epochs)
    whole = schedules.join([schedules.warmup(2), schedules.cosine(length)], [2])
    assert rates(callbacks) == times(whole)


def test_cosine_has_an_epoch_left_after_a_warmup_longer_than_it_all():
    callbacks = chosen({"schedule": "cosine", "warmup_epochs": 3}, epochs=2)
    assert rates(callbacks) == times(
        schedules.join([schedules.warmup(3), schedules.cosine(1)], [3])
    )


def test_direction_of_a_metric_whose_name_does_not_tell_it():
    arguments = {"monitor": "val_score", "mode": "max", "drop": 0.5, "schedule_patience": 1}
    [callback] = chosen({}, schedule="plateau", warmup_epochs=0, **arguments)
    scores = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(val_score=[1.0, 2.0, 1.0, 3.0][epoch])
    )
    assert rates([scores, callback], epochs=4) == pytest.approx([0.5, 0.5, 0.5, 0.25])


def test_space_is_read_before_hyperparameters_are_known():
    space = ScheduleSpace.of(schedule=["fixed", "cosine"], warmup_epochs=[0, 5])
    hp = kt.HyperParameters()
    assert space.declare(hp) == []
    assert [p.name for p in hp.space] == ["schedule", "warmup_epochs"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"gamma": (0.5, 1.5)}, "`gamma` to be a number above 0 and below 1"),
        ({"step_epochs": (0, 5)}, "`step_epochs` to be an integer of at least 1"),
        ({"warmup_epochs": (5, 0)}, "Swap the two ends: (0, 5)"),
        ({"epochs": 0}, "`epochs` to be an integer of at least 1"),
        ({"monitor": "score"}, "monitor='score'. Pass `mode='min'` or `mode='max'`"),
        ({"mode": "up"}, "`mode` to be 'auto', 'min' or 'max'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        tunable_schedule(kt.HyperParameters(), **arguments)
    assert message in str(error.value)
