"""The rate that a plateau lowers."""

from __future__ import annotations

import json

import keras
import pytest

from kt_extensions.callbacks import (
    CosineDecay,
    LearningRateWarmup,
    LinearScaling,
    PlateauDecay,
    WarmupDecay,
)
from tests.unit.test_callbacks import ONES, Metric, Restore, close, fit, make_model, stalled


def test_plateau_lowers_the_rate_after_epochs_without_improvement():
    losses = [1.0, 0.8, 0.9, 0.8, 0.7, 0.7, 0.7, 0.6]
    history = stalled(PlateauDecay(0.5, patience=2), losses)
    assert history == close([0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125])


class Stop(keras.callbacks.Callback):
    """Breaks a training off after an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def scaling_and_plateau():
    return [LinearScaling(8, reference=4, warmup=0), PlateauDecay(0.5, patience=1)]


BESIDE_OTHERS = {
    "after another": scaling_and_plateau,
    "before another": lambda: scaling_and_plateau()[::-1],
    "after a warm-up": lambda: [LearningRateWarmup(2), PlateauDecay(0.5, patience=1)],
    "before a warm-up in progress": lambda: [
        PlateauDecay(0.5, patience=1),
        LearningRateWarmup(8),
    ],
    "with a decay": lambda: [PlateauDecay(0.5, patience=1), CosineDecay(6)],
}


def lowered(history, make):
    """Returns by how much the plateau has lowered the rate of the last three epochs."""
    others = [callback for callback in make() if not isinstance(callback, PlateauDecay)]
    whole = fit(others, epochs=6)[1]["learning_rate"]
    return [a / b for a, b in zip(history["learning_rate"], whole[3:], strict=True)]


@pytest.mark.parametrize("make", BESIDE_OTHERS.values(), ids=BESIDE_OTHERS)
def test_plateau_without_state_goes_on_beside_others(make, tmp_path):
    metric, backup = Metric([1.0] * 6), str(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit([keras.callbacks.BackupAndRestore(backup), metric, *make(), Stop(2)], epochs=6)
    restored = keras.callbacks.BackupAndRestore(backup)
    rates, history = fit([restored, metric, *make()], epochs=6)
    assert rates[0] == pytest.approx(history["learning_rate"][0], rel=0.2)
    assert lowered(history, make) == close([0.5, 0.5, 0.25])


@pytest.mark.parametrize("make", BESIDE_OTHERS.values(), ids=BESIDE_OTHERS)
def test_new_plateau_goes_on_with_the_rate_of_the_same_model(make):
    model, metric = make_model(), Metric([1.0] * 6)
    fit([metric, *make()], model, epochs=3)
    _, history = fit([metric, *make()], model, epochs=6, initial_epoch=3)
    assert lowered(history, make) == close([0.5, 0.5, 0.25])


def test_new_plateau_alone_goes_on_with_the_rate_of_the_same_model():
    model = make_model()
    losses = [1.0] * 5
    first = stalled(PlateauDecay(0.5, patience=1), losses, model=model, epochs=3)
    second = stalled(PlateauDecay(0.5, patience=1), losses, model=model, initial_epoch=3)
    assert first + second == close([0.5, 0.5, 0.25, 0.25, 0.25])


def test_plateau_of_a_new_model_with_initial_epoch_has_nothing_to_take():
    rates, _ = fit([Metric([1.0] * 6), *scaling_and_plateau()], initial_epoch=3, epochs=5)
    assert rates == close([1.0] * 8)


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


def test_plateau_begins_anew_with_epoch_0():
    callback, model = PlateauDecay(0.5, patience=1), make_model()
    for _ in range(2):
        assert stalled(callback, [1.0] * 3, model=model) == close([0.5, 0.5, 0.25])


def test_missing_metric_warns_once():
    with pytest.warns(UserWarning, match="'val_loss'.*'learning_rate'.*monitor") as warned:
        fit(PlateauDecay(), epochs=3)
    assert len([w for w in warned if "PlateauDecay" in str(w.message)]) == 1


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: WarmupDecay(1, c)])
def test_missing_metric_of_a_plateau_after_a_warmup(wrap):
    with pytest.warns(UserWarning, match="'val_loss'"):
        fit(wrap(PlateauDecay()), epochs=3)


def test_metric_of_every_second_epoch_is_not_missing(recwarn):
    callback = PlateauDecay(0.5, patience=1, min_delta=10)
    validation = {"validation_data": (ONES, ONES), "validation_freq": 2}
    _, history = fit(callback, epochs=6, **validation)
    assert history["learning_rate"] == close([0.5, 0.5, 0.5, 0.5, 0.25, 0.25])
    assert not [w for w in recwarn if "PlateauDecay" in str(w.message)]
