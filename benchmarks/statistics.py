"""How methods compare over problems: relative regrets, ranks and tests of significance.

Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006: the problems
are the blocks of Friedman's test on the ranks of the medians; pairs of methods are compared by
Wilcoxon's signed-rank test over problems, with Holm's correction for their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from kt_extensions.space.domains import Array

EQUAL = 1e-3
"""Relative regrets are rounded to this before ranking: smaller differences are of no use."""


def relative_medians(regrets: Mapping[str, Array], random: Array) -> dict[str, Array]:
    """Returns the median regret of each method over that of random search.

    Args:
        regrets: For each method, its regrets: shape `(seeds, budgets)`.
        random: The regrets of random search, of the same shape.
    """
    reference = np.maximum(np.median(random, axis=0), 1e-300)
    return {name: np.median(values, axis=0) / reference for name, values in regrets.items()}


def mean_ranks(scores: Array) -> Array:
    """Returns the mean rank of each method, 1 the best; equal ones share the mean of their ranks.

    Args:
        scores: Shape `(problems, methods)`.
    """
    rounded = np.round(scores / EQUAL)
    return np.asarray(np.mean(stats.rankdata(rounded, axis=1), axis=0))


def friedman(scores: Array) -> float:
    """Returns the probability of ranks so different were all methods equal; NaN if undefined.

    Args:
        scores: Shape `(problems, methods)`.
    """
    if scores.shape[0] < 2 or scores.shape[1] < 3:
        return float("nan")
    return float(stats.friedmanchisquare(*np.round(scores / EQUAL).T).pvalue)


@dataclass(frozen=True)
class Comparison:
    """One method beside another.

    Args:
        ours: The name of the one.
        peer: The name of the other.
        wins: On how many problems the one's median regret is lower.
        losses: On how many it is higher.
        ratio: The mean of the one's relative medians over the mean of the other's.
        p: Holm's corrected probability of differences so large were both equal.
    """

    ours: str
    peer: str
    wins: int
    losses: int
    ratio: float
    p: float


def compare(
    scores: Mapping[str, Array], ours: Sequence[str], peers: Sequence[str]
) -> list[Comparison]:
    """Compares each of `ours` with each of `peers`.

    Args:
        scores: For each method, its relative median regrets, shape `(problems,)`.
        ours: Names of methods. The correction is for the comparisons of each with all peers.
        peers: Names of methods.
    """
    compared = []
    for one in ours:
        others = [peer for peer in peers if peer != one]
        raw = [wilcoxon(scores[one], scores[other]) for other in others]
        for other, p in zip(others, holm(raw), strict=True):
            difference = np.round(scores[one] / EQUAL) - np.round(scores[other] / EQUAL)
            wins, losses = int(np.sum(difference < 0)), int(np.sum(difference > 0))
            ratio = float(np.mean(scores[one]) / np.mean(scores[other]))
            compared.append(Comparison(one, other, wins, losses, ratio, p))
    return compared


def wilcoxon(a: Array, b: Array) -> float:
    """Returns the two-sided probability of Wilcoxon's signed-rank test; 1 if all are equal."""
    difference = np.round((a - b) / EQUAL)
    if not np.any(difference):
        return 1.0
    return float(stats.wilcoxon(difference, zero_method="pratt", method="approx").pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Returns probabilities corrected for their number by Holm's step-down method."""
    values = np.asarray(p, float)
    order = np.argsort(values)
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]
