"""What looks like a mistake and is none: KerasTuner takes it, and so do our tuners."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import pytest

import kt_extensions as kte
from tests.newcomer.searches import X, Y, build, model, search, tuner


class OwnFit(keras.Sequential):
    """Has a `fit` that names its arguments, and validates, in its own way."""

    def fit(self, x: Any, y: Any, class_weights: Any = None, **kwargs: Any) -> Any:
        return super().fit(x, y, validation_split=0.5, class_weight=class_weights, **kwargs)


class NumberFit(keras.Sequential):
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        super().fit(*args, **kwargs)
        return 0.25


class OwnStep(keras.Sequential):
    """Reports what looks like a score of validation."""

    def train_step(self, *args: Any) -> Any:
        return {**super().train_step(*args), "val_made": 0.5}


def building(of: type[keras.Sequential]) -> Callable[[kt.HyperParameters], keras.Model]:
    def build(hp: kt.HyperParameters) -> keras.Model:
        made = of([keras.Input((3,)), keras.layers.Dense(hp.Int("units", 1, 8))])
        made.compile("sgd", "mse", run_eagerly=True)
        return made

    return build


def scores(made: kte.Tuner) -> list[Any]:
    return [result["score"] for result in made.results()]


def test_a_model_with_arguments_of_its_own(tmp_path: Path) -> None:
    made = tuner(tmp_path, building(OwnFit), max_trials=1)
    made.search(X, Y, epochs=1, class_weights=None, verbose=0)
    assert len(scores(made)) == 1


def test_a_model_whose_fit_returns_a_number(tmp_path: Path) -> None:
    made = tuner(tmp_path, building(NumberFit), max_trials=1, objective=None)
    made.search(X, Y, epochs=1, verbose=0)
    assert scores(made) == [0.25]


def test_a_model_that_reports_a_score_of_validation(tmp_path: Path) -> None:
    objective = kt.Objective("val_made", "min")
    made = tuner(tmp_path, building(OwnStep), max_trials=1, objective=objective)
    made.search(X, Y, epochs=1, verbose=0)
    assert scores(made) == [0.5]


class OwnTraining(kte.TPE):
    def _build_and_fit_model(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        return 0.75


def test_a_tuner_that_trains_in_its_own_way(tmp_path: Path) -> None:
    made = tuner(tmp_path, tuner=OwnTraining, max_trials=1, objective=None)
    made.search(X, Y, verbose=0)
    assert scores(made) == [0.75]


class OwnTrial(kte.TPE):
    """Trains models that are not compiled."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        made = self._try_build(trial.hyperparameters)
        made.save_weights(self._get_checkpoint_fname(trial.trial_id))
        return {"val_loss": 0.5}


def test_models_that_are_trained_without_compiling(tmp_path: Path) -> None:
    def uncompiled(hp: kt.HyperParameters) -> keras.Model:
        return model(hp.Int("units", 1, 8), compiled=False)

    made = tuner(tmp_path, uncompiled, tuner=OwnTrial, max_trials=1)
    made.search(X, Y, verbose=0)
    assert made.get_best_models()[0].layers[0].units == made.get_best_hyperparameters()[0]["units"]


class OwnState(kte.TPE):
    """Remembers what it likes, as KerasTuner lets a tuner do."""

    def get_state(self) -> dict[str, Any]:
        return {"mine": 1}

    def set_state(self, state: dict[str, Any]) -> None:
        pass


def test_a_tuner_with_a_state_of_its_own(tmp_path: Path) -> None:
    assert len(scores(search(tuner(tmp_path, tuner=OwnState, max_trials=1)))) == 1
    assert len(scores(search(tuner(tmp_path, tuner=OwnState, max_trials=2)))) == 2


def test_a_fit_that_one_hypermodel_has(tmp_path: Path) -> None:
    class Own(kt.HyperModel):
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

    own = Own()
    own.fit = lambda hp, model, x, y, **kwargs: model.fit(x, y, validation_split=0.5, **kwargs)
    made = tuner(tmp_path, own, max_trials=1)
    made.search(X, Y, verbose=0)
    assert len(scores(made)) == 1


class OwnLoop(kt.HyperModel):
    """Trains in a loop of its own, and tells the callbacks only what KerasTuner's needs."""

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return model(hp.Int("units", 1, 8))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, callbacks: Any = (), **kwargs: Any) -> Any:
        for callback in callbacks:
            callback.set_model(model)
        for epoch in range(2):
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"val_loss": 0.5 - epoch / 4})
        return {"val_loss": 0.25}


