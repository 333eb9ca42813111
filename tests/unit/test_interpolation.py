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


def ordered(space, rows, points, power=3):
    values = [space.decode(np.array(x)) for x, _ in rows]
    history = from_observations(space, values, [y for _, y in rows])
    return by_expected_rank(history, np.array(points), history.ranking(), power).tolist()


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

    def test_the_power_tells_how_far_a_trial_counts(self):
        """A point beside the worst trial and farther from five good ones."""
        rows = [([0.5, 0.5], 9.0), *[([0.9, 0.5 + n / 1000], float(n)) for n in range(5)]]
        point, fourth = [0.6, 0.5], [0.9, 0.503]
        assert ordered(SQUARE, rows, [fourth, point], power=0.5) == [point, fourth]
        assert ordered(SQUARE, rows, [point, fourth], power=8) == [fourth, point]

    def test_trials_that_are_left_out_do_not_count(self):
        rows = [([0.1, 0.1], 1.0), ([0.9, 0.9], 2.0), ([0.2, 0.9], 3.0)]
        values = [SQUARE.decode(np.array(x)) for x, _ in rows]
        history = from_observations(SQUARE, values, [y for _, y in rows])
        points = np.array([[0.2, 0.2], [0.8, 0.9]])
        assert by_expected_rank(history, points, np.array([0, 1, 2]), 3)[0].tolist() == [0.2, 0.2]
        assert by_expected_rank(history, points, np.array([1, 2]), 3)[0].tolist() == [0.8, 0.9]

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
