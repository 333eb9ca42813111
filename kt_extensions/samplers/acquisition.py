"""What a trial at a point would be worth by a model of the scores, and points where to look for it.

Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions", Journal of Global
Optimization 1998 (expected improvement); Cox & John, "A Statistical Method for Global
Optimization", SMC 1992 (lower confidence bound).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erfcx, ndtr

from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array, reflected

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_HALF_PI = math.sqrt(math.pi / 2)
_FAR = -1e3  # below this the closed form cancels; the series has two exact terms

_ROUNDS = 4
_PER_ROUND = 150
_LEADERS = 6  # points around which the next round looks
_FIRST_SCALE = 0.1
_SHRINKAGE = 0.35  # of the scale, from round to round


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Returns the logarithm of the expected improvement on a score, which is to be minimized.

    Exact to about ten digits however small it is. Ament et al., "Unexpected Improvements to
    Expected Improvement for Bayesian Optimization", NeurIPS 2023, eq. 9.

    Args:
        mean: Array `(m,)`, expected scores.
        deviation: Array `(m,)`, their deviations, positive.
        best: The score to improve on.

    Example:

    >>> means, deviations = np.array([0.0, 1.0, 50.0]), np.array([1.0, 1.0, 1.0])
    >>> log_expected_improvement(means, deviations, best=0.0).round(2).tolist()
    [-0.92, -2.49, -1258.74]
    """
    z = (best - mean) / deviation
    high, low, far = np.maximum(z, -1.0), np.clip(z, _FAR, -1.0), np.minimum(z, _FAR)
    direct = np.log(np.exp(-0.5 * high * high - _LOG_SQRT_2PI) + high * ndtr(high))
    tail = np.log1p(low * _SQRT_HALF_PI * erfcx(-low / math.sqrt(2)))
    series = np.log1p(-3.0 / (far * far)) - 2.0 * np.log(-far)
    beyond = np.where(z < _FAR, series, tail) - 0.5 * z * z - _LOG_SQRT_2PI
    improvement: Array = np.where(z < -1.0, beyond, direct) + np.log(deviation)
    return improvement


def refined(
    value: Callable[[Array], Array], candidates: Array, near: Callable[[Array, int, float], Array]
) -> Array:
    """Returns candidates and points found near the best of them, those of the highest value first.

    Args:
        value: Function from points `(m, d)` to what they are worth `(m,)`.
        candidates: Array `(m, d)` in [0, 1).
        near: Function from points, a number and a scale to so many points near the given ones.
    """
    values, scale = value(candidates), _FIRST_SCALE
    for _ in range(_ROUNDS):
        leaders = candidates[np.argsort(-values, kind="stable")[:_LEADERS]]
        added = near(leaders, _PER_ROUND, scale)
        candidates, values = np.concatenate([candidates, added]), np.append(values, value(added))
        scale *= _SHRINKAGE
    return candidates[np.argsort(-values, kind="stable")]


def neighbors(
    space: SearchSpace, centers: Array, n: int, scale: Array, rng: np.random.Generator
) -> Array:
    """Draws points near others: some coordinates are moved, some options drawn anew.

    Args:
        space: The search space, of `d` dimensions.
        centers: Array `(k, d)` in [0, 1); coordinates that are NaN are drawn anew.
        n: Number of points.
        scale: Deviation of the moves, an array that broadcasts to `(n, d)`.
        rng: Random numbers.

    Returns:
        Array of shape `(n, d)` in [0, 1).
    """
    d = len(space)
    x, uniform = centers[rng.integers(len(centers), size=n)], rng.random((n, d))
    x = np.where(np.isnan(x), uniform, x)
    move = _at_least_a_cell(space, scale * rng.standard_normal((n, d)), rng)
    moved = rng.random((n, d)) < np.maximum(rng.random((n, 1)), 1.0 / d)
    ordered = reflected(x + np.where(moved, move, 0.0))
    options = np.where(rng.random((n, d)) < 1.0 / d, uniform, x)
    return np.where(space.categorical, options, ordered)


def one_anew(centers: Array, n: int, rng: np.random.Generator) -> Array:
    """Draws points that differ from others in one coordinate, which is drawn anew.

    Regis & Shoemaker, "Combining Radial Basis Function Surrogates and Dynamic Coordinate Search in
    High-Dimensional Expensive Black-Box Optimization", Engineering Optimization 2013.

    Args:
        centers: Array `(k, d)` in [0, 1); coordinates that are NaN are drawn anew, too.
        n: Number of points.
        rng: Random numbers.

    Returns:
        Array of shape `(n, d)` in [0, 1).
    """
    d = centers.shape[1]
    x, uniform = centers[rng.integers(len(centers), size=n)], rng.random((n, d))
    anew = np.isnan(x) | (np.arange(d) == rng.integers(d, size=(n, 1)))
    return np.where(anew, uniform, x)


def _at_least_a_cell(space: SearchSpace, move: Array, rng: np.random.Generator) -> Array:
    """Lengthens half of the moves that are shorter than a cell, and takes the others back."""
    cell = 1.0 / np.where(space.continuous, np.inf, space.sizes)
    lengthened = np.copysign(cell, move) * (rng.random(move.shape) < 0.5)
    return np.where(np.abs(move) < cell, lengthened, move)
