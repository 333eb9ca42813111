"""When the model of a sampler begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kt_extensions.history import Run, TrialTable
from kt_extensions.samplers import GP, KDE, TPE, Skopt
from kt_extensions.samplers.base import starting_up, startup_point
from kt_extensions.space import Dimension, Interval, SearchSpace

SPACE = SearchSpace([Dimension("x", Interval(0.0, 1.0)), Dimension("y", Interval(0.0, 1.0))])


def table_of(*trials: tuple[float, bool]) -> TrialTable:
    """Trials with a score, pruned or not."""
    table = TrialTable(SPACE, seed=0)
    for number, (score, pruned) in enumerate(trials):
        table.start(str(number), np.full(2, number / 20), None)
        table.finish(str(number), np.full(2, number / 20), score, 1, pruned=pruned)
    return table


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([(1.0, False)] * 2, True),
        ([(1.0, False)] * 3, False),
        ([(1.0, False), (1.0, True), (1.0, True)], False),
        ([(1.0, True)] * 9, True),
        ([(1.0, False), (1.0, False), (np.inf, False)], True),
        ([(1.0, False), (1.0, False), (np.inf, False), (1.0, True)], False),
    ],
)
def test_trials_that_count(trials: Any, expected: bool) -> None:
    assert starting_up(table_of(*trials).history(), 3) == expected


def test_running_trials_count_once_enough_have_a_score() -> None:
    table = table_of((1.0, False))
    table.start("running", np.full(2, 0.9), None)
    table.start("running, too", np.full(2, 0.8), None)
    history = table.history()
    assert starting_up(history, 3)
    assert not starting_up(history, 3, n_scored=1)
    assert starting_up(history, 3, n_scored=2)
    assert starting_up(history, 4, n_scored=1)


@pytest.mark.parametrize(("run", "expected"), [(None, False), (Run(0, 0, 9), True)])
def test_kde_starts_up_for_longer_with_a_scheduler(run: Run | None, expected: bool) -> None:
    table, rng = TrialTable(SPACE, seed=0), np.random.default_rng(0)
    for number in range(4):
        table.start(str(number), np.full(2, number / 20), np.full(2, number / 20), run)
    table.finish("0", np.full(2, 0.0), 1.0, 9)
    table.finish("1", np.full(2, 0.05), 2.0, 9)
    history = table.history()
    point = KDE(n_startup=4, random_share=0.0).suggest(history, rng)
    assert np.array_equal(point, startup_point(history, rng)) == expected


@pytest.mark.parametrize("sampler", [TPE(), GP(), Skopt(), KDE()], ids=lambda s: type(s).__name__)
def test_a_search_that_prunes_most_learns(sampler: Any) -> None:
    table, rng = TrialTable(SPACE, seed=0), np.random.default_rng(0)
    whole: list[float] = []
    for number in range(40):
        x = np.asarray(sampler.suggest(table.history(), rng))
        distance = float(np.abs(x - 0.3).sum())
        pruned = len(whole) >= 3 and distance > np.median(whole)
        table.start(str(number), x, x)
        table.finish(str(number), x, distance, 1, pruned=pruned)
        whole += [] if pruned else [distance]
    assert min(whole[3:]) < 0.1
    assert len(whole) > 8
