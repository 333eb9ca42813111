import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kt_extensions.samplers.embedding import Embedding
from kt_extensions.samplers.gaussian_process import (
    GaussianProcess,
    Prior,
    fit,
    negative_log_likelihood,
)
from kt_extensions.samplers.kernels import Kernel, matern, squared_distances
from kt_extensions.samplers.observations import logarithms
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
LENGTHS, WAVE_LENGTHS = [0.7, 0.3, 1.5, 0.4, 2.0], [0.5, 0.1, 0.3, 0.2, 1.0]
THETA = np.log([*LENGTHS, *WAVE_LENGTHS, 1.3, 0.6, 0.4, 0.02, 0.7])
MIXED_EMBEDDING = Embedding(MIXED, OPTIONAL)


def points(n, seed=0):
    x = MIXED.snap(np.random.default_rng(seed).random((n, len(MIXED))))
    return MIXED_EMBEDDING.points(x)


def cube(x):
    """Points of a space of numbers, and their embedding."""
    x = np.asarray(x, float)
    space = SearchSpace([Dimension(f"x{i}", Interval(0.0, 1.0)) for i in range(x.shape[1])])
    embedding = Embedding(space, np.zeros(x.shape[1], bool))
    return embedding.points(x), embedding


def theta_of(lengths, wave_lengths, near=1.0, waves=1e-4, bowl=1e-4, noise=1e-6, knee=1.0):
    return np.log([*lengths, *wave_lengths, near, waves, bowl, noise, knee])


def dense_covariance(a, b, theta):
    """The three parts, pair by pair."""
    d, e = len(MIXED), np.exp(theta)
    near, waves, bowl = e[2 * d : 2 * d + 3]
    owner, frequency = MIXED_EMBEDDING.wave_owner, MIXED_EMBEDDING.frequency
    reach = e[d : 2 * d][owner]
    weights = 32 / (3 * np.sqrt(5)) * reach / (1 + (frequency * reach) ** 2 / 5) ** 3 / d
    covariance = np.empty((len(a.places), len(b.places)))
    for i, j in np.ndindex(*covariance.shape):
        squares = np.bincount(MIXED_EMBEDDING.owner, (a.places[i] - b.places[j]) ** 2)
        r = np.sqrt(5 * np.sum(squares / e[:d] ** 2))
        product = (a.places[i] - 0.5) @ (b.places[j] - 0.5)
        covariance[i, j] = near * (1 + r + r**2 / 3) * np.exp(-r)
        covariance[i, j] += waves * np.sum(weights * a.waves[i] * b.waves[j])
        covariance[i, j] += bowl * (1 + 12 / d * product) ** 2 / 4
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

    def test_waves_are_functions_of_one_dimension(self):
        x = np.array([[0.5, 0.3, 0.7, np.nan, np.nan], [1 / 6, 0.3, 0.7, 0.2, 0.25]])
        waves, owner = MIXED_EMBEDDING.points(x).waves, MIXED_EMBEDDING.wave_owner
        orders = np.arange(1, np.sum(owner == 1) + 1)
        np.testing.assert_allclose(waves[0, owner == 1], np.cos(np.pi * orders * 0.3), atol=1e-12)
        np.testing.assert_array_equal(waves[0, owner == 3], 0.0)
        np.testing.assert_array_equal(waves[:, owner == 0], [[0, 1, 0], [1, 0, 0]])
        np.testing.assert_array_equal(waves[:, owner == 4], [[0, 0, 1], [1, 0, 0]])


class TestKernel:
    def test_is_positive_definite(self):
        x = MIXED.snap(np.random.default_rng(0).random((60, len(MIXED))))
        distinct = MIXED_EMBEDDING.points(np.unique(x, axis=0))
        covariance = Kernel(THETA[:-2], MIXED_EMBEDDING).covariance(distinct, distinct)
        assert np.linalg.eigvalsh(covariance).min() > 0

    def test_variance_is_the_diagonal_of_the_covariance(self):
        some, kernel = points(20), Kernel(THETA[:-2], MIXED_EMBEDDING)
        np.testing.assert_allclose(kernel.variance(some), np.diag(kernel.covariance(some, some)))

    def test_waves_are_a_kernel_of_each_dimension(self):
        """Away from the ends, as the Matern kernel says; constants aside."""
        x = np.linspace(0.35, 0.65, 31)[:, np.newaxis]
        some, embedding = cube(x)
        theta = theta_of([1.0], [0.1], near=1e-9, waves=2.0, bowl=1e-9)
        covariance = Kernel(theta[:-2], embedding).covariance(some, some)
        variogram = np.diag(covariance)[:, np.newaxis] - covariance
        expected = 2.0 * (1 - matern(squared_distances(x, x) / 0.1**2)[0])
        np.testing.assert_allclose(variogram, expected, atol=0.06)

    def test_learns_a_rough_sum_from_few_points(self):
        """In five dimensions, 80 points: the product kernel alone cannot."""
        rng = np.random.default_rng(0)

        def rough(x):
            return np.sin(25 * x).sum(axis=1)

        train, test = rng.random((80, 5)), rng.random((200, 5))
        (a, embedding), (b, _) = cube(train), cube(test)

        def error(waves):
            theta = theta_of([0.5] * 5, [0.08] * 5, waves=waves)
            mean, _ = GaussianProcess(theta, a, embedding, rough(train)).predict(b)
            return np.std(mean - rough(test))

        assert error(waves=3.0) < 0.4 * error(waves=1e-4)


