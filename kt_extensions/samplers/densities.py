"""Densities of trials: which kernel stands for each, and how much it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.parzen import (
    ParzenEstimator,
    neighbor_bandwidths,
    reference_bandwidths,
)
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]

_LEAST_BANDWIDTH = 0.03  # the least in Watanabe 2023


def trial_density(history: History, rows: Rows, weights: Array, prior: float) -> ParzenEstimator:
    """Returns the density of some trials with a uniform prior.

    Args:
        history: The trials so far.
        rows: Numbers of the trials, `(k,)`.
        weights: Array `(k,)`, their shares.
        prior: Weight of the uniform prior, in mean weights of a trial.
    """
    kernels = trial_kernels(history, rows, weights)
    return mixture(history, [kernels], prior * float(weights.mean()) if len(rows) else 1.0)


@dataclass(frozen=True)
class Kernels:
    """The kernels of some trials, those of a `ParzenEstimator`: arrays of `k` rows."""

    centers: Array
    bandwidths: Array
    weights: Array


def trial_kernels(history: History, rows: Rows, weights: Array) -> Kernels:
    """Returns the kernels of some trials: as wide as it is far to the next ones.

    Args:
        history: The trials so far.
        rows: Numbers of the trials, `(k,)`.
        weights: Array `(k,)`, their shares.
    """
    space, n = history.space, len(rows)
    centers = history.X[rows]
    least = max(_LEAST_BANDWIDTH, 1 / (n + 2))
    bandwidths = np.sqrt(
        np.clip(neighbor_bandwidths(centers), least, 1.0)
        * np.clip(reference_bandwidths(centers, weights), least, 1.0)
    )
    bandwidths[:, space.categorical] = 1 / (n + 1)
    return Kernels(centers, bandwidths, weights)


def mixture(history: History, parts: list[Kernels], prior: float) -> ParzenEstimator:
    """Returns the mixture of kernels and of the uniform prior, which has the weight `prior`."""
    d = len(history.space)
    uniform = Kernels(np.full((1, d), np.nan), np.ones((1, d)), np.array([prior]))
    parts = [*parts, uniform]
    return ParzenEstimator(
        history.space,
        np.concatenate([part.centers for part in parts]),
        np.concatenate([part.bandwidths for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def rank_weights(y: Array) -> Array:
    """Returns weights that fall with the logarithm of the rank, equal for equal scores.

    Those of CMA-ES (Hansen, arXiv 1604.00772, eq. 49), for any scale of the scores.

    Args:
        y: Array `(n,)`, scores in ascending order.
    """
    n = len(y)
    return shared(math.log(n + 0.5) - np.log(np.arange(1, n + 1)), y)


def shared(values: Array, y: Array) -> Array:
    """Returns values of which those of equal scores share their mean.

    Args:
        values: Array `(n,)`.
        y: Array `(n,)`, scores in ascending order.
    """
    group = np.cumsum(np.append(False, y[1:] != y[:-1]))
    mean: Array = (np.bincount(group, values) / np.bincount(group))[group]
    return mean
