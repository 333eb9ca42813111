import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from kt_extensions.samplers.gaussian_process import (
    GaussianProcess,
    Prior,
    fit,
    negative_log_posterior,
)
from kt_extensions.samplers.kernels import Embedding, matern, squared_distances
from kt_extensions.space import Condition, Dimension, Interval, LinearSteps, Options, SearchSpace

KIND = Dimension("kind", Options(("sgd", "adam", "lion")))
SGD = ((Condition("kind", ("sgd",)),),)
MIXED = SearchSpace(
    [
        KIND,
        Dimension("rate", Interval(1e-5, 1e-1, "log")),
        Dimension("layers", LinearSteps(1, 5, 1)),
        Dimension("momentum", Interval(0.0, 0.99), SGD),
        Dimension("nesterov", Options((False, True)), SGD),
    ]
)
OPTIONAL = np.array([False, False, False, True, True])
THETA = np.log([0.7, 0.3, 1.5, 0.4, 2.0, 1.3, 0.02])


def points(n, seed=0):
    x = MIXED.snap(np.random.default_rng(seed).random((n, len(MIXED))))
    embedding = Embedding(MIXED, OPTIONAL)
    return embedding.features(x), embedding.owner


def dense_covariance(a, b, theta, owner):
    """Matern 5/2, pair by pair."""
    covariance = np.empty((len(a), len(b)))
    for i, j in np.ndindex(*covariance.shape):
        squares = np.bincount(owner, (a[i] - b[j]) ** 2)
        r = np.sqrt(5 * np.sum(squares / np.exp(2 * theta[:-2])))
        covariance[i, j] = np.exp(theta[-2]) * (1 + r + r**2 / 3) * np.exp(-r)
    return covariance


def distances(embedding, x):
    """Squared distances of configurations for each dimension. Shape `(d, n, n)`."""
    features = embedding.features(np.array(x))
    return np.stack(
        [
            squared_distances(*2 * [features[:, embedding.owner == i]])
            for i in range(embedding.owner.max() + 1)
        ]
    )


class TestEmbedding:
    def test_ordered_values_are_apart_by_their_coordinates(self):
        space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
        embedding = Embedding(space, np.array([False]))
        (squares,) = distances(embedding, [[0.2], [0.5], [0.9]])
        np.testing.assert_allclose(np.sqrt(squares[0]), [0.0, 0.3, 0.7], atol=1e-7)

    def test_options_are_equally_far_apart(self):
        embedding = Embedding(SearchSpace([KIND]), np.array([False]))
        (squares,) = distances(embedding, [[1 / 6], [0.5], [5 / 6]])
        np.testing.assert_allclose(squares, 1 - np.eye(3), atol=1e-12)

    def test_being_inactive_is_as_far_from_every_option(self):
        embedding = Embedding(SearchSpace([KIND]), np.array([True]))
        (squares,) = distances(embedding, [[1 / 6], [0.5], [5 / 6], [np.nan]])
        np.testing.assert_allclose(squares, 1 - np.eye(4), atol=1e-12)

    def test_being_inactive_is_as_far_from_every_value(self):
        space = SearchSpace([KIND, Dimension("momentum", Interval(0.0, 1.0), SGD)])
        embedding = Embedding(space, np.array([False, True]))
        x = [[1 / 6, 0.0], [1 / 6, 0.4], [1 / 6, 0.999], [0.5, np.nan], [5 / 6, np.nan]]
        squares = distances(embedding, x)[1]
        np.testing.assert_allclose(squares[3], [1, 1, 1, 0, 0], atol=1e-12)
        assert 0.39 < np.sqrt(squares[0, 1]) < 0.4
        assert squares[0, 1] < squares[0, 2] < 1

    @pytest.mark.parametrize("seed", range(5))
    def test_covariance_is_positive_definite(self, seed):
        features, owner = points(60, seed)
        features = np.unique(features, axis=0)
        scaled = features / np.random.default_rng(seed).uniform(0.05, 2, 5)[owner]
        covariance, _ = matern(squared_distances(scaled, scaled))
        assert np.linalg.eigvalsh(covariance).min() > 0


def test_slope_of_the_kernel_is_its_derivative():
    square = np.array([1e-3, 0.1, 1.0, 30.0])
    step = 1e-6 * square
    difference = (matern(square + step)[0] - matern(square - step)[0]) / (2 * step)
    np.testing.assert_allclose(matern(square)[1], difference, rtol=1e-6)


