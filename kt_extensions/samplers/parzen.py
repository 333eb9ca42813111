"""Kernel density estimates over a mixed, conditional space.

A density is a mixture of product kernels, one for each observed configuration. In an ordered
dimension the kernel is a normal distribution truncated to the unit interval; a finite dimension is
scored by the mass in the level's cell, so that rounding favors no level. In an unordered dimension
it is the observed level, and with the bandwidth's probability any level. Where the dimension is
inactive in the observed configuration (NaN) the kernel is uniform: the mixture is then a joint
density over the tree of conditions, in which the distribution of a child rests on the
configurations that had the child. A row of NaN alone is the uniform prior.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; Falkner et al.,
"BOHB", ICML 2018 (product kernels); Watanabe, "Tree-Structured Parzen Estimator", arXiv 2304.11127.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import BELOW_ONE, Array

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_FINE_CELL = 1e-2  # levels with narrower cells are scored by the density at their center
_UNIFORM_DEVIATION = 12**-0.5
_TINY = 1e-300  # keeps the logarithm of a mass finite


class ParzenEstimator:
    """A mixture of product kernels around observed configurations.

    Args:
        space: The search space, of `d` dimensions.
        centers: Array `(k, d)`, the observed configurations, NaN where inactive.
        bandwidths: Array `(k, d)`: the deviation of an ordered dimension's kernel, the probability
            of an unordered dimension's level to be drawn anew.
        weights: Array `(k,)` of positive numbers, the kernels' shares in the mixture.

    Example:

    >>> from kt_extensions.space import Dimension, Interval
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> centers, bandwidths = np.array([[0.2], [np.nan]]), np.array([[0.05], [1.0]])
    >>> density = ParzenEstimator(space, centers, bandwidths, np.array([3.0, 1.0]))
    >>> near, far = density.log_density(Features(space, np.array([[0.2], [0.9]])))
    >>> bool(near > far)
    True
    """

    def __init__(
        self, space: SearchSpace, centers: Array, bandwidths: Array, weights: Array
    ) -> None:
        self.space = space
        self.centers = centers
        self.bandwidths = bandwidths
        self.weights = weights / weights.sum()

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws points: array of shape `(n, d)` in [0, 1), not yet moved to configurations."""
        rows = rng.choice(len(self.weights), size=n, p=self.weights)
        low, high = ndtr([-self.centers, 1.0 - self.centers] / self.bandwidths)
        centers, bandwidths = self.centers[rows], self.bandwidths[rows]
        uniform = rng.random(centers.shape)
        points = centers + bandwidths * ndtri(low[rows] + uniform * (high - low)[rows])
        categorical = self.space.categorical
        if categorical.any():
            stay = rng.random((n, int(categorical.sum()))) >= bandwidths[:, categorical]
            drawn = uniform[:, categorical]
            points[:, categorical] = np.where(stay, centers[:, categorical], drawn)
        points = np.where(np.isnan(points), uniform, points)
        return np.clip(points, 0.0, BELOW_ONE)

    def log_density(self, points: Features) -> Array:
        """Returns the log density at configurations, array `(m,)`, up to a constant of the space.

        A finite dimension counts by the mass of the level's cell; if it has levels with cells
        narrower than 0.01, by the mean density in the cell instead.
        """
        layout = _layout(self.space)
        log_kernels: Array = self._parameters(layout) @ points.features
        log_kernels += np.log(self.weights)[:, np.newaxis]
        top = log_kernels.max(axis=0)
        log_density: Array = np.log(np.exp(log_kernels - top).sum(axis=0)) + top
        return log_density

    def _parameters(self, layout: _Layout) -> Array:
        """Returns what `Features.features` is multiplied by: one row for each kernel."""
        parts = [
            self._table_ordered(layout),
            self._table_categorical(layout),
            *self._quadratic(layout),
        ]
        return np.concatenate(parts, axis=1)

    def _quadratic(self, layout: _Layout) -> tuple[Array, Array, Array]:
        """Coefficients of x^2, x and 1 in the log of the truncated normal density."""
        center, deviation = self.centers[:, layout.dense], self.bandwidths[:, layout.dense]
        mass = _normal_mass(-center / deviation, (1.0 - center) / deviation)
        precision = 1.0 / (deviation * deviation)
        slope = center * precision
        constant = -0.5 * center * slope - np.log(deviation * mass) - _LOG_SQRT_2PI
        inactive = np.isnan(center)
        if inactive.any():
            for array in (precision, slope, constant):
                array[inactive] = 0.0
        return -0.5 * precision, slope, constant

    def _table_ordered(self, layout: _Layout) -> Array:
        """Log masses of all levels with wide cells, side by side."""
        if not len(layout.edge):
            return np.empty((len(self.centers), 0))
        center = self.centers[:, layout.edge_dimension]
        deviation = self.bandwidths[:, layout.edge_dimension]
        tail = _signed_tail((layout.edge - center) / deviation)
        mass = _mass_between(tail[:, layout.upper_edge - 1], tail[:, layout.upper_edge])
        center, deviation = self.centers[:, layout.tabled], self.bandwidths[:, layout.tabled]
        total = _normal_mass(-center / deviation, (1.0 - center) / deviation)
        mass /= total[:, layout.table_of_level]
        mass = np.where(np.isnan(mass), layout.width, mass)
        return np.log(np.maximum(mass / layout.unit, _TINY))

    def _table_categorical(self, layout: _Layout) -> Array:
        """Log probabilities of all levels of the unordered dimensions, side by side."""
        if not len(layout.option_dimension):
            return np.empty((len(self.centers), 0))
        center = self.centers[:, layout.option_dimension]
        anew = self.bandwidths[:, layout.option_dimension] / layout.option_size
        observed = np.floor(center * layout.option_size) == layout.option
        stay = 1.0 - self.bandwidths[:, layout.option_dimension]
        probability = np.where(observed, anew + stay, anew)
        return np.log(np.where(np.isnan(center), 1.0 / layout.option_size, probability))


