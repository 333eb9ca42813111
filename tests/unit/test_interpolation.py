import numpy as np
import pytest

from kt_extensions.history import from_observations
from kt_extensions.samplers.interpolation import by_expected_rank
from kt_extensions.space import Condition, Dimension, Interval, Options, SearchSpace

SQUARE = SearchSpace([Dimension(name, Interval(0.0, 1.0)) for name in "xy"])
OPTIMIZERS = SearchSpace(
    [
        Dimension("kind", Options(("sgd", "adam", "lion", "rmsprop"))),
        Dimension("rate", Interval(0.0, 1.0), ((Condition("kind", ("adam",)),),)),
    ]
)
SGD, ADAM, LION = 0.125, 0.375, 0.625


def ordered(space, rows, points):
    values = [space.decode(np.array(x)) for x, _ in rows]
    history = from_observations(space, values, [y for _, y in rows])
    x = space.snap(np.array(points))
    return [points[i] for i in by_expected_rank(history, x, history.ranking())]


class TestByExpectedRank:
    def test_points_near_better_trials_come_first(self):
        rows = [([0.2, 0.5], 1.0), ([0.8, 0.5], 3.0), ([0.3, 0.5], 2.0), ([0.7, 0.5], np.inf)]
        near, far = [0.1, 0.5], [0.9, 0.5]
        assert ordered(SQUARE, rows, [far, near]) == [near, far]
        assert ordered(SQUARE, rows, [near, far]) == [near, far]

    def test_only_the_ranks_count(self):
        rows = [([0.2, 0.5], 1.0), ([0.8, 0.5], 3.0), ([0.3, 0.5], 2.0)]
        points = [[0.9, 0.5], [0.1, 0.5], [0.5, 0.1]]
        huge = [(x, 10.0 ** (9 * y)) for x, y in rows]
        assert ordered(SQUARE, huge, points) == ordered(SQUARE, rows, points)

    def test_equal_scores_share_their_rank(self):
        """Whichever of them came first, the point counts that is a little nearer to the best."""
        best, one, other = ([0.5, 0.9], 1.0), ([0.1, 0.1], 2.0), ([0.9, 0.1], 2.0)
        left, right = [0.1, 0.25], [0.9, 0.2]
        for rows in ([best, one, other], [best, other, one]):
            assert ordered(SQUARE, rows, [right, left]) == [left, right]

    def test_ranks_change_evenly_from_a_trial_to_the_next(self):
        """On a line: 0 at 0.1, 2 at 0.5, 1 at 0.9, so that the points have 0.5, 1, 1.25, 1.75."""
        rows = [([0.1, 0.5], 1.0), ([0.9, 0.5], 2.0), ([0.5, 0.5], 3.0)]
        points = [[0.2, 0.5], [0.3, 0.5], [0.8, 0.5], [0.6, 0.5]]
        assert ordered(SQUARE, rows, points[::-1]) == points

    def test_trials_of_one_configuration_count_by_their_mean(self):
        other = ([0.7, 0.5], 1.5)
        rows = [*[([0.3, 0.5], y) for y in (0.0, 1.0, 2.0, 5.0, 6.0)], other]
        points = [[0.3, 0.5], [0.7, 0.5]]
        assert ordered(SQUARE, rows, points) == points[::-1]
        assert ordered(SQUARE, [*rows[:3], other], points) == points

    def test_trials_that_are_left_out_do_not_count(self):
        rows = [([0.1, 0.1], 1.0), ([0.9, 0.9], 2.0), ([0.2, 0.9], 3.0)]
        values = [SQUARE.decode(np.array(x)) for x, _ in rows]
        history = from_observations(SQUARE, values, [y for _, y in rows])
        x = np.array([[0.2, 0.2], [0.8, 0.9]])
        assert by_expected_rank(history, x, np.array([0, 1, 2])).tolist() == [0, 1]
        assert by_expected_rank(history, x, np.array([1, 2])).tolist() == [1, 0]

    def test_a_point_at_a_trial_has_its_rank(self):
        rows = [([0.1, 0.1], 1.0), ([0.9, 0.9], 2.0)]
        points = [[0.9, 0.9], [0.5, 0.5], [0.1, 0.1]]
        assert ordered(SQUARE, rows, points) == points[::-1]

    @pytest.mark.parametrize(
        ("rows", "better"),
        [
            ([([SGD, 0.5], 1.0), ([ADAM, 0.5], 2.0), ([LION, 0.5], 3.0)], [SGD, 0.5]),
            ([([SGD, 0.5], 2.0), ([ADAM, 0.5], 1.0), ([LION, 0.5], 3.0)], [ADAM, 0.4]),
            ([([ADAM, 0.4], 1.0), ([ADAM, 0.9], 2.0), ([SGD, 0.5], 3.0)], [ADAM, 0.4]),
        ],
    )
    def test_options_and_conditions(self, rows, better):
        assert ordered(OPTIMIZERS, rows, [[SGD, 0.5], [ADAM, 0.4]])[0] == better

    @pytest.mark.parametrize("d", [1, 2, 3, 6, 20, 100])
    def test_any_cloud_of_trials_can_be_interpolated(self, d):
        """Shells around a middle, for which distances have the largest energy."""
        space = SearchSpace([Dimension(f"x{i}", Interval(0.0, 1.0)) for i in range(d)])
        rng = np.random.default_rng(d)
        away = rng.standard_normal((400, d))
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        radius = np.repeat([0.0, 0.3, 0.4, 0.45], 100)[:, np.newaxis]
        points = 0.5 + radius * away
        values = [space.decode(x) for x in points]
        history = from_observations(space, values, np.abs(points - 0.6).sum(axis=1))
        middle, rim = np.full(d, 0.5), np.full(d, 0.5) - 0.45 / np.sqrt(d)
        x = np.array([rim, middle])
        assert by_expected_rank(history, x, history.ranking()).tolist() == [1, 0]
