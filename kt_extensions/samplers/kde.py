"""KDE: the sampler of BOHB, kernel densities over the trials of all fidelities.

Falkner, Klein & Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML
2018. `docs/algorithms.md` tells where this differs and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kt_extensions.fidelities import at_one_fidelity, full_budgets
from kt_extensions.history import History
from kt_extensions.samplers.base import first_untried, starting_up, startup_point
from kt_extensions.samplers.densities import Kernels, mixture, rank_weights, trial_kernels
from kt_extensions.samplers.parzen import Features, ParzenEstimator
from kt_extensions.samplers.threads import single_threaded
from kt_extensions.settings import check_integers, check_numbers, check_positive
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class KDE:
    """Proposes where good trials are dense and the others are not, whatever they were trained for.

    Each number of epochs has densities of its own: of the best trials at it, and of the others. The
    model is their mixture. The largest number of epochs counts most, the more the more trials it
    has; what it leaves goes to the next in the same way. So a search learns from its first short
    trials, and believes the long ones as they come. Trials that still run count as others, so that
    parallel proposals keep apart; failed ones as the worst. Where no trial of their fidelity has a
    score they are others of the next smaller one.

    Args:
        n_startup: Configurations before the first model; until then points of a Sobol sequence. All
            of them have to have a score; without a scheduler half of them, if the others still run.
        n_candidates: Points drawn from the good density, of which the best is proposed.
        quantile: Share of the scored trials of a fidelity that count as good.
        most_others: The largest number of other trials of a fidelity; the latest ones are used.
        prior_weight: Weight of the uniform prior among the good trials, in mean weights of one.
        trust: With how many trials a fidelity has half of what the larger ones leave. With 0 the
            largest has all.
        random_share: Probability of a random proposal, so that a misleading fidelity cannot hold
            the search.

    Raises:
        ValueError: If a setting is out of its range.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Interval, SearchSpace
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> values = [{"x": i / 20} for i in range(20)]
    >>> history = from_observations(space, values, [abs(v["x"] - 0.3) for v in values])
    >>> point = KDE().suggest(history, np.random.default_rng(0))
    >>> bool(0.2 < space.decode(point)["x"] < 0.4)
    True
    """

    multi_fidelity: ClassVar[bool] = True

    n_startup: int = 10
    n_candidates: int = 64
    quantile: float = 0.15
    most_others: int = 250
    prior_weight: float = 2.0
    trust: float = 10.0
    random_share: float = 0.1

    def __post_init__(self) -> None:
        """Checks the settings."""
        check_integers(self, 1, "n_startup", "n_candidates", "most_others")
        check_numbers(self, 0, 1, "quantile", "random_share")
        check_numbers(self, 0, math.inf, "trust")
        check_positive(self, "quantile", "prior_weight")

    @single_threaded
    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        configurations = at_one_fidelity(history)
        scheduled = history.budget.any()  # the first scores are then those of short trainings
        n_scored = self.n_startup if scheduled else math.ceil(self.n_startup / 2)
        if starting_up(configurations, self.n_startup, n_scored):
            return startup_point(configurations, rng)
        if rng.random() < self.random_share:
            return first_untried(history, rng.random((8, len(history.space))), rng)
        return first_untried(history, self._candidates(history, rng), rng)

    def _candidates(self, history: History, rng: np.random.Generator) -> Array:
        """Returns points drawn from the good density, that of the largest ratio first."""
        levels = self._levels(history)
        good = _density(history, levels, [level.good for level in levels], self.prior_weight)
        others = _density(history, levels, [level.others for level in levels], 1.0)
        candidates = good.sample(self.n_candidates, rng)
        features = Features(history.space, history.space.snap(candidates))
        ratio = others.log_density(features) - good.log_density(features)
        return candidates[np.argsort(ratio, kind="stable")]

    def _levels(self, history: History) -> list[_Level]:
        """Returns the trials of each fidelity, the largest first, and what each counts."""
        budget = _modeled_budgets(history)
        levels, left = [], 1.0
        for value in np.unique(budget)[::-1]:
            good, others = self._split(history, np.flatnonzero(budget == value))
            n = len(good) + len(others)
            levels.append(_Level(good, others, left * n / (n + self.trust)))
            left *= self.trust / (n + self.trust)
        last = levels[-1]
        return [*levels[:-1], last._replace(share=last.share + left)]

    def _split(self, history: History, rows: Rows) -> tuple[Rows, Rows]:
        """Returns the good trials of a fidelity, the best first, and the others.

        A promoted trial that still runs is neither: it was chosen, not proposed.
        """
        rows = rows[~history.pending[rows] | (history.parent[rows] < 0)]
        completed = rows[history.completed[rows]]
        best = completed[np.argsort(history.y[completed], kind="stable")]
        good = best[: math.ceil(self.quantile * len(completed))]
        return good, rows[~np.isin(rows, good)][-self.most_others :]


class _Level(NamedTuple):
    """The trials of one fidelity, and its share of the model."""

    good: Rows
    others: Rows
    share: float


def _modeled_budgets(history: History) -> Array:
    """Returns for each trial the budget in whose model it is.

    Its own, or if no trial of that has a score the next smaller one of which one has, or else the
    least of these.
    """
    budget = full_budgets(history)
    scored = np.unique(budget[history.completed])
    modeled: Array = scored[np.maximum(np.searchsorted(scored, budget, side="right") - 1, 0)]
    return modeled


def _density(
    history: History, levels: list[_Level], trials: list[Rows], prior: float
) -> ParzenEstimator:
    """Returns the mixture of the densities of some trials of each level."""
    parts, size = [], 0.0
    for level, rows in zip(levels, trials, strict=True):
        if len(rows) and level.share > 0:
            kernels = trial_kernels(history, rows, _weights(history, rows, rows is level.good))
            parts.append(_scaled(kernels, level.share))
            size += level.share * len(rows)
    total = sum(float(part.weights.sum()) for part in parts)
    return mixture(history, parts, prior * total / size if parts else 1.0)


def _weights(history: History, rows: Rows, ranked: bool) -> Array:
    return rank_weights(history.y[rows]) if ranked else np.ones(len(rows))


def _scaled(kernels: Kernels, share: float) -> Kernels:
    weights = share * kernels.weights / kernels.weights.sum()
    return Kernels(kernels.centers, kernels.bandwidths, weights)
