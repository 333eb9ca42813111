"""The values of several objectives in trials, the front, and the best trials."""

from __future__ import annotations

import math
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

from kt_extensions import objectives
from kt_extensions.history import TrialTable, from_observations
from kt_extensions.samplers.observations import scalarized
from kt_extensions.space import Dimension, Interval, SearchSpace

LOSS_AND_ACCURACY = kt.Oracle(objective=[kt.Objective("loss", "min"), kt.Objective("acc", "max")])
BOTH = LOSS_AND_ACCURACY.objective
LINE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])


def completed(name: str, *epochs: tuple[float, float]) -> Trial:
    """A trial with the losses and accuracies of some epochs."""
    trial = Trial(kt.HyperParameters(), name, "COMPLETED")
    for step, (loss, accuracy) in enumerate(epochs):
        for metric, value in {"loss": loss, "acc": accuracy, "both": loss - accuracy}.items():
            trial.metrics.update(metric, value, step=step)
    trial.score, trial.best_step = (
        trial.metrics.get_best_value("both"),
        trial.metrics.get_best_step("both"),
    )
    return trial


def front_of(*trials: Trial) -> list[Any]:
    return [(t.trial_id, values) for t, values in objectives.pareto_front(trials, BOTH)]


def test_the_values_of_a_trial_are_those_of_its_best_step() -> None:
    trial = completed("0", (3.0, 0.1), (1.0, 0.5), (0.9, 0.2), (1.5, 0.6))
    assert objectives.values_of(trial, BOTH) == {"loss": 1.0, "acc": 0.5}
    trial.metrics.update("loss", 2.0, step=1)  # another execution
    assert objectives.values_of(trial, BOTH) == {"loss": 1.5, "acc": 0.5}


def test_a_trial_without_all_of_them_has_none() -> None:
    trial = completed("0", (1.0, 0.5))
    trial.status = "FAILED"
    assert objectives.values_of(trial, BOTH) is None
    trial = completed("0", (1.0, math.inf))
    assert objectives.values_of(trial, BOTH) is None
    trial = completed("0", (1.0, 0.5))
    del trial.metrics.metrics["acc"]
    assert objectives.values_of(trial, BOTH) is None


def test_the_front_of_several_objectives() -> None:
    trials = [
        completed("0", (1.0, 0.9)),
        completed("1", (0.5, 0.8)),
        completed("2", (1.0, 0.8)),
        completed("3", (0.5, 0.8)),
        completed("4", (0.1, 0.2)),
    ]
    trials.append(completed("5", (0.0, 1.0)))
    trials[5].status = "FAILED"
    assert front_of(*trials) == [
        ("4", {"loss": 0.1, "acc": 0.2}),
        ("1", {"loss": 0.5, "acc": 0.8}),
        ("3", {"loss": 0.5, "acc": 0.8}),
        ("0", {"loss": 1.0, "acc": 0.9}),
    ]
    best = [trial.trial_id for trial in objectives.best_first(trials, BOTH)]
    assert best == ["1", "3", "0", "4", "2"]
    assert front_of() == objectives.best_first([], BOTH) == []


@pytest.mark.parametrize(("direction", "best"), [("min", ["1", "3"]), ("max", ["2"])])
def test_the_front_of_one_objective(direction: str, best: list[str]) -> None:
    trials = [completed(str(i), (0.0, 0.0)) for i in range(5)]
    for trial, score in zip(trials, [2.0, 1.0, 3.0, 1.0, math.nan], strict=True):
        trial.score = score
    objective = kt.Objective("loss", direction)
    front = objectives.pareto_front(trials, objective)
    assert [trial.trial_id for trial, _ in front] == best
    assert front[0].values == {"loss": front[0].trial.score}


def test_a_trial_that_enters_the_front_is_a_better_one() -> None:
    trials = [completed("0", (1.0, 0.5)), completed("1", (0.5, 0.1))]
    ended = ["0", "1"]

    def since() -> int:
        front = objectives.pareto_front(trials, BOTH)
        return objectives.trials_since_better(front, ended)

    counts = [since()]
    for loss, accuracy in ((1.0, 0.5), (0.6, 0.1), (0.7, 0.3), (0.8, 0.2), (0.1, 0.9), (0.1, 0.9)):
        ended.append(str(len(ended)))
        trials.append(completed(ended[-1], (loss, accuracy)))
        counts.append(since())
    assert counts == [0, 1, 2, 0, 1, 0, 1]
    assert objectives.trials_since_better([], []) == 0
    assert objectives.trials_since_better([], ["0"]) == 0


# What samplers see.


def test_scores_are_places_in_the_order_of_the_fronts() -> None:
    scores = [[2.0, 2.0], [np.nan, np.nan], [1.0, 3.0], [np.inf, 1.0], [3.0, 3.0], [2.0, 2.0]]
    history = from_observations(LINE, [{"x": i / 10} for i in range(6)], scores)
    assert history.objectives.shape == (6, 2)
    np.testing.assert_array_equal(history.y, [1, np.nan, 0, np.inf, 3, 1])
    assert history.ranking().tolist() == [2, 0, 5, 4, 3]
    assert history.pending.tolist() == [False, True, False, False, False, False]
    assert history.objectives[3].tolist() == [np.inf, np.inf]


def test_the_scores_follow_the_search() -> None:
    table = TrialTable(LINE, seed=0, objectives=2)
    x = np.array([0.5])
    for number, outcome in enumerate([(2.0, 2.0), (1.0, 3.0), (1.0, 1.0)]):
        table.start(str(number), x, x)
        table.finish(str(number), x, outcome)
    before = table.history()
    assert before.y.tolist() == [2, 1, 0]
    assert table.history().y is before.y
    with pytest.raises(ValueError, match="read-only"):
        before.y[0] = 0
    table.start("pending", x, x)
    assert np.isnan(table.history().y).tolist() == [False, False, False, True]
    table.add_known(x, [0.0, 0.0])
    assert table.history().y[4] == 0
    table.add_known(x, np.inf)
    assert table.history().y[5] == np.inf
    for number in range(200):
        table.start(f"later {number}", x, x)
    assert table.history().y[4] == 0 and len(table.history()) == 206


def test_a_single_objective_is_the_score() -> None:
    history = from_observations(LINE, [{"x": 0.1}, {"x": 0.2}], [3.0, 1.0])
    assert history.objectives.tolist() == [[3.0], [1.0]]
    assert np.shares_memory(history.objectives, history.y)
    rng = np.random.default_rng(0)
    assert scalarized(history, rng) is history
    assert rng.random() == np.random.default_rng(0).random()


def test_the_weighed_scores_keep_pending_and_failed_trials() -> None:
    scores = [[2.0, 2.0], [np.nan, np.nan], [1.0, 3.0], [np.inf, 1.0], [3.0, 3.0]]
    history = from_observations(LINE, [{"x": i / 10} for i in range(5)], scores)
    best = set()
    for seed in range(20):
        weighed = scalarized(history, np.random.default_rng(seed))
        assert np.isnan(weighed.y).tolist() == history.pending.tolist()
        assert np.isinf(weighed.y).tolist() == [False, False, False, True, False]
        best.add(int(weighed.ranking()[0]))
    assert best == {0, 2}
