"""Importances of functions whose importances are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

from kt_extensions.importances import importances
from kt_extensions.searches import SearchView, TrialView
from tests.views import saved_space, trial_view

TWO = [("value", "min"), ("cost", "max")]


def trial(number: int, scores: list[float] | None, **facts: Any) -> TrialView:
    if scores:
        facts = {"status": "COMPLETED", "score": sum(scores), "scores": scores, **facts}
    return trial_view(number, **facts)


def search(
    declare: Callable[[kt.HyperParameters], Any],
    function: Callable[[dict[str, Any]], Any],
    n: int = 1000,
    objectives: list[tuple[str, str]] | None = None,
) -> SearchView:
    """A random search of a function, which is minimized by default."""
    hp = kt.HyperParameters()
    declare(hp)
    trials = []
    rng = np.random.default_rng(1)
    for number in range(n):
        values: dict[str, Any] = {}
        hp.values = values
        for declared in hp.space:
            if hp.is_active(declared):
                values[declared.name] = declared.random_sample(int(rng.integers(2**31)))
        outcome = function(values)
        scores = None if outcome is None else list(np.atleast_1d(outcome))
        trials.append(trial(number, scores, values=dict(values)))
    directions = objectives or [("value", "min")]
    return SearchView("known", "", *directions[0], directions, saved_space(hp), trials)


def three_floats(hp: kt.HyperParameters) -> None:
    for name in "abc":
        hp.Float(name, 0, 1)


def test_the_only_hyperparameter_that_matters_has_it_all() -> None:
    found = importances(search(three_floats, lambda v: (v["b"] - 0.3) ** 2))
    assert next(iter(found)) == "b"
    assert found["b"] > 0.9
    assert sum(found.values()) == pytest.approx(1)


def test_equal_ones_share_equally() -> None:
    found = importances(search(three_floats, lambda v: abs(v["a"] - 0.5) + abs(v["c"] - 0.5), 4000))
    assert found["a"] == pytest.approx(0.5, abs=0.1)
    assert found["c"] == pytest.approx(0.5, abs=0.1)
    assert found["b"] < 0.03


def test_weights_order_them() -> None:
    weighted = importances(
        search(three_floats, lambda v: 4 * abs(v["a"]) + 2 * abs(v["b"]) + abs(v["c"]), 4000)
    )
    assert list(weighted) == ["a", "b", "c"]


def test_maximized_objectives_and_failures() -> None:
    def accuracy(values: dict[str, Any]) -> float | None:
        return None if values["a"] > 0.8 else values["a"]

    found = importances(search(three_floats, accuracy, objectives=[("value", "max")]))
    assert found["a"] > 0.9


def test_scales_and_options() -> None:
    def declare(hp: kt.HyperParameters) -> None:
        hp.Float("rate", 1e-5, 1.0, sampling="log")
        hp.Choice("kind", ["w", "x", "y", "z"])
        hp.Int("units", 8, 512, step=8)
        hp.Boolean("useless")
        hp.Fixed("constant", 3)

    found = importances(search(declare, lambda v: abs(math.log(v["rate"] / 1e-2))))
    assert found["rate"] > 0.9
    assert set(found) == {"rate", "kind", "units", "useless"}
    kinds = importances(search(declare, lambda v: "wxyz".index(v["kind"]) // 2))
    assert next(iter(kinds)) == "kind"


def test_a_choice_that_all_of_the_best_share() -> None:
    """All of the best have "w", which half of the trials have: chances of 0.3 and 0."""

    def declare(hp: kt.HyperParameters) -> None:
        hp.Choice("kind", ["w", "x"])
        hp.Boolean("other")

    combinations = [("w", False), ("x", False), ("w", True), ("x", True)]
    made = search(declare, lambda v: 0.0, 0)
    for number in range(100):
        kind, other = combinations[number % 4]
        value = number if kind == "w" else 1000 + number
        made.trials.append(trial(number, [value], values={"kind": kind, "other": other}))
    found = importances(made)
    # The best are 0, 2, ..., 28: eight of those with `other`, and seven of those without.
    assert found == {"kind": 1.0, "other": 0.0}


def nested(hp: kt.HyperParameters) -> None:
    hp.Choice("optimizer", ["sgd", "adam"])
    hp.Float("momentum", 0, 1, parent_name="optimizer", parent_values=["sgd"])
    hp.Float("beta", 0, 1, parent_name="optimizer", parent_values=["adam"])


def test_that_a_branch_is_good_is_put_down_to_its_parent() -> None:
    found = importances(search(nested, lambda v: (v["optimizer"] == "adam") + 0.0, 2000))
    assert found["optimizer"] > 0.9


def test_within_the_good_branch_its_own_hyperparameter_matters() -> None:
    def value(values: dict[str, Any]) -> float:
        return values["momentum"] if "momentum" in values else 1.0 + values["beta"]

    found = importances(search(nested, value, 2000))
    assert found["beta"] == 0.0
    assert found["momentum"] > 2 * found["optimizer"] > 0


def test_promoted_trials_count_once_as_their_last() -> None:
    made = search(three_floats, lambda v: v["a"], 40)
    last = [
        trial(40 + i, [t.scores[0] - 1], values=t.values, parent=t.trial_id)
        for i, t in enumerate(made.trials)
    ]
    alone = SearchView("known", "", "value", "min", made.objectives, made.space, last)
    both = SearchView("known", "", "value", "min", made.objectives, made.space, made.trials + last)
    assert importances(both) == importances(alone)


def test_the_best_of_several_objectives_are_the_pareto_front() -> None:
    def both(values: dict[str, Any]) -> list[float]:
        return [values["a"] + 9 * values["b"], values["a"] - 9 * values["b"]]

    found = importances(search(three_floats, both, 2000, objectives=TWO))
    assert next(iter(found)) == "b"


def test_chance_is_taken_off() -> None:
    found = importances(search(three_floats, lambda v: v["a"], 60))
    assert found["a"] > 0.85


def test_no_difference_and_too_few_trials() -> None:
    def declare(hp: kt.HyperParameters) -> None:
        hp.Boolean("a")

    none = search(declare, lambda v: None, 20)
    assert importances(none) == {"a": 0.0}
    with pytest.raises(ValueError, match=r"at least 10 .* 'known' with 9"):
        importances(search(three_floats, lambda v: v["a"], 9))
