"""Gaussian process regression with a length scale for each dimension and learned noise.

Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5. The
hyperparameters are learned from the marginal likelihood, with a log-normal prior on each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from kt_extensions.samplers.kernels import matern, squared_distances
from kt_extensions.space.domains import Array

Owner = NDArray[np.int64]


@dataclass(frozen=True)
class Prior:
    """Normal priors on logarithms: medians of the quantities, and deviations of their logarithms.

    The median of the length scales is multiplied by the root of the number of dimensions: Hvarfner
    et al., "Vanilla Bayesian Optimization Performs Great in High Dimensions", ICML 2024.

    Args:
        length: Median of the length scales of a one-dimensional space, whose width is 1.
        length_deviation: Deviation of their logarithms.
        signal: Median of the variance of the function.
        signal_deviation: Deviation of its logarithm.
        noise: Median of the variance of the noise.
        noise_deviation: Deviation of its logarithm.
    """

    length: float = 0.5
    length_deviation: float = 1.0
    signal: float = 1.0
    signal_deviation: float = 1.0
    noise: float = 1e-4
    noise_deviation: float = 2.0

    def center(self, d: int) -> Array:
        """Returns the logarithms of the medians: `d` length scales, signal, noise."""
        length = self.length * math.sqrt(d)
        center: Array = np.log(np.array([length] * d + [self.signal, self.noise]))
        return center

    def deviation(self, d: int) -> Array:
        """Returns the deviations of the logarithms, in the same order."""
        others = [self.signal_deviation, self.noise_deviation]
        return np.array([self.length_deviation] * d + others)


_LEAST_LENGTH, _LEAST_SIGNAL, _LEAST_NOISE = 0.02, 0.05, 1e-6
_MOST_LENGTH, _MOST_SIGNAL, _MOST_NOISE = 100.0, 20.0, 1.0


class GaussianProcess:
    """The posterior of a function, given noisy values of it at some points.

    Args:
        theta: Array `(d + 2,)`, logarithms of the length scales, the variance of the function and
            that of the noise.
        features: Array `(n, p)`, the points.
        owner: Array `(p,)`, the dimension whose length scale each feature has.
        y: Array `(n,)`, the values. Their prior mean is 0.

    Example:

    >>> x = np.array([[0.0], [1.0]])
    >>> process = GaussianProcess(np.log([0.5, 1.0, 1e-6]), x, np.array([0]), np.array([1.0, -1.0]))
    >>> mean, deviation = process.predict(np.array([[0.0], [0.5]]))
    >>> np.abs(mean).round(2).tolist(), deviation.round(2).tolist()
    ([1.0, 0.0], [0.0, 0.72])
    """

    def __init__(self, theta: Array, features: Array, owner: Owner, y: Array) -> None:
        self.theta = theta
        self._features, self._owner, self._y = features, owner, y
        self._scale = np.exp(-theta[:-2])[owner]
        self._signal, noise = np.exp(theta[-2:])
        self._points = features * self._scale
        correlation, _ = matern(squared_distances(self._points, self._points))
        factor = _cholesky(self._signal * correlation, noise)
        self._root: Array = lapack.dtrtri(factor, lower=1)[0]
        self._weights = self._root.T @ (self._root @ y)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Returns mean and deviation of the function, arrays `(m,)`, at points `(m, p)`."""
        correlation, _ = matern(squared_distances(self._points, features * self._scale))
        covariance = self._signal * correlation
        whitened = self._root @ covariance
        variance = self._signal - np.einsum("ij,ij->j", whitened, whitened)
        return self._weights @ covariance, np.sqrt(np.maximum(variance, 1e-12 * self._signal))

    def believing(self, features: Array) -> GaussianProcess:
        """Returns the process as if the values at further points, `(m, p)`, were as expected.

        The kriging believer of Ginsbourger et al., "Kriging Is Well-Suited to Parallelize
        Optimization", 2010.
        """
        if not len(features):
            return self
        points = np.concatenate([self._features, features])
        y = np.append(self._y, self.predict(features)[0])
        return GaussianProcess(self.theta, points, self._owner, y)


