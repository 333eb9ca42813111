import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import norm

from kt_extensions.samplers.acquisition import (
    log_expected_improvement,
    neighbors,
    one_anew,
    refined,
)
from kt_extensions.space import (
    Condition,
    Dimension,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)

SPACE = SearchSpace(
    [
        Dimension("kind", Options(("sgd", "adam", "lion"))),
        Dimension("rate", Interval(1e-5, 1e-1, "log")),
        Dimension("layers", LinearSteps(1, 5, 1)),
        Dimension("units", LogIntegers(1, 1024)),
        Dimension("momentum", Interval(0.0, 0.99), ((Condition("kind", ("sgd",)),),)),
    ]
)
CENTER = np.array([[0.5, 0.3, 0.5, 0.4, np.nan]])


def at(z, deviation=1.0):
    z = np.asarray(z, float)
    return log_expected_improvement(-z * deviation, np.full(z.shape, deviation), 0.0)


def scaled_tail(z):
    """log EI from the integral of the improvement, scaled so that nothing underflows."""
    area, _ = quad(lambda t: t * math.exp(-t * t / (2 * z * z) - t), 0, 60, epsabs=0, epsrel=1e-12)
    return math.log(area) - 2 * math.log(-z) - 0.5 * z * z - 0.5 * math.log(2 * math.pi)


class TestLogExpectedImprovement:
    def test_is_the_logarithm_of_the_formula(self):
        z = np.linspace(-5, 10, 301)
        np.testing.assert_allclose(at(z), np.log(norm.pdf(z) + z * norm.cdf(z)), rtol=1e-9)

    @pytest.mark.parametrize("z", [-1.5, -5.0, -37.0, -200.0, -999.0, -1001.0, -1e5, -1e8])
    def test_is_exact_where_the_formula_underflows(self, z):
        assert at([z])[0] == pytest.approx(scaled_tail(z), rel=1e-9)

    @pytest.mark.parametrize("threshold", [-1.0, -1e3])
    def test_has_no_step_where_the_form_changes(self, threshold):
        below, above = at([threshold * (1 + 1e-12), threshold * (1 - 1e-12)])
        assert below == pytest.approx(above, rel=1e-9)

    def test_grows_with_the_chance(self):
        z = -np.logspace(8, -8, 2000)
        assert (np.diff(at(z)) > 0).all()

    def test_scales_with_the_deviation(self):
        np.testing.assert_allclose(at([-3.0], 1e-6), at([-3.0]) + math.log(1e-6))

    def test_of_a_sure_improvement_is_its_size(self):
        assert log_expected_improvement(np.array([-2.0]), np.array([1e-6]), 1.0)[
            0
        ] == pytest.approx(math.log(3.0))

    def test_is_below_the_chance_to_improve_by_any_amount(self):
        z = np.array([-50.0, -10.0, -2.0])
        assert (at(z) < log_ndtr(z)).all()


class TestNeighbors:
    def draw(self, scale, n=4000):
        return neighbors(SPACE, CENTER, n, np.full(5, scale), np.random.default_rng(0))

    @pytest.mark.parametrize("scale", [1e-4, 0.1, 5.0])
    def test_are_points_of_the_cube(self, scale):
        points = self.draw(scale)
        assert points.shape == (4000, 5)
        assert ((points >= 0) & (points < 1)).all()

    def test_are_near(self):
        rate = self.draw(0.01)[:, 1]
        assert 0.003 < np.std(rate) < 0.01
        assert np.mean(rate) == pytest.approx(0.3, abs=1e-3)

    def test_reach_the_next_level_however_small_the_scale(self):
        layers = [SPACE.decode(point)["layers"] for point in self.draw(1e-4)]
        assert set(layers) == {2, 3, 4}
        assert layers.count(3) > 2000

    def test_draw_options_anew(self):
        kinds = [SPACE.decode(point)["kind"] for point in self.draw(0.01)]
        assert set(kinds) == {"sgd", "adam", "lion"}
        assert kinds.count("adam") > 3000

    def test_give_inactive_dimensions_any_value(self):
        momentum = self.draw(0.01)[:, 4]
        assert momentum.min() < 0.01 and momentum.max() > 0.99

    def test_take_a_scale_for_each_point(self):
        scales = np.repeat([[1e-3], [0.1]], 2000, axis=0) * np.ones(5)
        rate = neighbors(SPACE, CENTER, 4000, scales, np.random.default_rng(0))[:, 1]
        assert np.abs(rate[:2000] - 0.3).max() < 0.01 < np.std(rate[2000:])


class TestOneAnew:
    def test_differs_in_one_coordinate(self):
        centers = np.array([[0.1, 0.2, 0.3], [0.5, 0.6, 0.7]])
        points = one_anew(centers, 300, np.random.default_rng(0))
        differing = [(points != center).sum(axis=1) for center in centers]
        assert (np.minimum(*differing) == 1).all()
        assert {int(np.sum(count == 1)) > 100 for count in differing} == {True}

    def test_draws_every_coordinate_from_its_whole_range(self):
        points = one_anew(np.full((1, 3), 0.5), 600, np.random.default_rng(0))
        assert (points.min(axis=0) < 0.05).all() and (points.max(axis=0) > 0.95).all()

    def test_gives_inactive_dimensions_any_value(self):
        momentum = one_anew(CENTER, 600, np.random.default_rng(0))[:, 4]
        assert momentum.min() < 0.01 and momentum.max() > 0.99


def test_refined_finds_the_peak():
    space = SearchSpace([Dimension(name, Interval(0.0, 1.0)) for name in "xyz"])
    rng, peak = np.random.default_rng(0), np.array([0.2, 0.7, 0.5])

    def value(points):
        return -np.sum((points - peak) ** 2, axis=1)

    def near(centers, n, scale):
        return neighbors(space, centers, n, scale * np.ones(3), rng)

    candidates = rng.random((200, 3))
    best_first = refined(value, candidates, near)
    assert (np.diff(value(best_first)) <= 0).all()
    assert np.abs(candidates - peak).max(axis=1).min() > 0.03
    assert np.abs(best_first[0] - peak).max() < 0.01
