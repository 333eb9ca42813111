"""Covariance over a mixed, conditional space: where two configurations are alike, so are scores.

The sum of three kernels, each positive semi-definite whatever the space:

* a Matern 5/2 kernel of the distance, each dimension with a length scale of its own: Rasmussen &
  Williams, "Gaussian Processes for Machine Learning", 2006, eq. 4.17;
* Matern 5/2 kernels of single dimensions, added up, each again with its own length scale: scores
  that are a sum of such functions are learned from few trials, however rough these are. Duvenaud,
  Nickisch, Rasmussen, "Additive Gaussian Processes", NeurIPS 2011; by their spectral densities, as
  Solin & Sarkka, "Hilbert Space Methods for Reduced-Rank Gaussian Process Regression", Statistics
  and Computing 2020;
* polynomials of the second degree: a bowl, turned as it may be.
"""

from __future__ import annotations

import math

import numpy as np

from kt_extensions.samplers.embedding import Embedding, Points
from kt_extensions.space.domains import Array

_ROOT_5 = math.sqrt(5.0)
_SPECTRAL = 32.0 / (3.0 * _ROOT_5)  # scales the sum of the waves' weights to 2, the mean square 1/2


class Kernel:
    """The covariance function.

    Args:
        theta: Array `(2 d + 3,)`, logarithms: `d` length scales, `d` length scales of the
            waves, the variances of the three parts.
        embedding: What the points are made by.
    """

    def __init__(self, theta: Array, embedding: Embedding) -> None:
        self._d, self._embedding = embedding.d, embedding
        lengths, wave_lengths, variances = np.split(np.exp(theta), [self._d, 2 * self._d])
        self._near, self._waves, self._bowl = variances
        self._scale = 1.0 / lengths[embedding.owner]
        length = wave_lengths[embedding.wave_owner]
        self._reach = (embedding.frequency * length) ** 2 / 5.0
        spectrum = _SPECTRAL * length * (1.0 + self._reach) ** -3
        self._weights = self._waves * spectrum / self._d

    def covariance(self, a: Points, b: Points) -> Array:
        """Returns the covariances of points with others: array `(m, n)`."""
        covariance, _ = matern(self._squares(a, b))
        covariance *= self._near
        covariance += (a.waves * self._weights) @ b.waves.T
        covariance += self._bowl * self._polynomial(a, b)
        return covariance

    def variance(self, points: Points) -> Array:
        """Returns the variances at points: array `(m,)`."""
        centered = points.places - 0.5
        square = (1.0 + 12.0 / self._d * np.einsum("ij,ij->i", centered, centered)) ** 2 / 4.0
        variance: Array = points.waves**2 @ self._weights + self._bowl * square + self._near
        return variance

    def gradient(self, points: Points, outer: Array) -> Array:
        """Returns the derivative by theta of the sum of `outer * covariance(points, points)`."""
        correlation, slope = matern(self._squares(points, points))
        places = points.places * self._scale
        lengths = _by_length(outer * slope, places) * self._near
        waves = self._weights * np.einsum("ij,ij->j", outer @ points.waves, points.waves)
        by_wave = waves * (1.0 - 6.0 * self._reach / (1.0 + self._reach))
        near = self._near * np.vdot(outer, correlation)
        bowl = self._bowl * np.vdot(outer, self._polynomial(points, points))
        return np.concatenate(
            [
                np.bincount(self._embedding.owner, lengths, minlength=self._d),
                np.bincount(self._embedding.wave_owner, by_wave, minlength=self._d),
                [near, waves.sum(), bowl],
            ]
        )

    def _squares(self, a: Points, b: Points) -> Array:
        return squared_distances(a.places * self._scale, b.places * self._scale)

    def _polynomial(self, a: Points, b: Points) -> Array:
        """Returns (1 + u u')^2 / 4, where the u u' of a point with itself is 1 in the mean."""
        products = (a.places - 0.5) @ (b.places - 0.5).T
        polynomial: Array = (1.0 + 12.0 / self._d * products) ** 2 / 4.0
        return polynomial


def squared_distances(a: Array, b: Array) -> Array:
    """Returns the squared distances, array `(m, n)`, of points `(m, p)` and `(n, p)`."""
    square = (a * a).sum(axis=1)[:, np.newaxis] + (b * b).sum(axis=1) - 2.0 * (a @ b.T)
    squares: Array = np.maximum(square, 0.0, out=square)
    return squares


def matern(square: Array) -> tuple[Array, Array]:
    """Returns the Matern 5/2 correlation and its derivative by the squared distance.

    Args:
        square: Array of squared distances, in length scales.

    Example:

    >>> correlation, slope = matern(np.array([0.0, 1.0]))
    >>> correlation.round(3).tolist(), slope.round(3).tolist()
    ([1.0, 0.524], [-0.833, -0.288])
    """
    r = _ROOT_5 * np.sqrt(square)
    decay = np.exp(-r)
    slope = (-5.0 / 6.0) * (1.0 + r) * decay
    return (1.0 + r + (5.0 / 3.0) * square) * decay, slope


def _by_length(weights: Array, points: Array) -> Array:
    """Returns the weighted sum of -2 (a - b)^2 over pairs of points, for each feature."""
    pairs = weights.sum(axis=1) @ (points * points) - (points * (weights @ points)).sum(axis=0)
    by_length: Array = -4.0 * pairs
    return by_length
