"""What rank a point may come to have, from the trials near it.

Shepard, "A Two-Dimensional Interpolation Function for Irregularly-Spaced Data", ACM 1968.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.space.domains import Array

_OTHER_OPTION = 0.7  # distance, in ranges
_INACTIVE = 0.5  # distance between a dimension's value and none
_NEAR = 1e-9  # keeps the weight of a trial at the point itself finite


def by_expected_rank(
    history: History, points: Array, ranking: NDArray[np.int64], power: float
) -> Array:
    """Returns points in the order of the rank to be expected from the trials near them.

    The ranks are interpolated: a trial counts by a power of its inverse distance. Equal scores
    share their mean rank.

    Args:
        history: The trials so far.
        points: Array `(m, d)` in [0, 1).
        ranking: Numbers of the trials that count, the best first.
        power: How fast a trial counts less with its distance.

    Returns:
        Array `(m, d)`, the most promising point first.
    """
    x = history.space.snap(points)
    apart = _distances(history.space.categorical, x[:, np.newaxis], history.X[ranking])
    weights = (apart + _NEAR) ** -power
    expected = weights @ _mean_ranks(history.y[ranking]) / weights.sum(axis=1)
    return points[np.argsort(expected, kind="stable")]


def _mean_ranks(y: Array) -> Array:
    """Returns the ranks of scores that are in order."""
    group = np.cumsum(np.append(False, y[1:] != y[:-1]))
    mean: Array = (np.bincount(group, np.arange(len(y))) / np.bincount(group))[group]
    return mean


def _distances(categorical: NDArray[np.bool_], x: Array, y: Array) -> Array:
    """Returns the Euclidean distances of configurations, arrays `(..., d)`."""
    apart = np.abs(x - y)
    apart[..., categorical] = np.where(apart[..., categorical] > 0, _OTHER_OPTION, 0.0)
    apart[np.isnan(x) ^ np.isnan(y)] = _INACTIVE
    apart[np.isnan(x) & np.isnan(y)] = 0.0
    distance: Array = np.sqrt((apart**2).sum(axis=-1))
    return distance
