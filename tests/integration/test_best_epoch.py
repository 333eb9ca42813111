"""Trainings of which some epochs do not tell the objective."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.callbacks import StepDecay

X, Y = np.linspace(0, 1, 16).reshape(8, 2), np.zeros((8, 1))


class Counting(keras.callbacks.Callback):
    """Sets the weight to the number of the epoch, and the objective to what was asked for."""

    def __init__(self, values: list[float | None]) -> None:
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.set_weights([np.full_like(w, epoch) for w in self.model.get_weights()])
        logs.pop("val_score", None)
        if self.values[epoch] is not None:
            logs["val_score"] = self.values[epoch]


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-4, 1e-2)), "mse")
    return model


def tuner(folder: Path, hypermodel: Any = build, **kwargs: Any) -> kte.TPE:
    settings = {"objective": kt.Objective("val_score", "min"), "max_trials": 2, **kwargs}
    return kte.TPE(hypermodel, directory=folder, seed=0, **settings)


@pytest.mark.parametrize(
    "values",
    [
        [None, 0.5, None, 0.2, None],
        [math.nan, 0.5, 0.4, 0.2, 0.3],
        [0.9, math.inf, 0.4, 0.2, math.nan],
        [None, math.nan, None, 0.2, 0.3],
    ],
)
@pytest.mark.parametrize("executions", [1, 2])
def test_the_best_of_the_epochs_that_tell_the_objective(
    tmp_path: Path, values: list[float | None], executions: int
) -> None:
    search = tuner(tmp_path, executions_per_trial=executions)
    search.search(X, Y, epochs=5, callbacks=[Counting(values)], verbose=0)
    for trial in search.oracle.trials.values():
        assert (trial.status, trial.score, trial.best_step) == ("COMPLETED", 0.2, 3)
    assert search.results()[0]["scores"] == [0.2] * executions
    assert np.all(search.get_best_models()[0].get_weights()[0] == 3)


def test_a_model_that_is_validated_in_every_second_epoch(tmp_path: Path) -> None:
    search = tuner(tmp_path, objective="val_loss")
    search.search(X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0)
    for trial, result in zip(search.oracle.trials.values(), search.results(), strict=True):
        known = [value for value in result["history"][0]["val_loss"] if not math.isnan(value)]
        assert len(known) == 2
        assert trial.score == min(known)
        assert trial.best_step in (1, 3)


def test_promoted_trials_that_are_validated_in_every_second_epoch(tmp_path: Path) -> None:
    """A history of such a trial begins with the epochs of the other one."""
    epochs = {"min_epochs": 2, "max_epochs": 4, "factor": 2}
    search = kte.Hyperband(build, "val_loss", **epochs, directory=tmp_path, seed=0)
    search.search(X, Y, validation_data=(X, Y), validation_freq=2, verbose=0)
    trials = search.oracle.trials.values()
    promoted = [t for t in trials if "tuner/trial_id" in t.hyperparameters.values]
    assert {trial.status for trial in trials} == {"COMPLETED"}
    assert {trial.best_step for trial in promoted} <= {1, 3} and promoted


def test_an_objective_that_no_epoch_tells_fails_the_trial(tmp_path: Path) -> None:
    search = tuner(tmp_path, max_consecutive_failed_trials=9)
    with pytest.warns(RuntimeWarning, match=r"(?s)All 2 trials .* was nan"):
        search.search(X, Y, epochs=3, callbacks=[Counting([math.nan] * 3)], verbose=0)
    assert {trial.status for trial in search.oracle.trials.values()} == {"FAILED"}


class Deciding(kt.HyperModel):
    """Its own callbacks log what a search is to see."""

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)

    def fit(self, hp: Any, model: keras.Model, *args: Any, callbacks: Any = (), **kw: Any) -> Any:
        added = [Counting([0.3, 0.1, 0.2]), StepDecay(0.5, every=1)]
        return model.fit(*args, callbacks=[*callbacks, *added], **kw)


def test_what_the_callbacks_of_a_fit_of_ones_own_log(tmp_path: Path) -> None:
    search = tuner(tmp_path, Deciding())
    search.search(X, Y, epochs=3, verbose=0)
    curves = search.results()[0]["history"][0]
    assert curves["val_score"] == [0.3, 0.1, 0.2]
    rates = np.array(curves["learning_rate"])
    assert rates / rates[0] == pytest.approx([1.0, 0.5, 0.25])
    assert np.all(search.get_best_models()[0].get_weights()[0] == 1)


class Lost(keras.callbacks.Callback):
    """Sets the model's loss; in the first run an epoch is better than all, and then it ends."""

    def __init__(self, weights: list[float], at: int, error: type[BaseException]) -> None:
        super().__init__()
        self.weights, self.at, self.error = weights, at, error

    def __deepcopy__(self, memo: Any) -> Lost:
        return self

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        weight = self.weights[epoch]
        if epoch >= self.at and self.error is not None:
            weight = 0.0
        self.model.set_weights([np.full_like(w, weight) for w in self.model.get_weights()])
        if epoch > self.at and self.error is not None:
            error, self.error = self.error, None
            raise error


