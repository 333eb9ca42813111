"""The order of trials with several objectives."""

import numpy as np
import pytest

from kt_extensions import pareto

CASES = [(m, n, seed) for m in (1, 2, 3, 4) for n in (0, 1, 2, 7, 60) for seed in (0, 1)]


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


def fronts_by_definition(values):
    front = np.full(len(values), -1)
    number = 0
    while (front < 0).any():
        left = np.flatnonzero(front < 0)
        for i in left:
            if not any(dominates(values[j], values[i]) for j in left):
                front[i] = number
        number += 1
    return front


@pytest.mark.parametrize(("m", "n", "seed"), CASES)
def test_fronts_agree_with_their_definition(m, n, seed):
    values = np.random.default_rng([seed, m, n]).integers(0, 8, (n, m)).astype(float)
    np.testing.assert_array_equal(pareto.fronts(values), fronts_by_definition(values))


@pytest.mark.parametrize(("m", "n", "seed"), CASES)
def test_places_respect_the_fronts_and_ties(m, n, seed):
    values = np.random.default_rng([seed, m, n]).integers(0, 8, (n, m)).astype(float)
    place, front = pareto.places(values), pareto.fronts(values)
    for i in range(n):
        assert place[i] == sum(place < place[i])
        for j in range(n):
            assert (place[i] == place[j]) == (values[i] == values[j]).all()
            assert front[i] >= front[j] or place[i] < place[j]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_only_the_order_of_the_numbers_and_their_ratios_matter(m):
    values = np.random.default_rng(m).random((50, m))
    scale, shift = 2.0 ** np.arange(m), 4.0 * np.arange(m)
    moved = values * scale + shift
    np.testing.assert_array_equal(pareto.fronts(moved), pareto.fronts(values))
    np.testing.assert_array_equal(pareto.places(moved), pareto.places(values))
    np.testing.assert_array_equal(pareto.compromises(moved), pareto.compromises(values))
    drawn = [pareto.scalarization(v, np.random.default_rng(0)) for v in (moved, values)]
    np.testing.assert_allclose(*drawn, rtol=1e-9)


def test_within_a_front_by_the_volume_that_each_adds():
    # Scaled to the range: (0, 1), (0.1, 0.5), (0.5, 0.4), (1, 0), up to (1.1, 1.1).
    values = np.array([[0.0, 10.0], [1.0, 5.0], [5.0, 4.0], [10.0, 0.0]])
    added = [0.1 * 0.1, 0.4 * 0.5, 0.5 * 0.1, 0.1 * 0.4]
    np.testing.assert_allclose(pareto._contributions(values, np.zeros(4, int)), added)
    assert pareto.places(values).tolist() == [3, 0, 1, 2]


def test_the_volume_of_three_objectives_is_the_box_to_the_next_worse_value():
    values = np.array([[0.0, 1.0, 1.0], [0.0, 0.5, 2.0], [1.0, 0.0, 0.0]])
    added = [1.0 * 0.1 * 0.5, 1.0 * 0.5 * 0.1, 0.1 * 0.5 * 0.5]
    np.testing.assert_allclose(pareto._contributions(values, np.zeros(3, int)), added)


def test_the_volumes_of_fronts_do_not_touch():
    values = np.random.default_rng(0).random((40, 2))
    front = pareto.fronts(values)
    together = pareto._contributions(values, front)
    for number in range(front.max() + 1):
        rows = front == number
        alone = pareto._contributions(values[rows], np.zeros(rows.sum(), int))
        np.testing.assert_allclose(together[rows], alone, rtol=1e-6)


def test_the_best_compromise_is_the_nearest_to_the_best_of_each():
    values = np.array([[0.0, 100.0], [1.0, 30.0], [2.0, 20.0], [10.0, 0.0], [1.5, 40.0]])
    assert pareto.compromises(values).tolist() == [2, 1, 0, 3, 4]


@pytest.mark.parametrize("m", [2, 3])
def test_numbers_of_any_size(m):
    values = np.array([[1e308, -1e308, 0.0], [-1e308, 1e308, 1e-320], [0.0, 0.0, 5e-324]])[:, :m]
    with np.errstate(all="raise", under="ignore"):
        assert sorted(pareto.places(values)) == [0, 1, 2]
        assert sorted(pareto.compromises(values)) == [0, 1, 2]
        assert np.isfinite(pareto.scalarization(values, np.random.default_rng(0))).all()


def test_many_trials_of_three_objectives_are_told_apart_where_it_matters():
    rng = np.random.default_rng(0)
    values = rng.random((3000, 3)) ** 0.5
    place, front = pareto.places(values), pareto.fronts(values)
    best = np.argsort(place)[:500]
    np.testing.assert_array_equal(front[best], fronts_by_sets(values)[best])
    assert (front[front < front.max()] == fronts_by_sets(values)[front < front.max()]).all()


def fronts_by_sets(values):
    """The first fronts, from the matrix of who dominates whom; -1 for the others."""
    front = np.full(len(values), -1)
    for number in range(8):
        left = np.flatnonzero(front < 0)
        smaller = np.stack([(values[left] <= v).all(axis=1).sum() for v in values[left]])
        front[left[smaller == 1]] = number
    return front


@pytest.mark.parametrize("m", [2, 3])
def test_every_trial_of_the_front_is_best_for_some_weights(m):
    angles = np.random.default_rng(m).random((8, m)) + 0.1
    concave = angles / np.linalg.norm(angles, axis=1, keepdims=True)
    values = np.concatenate([concave, concave + 0.3])
    rng = np.random.default_rng(0)
    best = {int(pareto.scalarization(values, rng).argmin()) for _ in range(3000)}
    assert best <= set(range(8))
    assert len(best) >= 7
    assert m == 3 or best == set(range(8))


def test_one_bad_trial_does_not_change_the_weights():
    values = np.random.default_rng(0).random((40, 2))
    diverged = np.concatenate([values, [[2.0, 1e9]]])
    assert (pareto.fronts(diverged)[:40] == pareto.fronts(values)).all()
    for seed in range(10):
        plain = pareto.scalarization(values, np.random.default_rng(seed))
        after = pareto.scalarization(diverged, np.random.default_rng(seed))
        assert plain.argmin() == after.argmin()
        np.testing.assert_allclose(after[:40], plain, rtol=0.1)