def test_slope_of_the_kernel_is_its_derivative():
    square = np.array([1e-3, 0.1, 1.0, 30.0])
    step = 1e-6 * square
    difference = (matern(square + step)[0] - matern(square - step)[0]) / (2 * step)
    np.testing.assert_allclose(matern(square)[1], difference, rtol=1e-6)


class TestPosterior:
    def test_is_the_dense_formula(self):
        a, b = points(25), points(9, seed=1)
        y = np.random.default_rng(2).standard_normal(25)
        noisy = dense_covariance(a, a, THETA) + np.exp(THETA[-2]) * np.eye(25)
        cross = dense_covariance(a, b, THETA)
        mean, deviation = GaussianProcess(THETA, a, MIXED_EMBEDDING, y).predict(b)
        np.testing.assert_allclose(mean, cross.T @ np.linalg.solve(noisy, y), rtol=1e-9)
        prior = np.diag(dense_covariance(b, b, THETA))
        reduced = prior - np.sum(cross * np.linalg.solve(noisy, cross), axis=0)
        np.testing.assert_allclose(deviation, np.sqrt(reduced), rtol=1e-9)

    def test_interpolates_without_noise(self):
        some, embedding = cube(np.random.default_rng(0).random((20, 3)))
        y = np.sin(5 * some.places[:, 1])
        theta = theta_of([0.7] * 3, [0.3] * 3, noise=1e-8)
        mean, deviation = GaussianProcess(theta, some, embedding, y).predict(some)
        np.testing.assert_allclose(mean, y, atol=1e-5)
        assert deviation.max() < 1e-3

    def test_averages_noise(self):
        (some, embedding), y = cube(np.zeros((100, 1))), np.tile([0.0, 2.0], 50)
        theta = theta_of([1.0], [1.0], near=10.0, noise=1.0)
        mean, deviation = GaussianProcess(theta, some, embedding, y).predict(cube([[0.0]])[0])
        assert mean[0] == pytest.approx(1.0, abs=0.01)
        assert deviation[0] == pytest.approx(0.1, abs=0.01)

    def test_is_the_prior_far_away(self):
        some, embedding = cube([[0.0]])
        theta = theta_of([0.01], [1.0], near=4.0, waves=1e-12, bowl=1e-12)
        process = GaussianProcess(theta, some, embedding, np.ones(1))
        mean, deviation = process.predict(cube([[0.99]])[0])
        np.testing.assert_allclose([mean[0], deviation[0]], [0.0, 2.0], atol=1e-9)

    def test_believing_keeps_the_mean_and_lowers_the_deviation(self):
        a, b, c = points(25), points(4, seed=1), points(30, seed=2)
        theta = THETA.copy()
        theta[-2] = np.log(1e-6)
        y = np.random.default_rng(0).standard_normal(25)
        process = GaussianProcess(theta, a, MIXED_EMBEDDING, y)
        believing = process.believing(b)
        np.testing.assert_allclose(believing.predict(c)[0], process.predict(c)[0], atol=1e-4)
        assert (believing.predict(c)[1] <= process.predict(c)[1] + 1e-9).all()
        assert believing.predict(b)[1].max() < 2e-3 < process.predict(b)[1].min()

    def test_believing_in_nothing_changes_nothing(self):
        some = points(5)
        process = GaussianProcess(THETA, some, MIXED_EMBEDDING, np.ones(5))
        assert process.believing(some.take(np.arange(0))) is process