class TestPosterior:
    def test_is_the_dense_formula(self):
        (a, owner), (b, _) = points(25), points(9, seed=1)
        y = np.random.default_rng(2).standard_normal(25)
        noisy = dense_covariance(a, a, THETA, owner) + np.exp(THETA[-1]) * np.eye(25)
        cross = dense_covariance(a, b, THETA, owner)
        mean, deviation = GaussianProcess(THETA, a, owner, y).predict(b)
        np.testing.assert_allclose(mean, cross.T @ np.linalg.solve(noisy, y), rtol=1e-9)
        reduced = np.exp(THETA[-2]) - np.sum(cross * np.linalg.solve(noisy, cross), axis=0)
        np.testing.assert_allclose(deviation, np.sqrt(reduced), rtol=1e-9)

    def test_interpolates_without_noise(self):
        features, owner = points(20)
        y = np.sin(5 * features[:, owner == 1][:, 0])
        theta = np.append(THETA[:-1], np.log(1e-8))
        mean, deviation = GaussianProcess(theta, features, owner, y).predict(features)
        np.testing.assert_allclose(mean, y, atol=1e-5)
        assert deviation.max() < 1e-3

    def test_averages_noise(self):
        x, y = np.zeros((100, 1)), np.tile([0.0, 2.0], 50)
        process = GaussianProcess(np.log([1.0, 10.0, 1.0]), x, np.array([0]), y)
        mean, deviation = process.predict(np.zeros((1, 1)))
        assert mean[0] == pytest.approx(1.0, abs=0.01)
        assert deviation[0] == pytest.approx(0.1, abs=0.01)

    def test_is_the_prior_far_away(self):
        process = GaussianProcess(
            np.log([0.01, 4.0, 1e-4]), np.zeros((1, 1)), np.zeros(1, int), np.ones(1)
        )
        mean, deviation = process.predict(np.ones((1, 1)))
        np.testing.assert_allclose([mean[0], deviation[0]], [0.0, 2.0], atol=1e-12)

    def test_believing_keeps_the_mean_and_lowers_the_deviation(self):
        (a, owner), (b, _), (c, _) = points(25), points(4, seed=1), points(30, seed=2)
        theta = np.append(THETA[:-1], np.log(1e-6))
        process = GaussianProcess(theta, a, owner, np.random.default_rng(0).standard_normal(25))
        believing = process.believing(b)
        np.testing.assert_allclose(believing.predict(c)[0], process.predict(c)[0], atol=1e-4)
        assert (believing.predict(c)[1] <= process.predict(c)[1] + 1e-9).all()
        assert believing.predict(b)[1].max() < 2e-3 < process.predict(b)[1].min()

    def test_believing_in_nothing_changes_nothing(self):
        features, owner = points(5)
        process = GaussianProcess(THETA, features, owner, np.ones(5))
        assert process.believing(features[:0]) is process


class TestFit:
    def test_value_is_minus_the_log_posterior(self):
        features, owner = points(15)
        y, prior = np.random.default_rng(0).standard_normal(15), Prior()
        covariance = dense_covariance(features, features, THETA, owner)
        covariance += np.exp(THETA[-1]) * np.eye(15)

        def log_posterior(theta):
            likelihood = multivariate_normal(cov=covariance).logpdf(y) if theta is THETA else 0.0
            return likelihood + norm.logpdf(theta, prior.center(5), prior.deviation(5)).sum()

        value, _ = negative_log_posterior(THETA, features, owner, y, prior)
        constant = -7.5 * np.log(2 * np.pi) + norm.logpdf(0, 0, prior.deviation(5)).sum()
        assert value == pytest.approx(constant - log_posterior(THETA), rel=1e-9)

    @pytest.mark.parametrize("noise", [1e-5, 0.1])
    def test_gradient_is_that_of_finite_differences(self, noise):
        features, owner = points(30)
        y, theta = np.random.default_rng(1).standard_normal(30), THETA.copy()
        theta[-1] = np.log(noise)

        def value(t):
            return negative_log_posterior(t, features, owner, y, Prior())[0]

        _, gradient = negative_log_posterior(theta, features, owner, y, Prior())
        steps = 1e-5 * np.eye(len(theta))
        numeric = [(value(theta + step) - value(theta - step)) / 2e-5 for step in steps]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())

    def test_finds_which_dimension_matters(self):
        x = np.random.default_rng(0).random((50, 3))
        theta = fit(x, np.arange(3), np.sin(6 * x[:, 1]), Prior(), steps=50).likeliest()
        assert theta[1] < theta[0] - 1 and theta[1] < theta[2] - 1

    @pytest.mark.parametrize("deviation", [0.03, 0.3])
    def test_finds_the_noise(self, deviation):
        rng = np.random.default_rng(0)
        x = rng.random((150, 1))
        y = 1.4 * np.sin(6 * x[:, 0]) + deviation * rng.standard_normal(150)
        theta = fit(x, np.array([0]), y, Prior(), steps=50).likeliest()
        assert np.sqrt(np.exp(theta[-1])) == pytest.approx(deviation, rel=0.3)

    @pytest.mark.parametrize("y", [np.zeros(12), np.tile([1.0, -1.0], 6), np.eye(12)[0] * 3])
    def test_stays_finite(self, y):
        features, owner = points(12)
        theta = fit(features, owner, y, Prior(), steps=30).likeliest()
        mean, deviation = GaussianProcess(theta, features, owner, y).predict(features)
        assert np.isfinite(theta).all() and np.isfinite(mean).all() and (deviation > 0).all()

    def test_takes_points_that_coincide(self):
        features, owner = points(10)
        twice, y = np.repeat(features, 2, axis=0), np.tile([1.0, -1.0], 10)
        theta = fit(twice, owner, y, Prior(), steps=30).likeliest()
        mean, _ = GaussianProcess(theta, twice, owner, y).predict(twice)
        np.testing.assert_allclose(mean, 0.0, atol=1e-3)

    def test_of_no_information_is_the_prior(self):
        fitted = fit(np.zeros((1, 2)), np.arange(2), np.zeros(1), Prior(), steps=50)
        np.testing.assert_allclose(fitted.likeliest()[:2], Prior().center(2)[:2])
        np.testing.assert_allclose((fitted.root @ fitted.root.T)[:2, :2], np.eye(2), atol=1e-6)

    def test_draws_around_the_likeliest(self):
        x = np.random.default_rng(0).random((50, 3))
        fitted = fit(x, np.arange(3), np.sin(6 * x[:, 1]), Prior(), steps=50)
        rng = np.random.default_rng(0)
        draws = np.array([fitted.draw(rng) for _ in range(300)])
        assert np.isfinite(draws).all()
        deviation = draws.std(axis=0)
        assert abs(np.median(draws[:, 1]) - fitted.likeliest()[1]) < 0.05
        assert deviation[1] < 0.5 * min(deviation[0], deviation[2])
        assert deviation[1] < 0.3 * Prior().length_deviation
