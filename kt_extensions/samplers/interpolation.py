"""What rank a point may come to have, from the trials near it.

Ordinary kriging with a linear variogram: Matheron, "Principles of Geostatistics", Economic Geology
1963. Without noise it is the interpolation by radial basis functions |x - y| of Gutmann, "A Radial
Basis Function Method for Global Optimization", Journal of Global Optimization 2001. Nothing is
learned, so that it costs little, and ranks have no scale to go wrong.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from kt_extensions.history import History
from kt_extensions.samplers.embedding import Embedding
from kt_extensions.samplers.observations import optional_dimensions
from kt_extensions.space.domains import Array

_OTHER_OPTION = 0.7  # distance between options, in ranges of an ordered dimension
_NOISE = 0.01  # a trial counts as if it were this far from itself, in ranges


def by_expected_rank(history: History, points: Array, ranking: NDArray[np.int64]) -> Array:
    """Returns points in the order of the rank to be expected from the trials near them.

    The ranks are interpolated, but for a little noise. Equal scores share their mean rank.

    Args:
        history: The trials so far.
        points: Array `(m, d)` in [0, 1).
        ranking: Numbers of the trials that count, the best first.

    Returns:
        Array `(m, d)`, the most promising point first.
    """
    embedding = Embedding(history.space, optional_dimensions(history))
    scale = np.where(history.space.categorical[embedding.owner], _OTHER_OPTION, 1.0)
    trials = scale * embedding.features(history.X[ranking])
    asked = scale * embedding.features(history.space.snap(points))
    expected = _kriged(trials, _mean_ranks(history.y[ranking]), asked)
    return points[np.argsort(expected, kind="stable")]


def _kriged(trials: Array, ranks: Array, asked: Array) -> Array:
    """Returns mu + k^T K^-1 (r - mu), mu = 1^T K^-1 r / 1^T K^-1 1.

    The covariance is a constant less the distance. The constant changes nothing but whether K is
    positive definite, as it is from the largest energy of distances in the ball around the trials
    on: Alexander, Stolarsky, "Extremal Problems of Distance Geometry Related to Energy Integrals",
    Transactions of the AMS 1974, with Jung's theorem on the ball.
    """
    distances = cdist(trials, trials)
    constant = math.sqrt(trials.shape[1]) * distances.max()
    factor = cho_factor(constant - distances + _NOISE * np.eye(len(trials)), check_finite=False)
    columns = np.stack([ranks, np.ones(len(trials))], axis=1)
    of_ranks, of_ones = cho_solve(factor, columns, check_finite=False).T
    mean = of_ranks.sum() / of_ones.sum()
    expected: Array = mean + (constant - cdist(asked, trials)) @ (of_ranks - mean * of_ones)
    return expected


def _mean_ranks(y: Array) -> Array:
    """Returns the ranks of scores that are in order."""
    group = np.cumsum(np.append(False, y[1:] != y[:-1]))
    mean: Array = (np.bincount(group, np.arange(len(y))) / np.bincount(group))[group]
    return mean