class Features:
    """Configurations in the form in which any estimator of the space scores them.

    Args:
        space: The search space, of `d` dimensions.
        x: Array `(m, d)` of configurations, NaN where inactive.
    """

    def __init__(self, space: SearchSpace, x: Array) -> None:
        layout = _layout(space)
        self.features = np.zeros((layout.n_features, len(x)))
        active = ~np.isnan(x)
        for row, dimension, first, last in layout.runs:
            points = np.flatnonzero(active[:, dimension])
            level = space.dimensions[dimension].domain.level(x[points, dimension])
            listed = (level >= first) & (level < last)
            self.features[row + level[listed] - first, points[listed]] = 1.0
            active[points[listed], dimension] = False
        scored = active[:, layout.dense].T
        dense = np.where(scored, x[:, layout.dense].T, 0.0)
        count = len(layout.dense)
        row = layout.n_features - 3 * count
        self.features[row : row + count] = dense * dense
        self.features[row + count : row + 2 * count] = dense
        self.features[row + 2 * count :] = scored


class _Layout:
    """Which levels are scored how, and where each stands among the features.

    Attributes:
        runs: For each run of levels that have features of their own: the row of its first level,
            the dimension, its first level and the one behind its last.
        dense: The dimensions with levels that are scored by the density at their center.
    """

    def __init__(self, space: SearchSpace) -> None:
        ordered = np.flatnonzero(~space.categorical).tolist()
        wide = {i: _wide_levels(space, i) for i in ordered}
        self.runs: list[tuple[int, int, int, int]] = []
        self.tabled = [i for i in ordered if len(wide[i])]
        self.dense = np.array([i for i in ordered if len(wide[i]) < max(space.sizes[i], 1)], int)
        self._lay_out_edges(space, wide)
        self._lay_out_options(space)
        self.n_features = len(self.width) + len(self.option) + 3 * len(self.dense)

    def _lay_out_edges(self, space: SearchSpace, wide: dict[int, NDArray[np.int64]]) -> None:
        edges: list[float] = []
        dimensions: list[int] = []
        upper: list[int] = []
        table_of_level: list[int] = []
        for k, i in enumerate(self.tabled):
            levels = wide[i]
            low, high = space.dimensions[i].domain.edges(levels)
            self.runs.append((len(upper), i, int(levels[0]), int(levels[-1]) + 1))
            upper += range(len(edges) + 1, len(edges) + len(levels) + 1)
            edges += [*low.tolist(), float(high[-1])]
            dimensions += [i] * (len(levels) + 1)
            table_of_level += [k] * len(levels)
        self.edge = np.array(edges)
        self.edge_dimension = np.array(dimensions, dtype=np.int64)
        self.upper_edge = np.array(upper, dtype=np.int64)
        self.table_of_level = np.array(table_of_level, dtype=np.int64)
        self.width = self.edge[self.upper_edge] - self.edge[self.upper_edge - 1]
        mixed = np.isin(self.edge_dimension[self.upper_edge], self.dense)
        self.unit = np.where(mixed, self.width, 1.0)

    def _lay_out_options(self, space: SearchSpace) -> None:
        options: list[int] = []
        dimensions: list[int] = []
        for i in np.flatnonzero(space.categorical).tolist():
            size = int(space.sizes[i])
            self.runs.append((len(self.width) + len(options), i, 0, size))
            options += range(size)
            dimensions += [i] * size
        self.option = np.array(options, dtype=np.int64)
        self.option_dimension = np.array(dimensions, dtype=np.int64)
        self.option_size: NDArray[np.int64] = space.sizes[self.option_dimension]