class TestFit:
    def test_value_is_minus_the_log_likelihood(self):
        some, y = points(15), np.random.default_rng(0).standard_normal(15)
        covariance = dense_covariance(some, some, THETA) + np.exp(THETA[-2]) * np.eye(15)
        bent = logarithms(y, np.exp(THETA[-1]))
        expected = multivariate_normal(cov=covariance).logpdf(bent.scores) + bent.log_slope
        value, _ = negative_log_likelihood(THETA, some, MIXED_EMBEDDING, y)
        assert value + 7.5 * np.log(2 * np.pi) == pytest.approx(-expected, rel=1e-9)

    @pytest.mark.parametrize("noise", [1e-5, 0.1])
    def test_gradient_is_that_of_finite_differences(self, noise):
        some = points(30)
        y, theta = np.random.default_rng(1).standard_normal(30), THETA.copy()
        y[:5] = y.max()  # clipped ones
        theta[-2] = np.log(noise)

        def value(t):
            return negative_log_likelihood(t, some, MIXED_EMBEDDING, y)[0]

        _, gradient = negative_log_likelihood(theta, some, MIXED_EMBEDDING, y)
        steps = 1e-5 * np.eye(len(theta))
        numeric = [(value(theta + step) - value(theta - step)) / 2e-5 for step in steps]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())

    def fitted(self, n, loss, noise=0.0, d=3):
        rng = np.random.default_rng(0)
        x = rng.random((n, d))
        some, embedding = cube(x)
        y = loss(x) + noise * rng.standard_normal(n)
        return fit(some, embedding, y, Prior(), steps=50)

    def test_finds_which_dimension_matters(self):
        theta = self.fitted(50, lambda x: np.sin(6 * x[:, 1])).likeliest()
        assert theta[1] < theta[0] - 1 and theta[1] < theta[2] - 1

    @pytest.mark.parametrize("deviation", [0.03, 0.3])
    def test_finds_the_noise(self, deviation):
        theta = self.fitted(150, lambda x: 1.4 * np.sin(6 * x[:, 0]), deviation, d=1).likeliest()
        assert np.sqrt(np.exp(theta[-2])) == pytest.approx(deviation, rel=0.4)

    @pytest.mark.parametrize("y", [np.zeros(12), np.tile([1.0, -1.0], 6), np.eye(12)[0] * 3])
    def test_stays_finite(self, y):
        some = points(12)
        theta = fit(some, MIXED_EMBEDDING, y, Prior(), steps=30).likeliest()
        mean, deviation = GaussianProcess(theta, some, MIXED_EMBEDDING, y).predict(some)
        assert np.isfinite(theta).all() and np.isfinite(mean).all() and (deviation > 0).all()

    def test_takes_points_that_coincide(self):
        some = points(10)
        twice, y = some.joined(some), np.repeat([1.0, -1.0], 10)
        theta = fit(twice, MIXED_EMBEDDING, y, Prior(), steps=30).likeliest()
        mean, _ = GaussianProcess(theta, twice, MIXED_EMBEDDING, y).predict(twice)
        np.testing.assert_allclose(mean, 0.0, atol=1e-3)

    def test_of_no_information_is_the_prior(self):
        some, embedding = cube(np.zeros((1, 2)))
        fitted = fit(some, embedding, np.zeros(1), Prior(), steps=50)
        np.testing.assert_allclose(fitted.likeliest()[:2], Prior().center(2)[:2])
        np.testing.assert_allclose((fitted.root @ fitted.root.T)[:2, :2], np.eye(2), atol=1e-6)

    def test_draws_around_the_likeliest(self):
        fitted = self.fitted(50, lambda x: np.sin(6 * x[:, 1]))
        rng = np.random.default_rng(0)
        draws = np.array([fitted.draw(rng) for _ in range(300)])
        assert np.isfinite(draws).all()
        deviation = draws.std(axis=0)
        assert abs(np.median(draws[:, 1]) - fitted.likeliest()[1]) < 0.05
        assert deviation[1] < 0.5 * min(deviation[0], deviation[2])
        assert deviation[1] < 0.5 * Prior().length_deviation


class TestLogarithms:
    """Scores that differ by orders of magnitude are modeled by their logarithms."""

    def knee(self, loss):
        x = np.random.default_rng(0).random((60, 2))
        y = np.array([loss(*row) for row in x])
        some, embedding = cube(x)
        return np.exp(fit(some, embedding, (y - y.mean()) / y.std(), Prior(), 30).likeliest()[-1])

    def test_of_a_steep_valley(self):
        assert self.knee(lambda a, b: 10 ** (4 * abs(a - 0.3) + 2 * b)) < 0.05

    def test_not_of_a_bowl(self):
        assert self.knee(lambda a, b: (a - 0.3) ** 2 + (b - 0.6) ** 2) > 0.5

    def test_keep_the_order(self):
        y = np.random.default_rng(0).standard_normal(50)
        bent = logarithms(y, 0.01).scores
        np.testing.assert_array_equal(np.argsort(bent), np.argsort(y))
        assert bent.mean() == pytest.approx(0, abs=1e-12)
        assert bent.std() == pytest.approx(1)

    def test_slopes(self):
        """They are what differences show."""
        y = np.linspace(-1.0, 2.0, 4001)
        bent = logarithms(y, 0.05)
        differences = np.gradient(bent.scores, y)
        assert bent.log_slope == pytest.approx(np.log(differences[:-1]).sum(), rel=1e-3)

    def test_equal_scores(self):
        y = np.zeros(5)
        bent = logarithms(y, 0.05)
        np.testing.assert_array_equal(bent.scores, y)
        assert bent.log_slope == bent.log_slope_by_knee == 0.0
