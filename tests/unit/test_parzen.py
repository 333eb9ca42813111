import itertools
import math

import numpy as np
import pytest
from scipy.special import log_ndtr
from scipy.stats import chisquare, truncnorm

from kt_extensions.samplers.parzen import (
    Features,
    ParzenEstimator,
    neighbor_bandwidths,
    reference_bandwidths,
)
from kt_extensions.space import (
    Condition,
    Dimension,
    GeometricSteps,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)
from kt_extensions.space.domains import BELOW_ONE

UNIFORM = math.sqrt(1 / 12)
LINE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])


def space_of(domain):
    return SearchSpace([Dimension("x", domain)])


def kernel(space, center, bandwidth):
    shape = (1, len(space))
    return ParzenEstimator(
        space, np.full(shape, center), np.full(shape, bandwidth), np.array([1.0])
    )


def log_density_at(density, points):
    points = np.array(points, dtype=float).reshape(len(points), -1)
    return density.log_density(Features(density.space, points))


def conditional_space():
    """Four optimizers' worth of trouble: children of a category, a grandchild, uneven levels."""
    sgd = ((Condition("optimizer", ("sgd",)),),)
    nested = ((Condition("optimizer", ("sgd",)), Condition("momentum", (0.5,))),)
    return SearchSpace(
        [
            Dimension("optimizer", Options(("adam", "sgd", "lion"))),
            Dimension("momentum", LinearSteps(0.0, 0.5, 0.25), sgd),
            Dimension("nesterov", Options((False, True)), nested),
            Dimension("units", LogIntegers(1, 4)),
            Dimension("width", GeometricSteps(2, 8, 2)),
        ]
    )


def conditional_estimator():
    space = conditional_space()
    observed = [
        {"optimizer": "adam", "units": 1, "width": 8},
        {"optimizer": "sgd", "momentum": 0.5, "nesterov": True, "units": 4, "width": 2},
        {"optimizer": "sgd", "momentum": 0.0, "units": 2, "width": 4},
    ]
    centers = np.array([space.encode(values) for values in observed] + [[np.nan] * 5])
    bandwidths = np.full(centers.shape, 0.2)
    return ParzenEstimator(space, centers, bandwidths, np.array([3.0, 1.0, 2.0, 1.5]))


def all_configurations(space):
    return np.array([space.configuration(i) for i in range(space.configurations_limit)])


class TestContinuous:
    @pytest.mark.parametrize("center", [0.0, 1e-9, 0.3, 0.5, 0.97, BELOW_ONE])
    @pytest.mark.parametrize("bandwidth", [1e-3, 0.03, 0.2, 1.0])
    def test_is_the_truncated_normal_density(self, center, bandwidth):
        x = np.array([0.0, 0.001, 0.25, 0.5, 0.9, BELOW_ONE])
        low, high = -center / bandwidth, (1 - center) / bandwidth
        expected = truncnorm.logpdf(x, low, high, loc=center, scale=bandwidth)
        actual = log_density_at(kernel(LINE, center, bandwidth), x)
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)

    def test_mixes_kernels_by_weight(self):
        density = ParzenEstimator(
            LINE, np.array([[0.2], [np.nan]]), np.array([[0.1], [1.0]]), np.array([3.0, 1.0])
        )
        normal = truncnorm.pdf(0.3, -2, 8, loc=0.2, scale=0.1)
        expected = math.log(0.75 * normal + 0.25)
        assert log_density_at(density, [0.3])[0] == pytest.approx(expected)

    def test_dimensions_multiply(self):
        space = SearchSpace([Dimension(name, Interval(0.0, 1.0)) for name in "ab"])
        both = log_density_at(kernel(space, 0.4, 0.1), [[0.3, 0.8]])[0]
        single = log_density_at(kernel(LINE, 0.4, 0.1), [0.3, 0.8])
        assert both == pytest.approx(single.sum())

    def test_integrates_to_one(self):
        density = ParzenEstimator(
            LINE, np.array([[0.0], [0.6]]), np.array([[0.05], [0.7]]), np.array([1.0, 2.0])
        )
        middles = (np.arange(20_000) + 0.5) / 20_000
        assert np.exp(log_density_at(density, middles)).mean() == pytest.approx(1.0, abs=1e-6)