def still(hp: kt.HyperParameters) -> keras.Model:
    hp.Float("unused", 0.0, 1.0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def stopped_and_resumed(folder: Path, lost: Lost, epochs: int, **given: Any) -> kte.Tuner:
    fit = {"validation_data": (X, Y), "epochs": epochs, "callbacks": [lost], "verbose": 0}
    given |= {"objective": "val_loss", "max_trials": 1}
    with pytest.raises(KeyboardInterrupt):
        tuner(folder, still, **given).search(X, Y, **fit)
    search = tuner(folder, still, **given)
    search.search(X, Y, **fit)
    return search


def loss_of(search: kte.Tuner, name: str) -> float:
    model = search.load_model(search.oracle.trials[name])
    return float(model.evaluate(X, Y, verbose=0))


def test_the_weights_of_an_epoch_that_was_lost_are_not_the_best(tmp_path: Path) -> None:
    lost = Lost([0.5, 0.5, 0.2, 0.4, 0.4, 0.4], 3, KeyboardInterrupt)
    search = stopped_and_resumed(tmp_path, lost, 6, snapshots=kte.Snapshots(every_epochs=3))
    [result] = search.results()
    assert result["score"] == min(result["history"][0]["val_loss"])
    assert result["score"] > 0
    assert loss_of(search, result["trial_id"]) == pytest.approx(result["score"])
    assert not [file for file in Path(search.project_dir).rglob("*last_*")]


def test_the_weights_of_an_attempt_that_failed_are_not_the_best(tmp_path: Path) -> None:
    epochs = {"max_epochs": 4, "min_epochs": 1, "factor": 4}
    lost = Lost([0.2, 0.4, 0.4, 0.4], 2, RuntimeError)
    search = kte.Hyperband(
        still, "val_loss", **epochs, directory=tmp_path, max_retries_per_trial=1, seed=0
    )
    search.search(X, Y, validation_data=(X, Y), callbacks=[lost], verbose=0)
    assert search.failures()
    for result in search.results():
        assert loss_of(search, result["trial_id"]) == pytest.approx(result["score"])


def test_the_weights_of_an_execution_that_was_lost_are_not_the_best(tmp_path: Path) -> None:
    """The first has ended, of the second nothing is left."""

    class InTheSecond(Lost):
        trainings = 0

        def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
            self.trainings += 1
            self.at = 0 if self.trainings == 2 else 9

    lost = InTheSecond([0.2, 0.4], 9, KeyboardInterrupt)
    search = stopped_and_resumed(tmp_path, lost, 2, executions_per_trial=2)
    [result] = search.results()
    assert lost.trainings == 3
    assert loss_of(search, result["trial_id"]) == pytest.approx(result["score"])
    assert result["score"] > 0
