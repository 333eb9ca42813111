"""Gaussian process regression with a length scale for each dimension and learned noise.

Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5. The
hyperparameters are learned from the marginal likelihood, with a log-normal prior on each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from kt_extensions.samplers.embedding import Embedding, Points
from kt_extensions.samplers.kernels import Kernel
from kt_extensions.samplers.observations import logarithms
from kt_extensions.space.domains import Array


@dataclass(frozen=True)
class Prior:
    """Normal priors on logarithms: medians of the quantities, and deviations of their logarithms.

    The median of the length scales is multiplied by the root of the number of dimensions: Hvarfner
    et al., "Vanilla Bayesian Optimization Performs Great in High Dimensions", ICML 2024.

    Args:
        length: Median of the length scales of a one-dimensional space, whose width is 1.
        length_deviation: Deviation of their logarithms.
        wave_length: Median of the length scales of the sums over single dimensions.
        wave_length_deviation: Deviation of their logarithms.
        signal: Median of the variance of the part that depends on distances.
        signal_deviation: Deviation of its logarithm.
        waves: Median of the variance of the sum over single dimensions.
        waves_deviation: Deviation of its logarithm.
        bowl: Median of the variance of the polynomial.
        bowl_deviation: Deviation of its logarithm.
        noise: Median of the variance of the noise.
        noise_deviation: Deviation of its logarithm.
        knee: Median of the score, on a scale from 0 for the best to 1 for the worst, from which on
            scores are modeled by their logarithms.
        knee_deviation: Deviation of its logarithm.
    """

    length: float = 0.5
    length_deviation: float = 1.0
    wave_length: float = 0.3
    wave_length_deviation: float = 1.0
    signal: float = 1.0
    signal_deviation: float = 1.0
    waves: float = 0.3
    waves_deviation: float = 1.5
    bowl: float = 0.3
    bowl_deviation: float = 1.5
    noise: float = 1e-4
    noise_deviation: float = 2.0
    knee: float = 1.0
    knee_deviation: float = 1.5

    def center(self, d: int) -> Array:
        """Returns the logarithms of the medians; see `GaussianProcess`."""
        lengths = [self.length * math.sqrt(d)] * d + [self.wave_length] * d
        others = [self.signal, self.waves, self.bowl, self.noise, self.knee]
        center: Array = np.log(np.array(lengths + others))
        return center

    def deviation(self, d: int) -> Array:
        """Returns the deviations of the logarithms, in the same order."""
        lengths = [self.length_deviation] * d + [self.wave_length_deviation] * d
        parts = [self.signal_deviation, self.waves_deviation, self.bowl_deviation]
        return np.array([*lengths, *parts, self.noise_deviation, self.knee_deviation])


_LEAST_LENGTH, _MOST_LENGTH = 0.02, 100.0
_LEAST = [0.05, 1e-4, 1e-4, 1e-6, 1e-5]  # of the three variances, the noise and the knee
_MOST = [20.0, 20.0, 20.0, 1.0, 10.0]


class GaussianProcess:
    """The posterior of a function, given noisy values of it at some points.

    Args:
        theta: Array `(2 d + 5,)`, logarithms of the kernel's hyperparameters (see `Kernel`), of the
            variance of the noise, and of the knee of the scale that the values are on.
        points: `n` points.
        embedding: What they are made by.
        y: Array `(n,)`, the values. Their prior mean is 0.

    Example:

    >>> from kt_extensions.space import Dimension, Interval, SearchSpace
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> embedding = Embedding(space, np.array([False]))
    >>> points = embedding.points(np.array([[0.0], [0.99]]))
    >>> theta = np.log([0.5, 1.0, 1.0, 1e-4, 1e-4, 1e-6, 1.0])
    >>> process = GaussianProcess(theta, points, embedding, np.array([1.0, -1.0]))
    >>> mean, deviation = process.predict(embedding.points(np.array([[0.0], [0.5]])))
    >>> np.abs(mean).round(1).tolist(), deviation.round(1).tolist()
    ([1.0, 0.0], [0.0, 0.7])
    """

    def __init__(self, theta: Array, points: Points, embedding: Embedding, y: Array) -> None:
        self.theta = theta
        self._points, self._embedding, self._y = points, embedding, y
        self._kernel = Kernel(theta[:-2], embedding)
        factor = _cholesky(self._kernel.covariance(points, points), math.exp(theta[-2]))
        self._root: Array = lapack.dtrtri(factor, lower=1)[0]
        self._weights = self._root.T @ (self._root @ y)

    def predict(self, points: Points) -> tuple[Array, Array]:
        """Returns mean and deviation of the function, arrays `(m,)`, at `m` points."""
        covariance = self._kernel.covariance(self._points, points)
        whitened = self._root @ covariance
        prior = self._kernel.variance(points)
        variance = prior - np.einsum("ij,ij->j", whitened, whitened)
        return self._weights @ covariance, np.sqrt(np.maximum(variance, 1e-12 * prior))

    def believing(self, points: Points) -> GaussianProcess:
        """Returns the process as if the values at further points were as expected.

        The kriging believer of Ginsbourger et al., "Kriging Is Well-Suited to Parallelize
        Optimization", 2010.
        """
        if not len(points.places):
            return self
        y = np.append(self._y, self.predict(points)[0])
        return GaussianProcess(self.theta, self._points.joined(points), self._embedding, y)


@dataclass(frozen=True)
class Fit:
    """What data tell of the hyperparameters: a normal distribution around the likeliest ones.

    Args:
        center: Array `(2 d + 5,)`, the center of their prior; see `GaussianProcess`.
        deviation: Its deviations.
        mode: The likeliest ones, in deviations from the center.
        root: The matrix whose product with its transpose is their covariance.
    """

    center: Array
    deviation: Array
    mode: Array
    root: Array

    def likeliest(self) -> Array:
        """Returns the hyperparameters of the highest density."""
        return self._theta(self.mode)

    def draw(self, rng: np.random.Generator) -> Array:
        """Returns random hyperparameters."""
        return self._theta(self.mode + self.root @ rng.standard_normal(len(self.mode)))

    def _theta(self, z: Array) -> Array:
        theta: Array = np.clip(self.center + z * self.deviation, *_bounds(len(z)))
        return theta


def fit(points: Points, embedding: Embedding, y: Array, prior: Prior, steps: int) -> Fit:
    """Learns the hyperparameters: Laplace's approximation of their posterior density.

    The covariance is the one that L-BFGS learns on its way to the mode. It starts from the prior's,
    and keeps it in directions in which the data say nothing.

    Args:
        points: `n` points.
        embedding: What they are made by.
        y: Array `(n,)`, the scores, before they are bent.
        prior: The prior of the hyperparameters.
        steps: The largest number of steps of L-BFGS.
    """
    center, deviation = prior.center(embedding.d), prior.deviation(embedding.d)

    def objective(z: Array) -> tuple[float, Array]:
        value, gradient = negative_log_likelihood(center + z * deviation, points, embedding, y)
        return value + 0.5 * float(z @ z), gradient * deviation + z

    low, high = ((bound - center) / deviation for bound in _bounds(len(center)))
    found = minimize(
        objective,
        np.zeros(len(center)),
        method="L-BFGS-B",
        jac=True,
        bounds=np.stack([low, high], axis=1),
        options={"maxiter": steps},
    )
    variances, axes = np.linalg.eigh(found.hess_inv.todense())
    root = (axes * np.sqrt(np.maximum(variances, 0.0))) @ axes.T  # the same whatever the axes
    return Fit(center, deviation, found.x, root)


def _bounds(n: int) -> tuple[Array, Array]:
    """Returns the least and the largest of `n` hyperparameters."""
    lengths = n - len(_LEAST)
    low, high = [_LEAST_LENGTH] * lengths + _LEAST, [_MOST_LENGTH] * lengths + _MOST
    return np.log(low), np.log(high)


def negative_log_likelihood(
    theta: Array, points: Points, embedding: Embedding, y: Array
) -> tuple[float, Array]:
    """Returns minus the log marginal likelihood of hyperparameters, but for a constant.

    Rasmussen & Williams, eq. 2.30 and 5.9; the change of scale is counted in: Snelson, Rasmussen &
    Ghahramani, "Warped Gaussian Processes", NeurIPS 2003.

    Args:
        theta: Array `(2 d + 5,)`; see `GaussianProcess`.
        points: `n` points.
        embedding: What they are made by.
        y: Array `(n,)`, the scores, before they are bent.

    Returns:
        The value and its gradient, array `(2 d + 5,)`.
    """
    kernel, (noise, knee) = Kernel(theta[:-2], embedding), np.exp(theta[-2:])
    bent = logarithms(y, knee)
    factor = _cholesky(kernel.covariance(points, points), noise)
    precision = _inverse(factor)
    alpha = precision @ bent.scores
    value = 0.5 * bent.scores @ alpha + np.log(np.diagonal(factor)).sum() - bent.log_slope
    outer = 0.5 * (precision - np.outer(alpha, alpha))
    by_noise = noise * np.trace(outer)
    by_knee = alpha @ bent.by_knee - bent.log_slope_by_knee
    return float(value), np.concatenate([kernel.gradient(points, outer), [by_noise, by_knee]])


def _cholesky(covariance: Array, noise: float) -> Array:
    """Returns the lower factor of a covariance with noise on its diagonal."""
    matrix = covariance.copy()
    matrix.flat[:: len(matrix) + 1] += noise
    factor: Array = lapack.dpotrf(matrix.T, lower=1, clean=1, overwrite_a=1)[0]
    return factor


def _inverse(factor: Array) -> Array:
    """Returns the inverse of the matrix with a lower factor."""
    half: Array = lapack.dpotri(factor, lower=1)[0]
    inverse: Array = half + np.tril(half, -1).T
    return inverse
