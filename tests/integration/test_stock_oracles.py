"""KerasTuner's own oracles in `kt_extensions.Tuner`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte

ORACLES: dict[str, Callable[[], kt.Oracle]] = {
    "random": lambda: kt.oracles.RandomSearchOracle(max_trials=8, seed=1),
    "grid": lambda: kt.oracles.GridSearchOracle(max_trials=20, seed=1),
    "hyperband": lambda: kt.oracles.HyperbandOracle(max_epochs=4, factor=2, seed=1),
    "bayesian": lambda: kt.oracles.BayesianOptimizationOracle(max_trials=5, seed=1),
}


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Int("n", 0, 4)
        hp.Choice("kind", ["a", "b"])
        hp.Boolean("nesterov", parent_name="kind", parent_values=["b"])


class FunctionTuner(kte.Tuner):
    """Scores without training."""

    interrupt_at: int | None = None

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        if int(trial.trial_id) == self.interrupt_at:
            raise KeyboardInterrupt
        return float(abs(trial.hyperparameters["n"] - 3))


def tuner(oracle: kt.Oracle, folder: Path, **kwargs: Any) -> FunctionTuner:
    return FunctionTuner(oracle, Declaring(), directory=folder, project_name="project", **kwargs)


def values_of(made: kt.Tuner) -> list[dict[str, Any]]:
    trials = sorted(made.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return [trial.hyperparameters.values for trial in trials]


@pytest.mark.parametrize("name", ["random", "grid", "hyperband"])
def test_a_search_stopped_in_any_trial_goes_on_as_one_never_stopped(
    tmp_path: Path, name: str
) -> None:
    """BayesianOptimization cannot: KerasTuner does not save its random state."""
    whole = tuner(ORACLES[name](), tmp_path / "whole")
    whole.search(verbose=0)
    expected = values_of(whole)
    assert len(expected) >= 8
    for number in range(len(expected)):
        part = tuner(ORACLES[name](), tmp_path / "parts")
        part.interrupt_at = number
        with pytest.raises(KeyboardInterrupt):
            part.search(verbose=0)
        assert values_of(part) == expected[: number + 1]
    rest = tuner(ORACLES[name](), tmp_path / "parts")
    rest.search(verbose=0)
    assert values_of(rest) == expected


def test_brackets_in_the_name_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "rate[0.1]"
    tuner(kt.oracles.RandomSearchOracle(max_trials=3, seed=1), folder).search(verbose=0)
    resumed = tuner(kt.oracles.RandomSearchOracle(max_trials=5, seed=1), folder)
    assert len(resumed.results()) == 3
    resumed.search(verbose=0)
    assert [trial.status for trial in resumed.oracle.trials.values()] == ["COMPLETED"] * 5


def test_a_grid_is_tried_to_its_end(tmp_path: Path) -> None:
    made = tuner(ORACLES["grid"](), tmp_path)
    made.search(verbose=0)
    values = values_of(made)
    assert len(values) == 15
    assert len({tuple(sorted(v.items())) for v in values}) == 15


@pytest.mark.parametrize("name", ORACLES)
def test_logs_rules_and_results(tmp_path: Path, name: str) -> None:
    """What the tuner adds works with each of them."""
    made = tuner(ORACLES[name](), tmp_path, tensorboard_dir=tmp_path / "logs", patience=50)
    made.search(verbose=0)
    best = made.get_best_trials(3)
    scores = [trial.score for trial in best]
    assert scores == sorted(scores)
    assert scores[0] == min(trial.score for trial in made.oracle.trials.values())
    assert len(list((tmp_path / "logs").rglob("events*"))) > len(made.oracle.trials)


class Overlapping(kte.Tuner):
    """Reports metrics for which KerasTuner's oracles raise."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        overlap = trial.hyperparameters["n"] / 4
        return {"val_mean_io_u": overlap, "mean_io_u": 0.5, "val_loss": 1 - overlap}


def test_metrics_of_which_they_do_not_know_the_direction(tmp_path: Path) -> None:
    oracle = kt.oracles.RandomSearchOracle(kt.Objective("val_mean_io_u", "max"), max_trials=6)
    made = Overlapping(oracle, Declaring(), directory=tmp_path, project_name="project")
    made.search(verbose=0)
    trials = list(oracle.trials.values())
    assert {trial.status for trial in trials} == {"COMPLETED"}
    assert {trial.metrics.get_direction("mean_io_u") for trial in trials} == {"max"}
    overlaps = [trial.hyperparameters["n"] / 4 for trial in trials]
    assert made.get_best_trials()[0].score == max(overlaps)


def test_patience_ends_a_search(tmp_path: Path) -> None:
    made = tuner(ORACLES["grid"](), tmp_path, patience=4)
    made.search(verbose=0)
    best = made.oracle.end_order.index(made.get_best_trials()[0].trial_id)
    assert len(made.oracle.trials) == best + 5
