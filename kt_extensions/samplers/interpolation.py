"""What rank a point may come to have, from the trials near it.

Ordinary kriging with a linear variogram: Matheron, "Principles of Geostatistics", Economic Geology
1963. Without noise it is the interpolation by radial basis functions |x - y| of Gutmann, "A Radial
Basis Function Method for Global Optimization", Journal of Global Optimization 2001. Nothing is
learned, so that it costs little, and ranks have no scale to go wrong.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.spatial.distance import cdist

from kt_extensions.history import History
from kt_extensions.samplers.densities import shared
from kt_extensions.samplers.embedding import Embedding
from kt_extensions.samplers.observations import optional_dimensions
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]

_OTHER_OPTION = 0.7  # distance between options, in ranges of an ordered dimension
_NOISE = 0.01  # a trial counts as if it were this far from itself, in ranges


def by_expected_rank(history: History, x: Array, ranking: Rows) -> Rows:
    """Tells the order of configurations by the rank to be expected from the trials near them.

    The ranks are interpolated, but for a little noise. Equal scores share their mean rank.

    Args:
        history: The trials so far.
        x: Array `(m, d)` of configurations, NaN where inactive.
        ranking: Numbers of the trials that count, the best first.

    Returns:
        Their numbers, `(m,)`, the most promising one first.
    """
    embedding = _embedding(history.space, optional_dimensions(history).tobytes())
    scale = np.where(history.space.categorical[embedding.owner], _OTHER_OPTION, 1.0)
    places = scale * embedding.features(np.concatenate([history.X[ranking], x]))
    trials, asked = places[: len(ranking)], places[len(ranking) :]
    ranks = shared(np.arange(float(len(ranking))), history.y[ranking])
    return np.argsort(_kriged(trials, ranks, asked), kind="stable")


@lru_cache(maxsize=32)
def _embedding(space: SearchSpace, optional: bytes) -> Embedding:
    return Embedding(space, np.frombuffer(optional, bool))


def _kriged(trials: Array, ranks: Array, asked: Array) -> Array:
    """Returns mu + k^T K^-1 (r - mu), mu = 1^T K^-1 r / 1^T K^-1 1.

    The covariance is a constant less the distance. The constant changes nothing but whether K is
    positive definite, as it is from the largest energy of distances in the ball around the trials
    on: Alexander, Stolarsky, "Extremal Problems of Distance Geometry Related to Energy Integrals",
    Transactions of the AMS 1974, with Jung's theorem on the ball.
    """
    covariance = cdist(trials, trials)
    constant = math.sqrt(trials.shape[1]) * covariance.max()
    np.subtract(constant, covariance, out=covariance)
    np.fill_diagonal(covariance, constant + _NOISE)
    factor, _ = lapack.dpotrf(covariance.T, overwrite_a=1, clean=0)
    columns = np.stack([ranks, np.ones(len(trials))], axis=1)
    of_ranks, of_ones = lapack.dpotrs(factor, columns)[0].T
    mean = of_ranks.sum() / of_ones.sum()
    expected: Array = mean + (constant - cdist(asked, trials)) @ (of_ranks - mean * of_ones)
    return expected
