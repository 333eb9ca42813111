"""Random search, the start-up design, and what keeps proposals new."""

import numpy as np
import pytest

from kt_extensions.history import History, TrialTable, from_observations
from kt_extensions.samplers import Random, SpaceExhausted
from kt_extensions.samplers.base import first_untried, startup_point
from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, Options, SearchSpace

SQUARE = SearchSpace([Dimension("x", Interval(0.0, 1.0)), Dimension("y", Interval(0.0, 1.0))])
LETTERS = SearchSpace([Dimension("a", Options(tuple("abcd")))])


def rng(seed=0):
    return np.random.default_rng(seed)


def fill(table, n, suggest):
    """Makes n trials with the proposals of a function of the history."""
    points = []
    for _ in range(n):
        point = suggest(table.history(), rng(len(table)))
        x = table.space.snap(point[np.newaxis])[0]
        table.start(str(len(table)), x, point)
        points.append(point)
    return np.array(points)


def test_random_search_is_uniform():
    history = TrialTable(SQUARE, 0).history()
    points = np.array([Random().suggest(history, rng(seed)) for seed in range(2000)])
    shares = np.histogramdd(points, bins=4, range=[(0, 1), (0, 1)])[0] / len(points)
    np.testing.assert_allclose(shares, 1 / 16, atol=0.02)


def test_the_startup_design_is_more_even_than_random_points():
    points = fill(TrialTable(SQUARE, seed=4), 64, startup_point)
    cells = {(int(x * 8), int(y * 8)) for x, y in points}
    assert len(cells) == 64


def test_the_startup_design_is_that_of_the_seed():
    first = fill(TrialTable(SQUARE, seed=0), 5, startup_point)
    np.testing.assert_array_equal(fill(TrialTable(SQUARE, seed=0), 5, startup_point), first)
    other = fill(TrialTable(SQUARE, seed=1), 5, startup_point)
    assert not np.isclose(first, other).any()


def test_the_startup_design_counts_this_searchs_trials_only():
    table = TrialTable(SQUARE, seed=0)
    expected = startup_point(table.history(), rng())
    table.add_known(np.array([0.5, 0.5]), 1.0)
    np.testing.assert_array_equal(startup_point(table.history(), rng()), expected)


def test_the_startup_design_has_any_dimension():
    wide = SearchSpace([Dimension(f"x{i}", Interval(0.0, 1.0)) for i in range(300)])
    assert fill(TrialTable(wide, 0), 3, startup_point).shape == (3, 300)
    assert startup_point(TrialTable(SearchSpace([]), 0).history(), rng()).shape == (0,)


def test_the_first_candidate_that_is_untried_is_taken():
    history = from_observations(LETTERS, [{"a": "a"}, {"a": "b"}], [1.0, np.nan])
    candidates = np.array([[0.1], [0.3], [0.99], [0.6]])
    assert first_untried(history, candidates, rng()).tolist() == [0.99]


def test_when_all_candidates_were_tried_any_untried_one_is_as_likely():
    history = from_observations(LETTERS, [{"a": "b"}], [1.0])
    tried = np.array([[0.3]])
    found = [LETTERS.decode(first_untried(history, tried, rng(seed)))["a"] for seed in range(300)]
    counts = [found.count(letter) for letter in "abcd"]
    assert counts[1] == 0
    assert min(counts[0], counts[2], counts[3]) > 70


def test_a_finished_space_says_so():
    history = from_observations(LETTERS, [{"a": letter} for letter in "abcd"], [1.0] * 4)
    with pytest.raises(SpaceExhausted):
        Random().suggest(history, rng())
    with pytest.raises(SpaceExhausted):
        startup_point(history, rng())


def large_history(size: int, left_out: set[int]) -> History:
    """A space of `size` configurations, of which few are untried."""
    space = SearchSpace([Dimension("n", LinearSteps(0, size - 1, 1))])
    values = [{"n": n} for n in range(size) if n not in left_out]
    return from_observations(space, values, [1.0] * len(values))


def test_the_last_configurations_of_a_large_space_are_found():
    history = large_history(10_500, {17, 10_499})
    tried = np.array([[0.5]])
    found = {history.space.decode(first_untried(history, tried, rng(s)))["n"] for s in range(8)}
    assert found == {17, 10_499}
    with pytest.raises(SpaceExhausted):
        first_untried(large_history(10_500, set()), tried, rng())


def test_a_random_configuration_of_an_astronomic_space_is_random_in_each_dimension():
    space = SearchSpace([Dimension(f"x{i}", LinearSteps(1, 256, 1)) for i in range(40)])
    history = from_observations(space, [{f"x{i}": 1 for i in range(40)}], [1.0])
    tried = history.X[:1]
    points = np.array([first_untried(history, tried, rng(seed)) for seed in range(300)])
    np.testing.assert_allclose(points.mean(axis=0), 0.5, atol=0.1)
    np.testing.assert_allclose(points.std(axis=0), np.sqrt(1 / 12), atol=0.05)


def test_configurations_of_a_smaller_space_do_not_count_in_a_grown_one():
    table = TrialTable(LETTERS, 0)
    fill(table, 4, Random().suggest)
    child = Dimension("b", Options((1, 2)), ((Condition("a", ("a",)),),))
    table.widen(SearchSpace([*LETTERS.dimensions, child]))
    values = table.space.decode(fill(table, 1, Random().suggest)[0])
    assert values["a"] == "a"
    assert values["b"] in (1, 2)


def test_a_narrow_interval_has_each_float_tried_once():
    """Floats of a narrow interval are read with fewer digits than their coordinates have."""
    space = SearchSpace([Dimension("x", Interval(1.0, 1.001, "log"))])
    for point in rng().random((200, 1)):
        history = from_observations(space, [space.decode(point)], [1.0])
        assert space.decode(first_untried(history, point[np.newaxis], rng())) != space.decode(point)
