"""What a regression model is trained by: which trials, with which scores."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kt_extensions import pareto
from kt_extensions.history import History
from kt_extensions.space.domains import Array

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]

_CLIP = 0.75  # scores above this quantile are lowered to it
_LEAST_FLOAT = float(np.finfo(float).tiny)


def scalarized(history: History, rng: np.random.Generator) -> History:
    """Returns a history whose scores weigh several objectives, the weights drawn.

    That of a single objective stays as it is, and nothing is drawn. See `pareto.scalarization`.
    """
    scored = np.isfinite(history.y)
    if history.objectives.shape[1] == 1 or not scored.any():
        return history
    y = np.array(history.y)
    y[scored] = pareto.scalarization(history.objectives[scored], rng)
    return replace(history, y=y)


def optional_dimensions(history: History) -> Mask:
    """Tells which dimensions are inactive in some configurations, or were in a smaller space."""
    conditional = np.array([dimension.conditional for dimension in history.space.dimensions])
    optional: Mask = conditional | np.isnan(history.X).any(axis=0)
    return optional


def finished_trials(history: History, most: int) -> tuple[Rows, Array]:
    """Returns the finished trials that a model is trained by, and their scores."""
    finished = np.flatnonzero(~history.pending)
    scores = normalized_scores(history, finished)
    chosen = spread_rows(scores, most)
    return finished[chosen], scores[chosen]


def normalized_scores(history: History, rows: Rows) -> Array:
    """Returns scores of finished trials with bad ones clipped, of mean 0 and variance 1.

    Failed trials count as the worst score; pruned ones, which might have become better or worse,
    as no better than the median of the completed.
    """
    y, completed = history.y[rows], history.completed[rows]
    with np.errstate(over="ignore"):  # a pruned score may be infinitely worse than all completed
        y = y / max(float(np.abs(y[completed]).max()), _LEAST_FLOAT)
    y = np.where(completed, y, np.maximum(y, np.median(y[completed])))
    y = np.minimum(y, np.max(y[np.isfinite(y)]))
    y = np.minimum(y, np.quantile(y, _CLIP)) - y.min()
    y = y / max(float(y.max()), _LEAST_FLOAT)
    normalized: Array = (y - y.mean()) / max(float(y.std()), _LEAST_FLOAT)
    return normalized


class Bent(NamedTuple):
    """Scores on a logarithmic scale.

    Attributes:
        scores: Array `(n,)`, of mean 0 and variance 1.
        log_slope: The sum of the logarithms of their slopes by the scores as they were; those of
            the worst scores, which were clipped, do not count.
        by_knee: Array `(n,)`, the derivative of the scores by the logarithm of the knee.
        log_slope_by_knee: That of the sum.
    """

    scores: Array
    log_slope: float
    by_knee: Array
    log_slope_by_knee: float


def logarithms(y: Array, knee: float) -> Bent:
    """Returns log(1 + u / knee), where u rises from 0 at the best score to 1 at the worst.

    Args:
        y: Array `(n,)`, normalized scores.
        knee: Where the scale turns from straight to bent: far above 1 it is straight everywhere.
    """
    reach = float(y.max() - y.min())
    if not reach > 0:
        return Bent(y, 0.0, np.zeros(len(y)), 0.0)
    u = (y - y.min()) / reach
    raised, rise = np.log1p(u / knee), -u / (knee + u)
    deviation = float(raised.std())
    scores, rise = (raised - raised.mean()) / deviation, (rise - rise.mean()) / deviation
    widening = float(np.mean(scores * rise))
    inner = u[u < 1] + knee
    return Bent(
        scores,
        -float(np.log(inner * deviation * reach).sum()),
        rise - scores * widening,
        -float((knee / inner + widening).sum()),
    )


def spread_rows(y: Array, most: int) -> Rows:
    """Returns at most so many indices: the best, the latest and some between, a third each."""
    n = len(y)
    if n <= most:
        return np.arange(n)
    best = np.argsort(y, kind="stable")[: most // 3]
    chosen = np.union1d(best, np.arange(n - most // 3, n))
    rest = np.setdiff1d(np.arange(n), chosen)
    between = rest[np.linspace(0, len(rest) - 1, most - len(chosen)).astype(np.int64)]
    return np.sort(np.concatenate([chosen, between]))
