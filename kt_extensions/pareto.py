"""Several objectives at once: what is best when no trial is best in all of them.

A trial *dominates* another if it is no worse in any objective and better in one. The trials that
none dominates are the Pareto front. All objectives here are minimized.
"""

from __future__ import annotations

import bisect
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kt_extensions.space.domains import Array

Integers = NDArray[np.int64]

_TOLD_APART = 500  # trials whose fronts are told apart if there are three objectives or more
_CONSIDERED = 2000  # trials that `places` compares with each other then
_REFERENCE = 1.1  # where the volume of a trial ends; 1 is the worst in its front
_AUGMENTATION = 0.05  # rho in Knowles 2006
_LEAST_FLOAT = float(np.finfo(float).tiny)


def fronts(values: Array) -> Integers:
    """Returns the front of each trial: 0 for the Pareto front, 1 for that of all others, and so on.

    Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Transactions on
    Evolutionary Computation 2002. For two objectives in n log n steps: Jensen, "Reducing the
    Run-Time Complexity of Multiobjective EAs: The NSGA-II and Other Algorithms", same journal 2003.
    For more of them, fronts are told apart until they hold 500 trials; the others share the next.

    Args:
        values: Array `(n, m)`, the objectives of `n` trials, all finite.

    Example:
        >>> fronts(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 3.0], [3.0, 1.0]])).tolist()
        [0, 0, 1, 0]
    """
    distinct = _Distinct.of(values)
    return distinct.fronts()[distinct.group]


def places(values: Array) -> Integers:
    """Returns the place of each trial, 0 for the best; equal trials share theirs.

    Front by front (see `fronts`); within a front, those first that add most to it: by the volume of
    objectives that no other trial of the front dominates, up to a reference that is worse than the
    worst of the front by a tenth of its range. Emmerich, Beume & Naujoks, "An EMO Algorithm Using
    the Hypervolume Measure as Selection Criterion", EMO 2005. Of more than two objectives a part of
    that volume is taken: the box up to the next worse value in each of them.

    The time is bounded: of more than 2,000 trials with three objectives or more, those whose ranks
    in the objectives have the largest sums are no longer compared and share the last front.

    Args:
        values: Array `(n, m)`, the objectives of `n` trials, all finite.

    Example:
        >>> places(np.array([[1.0, 4.0], [2.0, 2.5], [9.0, 9.0], [3.0, 2.0], [4.0, 1.0]])).tolist()
        [2, 0, 4, 1, 3]
    """
    distinct = _Distinct.of(values)
    front = distinct.fronts(_CONSIDERED)
    order = np.lexsort((-_contributions(values[distinct.first], front), front))
    counts = distinct.counts[order]
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(counts) - counts
    return place[distinct.group]


def compromises(values: Array) -> Integers:
    """Returns the numbers of the trials, the best compromise first.

    Front by front; within a front by the distance to the point that has the best of each objective,
    all objectives scaled to their range in the front. Ties in the given order.

    Args:
        values: Array `(n, m)`, the objectives of `n` trials, all finite.

    Example:
        >>> compromises(np.array([[0.0, 9.0], [1.0, 2.0], [9.0, 9.0], [5.0, 0.0]])).tolist()
        [1, 0, 3, 2]
    """
    front = fronts(values)
    scaled = _scaled(values)
    low, span = _ranges(scaled, front)
    distance = np.linalg.norm((scaled - low) / span, axis=1)
    return np.lexsort((distance, front))


def scalarization(values: Array, rng: np.random.Generator) -> Array:
    """Returns one score for each trial, by objectives whose weights are drawn.

    The augmented Chebyshev norm, max_j w_j z_j + 0.05 sum_j w_j z_j, with the weights w uniform
    among those that sum to 1. The objectives z are scaled: 0 is the best there was, 1 the worst on
    the Pareto front or the median, whichever is worse. Each point of the front, also where it is
    not convex, is the best for some weights. Knowles, "ParEGO: A Hybrid Algorithm with On-Line
    Landscape Approximation for Expensive Multiobjective Optimization Problems", IEEE Transactions
    on Evolutionary Computation 2006.

    Args:
        values: Array `(n, m)`, the objectives of `n` trials; all finite.
        rng: Random numbers.

    Example:
        >>> values = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> scores = scalarization(values, np.random.default_rng(0))
        >>> int(scores.argmax())
        2
    """
    weights = rng.dirichlet(np.ones(values.shape[1]))
    scaled = _scaled(values)
    low = scaled.min(axis=0)
    distinct = _Distinct.of(values)
    best = distinct.first[distinct.fronts(_CONSIDERED) == 0]
    high = np.maximum(scaled[best].max(axis=0), np.median(scaled, axis=0))
    weighted = weights * (scaled - low) / np.maximum(high - low, _LEAST_FLOAT)
    scores: Array = weighted.max(axis=1) + _AUGMENTATION * weighted.sum(axis=1)
    return scores


