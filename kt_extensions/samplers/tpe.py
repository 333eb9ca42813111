"""TPE: the Tree-structured Parzen Estimator, multivariate.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011. Settings as in
Watanabe, "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles
for Better Empirical Performance", arXiv 2304.11127, except where `docs/algorithms.md` says why not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.base import first_untried, startup_point
from kt_extensions.samplers.parzen import Features, ParzenEstimator, neighbor_bandwidths
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class TPE:
    """Proposes where good trials are dense and the others are not: the maximum of l(x) / g(x).

    `l` is a kernel density of the best finished trials, `g` one of all others: worse, pruned and
    failed ones, and those still running, so that parallel proposals keep apart.

    Args:
        n_startup: Completed trials before the first model; until then points of a Sobol sequence.
        n_candidates: Points drawn from `l`, of which the best is proposed.
        quantile: Share of the finished trials that count as good (gamma in the papers).
        most_good: The largest number of good trials.
        most_others: The largest number of other trials; the latest ones are used.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Interval, SearchSpace
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> values = [{"x": i / 20} for i in range(20)]
    >>> history = from_observations(space, values, [abs(v["x"] - 0.3) for v in values])
    >>> point = TPE().suggest(history, np.random.default_rng(0))
    >>> bool(0.2 < space.decode(point)["x"] < 0.4)
    True
    """

    n_startup: int = 10
    n_candidates: int = 64
    quantile: float = 0.15
    most_good: int = 25
    most_others: int = 250

    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        if history.completed.sum() < self.n_startup or not len(history.space):
            return startup_point(history, rng)
        good, others = self._split(history)
        l_density = _estimator(history, good, _improvement_weights(history.y[good]))
        g_density = _estimator(history, others, np.ones(len(others)))
        candidates = l_density.sample(self.n_candidates, rng)
        features = Features(history.space, history.space.snap(candidates))
        score = l_density.log_density(features) - g_density.log_density(features)
        return first_untried(history, candidates[np.argsort(-score)], rng)

    def _split(self, history: History) -> tuple[Rows, Rows]:
        """Returns the rows of the good trials and those of the others."""
        ranking = history.ranking()
        n_good = min(math.ceil(self.quantile * len(ranking)), self.most_good)
        others = np.ones(len(history), bool)
        others[ranking[:n_good]] = False
        return ranking[:n_good], np.flatnonzero(others)[-self.most_others :]


def _improvement_weights(y: Array) -> Array:
    """Weights good trials by their improvement on the worst of them (Watanabe 2023, sec. 3.3)."""
    gain = y.max() - y
    return np.maximum(gain, 1e-12 * max(float(gain.max()), 1.0)) if np.isfinite(gain).all() else np.ones(len(y))


def _estimator(history: History, rows: Rows, weights: Array) -> ParzenEstimator:
    """Returns the density of some trials, with a uniform prior of their mean weight."""
    space = history.space
    n, d = len(rows), len(space)
    centers = np.full((n + 1, d), np.nan)
    centers[:n] = history.X[rows]
    least = max(0.03, 1 / (n + 2))
    bandwidths = np.clip(neighbor_bandwidths(centers), least, 1.0)
    bandwidths[:, space.categorical] = 1 / (n + 1)
    weights = np.append(weights, weights.mean())
    return ParzenEstimator(space, centers, bandwidths, weights)