@lru_cache(maxsize=32)
def _layout(space: SearchSpace) -> _Layout:
    return _Layout(space)


def _wide_levels(space: SearchSpace, dimension: int) -> NDArray[np.int64]:
    """Returns the levels of a dimension whose cells are wide: consecutive, at one of its ends."""
    size, most = int(space.sizes[dimension]), math.ceil(1 / _FINE_CELL)
    ends = np.union1d(np.arange(min(size, most)), np.arange(max(size - most, 0), size))
    if not size:
        return ends
    low, high = space.dimensions[dimension].domain.edges(ends)
    return ends[high - low >= _FINE_CELL * (1 - 1e-9)]  # rounding parts no cells of one width


def _normal_mass(low: Array, high: Array) -> Array:
    """Returns the standard normal's mass between two points, exact in both tails."""
    return _mass_between(_signed_tail(low), _signed_tail(high))


def _signed_tail(x: Array) -> Array:
    """Returns the mass of the tail from `x` away from zero, negative for the lower tail."""
    tail: Array = np.copysign(ndtr(-np.abs(x)), x)
    return tail


def _mass_between(low: Array, high: Array) -> Array:
    """Returns the mass between two points given by their signed tails, `low` the lower one."""
    mass: Array = (low - high) + (np.signbit(low) & ~np.signbit(high))
    return mass


def neighbor_bandwidths(centers: Array) -> Array:
    """Returns for each center and dimension the larger gap to its neighbors.

    The end points have one neighbor; a lone point gets the deviation of the uniform distribution.
    Bergstra et al. 2011, section 4.2, without their end points at the bounds.

    Args:
        centers: Array `(k, d)` in [0, 1), NaN where inactive.

    Returns:
        Array `(k, d)`, the deviation of the uniform distribution where inactive.

    Example:

    >>> neighbor_bandwidths(np.array([[0.5], [0.25], [0.125]])).ravel().tolist()
    [0.25, 0.25, 0.125]
    """
    k, d = centers.shape
    order, columns = np.argsort(centers, axis=0, kind="stable"), np.arange(d)
    gaps = np.full((k + 1, d), np.nan)
    gaps[1:k] = np.diff(centers[order, columns], axis=0)
    larger = np.fmax(gaps[:-1], gaps[1:])
    bandwidths = np.empty((k, d))
    bandwidths[order, columns] = np.where(np.isnan(larger), _UNIFORM_DEVIATION, larger)
    return bandwidths


def reference_bandwidths(centers: Array, weights: Array) -> Array:
    """Returns for each dimension the bandwidth of the normal-reference rule.

    The weighted deviation of the centers times `n ** (-1 / (d + 4))`, where `n` is the number of
    equal weights that would be as uncertain. Scott, "Multivariate Density Estimation", 1992.

    Args:
        centers: Array `(k, d)` in [0, 1), NaN where inactive.
        weights: Array `(k,)` of positive numbers.

    Returns:
        Array `(d,)`, the deviation of the uniform distribution where fewer than two centers are
        active.

    Example:

    >>> reference_bandwidths(np.array([[0.25], [0.75]]), np.array([1.0, 1.0])).round(3).tolist()
    [0.218]
    """
    active = ~np.isnan(centers)
    share = np.where(active, weights[:, np.newaxis], 0.0)
    share /= np.maximum(share.sum(axis=0), _TINY)
    x = np.where(active, centers, 0.0)
    variance = (share * (x - (share * x).sum(axis=0)) ** 2).sum(axis=0)
    n = 1.0 / np.maximum((share**2).sum(axis=0), _TINY)
    bandwidths = np.sqrt(variance) * n ** (-1.0 / (centers.shape[1] + 4))
    return np.where(active.sum(axis=0) > 1, bandwidths, _UNIFORM_DEVIATION)