class _Distinct(NamedTuple):
    """The distinct ones of `n` trials, in lexicographic order."""

    ranks: Integers  # of their objectives, (k, m): dense, so that sums and differences are exact
    first: Integers  # number of a trial of each, (k,)
    group: Integers  # which of them each trial is, (n,)
    counts: Integers  # how many trials each of them is, (k,)

    @classmethod
    def of(cls, values: Array) -> _Distinct:
        ranks = np.empty(values.shape, np.int64)
        for j, column in enumerate(values.T):
            ranks[:, j] = np.unique(column, return_inverse=True)[1]
        order = np.lexsort(ranks.T[::-1])
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(ranks[order], axis=0) != 0).any(axis=1)
        group = np.empty(len(order), np.int64)
        group[order] = np.cumsum(new) - 1
        return cls(ranks[order[new]], order[new], group, np.bincount(group))

    def fronts(self, considered: int | None = None) -> Integers:
        if self.ranks.shape[1] == 2:
            return _fronts_of_two(self.ranks[:, 1])
        return _peeled(self.ranks, self.counts, considered)


def _fronts_of_two(second: Integers) -> Integers:
    """Returns the fronts of distinct trials, sorted by both objectives, from the second one.

    A front whose least second objective is not above a trial's has a trial that dominates it.
    """
    front = np.empty(len(second), np.int64)
    least: list[int] = []  # of each front so far; ascending
    for i, rank in enumerate(second.tolist()):
        front[i] = number = bisect.bisect_right(least, rank)
        least[number : number + 1] = [rank]
    return front


def _peeled(ranks: Integers, counts: Integers, considered: int | None) -> Integers:
    """Returns the fronts of distinct trials, taken off one by one until they hold enough trials."""
    front = np.full(len(ranks), -1)
    left = np.argsort(ranks.sum(axis=1), kind="stable")[:considered]
    number = 0
    while len(left) and counts[front >= 0].sum() < _TOLD_APART:
        front[_undominated(ranks, left)] = number
        left = left[front[left] < 0]
        number += 1
    front[front < 0] = number
    return front


def _undominated(ranks: Integers, rows: Integers) -> list[int]:
    """Returns those of some rows that no other dominates; they are sorted by the sum of ranks.

    So the first of those that are left is never dominated.
    """
    found = []
    left = ranks[rows]
    while len(rows):
        found.append(int(rows[0]))
        kept = (left < left[0]).any(axis=1)
        rows, left = rows[kept], left[kept]
    return found


def _contributions(values: Array, front: Integers) -> Array:
    """Returns the volumes that distinct trials alone dominate within their front.

    The product of the distances to the next worse value in each objective. That is the whole volume
    of two objectives; of more, the box next to the trial.
    """
    scaled = _scaled(values)
    low, span = _ranges(scaled, front)
    volume = np.ones(len(values))
    for column in ((scaled - low) / span).T:
        order = np.lexsort((column, front))
        volume[order] *= _next_larger(column[order], front[order]) - column[order]
    return volume


def _next_larger(column: Array, front: Integers) -> Array:
    """Returns for each of some sorted values the next larger one in its front, or the reference."""
    last = np.append((np.diff(column) != 0) | (np.diff(front) != 0), True)
    ends = np.flatnonzero(last)  # of equal values
    larger = np.append(column[ends[1:]], _REFERENCE)
    larger[:-1][front[ends[1:]] != front[ends[:-1]]] = _REFERENCE
    return larger[np.searchsorted(ends, np.arange(len(column)))]


def _ranges(values: Array, front: Integers) -> tuple[Array, Array]:
    """Returns for each trial the least objectives in its front, and the ranges there, `(n, m)`."""
    shape = (front.max(initial=-1) + 1, values.shape[1])
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.minimum.at(low, front, values)
    np.maximum.at(high, front, values)
    span = np.maximum(high - low, _LEAST_FLOAT)
    return low[front], span[front]


def _scaled(values: Array) -> Array:
    """Returns objectives scaled to at most 1, so that no difference overflows."""
    largest = np.abs(values).max(axis=0, initial=_LEAST_FLOAT)
    scaled: Array = values / largest
    return scaled