def test_a_training_loop_of_ones_own(tmp_path: Path) -> None:
    made = tuner(tmp_path, OwnLoop(), max_trials=2, tensorboard_dir=str(tmp_path / "logs"))
    made.search(X, Y, verbose=0, callbacks=[kte.callbacks.LearningRateWarmup(1)])
    assert scores(made) == [0.25, 0.25]
    assert [r["history"][0]["val_loss"] for r in made.results()] == [[0.5, 0.25]] * 2


class OwnObjective(kte.TPE):
    def on_epoch_end(self, trial: Any, model: Any, epoch: int, logs: Any = None) -> None:
        logs["val_own"] = 0.5 - epoch / 4
        super().on_epoch_end(trial, model, epoch, logs)


def test_an_objective_that_the_tuner_adds(tmp_path: Path) -> None:
    objective = kt.Objective("val_own", "min")
    made = tuner(tmp_path, tuner=OwnObjective, max_trials=1, objective=objective)
    made.search(X, Y, epochs=2, verbose=0)
    assert scores(made) == [0.25]


class Knowing(keras.callbacks.Callback):
    def __init__(self, tuner: kte.Tuner) -> None:
        super().__init__()
        self.tuner = tuner


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_callback_that_knows_its_tuner(tmp_path: Path, verbose: int) -> None:
    made = tuner(tmp_path, max_trials=1)
    made.search(X, Y, validation_split=0.5, verbose=verbose, callbacks=[Knowing(made)])
    assert len(scores(made)) == 1


def test_arguments_by_their_place(tmp_path: Path) -> None:
    made = tuner(tmp_path, max_trials=1)
    made.search(X, Y, 4, 3, 0, validation_split=0.5)
    assert [len(h["val_loss"]) for h in made.results()[0]["history"]] == [3]


def test_targets_of_bools_with_weights(tmp_path: Path) -> None:
    made = tuner(tmp_path, max_trials=1, seed=3)
    weights = {"class_weight": {0: 1.0, 1: 2.0}, "validation_split": 0.5}
    made.search(X, Y > 0.5, epochs=1, verbose=0, **weights)
    assert len(scores(made)) == 1


class Making(kte.TPE):
    """Makes data of the size that the trial says."""

    def run_trial(self, trial: Any, make: Any, **kwargs: Any) -> float:
        return float(len(make(trial.hyperparameters.values["units"])))


def test_a_function_that_makes_data_of_a_trial(tmp_path: Path) -> None:
    made = tuner(tmp_path, tuner=Making, max_trials=2, objective=None)
    made.search(lambda n: list(range(n)), verbose=0)
    assert scores(made) == [result["values"]["units"] for result in made.results()]


def test_a_decorated_function(tmp_path: Path) -> None:
    def with_units(most: int) -> Callable[[Any], Any]:
        def decorate(function: Callable[[kt.HyperParameters, int], keras.Model]) -> Any:
            @functools.wraps(function)
            def decorated(hp: kt.HyperParameters) -> keras.Model:
                return function(hp, most)

            return decorated

        return decorate

    @with_units(3)
    def build(hp: kt.HyperParameters, most: int) -> keras.Model:
        return model(hp.Int("units", 1, most))

    made = search(tuner(tmp_path, build, max_trials=1))
    assert made.results()[0]["values"]["units"] <= 3


def test_a_finished_search_needs_no_data(tmp_path: Path) -> None:
    search(tuner(tmp_path, max_trials=1))
    again = tuner(tmp_path, max_trials=1)
    with pytest.warns(UserWarning, match="argument 1=left out"):
        again.search(verbose=0)
    assert len(scores(again)) == 1


@pytest.mark.parametrize(("low", "high", "step"), [(0.1, 0.3, 0.2), (0.2, 0.6, 0.4), (1, 3, 2)])
def test_a_step_as_large_as_the_range(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, low: float, high: float, step: float
) -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        declare = hp.Int if isinstance(low, int) else hp.Float
        return model(1 + int(declare("r", low, high, step=step) > low))

    tuner(tmp_path, build)
    assert not recwarn.list


def test_names_of_a_scope_of_ones_own(tmp_path: Path) -> None:
    """KerasTuner's names for a promotion begin with `tuner/`; others may, too."""

    def build(hp: kt.HyperParameters) -> keras.Model:
        with hp.name_scope("tuner"):
            return model(hp.Int("units", 1, 200))

    made = kte.Hyperband(build, objective="val_loss", max_epochs=3, seed=0, directory=tmp_path)
    search(made)
    trials = made.oracle.trials.values()
    values = {trial.trial_id: trial.hyperparameters.values for trial in trials}
    promoted = [own for own in values.values() if "tuner/trial_id" in own]
    assert promoted
    assert all(
        own["tuner/units"] == values[own["tuner/trial_id"]]["tuner/units"] for own in promoted
    )
    assert all("tuner/units" in result["values"] for result in made.results())
