"""A search with promotions, as samplers see it that know of none."""

from __future__ import annotations

import numpy as np
import pytest

from kt_extensions.fidelities import at_one_fidelity
from kt_extensions.history import History, Run, TrialTable
from kt_extensions.space import Dimension, Interval, SearchSpace

SPACE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])


class Trials:
    """Builds a table: `add(x, y, epochs, parent)`, with NaN for a trial that runs."""

    def __init__(self) -> None:
        self.table = TrialTable(SPACE, seed=0)

    def add(self, x: float, y: float, epochs: int, parent: int = -1) -> int:
        number = len(self.table)
        point = np.array([x])
        rung = {1: 0, 3: 1, 9: 2}[epochs]
        self.table.start(str(number), point, point, Run(0, rung, epochs, parent))
        if not np.isnan(y):
            self.table.finish(str(number), point, y, epochs)
        return number

    def seen(self) -> dict[float, tuple[float, bool, float]]:
        """Returns for each configuration its score, whether it is pruned, and its epochs."""
        history = at_one_fidelity(self.table.history())
        rows = zip(history.X[:, 0], history.y, history.pruned, history.fidelity, strict=True)
        return {float(x): (float(y), bool(pruned), float(f)) for x, y, pruned, f in rows}


@pytest.fixture
def trials() -> Trials:
    return Trials()


def ten_at(trials: Trials, epochs: int) -> list[int]:
    return [trials.add(0.01 * i, float(i), epochs) for i in range(10)]


def test_without_a_schedule_it_is_the_same() -> None:
    table = TrialTable(SPACE, seed=0)
    table.start("0", np.array([0.5]), np.array([0.5]))
    history = table.history()
    assert at_one_fidelity(history) is history


def test_scores_are_compared_where_enough_have_come(trials: Trials) -> None:
    """Ten at one epoch, one of them promoted: it is scored by its first epoch."""
    ten_at(trials, 1)
    trials.add(0.0, -5.0, 3, parent=0)
    seen = trials.seen()
    assert len(seen) == 10
    assert seen[0.0] == (0.0, False, 1.0)
    assert not any(pruned for _, pruned, _ in seen.values())


def test_those_that_have_not_come_so_far_are_pruned(trials: Trials) -> None:
    first = ten_at(trials, 1)
    for number in first:
        trials.add(0.01 * number, 100.0 - number, 3, parent=number)
    trials.add(0.5, -7.0, 1)
    seen = trials.seen()
    assert len(seen) == 11
    assert seen[0.5] == (-7.0, True, 1.0)
    assert [seen[0.01 * i] for i in first] == [(100.0 - i, False, 3.0) for i in first]


def test_a_running_promotion_leaves_the_score_it_was_promoted_for(trials: Trials) -> None:
    ten_at(trials, 1)
    trials.add(0.0, np.nan, 3, parent=0)
    assert trials.seen()[0.0] == (0.0, False, 1.0)
    trials.add(0.7, np.nan, 1)
    score, pruned, _ = trials.seen()[0.7]
    assert np.isnan(score)
    assert not pruned


def test_a_promotion_that_failed(trials: Trials) -> None:
    """Counts as failed once scores are compared there; until then it was good."""
    numbers = ten_at(trials, 1)
    trials.add(0.0, np.inf, 3, parent=0)
    assert trials.seen()[0.0] == (0.0, False, 1.0)
    for number in numbers[1:]:
        trials.add(0.01 * number, 1.0, 3, parent=number)
    assert trials.seen()[0.0] == (0.0, False, 1.0)
    trials.add(0.5, 1.0, 3)
    assert trials.seen()[0.0] == (np.inf, False, 3.0)


def test_scores_are_not_compared_where_all_have_failed(trials: Trials) -> None:
    """Each has the score that it was promoted for; a configuration without one has failed."""
    for number in ten_at(trials, 1):
        trials.add(0.01 * number, np.inf, 3, parent=number)
    trials.add(0.5, np.inf, 1)
    trials.add(0.6, np.inf, 3)
    seen = trials.seen()
    assert [seen[0.01 * i] for i in range(10)] == [(float(i), False, 1.0) for i in range(10)]
    assert seen[0.5] == (np.inf, False, 1.0)
    assert seen[0.6] == (np.inf, False, 3.0)


def test_a_few_failures_count_where_enough_have_a_score(trials: Trials) -> None:
    numbers = [*ten_at(trials, 1), trials.add(0.5, 0.1, 1), trials.add(0.6, 0.2, 1)]
    outcomes = [*range(10), np.inf, np.inf]
    for number, y in zip(numbers, outcomes, strict=True):
        trials.add(float(trials.table.history().X[number, 0]), y, 3, parent=number)
    seen = trials.seen()
    assert seen[0.01] == (1.0, False, 3.0)
    assert seen[0.5] == seen[0.6] == (np.inf, False, 3.0)


def test_configurations_keep_their_order(trials: Trials) -> None:
    """A sampler such as PSO knows its particles by it."""
    trials.table.add_known(np.array([0.95]), 1.0)
    begun = [(x, trials.add(x, 1.0 - x, 1)) for x in np.linspace(0.1, 0.5, 12).tolist()]
    promoted = [(x, trials.add(x, 0.5 - x, 3, parent=number)) for x, number in begun[:0:-1]]
    trials.add(0.6, np.nan, 1)
    for x, number in promoted[::2]:
        trials.add(x, 0.1 - x, 9, parent=number)
    history = at_one_fidelity(trials.table.history())
    assert history.X[:, 0].tolist() == [0.95, *(x for x, _ in begun), 0.6]


def test_trials_of_earlier_searches_were_fully_trained(trials: Trials) -> None:
    for i in range(12):
        trials.table.add_known(np.array([0.05 * i]), float(i))
    trials.add(0.9, 3.0, 1)
    trials.add(0.95, 3.0, 9)
    history: History = at_one_fidelity(trials.table.history())
    assert history.pruned.tolist() == [False] * 12 + [True, False]
    assert (len(history), history.number) == (14, 2)


def test_only_new_configurations_are_counted(trials: Trials) -> None:
    """Samplers that begin with a design look at the number."""
    ten_at(trials, 1)
    trials.add(0.0, 1.0, 3, parent=0)
    assert at_one_fidelity(trials.table.history()).number == 10
    assert trials.table.history().number == 11
