"""Skopt: Bayesian optimization with the surrogate models of scikit-optimize.

Hutter, Hoos & Leyton-Brown, "Sequential Model-Based Optimization for General Algorithm
Configuration", LION 2011 (forests); Jones et al., "Efficient Global Optimization of Expensive
Black-Box Functions", Journal of Global Optimization 1998 (Gaussian process, expected improvement);
Ginsbourger, Le Riche & Carraro, "Kriging Is Well-Suited to Parallelize Optimization", 2010 (the
kriging believer); scikit-optimize, https://scikit-optimize.github.io. `docs/algorithms.md` tells
how the settings were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.acquisition import log_expected_improvement, neighbors, refined
from kt_extensions.samplers.base import first_untried, starting_up, startup_point
from kt_extensions.samplers.embedding import Embedding
from kt_extensions.samplers.observations import (
    finished_trials,
    optional_dimensions,
    scalarized,
)
from kt_extensions.samplers.threads import single_threaded
from kt_extensions.settings import check_choice, check_integers, check_numbers
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]
Predict = Callable[[Array], tuple[Array, Array]]

_SURROGATES = ("GP", "RF", "ET", "GBRT")
_MOST_PENDING = 100
_INCUMBENTS = 10  # good trials that candidates are drawn around


@dataclass(frozen=True)
class Skopt:
    """Proposes where a model of scikit-optimize promises most.

    For those who know scikit-optimize or SMAC, and for spaces that forests suit: rough, with many
    options and conditions. Failed trials count as the worst, pruned ones as no better than the
    median, pending ones as what a model of the others expects of them, so that parallel proposals
    keep apart. The model is trained anew for each proposal, by at most `most_points` trials, so the
    time of a proposal is bounded.

    Args:
        surrogate: The model: "GP" (Gaussian process), "RF" (random forest), "ET" (extremely
            randomized trees) or "GBRT" (gradient boosted quantiles).
        acquisition: What to promise: "EI" (the expected improvement), "PI" (its probability) or
            "LCB" (a low confidence bound of the score).
        n_startup: Trials with a score before the first model; until then points of a Sobol
            sequence.
        n_candidates: Points of which the best is proposed: uniform ones, and half as many near the
            best trials; then come several rounds near the best candidates.
        most_points: The largest number of finished trials in the model: the best, the latest and
            some between.
        n_trees: Trees of a forest, stages of gradient boosting; without effect for "GP".
        xi: Improvement that counts for nothing in "EI" and "PI", in deviations of the scores.
        kappa: How many deviations the bound of "LCB" lies below the expected score.

    Raises:
        ValueError: If a setting is none of the names, or out of its range.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Interval, SearchSpace
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> values = [{"x": i / 20} for i in range(20)]
    >>> history = from_observations(space, values, [abs(v["x"] - 0.3) for v in values])
    >>> point = Skopt().suggest(history, np.random.default_rng(0))
    >>> bool(0.2 < space.decode(point)["x"] < 0.4)
    True
    """

    surrogate: str = "ET"
    acquisition: str = "EI"
    n_startup: int = 10
    n_candidates: int = 1000
    most_points: int = 200
    n_trees: int = 30
    xi: float = 0.01
    kappa: float = 1.96

    def __post_init__(self) -> None:
        """Checks the settings."""
        check_choice(self, "surrogate", _SURROGATES)
        check_choice(self, "acquisition", _ACQUISITIONS)
        check_integers(self, 1, "n_startup", "n_candidates", "most_points", "n_trees")
        check_numbers(self, 0, math.inf, "xi", "kappa")

    @single_threaded
    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        space = history.space
        if starting_up(history, self.n_startup):
            return startup_point(history, rng)
        history = scalarized(history, rng)
        rows, y = finished_trials(history, self.most_points)
        predict, best = self._believing(history, rows, y, rng)

        def value(points: Array) -> Array:
            return _ACQUISITIONS[self.acquisition](self, *predict(points), best)

        def near(centers: Array, n: int, scale: float) -> Array:
            return neighbors(space, centers, n, np.array(scale), rng)

        incumbents = history.X[rows[np.argsort(y, kind="stable")[:_INCUMBENTS]]]
        n = self.n_candidates
        anywhere = rng.random((n, len(space)))
        candidates = np.concatenate([near(incumbents, n // 2, 0.1), anywhere])
        return first_untried(history, refined(value, candidates, near), rng)

    def _believing(
        self, history: History, rows: Rows, y: Array, rng: np.random.Generator
    ) -> tuple[Predict, float]:
        """Returns the model of finished trials that takes what it expects of pending ones as true.

        And the best score, of a finished trial or expected of a pending one: a proposal has to
        improve on these, too. The kriging believer of Ginsbourger et al.
        """
        predict = self._trained(history, rows, y, rng)
        pending = np.flatnonzero(history.pending)[-_MOST_PENDING:]
        if not len(pending):
            return predict, float(y.min())
        expected, _ = predict(history.X[pending])
        rows, y = np.append(rows, pending), np.append(y, expected)
        return self._trained(history, rows, y, rng), float(y.min())

    def _trained(self, history: History, rows: Rows, y: Array, rng: np.random.Generator) -> Predict:
        """Returns the model of some trials, a function from points to mean and deviation."""
        from kt_extensions.samplers.skopt_models import Model

        embedding = Embedding(history.space, optional_dimensions(history))
        seed = int(rng.integers(2**31))
        model = Model(self.surrogate, self.n_trees, seed, embedding.features(history.X[rows]), y)
        return lambda x: model.predict(embedding.features(history.space.snap(x)))


def _improvement(settings: Skopt, mean: Array, deviation: Array, best: float) -> Array:
    return log_expected_improvement(mean, deviation, best - settings.xi)


def _probability(settings: Skopt, mean: Array, deviation: Array, best: float) -> Array:
    """Returns the normal quantile of the probability of an improvement."""
    return (best - settings.xi - mean) / deviation


def _bound(settings: Skopt, mean: Array, deviation: Array, best: float) -> Array:
    return settings.kappa * deviation - mean


_ACQUISITIONS: dict[str, Callable[[Skopt, Array, Array, float], Array]] = {
    "EI": _improvement,
    "PI": _probability,
    "LCB": _bound,
}