@dataclass(frozen=True)
class Fit:
    """What data tell of the hyperparameters: a normal distribution around the likeliest ones.

    Args:
        prior: Their prior.
        mode: Array `(d + 2,)`, the likeliest ones, in deviations of the prior from its center.
        root: Array `(d + 2, d + 2)`, whose product with its transpose is their covariance.
        loss: Minus the log posterior density at the mode, but for a constant.
    """

    prior: Prior
    mode: Array
    root: Array
    loss: float

    def likeliest(self) -> Array:
        """Returns the hyperparameters of the highest density; see `GaussianProcess`."""
        return self._theta(self.mode)

    def draw(self, rng: np.random.Generator) -> Array:
        """Returns random hyperparameters; see `GaussianProcess`."""
        return self._theta(self.mode + self.root @ rng.standard_normal(len(self.mode)))

    def _theta(self, z: Array) -> Array:
        d = len(z) - 2
        return np.clip(self.prior.center(d) + z * self.prior.deviation(d), *_bounds(d))


def fit(features: Array, owner: Owner, y: Array, prior: Prior, steps: int) -> Fit:
    """Learns the hyperparameters: Laplace's approximation of their posterior density.

    The covariance is the one that L-BFGS learns on its way to the mode. It starts from the prior's,
    and keeps it in directions in which the data say nothing.

    Args:
        features: Array `(n, p)`, the points.
        owner: Array `(p,)`, the dimension whose length scale each feature has.
        y: Array `(n,)`, the values, of mean 0 and variance 1 or so.
        prior: The prior of the hyperparameters.
        steps: The largest number of steps of L-BFGS.
    """
    d = int(owner.max()) + 1
    center, deviation = prior.center(d), prior.deviation(d)

    def objective(z: Array) -> tuple[float, Array]:
        theta = center + z * deviation
        value, gradient = negative_log_posterior(theta, features, owner, y, prior)
        return value, gradient * deviation

    low, high = ((bound - center) / deviation for bound in _bounds(d))
    found = minimize(
        objective,
        np.zeros(d + 2),
        method="L-BFGS-B",
        jac=True,
        bounds=np.stack([low, high], axis=1),
        options={"maxiter": steps},
    )
    variances, axes = np.linalg.eigh(found.hess_inv.todense())
    root = axes * np.sqrt(np.maximum(variances, 0.0))
    return Fit(prior, found.x, root, float(found.fun))


def _bounds(d: int) -> tuple[Array, Array]:
    """Returns the least and the largest hyperparameters."""
    low = np.log([_LEAST_LENGTH] * d + [_LEAST_SIGNAL, _LEAST_NOISE])
    high = np.log([_MOST_LENGTH] * d + [_MOST_SIGNAL, _MOST_NOISE])
    return low, high


def negative_log_posterior(
    theta: Array, features: Array, owner: Owner, y: Array, prior: Prior
) -> tuple[float, Array]:
    """Returns minus the log posterior density of hyperparameters, but for a constant.

    Rasmussen & Williams, eq. 2.30 and 5.9.

    Args:
        theta: Array `(d + 2,)`; see `GaussianProcess`.
        features: Array `(n, p)`, the points.
        owner: Array `(p,)`, the dimension whose length scale each feature has.
        y: Array `(n,)`, the values.
        prior: The prior of the hyperparameters.

    Returns:
        The value and its gradient, array `(d + 2,)`.
    """
    signal, noise = np.exp(theta[-2:])
    points = features * np.exp(-theta[:-2])[owner]
    correlation, slope = matern(squared_distances(points, points))
    correlation *= signal
    factor = _cholesky(correlation, noise)
    precision = _inverse(factor)
    alpha = precision @ y
    z = (theta - prior.center(len(theta) - 2)) / prior.deviation(len(theta) - 2)
    value = 0.5 * (y @ alpha + z @ z) + np.log(np.diagonal(factor)).sum()
    outer = 0.5 * (precision - np.outer(alpha, alpha))
    by_length = _by_length(outer * slope, points) * signal
    gradient = z / prior.deviation(len(theta) - 2)
    gradient[:-2] += np.bincount(owner, by_length, minlength=len(theta) - 2)
    gradient[-2] += np.vdot(outer, correlation)
    gradient[-1] += noise * np.trace(outer)
    return float(value), gradient


def _by_length(weights: Array, points: Array) -> Array:
    """Returns the weighted sum of -2 (a - b)^2 over pairs of points, for each feature."""
    pairs = weights.sum(axis=1) @ (points * points) - (points * (weights @ points)).sum(axis=0)
    by_length: Array = -4.0 * pairs
    return by_length


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
