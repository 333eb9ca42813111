"""Tuners that override parts of KerasTuner's, as existing programs do, run as they did."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine import tuner_utils

import kt_extensions as kte
from kt_extensions.pruners import Threshold

X, Y = np.linspace(0, 1, 16).reshape(8, 2), np.zeros((8, 1))


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 9))])
    model.compile("sgd", "mse")
    return model


class ScoredAfterwards(kte.Tuner):
    def run_trial(self, trial: Trial, x: Any, y: Any, xt: Any, yt: Any, **kwargs: Any) -> Any:
        super().run_trial(trial, x, y, **kwargs)
        return {"test_loss": self.load_model(trial).evaluate(xt, yt, verbose=0)}


class ScoredToTheOracle(kte.Tuner):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> None:
        super().run_trial(trial, *args[:2], **kwargs)
        self.oracle.update_trial(trial.trial_id, {"test_loss": 0.5})


class Fitting(kte.Tuner):
    """KerasTuner's own `run_trial`, made shorter."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        histories = [self._build_and_fit_model(trial, *args[:2], **kwargs) for _ in range(2)]
        return {"test_loss": min(min(history.history["loss"]) for history in histories)}


class Copied(kte.Tuner):
    """KerasTuner's own `run_trial`, word for word."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        model_checkpoint = tuner_utils.SaveBestEpoch(
            objective=self.oracle.objective, filepath=self._get_checkpoint_fname(trial.trial_id)
        )
        original_callbacks = kwargs.pop("callbacks", [])
        histories = []
        for execution in range(self.executions_per_trial):
            copied_kwargs = copy.copy(kwargs)
            callbacks = self._deepcopy_callbacks(original_callbacks)
            self._configure_tensorboard_dir(callbacks, trial, execution)
            callbacks.append(tuner_utils.TunerCallback(self, trial))
            callbacks.append(model_checkpoint)
            copied_kwargs["callbacks"] = callbacks
            histories.append(self._build_and_fit_model(trial, *args, **copied_kwargs))
        return histories


class Validating(kte.Tuner):
    def _build_and_fit_model(self, trial: Trial, x: Any, y: Any, **kwargs: Any) -> Any:
        data = {"validation_data": (x[-len(y) :], y)}
        return super()._build_and_fit_model(trial, x[-len(y) :], y, **data, **kwargs)


def search(
    cls: Any, objective: str, folder: Path, *data: Any, hypermodel: Any = build, **kwargs: Any
) -> Any:
    made = kt.Objective(objective, "min")
    oracle = kte.oracles.TPEOracle(made, max_trials=3, seed=0)
    tuner = cls(oracle=oracle, hypermodel=hypermodel, directory=folder, **kwargs)
    tuner.search(*data, epochs=2, verbose=0)
    return tuner


def loss_on_the_test_rows(tuner: kt.Tuner, trial: Trial) -> float:
    return float(tuner.load_model(trial).evaluate(X, Y, verbose=0))


def least(tuner: Any, trial: Trial) -> float:
    result = next(r for r in tuner.results() if r["trial_id"] == trial.trial_id)
    return min(min(history["loss"]) for history in result["history"])


@pytest.mark.filterwarnings("ignore:The use case of calling `self.oracle.update_trial")
@pytest.mark.parametrize(
    ("cls", "executions", "expected"),
    [
        (ScoredAfterwards, 1, loss_on_the_test_rows),
        (ScoredToTheOracle, 1, lambda tuner, trial: 0.5),
        (Fitting, 2, least),
    ],
)
def test_the_score_is_computed_in_run_trial(
    cls: Any, executions: int, expected: Any, tmp_path: Path
) -> None:
    tuner = search(cls, "test_loss", tmp_path, X, Y, X, Y)
    for trial, result in zip(tuner.oracle.trials.values(), tuner.results(), strict=True):
        assert [len(history["loss"]) for history in result["history"]] == [2] * executions
        assert (trial.status, result["status"]) == ("COMPLETED", "COMPLETED")
        assert trial.score == pytest.approx(expected(tuner, trial))


def test_kerastuners_run_trial_word_for_word(tmp_path: Path) -> None:
    tuner = search(Copied, "loss", tmp_path, X, Y, executions_per_trial=2)
    for result in tuner.results():
        bests = [min(history["loss"]) for history in result["history"]]
        assert result["status"] == "COMPLETED"
        assert result["score"] == pytest.approx(np.mean(bests))
    assert tuner.get_best_models()[0].count_params() > 0


def test_a_checkpoint_of_ones_own_is_left_as_it_is(tmp_path: Path) -> None:
    saved = []

    class Noting(tuner_utils.SaveBestEpoch):
        def _save_model(self) -> None:
            saved.append(self.best_value)
            super()._save_model()

    class Own(kte.Tuner):
        def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
            file = self._get_checkpoint_fname(trial.trial_id)
            kwargs["callbacks"] = [Noting(self.oracle.objective, file)]
            return self._build_and_fit_model(trial, *args, **kwargs)

    assert len(search(Own, "loss", tmp_path, X, Y).results()) == 3
    assert len(saved) >= 3


def test_a_run_trial_of_ones_own_that_is_pruned(tmp_path: Path) -> None:
    tuner = search(Fitting, "test_loss", tmp_path / "whole", X, Y, pruner=Threshold(-1.0))
    assert {result["status"] for result in tuner.results()} == {"COMPLETED"}  # it is not logged
    tuner = search(Copied, "loss", tmp_path / "pruned", X, Y, pruner=Threshold(-1.0))
    assert [(r["status"], r["epochs"]) for r in tuner.results()] == [("PRUNED", 1)] * 3


def test_data_are_completed_for_each_training(tmp_path: Path) -> None:
    tuner = search(Validating, "val_loss", tmp_path, X, Y[2:])
    assert {result["status"] for result in tuner.results()} == {"COMPLETED"}


class Returning(kt.HyperModel):
    """Returns what a function makes of the history."""

    def __init__(self, returned: Any) -> None:
        super().__init__()
        self.returned = returned

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)

    def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        return self.returned(model.fit(*args, **kwargs).history)


@pytest.mark.parametrize(
    "returned",
    [
        lambda history: history,
        lambda history: {"loss": np.array(history["loss"])},
        lambda history: {"loss": np.mean(history["loss"], keepdims=True)},
    ],
)
def test_several_values_of_the_objective_are_averaged(tmp_path: Path, returned: Any) -> None:
    tuner = search(kte.Tuner, "loss", tmp_path, X, Y, hypermodel=Returning(returned))
    for result in tuner.results():
        assert result["score"] == pytest.approx(np.mean(result["history"][0]["loss"]))


def test_callbacks_in_lists_of_lists(tmp_path: Path) -> None:
    tuner = kte.TPE(build, "loss", max_trials=1, directory=tmp_path)
    tuner.search(X, Y, verbose=0, callbacks=[[keras.callbacks.TerminateOnNaN()], []])
    assert [result["status"] for result in tuner.results()] == ["COMPLETED"]


def test_callbacks_for_a_fit_of_ones_own_may_be_anything(tmp_path: Path) -> None:
    told = []

    class Helped(Returning):
        def fit(self, hp: Any, model: Any, *args: Any, callbacks: Any = (), **kwargs: Any) -> Any:
            told.extend(callback for callback in callbacks if isinstance(callback, str))
            return super().fit(hp, model, *args, **kwargs)

    tuner = kte.TPE(Helped(dict), "loss", max_trials=1, directory=tmp_path)
    tuner.search(X, Y, verbose=0, callbacks=["a helper"])
    assert told == ["a helper"]
