"""Covariance over a mixed, conditional space: where two configurations are alike, so are scores.

A configuration is embedded in a Euclidean space, a few features for each dimension; each dimension
has a length scale of its own, and the covariance is a Matern 5/2 kernel of the distance, so it is
positive semi-definite whatever the space.

* An ordered dimension is its coordinate.
* A dimension of unordered options is a corner of a simplex: all options are equally far apart.
* A dimension that can be inactive is a point on an arc of one radian, the center of its circle
  where it is inactive: all values are equally far from having none, and nothing is filled in.
  Swersky et al., "Raiders of the Lost Architecture: Kernels for Bayesian Optimization in
  Conditional Parameter Spaces", arXiv 1409.4011; Hutter & Osborne, "A Kernel for Hierarchical
  Parameter Spaces", arXiv 1310.5738. Of unordered options, being inactive is one more.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Mask = NDArray[np.bool_]

_ROOT_5 = math.sqrt(5.0)


class Embedding:
    """Turns configurations into features whose squared differences add up to distances.

    In each dimension the largest distance is 1, or nearly so.

    Args:
        space: The search space, of `d` dimensions.
        optional: Array `(d,)`, which dimensions can be NaN in the configurations.

    Attributes:
        owner: Array `(p,)`, the dimension that each feature belongs to.

    Example:

    >>> from kt_extensions.space import Dimension, Interval, Options
    >>> space = SearchSpace([Dimension("a", Options((1, 2))), Dimension("x", Interval(0.0, 1.0))])
    >>> embedding = Embedding(space, np.array([False, False]))
    >>> embedding.features(np.array([[0.25, 0.5]])).round(3).tolist()
    [[0.707, 0.0, 0.5]]
    """

    def __init__(self, space: SearchSpace, optional: Mask) -> None:
        self._space = space
        self._plain = np.flatnonzero(~space.categorical & ~optional)
        self._arcs = np.flatnonzero(~space.categorical & optional)
        self._options = np.flatnonzero(space.categorical)
        repeated = np.repeat(self._options, space.sizes[self._options] + optional[self._options])
        self._first = {int(i): int(np.argmax(repeated == i)) for i in self._options}
        self._n_options = len(repeated)
        self.owner = np.concatenate([repeated, self._plain, self._arcs, self._arcs])

    def features(self, x: Array) -> Array:
        """Returns the features, array `(m, p)`, of configurations, array `(m, d)`."""
        angle = x[:, self._arcs]
        inactive = np.isnan(angle)
        sine, cosine = np.sin(angle), np.cos(angle)
        sine[inactive] = cosine[inactive] = 0.0
        return np.concatenate([self._corners(x), x[:, self._plain], sine, cosine], axis=1)

    def _corners(self, x: Array) -> Array:
        """Returns 1 / sqrt(2) for the option that is chosen, 0 for the others."""
        corners = np.zeros((len(x), self._n_options))
        for i, first in self._first.items():
            size = int(self._space.sizes[i])
            level = np.where(np.isnan(x[:, i]), size, np.floor(x[:, i] * size)).astype(np.int64)
            corners[np.arange(len(x)), first + level] = math.sqrt(0.5)
        return corners


def squared_distances(a: Array, b: Array) -> Array:
    """Returns the squared distances, array `(m, n)`, of points `(m, p)` and `(n, p)`."""
    square = (a * a).sum(axis=1)[:, np.newaxis] + (b * b).sum(axis=1) - 2.0 * (a @ b.T)
    squares: Array = np.maximum(square, 0.0, out=square)
    return squares


def matern(square: Array) -> tuple[Array, Array]:
    """Returns the Matern 5/2 correlation and its derivative by the squared distance.

    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, eq. 4.17.

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
