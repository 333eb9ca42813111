"""Kernel density estimates over a mixed, conditional space.

A density is a mixture of product kernels, one for each observed configuration. In an ordered
dimension the kernel is a normal distribution truncated to the unit interval; a finite dimension is
scored by the mass in the level's cell, so that rounding favours no level. In an unordered dimension
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
_TABLE_LEVELS = 128  # finite dimensions up to this size are scored through a table of all levels
_FINE_CELL = 1e-3  # cells narrower than this are scored by the density in them
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
        centers, bandwidths = self.centers[rows], self.bandwidths[rows]
        uniform = rng.random(centers.shape)
        with np.errstate(invalid="ignore"):
            low, high = ndtr(-centers / bandwidths), ndtr((1.0 - centers) / bandwidths)
            points = centers + bandwidths * ndtri(low + uniform * (high - low))
        categorical = self.space.categorical
        if categorical.any():
            stay = rng.random((n, int(categorical.sum()))) >= bandwidths[:, categorical]
            drawn = uniform[:, categorical]
            points[:, categorical] = np.where(stay, centers[:, categorical], drawn)
        points = np.where(np.isnan(points), uniform, points)
        return np.clip(points, 0.0, BELOW_ONE)

    def log_density(self, points: Features) -> Array:
        """Returns the log density at configurations, array `(m,)`, up to a constant of the space.

        In finite dimensions it is the log mass of the level.
        """
        layout = _layout(self.space)
        log_kernels: Array = self._parameters(layout) @ points.features
        for dimension in layout.celled:
            log_kernels += self._cell_terms(dimension, points.x[:, dimension])
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
        """Log masses of all levels of the small ordered dimensions, side by side."""
        if not layout.tabled:
            return np.empty((len(self.centers), 0))
        center = self.centers[:, layout.edge_dimension]
        deviation = self.bandwidths[:, layout.edge_dimension]
        edge = (layout.edge - center) / deviation
        tail = np.copysign(ndtr(-np.abs(edge)), edge)
        mass = _mass_between(tail[:, layout.upper_edge - 1], tail[:, layout.upper_edge])
        total = _mass_between(tail[:, layout.first_edge], tail[:, layout.last_edge])
        inactive = np.isnan(total)
        if inactive.any():
            mass, total = np.where(inactive, layout.width, mass), np.where(inactive, 1.0, total)
        return np.log(np.maximum(mass / total, _TINY))

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

    def _cell_terms(self, dimension: int, x: Array) -> Array:
        """Log masses of the cells that points lie in, for a dimension of many uneven levels."""
        domain = self.space.dimensions[dimension].domain
        active = ~np.isnan(x)
        low, high = domain.edges(domain.level(np.where(active, x, 0.5)))
        center = self.centers[:, dimension, np.newaxis]
        deviation = self.bandwidths[:, dimension, np.newaxis]
        mass = _normal_mass((low - center) / deviation, (high - center) / deviation)
        total = _normal_mass(-center / deviation, (1.0 - center) / deviation)
        density = np.where(np.isnan(center), 1.0, mass / total / (high - low))
        return np.where(active, np.log(np.maximum(density, _TINY)), 0.0)


class Features:
    """Configurations in the form in which any estimator of the space scores them.

    Args:
        space: The search space, of `d` dimensions.
        x: Array `(m, d)` of configurations, NaN where inactive.
    """

    def __init__(self, space: SearchSpace, x: Array) -> None:
        layout = _layout(space)
        self.x = x
        self.features = np.zeros((layout.n_features, len(x)))
        columns = np.arange(len(x))
        for first, dimension in layout.first_row:
            active = ~np.isnan(x[:, dimension])
            levels = space.dimensions[dimension].domain.level(x[active, dimension])
            self.features[first + levels, columns[active]] = 1.0
        dense = x[:, layout.dense].T
        active = ~np.isnan(dense)
        dense = np.where(active, dense, 0.0)
        count = len(layout.dense)
        first = layout.n_features - 3 * count
        self.features[first : first + count] = dense * dense
        self.features[first + count : first + 2 * count] = dense
        self.features[first + 2 * count :] = active


class _Layout:
    """Which dimensions are scored how, and where each stands among the features."""

    def __init__(self, space: SearchSpace) -> None:
        ordered = [i for i in range(len(space)) if not space.categorical[i]]
        fine = [i for i in ordered if space.continuous[i] or _widest_cell(space, i) < _FINE_CELL]
        self.dense = np.array(fine, dtype=np.int64)
        rest = [i for i in ordered if i not in set(fine)]
        self.tabled = [i for i in rest if space.sizes[i] <= _TABLE_LEVELS]
        self.celled = [i for i in rest if space.sizes[i] > _TABLE_LEVELS]
        self._lay_out_edges(space)
        self._lay_out_options(space)
        self.n_features = len(self.width) + len(self.option) + 3 * len(self.dense)

    def _lay_out_edges(self, space: SearchSpace) -> None:
        edges: list[float] = []
        dimensions: list[int] = []
        first: list[int] = []
        last: list[int] = []
        upper: list[int] = []
        self.first_row: list[tuple[int, int]] = []
        start = 0
        for i in self.tabled:
            size = int(space.sizes[i])
            low, high = space.dimensions[i].domain.edges(np.arange(size))
            self.first_row.append((len(upper), i))
            edges += [*low.tolist(), float(high[-1])]
            dimensions += [i] * (size + 1)
            upper += range(start + 1, start + size + 1)
            first += [start] * size
            last += [start + size] * size
            start += size + 1
        self.edge = np.array(edges)
        self.edge_dimension = np.array(dimensions, dtype=np.int64)
        self.upper_edge = np.array(upper, dtype=np.int64)
        self.first_edge = np.array(first, dtype=np.int64)
        self.last_edge = np.array(last, dtype=np.int64)
        self.width = self.edge[self.upper_edge] - self.edge[self.upper_edge - 1]

    def _lay_out_options(self, space: SearchSpace) -> None:
        options: list[int] = []
        dimensions: list[int] = []
        for i in np.flatnonzero(space.categorical).tolist():
            self.first_row.append((len(self.width) + len(options), i))
            options += range(int(space.sizes[i]))
            dimensions += [i] * int(space.sizes[i])
        self.option = np.array(options, dtype=np.int64)
        self.option_dimension = np.array(dimensions, dtype=np.int64)
        self.option_size: NDArray[np.int64] = space.sizes[self.option_dimension]


@lru_cache(maxsize=32)
def _layout(space: SearchSpace) -> _Layout:
    return _Layout(space)


def _widest_cell(space: SearchSpace, dimension: int) -> float:
    low, high = space.dimensions[dimension].domain.edges(np.arange(1))
    first = float(high[0] - low[0])
    low, high = space.dimensions[dimension].domain.edges(space.sizes[dimension, None] - 1)
    return max(first, float(high[0] - low[0]))


def _normal_mass(low: Array, high: Array) -> Array:
    """Returns the standard normal's mass between two points, exact in both tails."""
    return _mass_between(
        np.copysign(ndtr(-np.abs(low)), low), np.copysign(ndtr(-np.abs(high)), high)
    )


