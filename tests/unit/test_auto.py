"""What the automatic search chooses, and how it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions import schedulers
from kt_extensions.history import TrialTable
from kt_extensions.oracles import AutoOracle
from kt_extensions.samplers import GP, TPE, Auto, Random
from kt_extensions.space import Dimension, Interval, Options, SearchSpace

LINE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
THREE = SearchSpace([Dimension("kind", Options(("a", "b", "c")))])


@pytest.mark.parametrize(
    ("space", "max_trials", "name"),
    [
        (LINE, 10, "gp"),
        (LINE, 500, "gp"),
        (LINE, None, "gp"),
        (LINE, 501, "tpe"),
        (THREE, 3, "random"),
        (THREE, 2, "gp"),
        (SearchSpace([]), 10, "gp"),
    ],
)
def test_choice(space: SearchSpace, max_trials: int | None, name: str) -> None:
    assert Auto(max_trials).choose(space).name == name


@pytest.mark.parametrize(("max_trials", "sampler"), [(100, GP()), (1000, TPE())])
def test_it_proposes_what_the_chosen_one_does(max_trials: int, sampler: Any) -> None:
    table = TrialTable(LINE, seed=0)
    for i in range(20):
        x = np.array([i / 20])
        table.start(str(i), x, x)
        table.finish(str(i), x, abs(i / 20 - 0.3))
    proposals = [
        made.suggest(table.history(), np.random.default_rng(1))
        for made in (Auto(max_trials), sampler)
    ]
    np.testing.assert_array_equal(*proposals)


@pytest.mark.parametrize("max_trials", [0, 2.5])
def test_wrong_number_of_trials(max_trials: Any) -> None:
    with pytest.raises(ValueError, match=f"integer >= 1. Received: {max_trials}"):
        Auto(max_trials)


class Line(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Float("x", 0.0, 1.0)


class Kind(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Choice("kind", ["a", "b", "c"])


class Search(kte.Search):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        return float(trial.hyperparameters["x"])


class StockTuner(kt.Tuner):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        return float(trial.hyperparameters["x"])


WHY = "Search algorithm: GP (3 trials, 1 hyperparameter)."


def test_our_tuner_says_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Search(Line(), max_trials=3, directory=tmp_path).search()
    assert capsys.readouterr().out.splitlines()[0] == WHY
    Search(Line(), max_trials=3, directory=tmp_path / "silent").search(verbose=0)
    assert "Search algorithm" not in capsys.readouterr().out


def test_a_stock_tuner_says_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    StockTuner(oracle=AutoOracle(max_trials=3), hypermodel=Line(), directory=tmp_path).search()
    assert capsys.readouterr().out.count(WHY) == 1


class Few(kt.HyperModel):
    """Has an empty build: its trials tell the space."""

    def build(self, hp: kt.HyperParameters) -> Any:
        pass


class Told(Search):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        hp = trial.hyperparameters
        more = hp.Float("x", 0.0, 1.0) if len(self.oracle.trials) > 2 else 0.0
        return float(hp.Choice("few", [1.0, 2.0, 3.0]) + more)


def test_says_it_once_the_trials_have_told_the_space_and_again_if_it_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> list[str]:
        Told(Few(), max_trials=6, directory=tmp_path).search()
        return [line for line in capsys.readouterr().out.splitlines() if "algorithm" in line]

    gp = "Search algorithm: GP (6 trials, 2 hyperparameters)."
    assert said() == ["Search algorithm: Random (all 3 configurations will be tried).", gp]
    assert said() == [gp], "the search that had ended"


def test_another_sampler_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Search(Line(), max_trials=3, sampler=TPE(n_startup=2), directory=tmp_path).search()
    assert capsys.readouterr().out.startswith("Search algorithm: TPE(n_startup=2")


@pytest.mark.parametrize(
    ("max_trials", "scheduler", "line"),
    [
        (100, schedulers.ASHA(27), "GP (100 trials, 1 hyperparameter)"),
        (3, schedulers.ASHA(27), "GP (3 trials, 1 hyperparameter)"),  # some promote others
        (None, schedulers.Hyperband(81, iterations=5), "TPE (1030 trials are many)"),
        (3, None, "Random (all 3 configurations will be tried)"),
    ],
)
def test_promotions_are_trials_but_no_new_configurations(
    tmp_path: Path, max_trials: int | None, scheduler: schedulers.Scheduler | None, line: str
) -> None:
    oracle = AutoOracle(max_trials=max_trials, scheduler=scheduler)
    StockTuner(oracle=oracle, hypermodel=Kind(), directory=tmp_path)
    assert oracle.new_explanation() == f"Search algorithm: {line}."


def test_a_sampler_of_the_users_is_told_by_its_name(tmp_path: Path) -> None:
    oracle = AutoOracle(max_trials=3, sampler=Random())
    StockTuner(oracle=oracle, hypermodel=Kind(), directory=tmp_path)
    assert oracle.new_explanation() == "Search algorithm: Random()."
