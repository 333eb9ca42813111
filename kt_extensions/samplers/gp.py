"""GP: Bayesian optimization with a Gaussian process.

Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions", Journal of Global
Optimization 1998; Snoek et al., "Practical Bayesian Optimization of Machine Learning Algorithms",
NeurIPS 2012; Cowen-Rivers et al., "HEBO: Pushing the Limits of Sample-Efficient Hyperparameter
Optimisation", JAIR 2022 (several acquisition functions). `docs/algorithms.md` tells how the
settings were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kt_extensions.history import History
from kt_extensions.samplers.acquisition import (
    log_expected_improvement,
    neighbors,
    one_anew,
    refined,
)
from kt_extensions.samplers.base import first_untried, starting_up, startup_point
from kt_extensions.samplers.branches import Branch, fixed, other_branch
from kt_extensions.samplers.embedding import Embedding, Points
from kt_extensions.samplers.gaussian_process import Fit, GaussianProcess, Prior, fit
from kt_extensions.samplers.observations import (
    finished_trials,
    logarithms,
    optional_dimensions,
    scalarized,
    spread_rows,
)
from kt_extensions.samplers.threads import single_threaded
from kt_extensions.settings import (
    check_integers,
    check_numbers,
    check_positive,
    check_type,
)
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Rows = NDArray[np.int64]

_STEPS = 20  # of L-BFGS, at most
_MOST_FIT = 80  # trials that the kernel's hyperparameters are learned from
_MOST_PENDING = 100
_CHUNK = 256  # points that are predicted at a time: what is computed on the way stays in the cache
_INCUMBENTS = 10  # good trials that candidates are drawn around
_ANEW = 0.3  # share of the candidates near others that differ from them in one coordinate only
_NEAR, _WIDE = -2.5, -0.3  # how far from them: powers of ten of the length scales


@dataclass(frozen=True)
class GP:
    """Proposes where a Gaussian process expects the largest improvement, or hopes for it.

    For the 50 to 300 trials that most searches can afford. The scores are modeled over the whole
    space, options and conditions included; how far values are alike in each dimension, and how
    noisy the scores are, is learned. Bad scores are clipped, so that the model is good where it
    matters; failed trials count as the worst, pruned ones as no better than the median. Pending
    trials are taken to turn out as expected, so that parallel proposals keep apart; an improvement
    is one on the best of them, too.

    The likeliest kernel alone is often too smooth: where trials are few, the search would stay
    where it is. Half of the proposals are therefore hopeful: their kernel is drawn from those that
    agree with the scores, and they are made by the lower confidence bound.

    The time of a proposal is bounded: a longer search is modeled by its best and latest trials and
    some of the others.

    Args:
        n_startup: Trials with a score before the first model; until then points of a Sobol
            sequence.
        n_candidates: Points of which the best is proposed: uniform ones, and half as many near the
            best trials; then come several rounds near the best candidates.
        hopeful: Probability of a proposal by the lower confidence bound of the scores with a drawn
            kernel, not by the expected improvement with the likeliest one.
        width: How many deviations that bound lies below the expected score at most, and half as
            many while trials are pending; the number is drawn anew each time, uniformly from 0.
        explore: Probability of a proposal with another category than the best trial's, by the
            improvement on the trials with that category. Without effect in a space without
            categories or conditions.
        most_points: The largest number of finished trials in the model.
        prior: What is expected of the kernel's hyperparameters.

    Raises:
        ValueError: If a setting is out of its range.

    Example:

    >>> from kt_extensions.history import from_observations
    >>> from kt_extensions.space import Dimension, Interval
    >>> space = SearchSpace([Dimension("x", Interval(0.0, 1.0))])
    >>> values = [{"x": i / 10} for i in range(10)]
    >>> history = from_observations(space, values, [(v["x"] - 0.37) ** 2 for v in values])
    >>> point = GP().suggest(history, np.random.default_rng(0))
    >>> round(space.decode(point)["x"], 1)
    0.4
    """

    n_startup: int = 10
    n_candidates: int = 600
    hopeful: float = 0.5
    width: float = 2.0
    explore: float = 0.45
    most_points: int = 300
    prior: Prior = field(default_factory=Prior)

    def __post_init__(self) -> None:
        """Checks the settings."""
        check_integers(self, 1, "n_startup", "n_candidates", "most_points")
        check_numbers(self, 0, 1, "hopeful", "explore")
        check_numbers(self, 0, math.inf, "width")
        check_type(self, "prior", Prior)
        check_positive(self.prior, *(field.name for field in fields(self.prior)))

    @single_threaded
    def suggest(self, history: History, rng: np.random.Generator) -> Array:
        """Returns the next point to try; see `Sampler.suggest`."""
        if starting_up(history, self.n_startup):
            return startup_point(history, rng)
        history = scalarized(history, rng)
        hopeful = rng.random() < self.hopeful
        kernel = partial(Fit.draw, rng=rng) if hopeful else Fit.likeliest
        model = _Model(history, self.most_points, self.prior, kernel)
        branch = other_branch(history, rng) if rng.random() < self.explore else None
        incumbents, best = model.incumbents(branch)
        region = _Region(history.space, branch, model.lengths, rng)
        if hopeful:
            most = self.width / 2 if history.pending.any() else self.width
            value = partial(_hope, model, most * rng.random())
        else:
            value = partial(_improvement, model, best)
        n = self.n_candidates
        scales = 10.0 ** rng.uniform(_NEAR, _WIDE, (n // 2, 1))
        candidates = np.concatenate([region.anywhere(n), region.near(incumbents, n // 2, scales)])
        return first_untried(history, refined(value, candidates, region.near), rng)


class _Model:
    """The scores of a search over its space, as a Gaussian process.

    Attributes:
        lengths: Array `(d,)`, the length scales, 1 for longer ones.
    """

    def __init__(
        self, history: History, most_points: int, prior: Prior, kernel: Callable[[Fit], Array]
    ) -> None:
        self._rows, y = finished_trials(history, most_points)
        self._history = history
        self._embedding = Embedding(history.space, optional_dimensions(history))
        process = self._fitted(self._rows, y, prior, kernel)
        self._pending = np.flatnonzero(history.pending)[-_MOST_PENDING:]
        self._mean, _ = process.predict(self._points(self._rows))
        self._expected, _ = process.predict(self._points(self._pending))
        self._process = process.believing(self._points(self._pending))
        self.lengths = np.minimum(np.exp(process.theta[: len(history.space)]), 1.0)

    def _fitted(
        self, rows: Rows, y: Array, prior: Prior, kernel: Callable[[Fit], Array]
    ) -> GaussianProcess:
        """Returns the process of some trials, its kernel learned from a part of them."""
        points, part = self._points(rows), spread_rows(y, _MOST_FIT)
        theta = kernel(fit(points.take(part), self._embedding, y[part], prior, _STEPS))
        bent = logarithms(y, math.exp(theta[-1]))
        return GaussianProcess(theta, points, self._embedding, bent.scores)

    def _points(self, rows: Rows) -> Points:
        return self._embedding.points(self._history.X[rows])

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Returns mean and deviation of the scores at the configurations of points `(m, d)`."""
        x = self._history.space.snap(points)
        chunks = np.split(x, np.arange(_CHUNK, len(x), _CHUNK))
        predicted = [self._process.predict(self._embedding.points(chunk)) for chunk in chunks]
        mean, deviation = np.concatenate(predicted, axis=1)
        return mean, deviation

    def incumbents(self, branch: Branch | None) -> tuple[Array, float]:
        """Returns the best finished trials, in a branch if it has any, and the best expected score.

        Noise aside: a trial is as good as the model says, which knows its neighbors. The score is
        that of the best trial, pending ones included: a proposal has to improve on these, too.
        """
        within, pending = self._within(branch)
        order = within[np.argsort(self._mean[within], kind="stable")]
        best = min(self._mean[order[0]], self._expected[pending].min(initial=np.inf))
        return self._history.X[self._rows[order[:_INCUMBENTS]]], float(best)

    def _within(self, branch: Branch | None) -> tuple[Rows, Rows]:
        """Returns which finished and which pending trials are in a branch, or all if none is."""
        everywhere = np.ones(len(self._history), bool)
        inside = everywhere if branch is None else branch.rows
        if not inside[self._rows].any():
            inside = everywhere
        return np.flatnonzero(inside[self._rows]), np.flatnonzero(inside[self._pending])


@dataclass(frozen=True)
class _Region:
    """Where to look for points: the whole space, or a branch of it."""

    space: SearchSpace
    branch: Branch | None
    lengths: Array
    rng: np.random.Generator

    def anywhere(self, n: int) -> Array:
        return self._fixed(self.rng.random((n, len(self.space))))

    def near(self, centers: Array, n: int, scale: float | Array) -> Array:
        points = neighbors(self.space, centers, n, scale * self.lengths, self.rng)
        n_anew = int(_ANEW * n)
        points[:n_anew] = one_anew(centers, n_anew, self.rng)
        return self._fixed(points)

    def _fixed(self, points: Array) -> Array:
        return fixed(points, self.branch)


def _hope(model: _Model, width: float, points: Array) -> Array:
    mean, deviation = model.predict(points)
    return width * deviation - mean


def _improvement(model: _Model, best: float, points: Array) -> Array:
    return log_expected_improvement(*model.predict(points), best)