class TestLevels:
    @pytest.mark.parametrize(
        "domain",
        [LinearSteps(0, 10, 1), LogIntegers(1, 12), LogIntegers(1, 12, reverse=True)],
    )
    @pytest.mark.parametrize("center", [0.0, 0.04, 0.5, 0.96, BELOW_ONE])
    @pytest.mark.parametrize("bandwidth", [0.03, 0.3, 1.0])
    def test_a_level_has_the_mass_of_its_cell(self, domain, center, bandwidth):
        space = space_of(domain)
        levels = np.arange(domain.size)
        low, high = domain.edges(levels)
        expected = _log_mass(low, high, center, bandwidth) - _log_mass(0.0, 1.0, center, bandwidth)
        actual = log_density_at(kernel(space, center, bandwidth), (low + high) / 2)
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-9)

    def test_both_tails_are_exact(self):
        space = space_of(LinearSteps(0, 30, 1))
        density = kernel(space, 0.5, 0.03)
        low, high = log_density_at(density, [0.5 / 31, 30.5 / 31])
        assert low == pytest.approx(high)
        assert -300 < low < -100

    def test_mass_that_underflows_stays_finite(self):
        density = kernel(space_of(LinearSteps(0, 9, 1)), 0.05, 1e-4)
        assert np.isfinite(log_density_at(density, [0.95])).all()

    @pytest.mark.parametrize("reverse", [False, True])
    def test_many_uneven_levels_have_the_mean_density_of_their_cell(self, reverse):
        domain = LogIntegers(1, 1000, reverse)
        low, high = domain.edges(np.arange(domain.size))
        mass = _log_mass(low, high, 0.3, 0.2) - _log_mass(0.0, 1.0, 0.3, 0.2)
        actual = log_density_at(kernel(space_of(domain), 0.3, 0.2), (low + high) / 2)
        np.testing.assert_allclose(actual, mass - np.log(high - low), atol=2e-3)

    def test_fine_levels_are_scored_by_the_density_in_them(self):
        domain = LinearSteps(0, 9999, 1)
        density = kernel(space_of(domain), 0.3, 0.2)
        line = kernel(LINE, 0.3, 0.2)
        x = [0.00005, 0.25005, 0.99995]
        np.testing.assert_allclose(log_density_at(density, x), log_density_at(line, x))

    @pytest.mark.parametrize("size", [99, 101, 1100])
    def test_all_ways_of_scoring_agree(self, size):
        """The mass of a level differs from the density by the width of the cell."""
        x = (np.arange(3) * (size // 3) + 0.5) / size
        scores = log_density_at(kernel(space_of(LinearSteps(1, size, 1)), 0.3, 0.2), x)
        line = log_density_at(kernel(LINE, 0.3, 0.2), x)
        np.testing.assert_allclose(np.diff(scores), np.diff(line), atol=1e-3)

    def test_masses_sum_to_one(self):
        domain = LogIntegers(3, 90, reverse=True)
        low, high = domain.edges(np.arange(domain.size))
        density = np.exp(log_density_at(kernel(space_of(domain), 0.7, 0.1), (low + high) / 2))
        assert density @ (high - low) == pytest.approx(1.0, abs=1e-3)


class TestCategories:
    def test_stays_or_is_drawn_anew(self):
        density = kernel(space_of(Options(("a", "b", "c", "d"))), 0.375, 0.2)
        probabilities = np.exp(log_density_at(density, [0.125, 0.375, 0.625, 0.875]))
        np.testing.assert_allclose(probabilities, [0.05, 0.85, 0.05, 0.05])

    def test_single_option_has_probability_one(self):
        density = kernel(space_of(Options(("a",))), 0.5, 0.2)
        assert log_density_at(density, [0.5])[0] == pytest.approx(0.0)


class TestConditionalSpace:
    def test_probabilities_of_all_configurations_sum_to_one(self):
        density = conditional_estimator()
        configurations = all_configurations(density.space)
        assert len(configurations) == (1 + 1 + 4) * 4 * 3
        assert np.exp(log_density_at(density, configurations)).sum() == pytest.approx(1.0)

    def test_integrates_to_one_with_a_continuous_child(self):
        scopes = ((Condition("kind", ("b",)),),)
        space = SearchSpace(
            [
                Dimension("kind", Options(("a", "b"))),
                Dimension("rate", Interval(1e-4, 1.0, "log"), scopes),
            ]
        )
        centers = np.array([[0.75, 0.1], [0.25, np.nan], [np.nan, np.nan]])
        density = ParzenEstimator(space, centers, np.full((3, 2), 0.1), np.array([1.0, 2.0, 1.0]))
        middles = (np.arange(5000) + 0.5) / 5000
        points = [[0.25, np.nan], *([0.75, u] for u in middles)]
        without, *rates = np.exp(log_density_at(density, points))
        assert without + np.mean(rates) == pytest.approx(1.0, abs=1e-6)

    def test_a_child_rests_on_the_configurations_that_had_it(self):
        """Hand-computed: two kernels, of which one has the child."""
        scopes = ((Condition("kind", ("b",)),),)
        space = SearchSpace(
            [
                Dimension("kind", Options(("a", "b"))),
                Dimension("side", Options(("l", "r")), scopes),
            ]
        )
        centers = np.array([[0.75, 0.25], [0.25, np.nan]])
        bandwidths = np.array([[0.2, 0.2], [0.2, 1.0]])
        density = ParzenEstimator(space, centers, bandwidths, np.array([1.0, 1.0]))
        expected = [0.5 * (0.9 * 0.9 + 0.1 * 0.5), 0.5 * (0.9 * 0.1 + 0.1 * 0.5), 0.5 * (0.1 + 0.9)]
        points = [[0.75, 0.25], [0.75, 0.75], [0.25, np.nan]]
        np.testing.assert_allclose(np.exp(log_density_at(density, points)), expected)

    def test_samples_follow_the_density(self):
        density = conditional_estimator()
        configurations = all_configurations(density.space)
        expected = np.exp(log_density_at(density, configurations))
        sampled = density.space.snap(density.sample(20_000, np.random.default_rng(3)))
        row = {density.space.key(x): i for i, x in enumerate(configurations)}
        counts = np.bincount([row[density.space.key(x)] for x in sampled], minlength=len(row))
        assert chisquare(counts, 20_000 * expected / expected.sum()).pvalue > 0.01


class TestSample:
    @pytest.mark.parametrize("center", [0.0, 0.4, BELOW_ONE])
    @pytest.mark.parametrize("bandwidth", [1e-6, 0.03, 1.0])
    def test_stays_in_the_cube(self, center, bandwidth):
        points = kernel(LINE, center, bandwidth).sample(2000, np.random.default_rng(0))
        assert points.shape == (2000, 1)
        assert points.min() >= 0.0
        assert points.max() < 1.0

    def test_continuous_samples_follow_the_density(self):
        density = ParzenEstimator(
            LINE, np.array([[0.0], [0.6]]), np.array([[0.05], [0.2]]), np.array([1.0, 2.0])
        )
        points = density.sample(20_000, np.random.default_rng(1))[:, 0]
        middles = (np.arange(20_000) + 0.5) / 20_000
        mass = np.exp(log_density_at(density, middles)).reshape(40, 500).sum(axis=1)
        counts = np.histogram(points, bins=40, range=(0, 1))[0]
        assert chisquare(counts, mass * 20_000 / mass.sum()).pvalue > 0.01

    def test_a_row_without_values_is_the_uniform_prior(self):
        points = kernel(LINE, np.nan, 1.0).sample(5000, np.random.default_rng(2))
        assert chisquare(np.histogram(points, bins=20, range=(0, 1))[0]).pvalue > 0.01


class TestNeighborBandwidths:
    def test_hand_computed(self):
        centers = np.array([[0.5], [0.1], [0.2], [0.9]])
        expected = [[0.4], [0.1], [0.3], [0.4]]
        np.testing.assert_allclose(neighbor_bandwidths(centers), expected)

    def test_inactive_rows_are_no_neighbors(self):
        centers = np.array([[0.5, 0.3], [np.nan, 0.4], [0.2, np.nan]])
        expected = [[0.3, 0.1], [UNIFORM, 0.1], [0.3, UNIFORM]]
        np.testing.assert_allclose(neighbor_bandwidths(centers), expected)

    def test_a_lone_point_has_the_deviation_of_the_uniform_distribution(self):
        np.testing.assert_allclose(neighbor_bandwidths(np.array([[0.3]])), [[UNIFORM]])

    def test_equal_points_have_no_width(self):
        np.testing.assert_array_equal(neighbor_bandwidths(np.full((3, 1), 0.3)), np.zeros((3, 1)))


class TestReferenceBandwidths:
    def test_hand_computed(self):
        centers = np.array([[0.2], [0.4], [0.6]])
        deviation = math.sqrt(0.08 / 3)
        expected = deviation * 3 ** (-1 / 5)
        actual = reference_bandwidths(centers, np.full(3, 7.0))
        np.testing.assert_allclose(actual, [expected])

    def test_weights_count_as_repetitions_do(self):
        """Weights 3 and 1: mean 0.3, variance 0.03, as uncertain as 1 / (9/16 + 1/16) points."""
        actual = reference_bandwidths(np.array([[0.2], [0.6]]), np.array([3.0, 1.0]))
        np.testing.assert_allclose(actual, [math.sqrt(0.03) * 1.6 ** (-1 / 5)])

    def test_inactive_rows_do_not_count(self):
        centers = np.array([[0.2, 0.1], [np.nan, 0.1], [0.6, np.nan]])
        actual = reference_bandwidths(centers, np.ones(3))
        np.testing.assert_allclose(actual, [0.2 * 2 ** (-1 / 6), 0.0], atol=1e-12)

    def test_a_lone_point_has_the_deviation_of_the_uniform_distribution(self):
        centers = np.array([[0.3, np.nan], [np.nan, np.nan]])
        np.testing.assert_allclose(reference_bandwidths(centers, np.ones(2)), [UNIFORM, UNIFORM])


def _log_mass(low, high, center, bandwidth):
    """Log of a normal's mass, by log-survival on the side on which it is exact."""
    a, b = (low - center) / bandwidth, (high - center) / bandwidth
    flip = np.asarray(a > 0)
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    return log_ndtr(b) + np.log1p(-np.exp(log_ndtr(a) - log_ndtr(b)))


def test_every_combination_of_scorings_in_one_space():
    """A table, cells, densities and categories side by side: their log densities add up."""
    domains = [LinearSteps(0, 4, 1), LogIntegers(1, 1000), Interval(0.0, 1.0), Options(("a", "b"))]
    x = [0.3, 0.62, 0.8, 0.75]
    for chosen in itertools.permutations(range(4), 3):
        space = SearchSpace([Dimension(str(i), domains[i]) for i in chosen])
        point = space.snap(np.array([[x[i] for i in chosen]]))
        parts = [
            log_density_at(kernel(space_of(domains[i]), 0.4, 0.2), point[:, k])[0]
            for k, i in enumerate(chosen)
        ]
        together = log_density_at(kernel(space, 0.4, 0.2), point)[0]
        assert together == pytest.approx(sum(parts))


@pytest.mark.parametrize("domain", [LinearSteps(1, 100, 1), LinearSteps(0.001, 10.0, 0.1)])
def test_a_hundred_levels_have_a_feature_each(domain):
    """Their cells are just wide enough; rounding makes some of them narrower than others."""
    x = ((np.arange(100) + 0.5) / 100)[:, np.newaxis]
    np.testing.assert_array_equal(Features(space_of(domain), x).features, np.eye(100))