def _mass_between(low: Array, high: Array) -> Array:
    """Returns the mass between two points, each given by the mass beyond it.

    Args:
        low: The mass of the nearer tail, negative for a lower and positive for an upper tail.
        high: The same of the other point, which is not below.
    """
    across = np.signbit(low) & ~np.signbit(high)
    return np.where(across, 1.0 + low - high, low - high)


def neighbor_bandwidths(centers: Array) -> Array:
    """Returns for each center and dimension the larger gap to its neighbors.

    The end points have one neighbor; a lone point gets the width of the space. Bergstra et al.
    2011, section 4.2, without their end points at the bounds.

    Args:
        centers: Array `(k, d)` in [0, 1), NaN where inactive.

    Returns:
        Array `(k, d)`, 1 where inactive.

    Example:

    >>> neighbor_bandwidths(np.array([[0.5], [0.25], [0.125]])).ravel().tolist()
    [0.25, 0.25, 0.125]
    """
    k, d = centers.shape
    order = np.argsort(centers, axis=0)
    gaps = np.full((k + 1, d), np.nan)
    gaps[1:k] = np.diff(np.take_along_axis(centers, order, axis=0), axis=0)
    larger = np.fmax(gaps[:-1], gaps[1:])
    bandwidths = np.empty((k, d))
    np.put_along_axis(bandwidths, order, larger, axis=0)
    return np.nan_to_num(bandwidths, nan=1.0)


def reference_bandwidths(centers: Array, weights: Array) -> Array:
    """Returns for each dimension the bandwidth of the normal-reference rule.

    The weighted deviation of the centers times `n ** (-1 / (d + 4))`, where `n` is the number of
    equal weights that would be as uncertain. Scott, "Multivariate Density Estimation", 1992.

    Args:
        centers: Array `(k, d)` in [0, 1), NaN where inactive.
        weights: Array `(k,)` of positive numbers.

    Returns:
        Array `(d,)`, 1 where fewer than two centers are active.

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
    return np.where(active.sum(axis=0) > 1, bandwidths, 1.0)
