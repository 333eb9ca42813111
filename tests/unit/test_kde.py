"""BOHB's sampler: what it makes of trials of several fidelities."""

from __future__ import annotations

import numpy as np
import pytest

from kt_extensions.history import Run, TrialTable
from kt_extensions.samplers import KDE
from kt_extensions.space import Dimension, Interval, Options, SearchSpace

SPACE = SearchSpace([Dimension("x", Interval(0.0, 1.0)), Dimension("kind", Options(("a", "b")))])


def table_of(rows: list[tuple[float, float, int]]) -> TrialTable:
    """Returns the table of trials `(x, y, epochs)`; NaN means that it runs."""
    table = TrialTable(SPACE, seed=0)
    for number, (x, y, epochs) in enumerate(rows):
        point = np.array([x, 0.25])
        table.start(str(number), point, point, Run(0, 0, epochs) if epochs else None)
        if not np.isnan(y):
            table.finish(str(number), point, y, epochs)
    return table


def proposals(table: TrialTable, sampler: KDE | None = None, n: int = 60) -> np.ndarray:
    sampler = sampler or KDE(random_share=0.0)
    rngs = [np.random.default_rng(seed) for seed in range(n)]
    return np.array([sampler.suggest(table.history(), rng)[0] for rng in rngs])


GRID = np.linspace(0.01, 0.99, 30)


def test_short_trials_guide_until_there_are_long_ones() -> None:
    short = [(x, abs(x - 0.2), 1) for x in GRID]
    assert abs(np.median(proposals(table_of(short))) - 0.2) < 0.1


def test_long_trials_are_believed_as_they_come() -> None:
    """Short ones say 0.2, long ones 0.8."""
    short = [(x, abs(x - 0.2), 1) for x in GRID]
    few = [(x, abs(x - 0.8), 81) for x in GRID[::6]]
    many = [(x, abs(x - 0.8), 81) for x in GRID]
    shares = [(proposals(table_of(short + long)) > 0.6).mean() for long in ([], few, many)]
    assert shares[0] < 0.1
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.6


def test_without_a_schedule() -> None:
    trials = [(x, abs(x - 0.6), 0) for x in GRID]
    assert abs(np.median(proposals(table_of(trials))) - 0.6) < 0.1


def test_running_trials_repel() -> None:
    trials = [(x, abs(x - 0.3), 1) for x in GRID]
    running = [(0.3 + 0.002 * i, np.nan, 1) for i in range(20)]

    def near(table: TrialTable) -> float:
        return float((abs(proposals(table) - 0.32) < 0.03).mean())

    assert near(table_of(trials + running)) < near(table_of(trials)) / 2


@pytest.mark.parametrize("epochs", [3, 1])
def test_running_trials_repel_where_none_of_their_fidelity_has_ended(epochs: int) -> None:
    """A worker that finds nothing to run begins the next bracket, at other epochs."""
    scored = 4 - epochs  # a smaller fidelity or a larger one
    trials = [(x, abs(x - 0.3), scored) for x in GRID]
    running = [(0.3 + 0.002 * i, np.nan, epochs) for i in range(20)]

    def near(table: TrialTable) -> float:
        return float((abs(proposals(table) - 0.32) < 0.03).mean())

    assert near(table_of(trials + running)) < near(table_of(trials)) / 2


def test_a_fidelity_at_which_all_failed_leaves_the_model_to_the_others() -> None:
    """The trials of one epoch are good at 0.3; enough of them fail after 81."""
    trials = [(x, abs(x - 0.3), 1) for x in GRID]
    failed = [(x, np.inf, 81) for x in GRID[:20]]
    assert abs(np.median(proposals(table_of(trials + failed))) - 0.3) < 0.1


def test_without_trust_the_largest_fidelity_is_believed_alone() -> None:
    short = [(x, abs(x - 0.2), 1) for x in GRID]
    long = [(x, abs(x - 0.8), 81) for x in GRID[::2]]
    sampler = KDE(trust=0, random_share=0.0)
    np.testing.assert_array_equal(
        proposals(table_of(short + long), sampler), proposals(table_of(long), sampler)
    )


def test_without_trust_where_the_largest_fidelity_has_failed() -> None:
    trials = [*((x, abs(x - 0.3), 1) for x in GRID), (0.3, np.inf, 81)]
    found = proposals(table_of(trials), KDE(trust=0, random_share=0.0))
    assert abs(np.median(found) - 0.3) < 0.1


def test_failed_trials_are_never_good() -> None:
    trials = [(x, np.inf if x > 0.5 else 1.0 - x, 1) for x in GRID]
    assert (proposals(table_of(trials)) < 0.55).mean() > 0.9


def test_random_share() -> None:
    """The search is not held where short trials mislead."""
    trials = [(x, abs(x - 0.2), 1) for x in GRID]
    far = proposals(table_of(trials), KDE(random_share=1.0), n=200) > 0.5
    assert 0.4 < far.mean() < 0.6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trust": -1.0}, "Expected trust to be"),
        ({"quantile": 1.5}, "Expected quantile to be"),
        ({"n_candidates": 0}, "Expected n_candidates to be an integer >= 1. Received: 0"),
    ],
)
def test_wrong_settings(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KDE(**settings)
