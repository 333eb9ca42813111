"""TPE: the Tree-structured Parzen Estimator, multivariate.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; Watanabe,
"Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles for Better
Empirical Performance", arXiv 2304.11127. `docs/algorithms.md` tells where this differs and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.base import first_untried, starting_up, startup_point
from kt_extensions.samplers.branches import Branch, Mask, branch_at, branching, fixed, levels_of
from kt_extensions.samplers.densities import rank_weights, trial_density
from kt_extensions.samplers.interpolation import by_expected_rank
from kt_extensions.samplers.parzen import Features
from kt_extensions.samplers.threads import single_threaded
from kt_extensions.settings import check_integers, check_numbers, check_positive
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]

_LEAST_TRIALS = 3  # completed ones in a branch, before they have a model of their own
_OWN_MODEL = 0.5  # probability that a branch is searched by the model of its own trials
_COMPARED = 16  # candidates of the largest l / g, compared by the rank to be expected
_RANKED = 100  # trials, the best ones, from which it is


@dataclass(frozen=True)
class TPE:
    """Proposes where good trials are dense and the others are not: where l(x) / g(x) is large.

    `l` is a kernel density of the best finished trials, `g` one of all others: worse, pruned and
    failed ones, and those still running, so that parallel proposals keep apart. Of the points where
    the ratio is largest, the one among better trials is proposed.

    A TPE that has settled on a wrong category hardly leaves it, for the others were never tuned.
    Some proposals are therefore made in another branch: with another category than most good trials
    have, by the model of all trials or by that of the trials with this category alone.

    Args:
        n_startup: Trials with a score before the first model; until then points of a Sobol
            sequence.
        n_candidates: Points drawn from `l`, of which one is proposed.
        quantile: Share of the scored trials that count as good (gamma in the papers).
        most_good: The largest number of good trials.
        most_others: The largest number of other trials; the latest ones are used.
        prior_weight: Weight of the uniform prior in `l`, in mean weights of a good trial.
        explore: Probability of a proposal with another category than most good trials have.
            Without effect in a space without categories or conditions.

    Raises:
        ValueError: If a setting is out of its range.

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
    n_candidates: int = 128
    quantile: float = 0.15
    most_good: int = 25
    most_others: int = 250
    prior_weight: float = 2.0
    explore: float = 0.3

    def __post_init__(self) -> None:
        """Checks the settings."""
        check_integers(self, 1, "n_startup", "n_candidates", "most_good", "most_others")
        check_numbers(self, 0, 1, "quantile", "explore")
        check_positive(self, "quantile", "prior_weight")

    @single_threaded
    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        if starting_up(history, self.n_startup):
            return startup_point(history, rng)
        branch = None
        if rng.random() < self.explore:
            branch = _other_branch(history, self._split(history)[0], rng)
        if branch is None:
            return first_untried(history, self._candidates(history, rng), rng)
        return first_untried(history, self._in_branch(history, rng, branch), rng)

    def _in_branch(self, history: History, rng: np.random.Generator, branch: Branch) -> Array:
        """Returns points of a branch, the preferred ones first.

        The model of all trials brings what does well elsewhere; that of the branch's own trials
        finds an optimum in another place.
        """
        if rng.random() >= _OWN_MODEL:
            return self._candidates(history, rng, branch)
        own = _part(history, branch.rows)
        if own.completed.sum() < _LEAST_TRIALS:
            return branch.fix(rng.random((8, len(history.space))))
        return self._candidates(own, rng, branch)

    def _candidates(
        self, history: History, rng: np.random.Generator, branch: Branch | None = None
    ) -> Array:
        """Returns points drawn from `l`, the preferred one first.

        That is, among those with the largest l / g, the one of the best expected rank. The ratio
        tells good trials from others only; the ranks tell also which of them are better.
        """
        good, others = self._split(history)
        weights = rank_weights(history.y[good])
        l_density = trial_density(history, good, weights, self.prior_weight)
        g_density = trial_density(history, others, np.ones(len(others)), 1.0)
        candidates = fixed(l_density.sample(self.n_candidates, rng), branch)
        x = history.space.snap(candidates)
        features = Features(history.space, x)
        score = l_density.log_density(features) - g_density.log_density(features)
        order = np.argsort(-score, kind="stable")
        compared = order[:_COMPARED]
        order[:_COMPARED] = compared[by_expected_rank(history, x[compared], _ranked(history))]
        return candidates[order]

    def _split(self, history: History) -> tuple[Rows, Rows]:
        """Returns the rows of the good trials, the best first, and those of the others."""
        scored = int(np.isfinite(history.y).sum())
        good = history.best(min(math.ceil(self.quantile * scored), self.most_good))
        others = np.ones(len(history), bool)
        others[good] = False
        return good, np.flatnonzero(others)[-self.most_others :]


def _ranked(history: History) -> Rows:
    """Returns the trials that the rank of others is expected from, the best first."""
    ranking = history.best(_RANKED)
    return ranking if len(ranking) == _RANKED else history.ranking()[:_RANKED]


def _other_branch(history: History, good: Rows, rng: np.random.Generator) -> Branch | None:
    """Draws a category, or a value that decides conditions, that few of the good trials have."""
    open_to = branching(history.space) & ~np.isnan(history.X[good]).all(axis=0)
    if not open_to.any():
        return None
    dimension = int(rng.choice(np.flatnonzero(open_to)))
    levels = levels_of(history, dimension)
    of_good = levels[good]
    settled = np.bincount(of_good[of_good >= 0]).argmax()
    order = _levels_by_best(levels, history.y, int(history.space.sizes[dimension]))
    order = order[order != settled]
    odds = 1.0 / np.arange(1, len(order) + 1)
    level = int(rng.choice(order, p=odds / odds.sum()))
    return branch_at(history, dimension, level, history.X[good[of_good >= 0][0]])


def _levels_by_best(levels: Rows, y: Array, size: int) -> Rows:
    """Returns all levels: untried ones, then by the best score with them, failed ones last."""
    best = np.full(size, np.inf)
    tried = levels >= 0
    np.fmin.at(best, levels[tried], y[tried])
    best[np.bincount(levels[tried], minlength=size) == 0] = -np.inf
    return np.argsort(best, kind="stable")


def _part(history: History, rows: Mask) -> History:
    """Returns the history of some of the trials."""
    names = ("X", "y", "objectives", "fidelity", "pruned", "proposal")
    return replace(history, **{name: getattr(history, name)[rows] for name in names})
