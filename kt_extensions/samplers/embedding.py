"""Configurations as a model of the scores sees them: points of a Euclidean space, and waves.

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
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]

_MOST_WAVES = 256  # of all dimensions together, but at least 4 of each
_MOST_OF_ONE = 32  # of one dimension: the shortest has 16 periods


class Points(NamedTuple):
    """Configurations as a kernel sees them.

    Attributes:
        places: Array `(n, p)`, features whose squared differences add up to distances.
        waves: Array `(n, q)`, functions of one dimension each.
    """

    places: Array
    waves: Array

    def take(self, rows: Rows) -> Points:
        """Returns some of the points."""
        return Points(self.places[rows], self.waves[rows])

    def joined(self, others: Points) -> Points:
        """Returns these points and others."""
        return Points(*map(np.concatenate, zip(self, others, strict=True)))


class Embedding:
    """Turns configurations into features whose squared differences add up to distances.

    In each dimension the largest distance is 1, or nearly so.

    Args:
        space: The search space, of `d` dimensions.
        optional: Array `(d,)`, which dimensions can be NaN in the configurations.

    Attributes:
        d: The number of dimensions.
        owner: Array `(p,)`, the dimension that each feature belongs to.
        wave_owner: Array `(q,)`, the dimension that each wave is a function of.
        frequency: Array `(q,)`, that of the waves, in radians a range.

    Example:

    >>> from kt_extensions.space import Dimension, Interval, Options
    >>> space = SearchSpace([Dimension("a", Options((1, 2))), Dimension("x", Interval(0.0, 1.0))])
    >>> embedding = Embedding(space, np.array([False, False]))
    >>> embedding.features(np.array([[0.25, 0.5]])).round(3).tolist()
    [[0.707, 0.0, 0.5]]
    """

    def __init__(self, space: SearchSpace, optional: Mask) -> None:
        self._space, self.d = space, len(space)
        self._ordered = np.flatnonzero(~space.categorical)
        self._plain = np.flatnonzero(~space.categorical & ~optional)
        self._arcs = np.flatnonzero(~space.categorical & optional)
        options = np.flatnonzero(space.categorical)
        repeated = np.repeat(options, space.sizes[options] + optional[options])
        self._first = {int(i): int(np.argmax(repeated == i)) for i in options}
        self._n_options = len(repeated)
        self.owner = np.concatenate([repeated, self._plain, self._arcs, self._arcs])
        self._orders = np.arange(1, np.clip(_MOST_WAVES // max(self.d, 1), 4, _MOST_OF_ONE) + 1)
        per_order = len(self._ordered)
        self.wave_owner = np.concatenate([repeated, np.tile(self._ordered, len(self._orders))])
        orders = [np.ones(len(repeated)), np.repeat(self._orders, per_order)]
        self.frequency = math.pi * np.concatenate(orders)

    def features(self, x: Array) -> Array:
        """Returns the features, array `(m, p)`, of configurations, array `(m, d)`."""
        angle = x[:, self._arcs]
        inactive = np.isnan(angle)
        sine, cosine = np.sin(angle), np.cos(angle)
        sine[inactive] = cosine[inactive] = 0.0
        corners = math.sqrt(0.5) * self._chosen(x)
        return np.concatenate([corners, x[:, self._plain], sine, cosine], axis=1)

    def points(self, x: Array) -> Points:
        """Returns configurations, array `(m, d)`, as a kernel sees them.

        The waves are cos(pi k x) for k = 1, 2, ... in an ordered dimension, 0 where it is inactive;
        in an unordered one 1 for the option that is chosen, 0 for the others.
        """
        waves = np.concatenate([self._chosen(x), *self._cosines(x[:, self._ordered])], axis=1)
        return Points(self.features(x), waves)

    def _cosines(self, x: Array) -> Iterator[Array]:
        """Yields cos(pi k x) for k = 1, 2, ...: each by two before it."""
        active = np.where(np.isnan(x), 0.0, 1.0)
        first = np.cos(math.pi * np.nan_to_num(x)) * active
        before, now = active, first
        for _ in self._orders:
            yield now
            before, now = now, 2.0 * first * now - before

    def _chosen(self, x: Array) -> Array:
        """Returns 1 for the option that is chosen, 0 for the others."""
        chosen = np.zeros((len(x), self._n_options))
        for i, first in self._first.items():
            size = int(self._space.sizes[i])
            level = np.where(np.isnan(x[:, i]), size, np.floor(x[:, i] * size)).astype(np.int64)
            chosen[np.arange(len(x)), first + level] = 1.0
        return chosen
