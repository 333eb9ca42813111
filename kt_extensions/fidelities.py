"""A search in which trials are trained for different numbers of epochs, seen as if they were not.

This is how samplers that know nothing of schedulers take part in such searches.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kt_extensions.history import History, Mask, Numbers
from kt_extensions.space.domains import Array

_LEAST = 10  # configurations that a budget needs for scores to be compared at it


def at_one_fidelity(history: History) -> History:
    """Returns the history for a sampler that knows nothing of schedulers.

    Each configuration is one trial, however often it was promoted, in the order in which they were
    begun. Scores are compared at the largest budget that enough configurations have completed
    (`d + 1`, at least 10). Those that failed on the way there are failed trials, the others that
    have not come so far pruned ones; of those that have gone beyond, the score on the way counts,
    even if they failed then, as the others might, too. While a promoted trial runs, its
    configuration has the score that it was promoted for.

    Args:
        history: The trials so far. Without a scheduler they are returned as they are.
    """
    if not history.budget.any():
        return history
    budget = full_budgets(history)
    level = _common_budget(history, budget)
    rows = np.flatnonzero(_standing(history, budget, level))
    rows = rows[np.argsort(_first_trials(history)[rows], kind="stable")]
    names = ("X", "y", "objectives", "pruned", "proposal", "bracket", "rung", "parent")
    arrays = {name: getattr(history, name)[rows] for name in names}
    arrays["pruned"] = arrays["pruned"] | (np.isfinite(arrays["y"]) & (budget[rows] < level))
    number = int((history.parent[len(history) - history.number :] < 0).sum())
    unscheduled = np.zeros(len(rows))
    return replace(history, **arrays, fidelity=budget[rows], budget=unscheduled, number=number)


def full_budgets(history: History) -> Array:
    """Returns the budget of each trial, the largest for those that no scheduler began."""
    budgets: Array = np.where(history.budget > 0, history.budget, history.budget.max())
    return budgets


def _common_budget(history: History, budget: Array) -> float:
    """Returns the largest budget that enough configurations have completed, or the least of all.

    Failed trials do not count: scores are not to be compared where there are none.
    """
    least = max(_LEAST, len(history.space) + 1)
    for level in np.unique(budget)[::-1].tolist():
        completed = history.completed & (budget >= level)
        if (completed & ~_continues(history, completed)).sum() >= least:
            return float(level)
    return float(budget.min())


def _standing(history: History, budget: Array, level: float) -> Mask:
    """Tells which trials stand for their configurations.

    The first that has reached the level; if none has, the last that ended, or else the first.
    """
    ended, promoted = ~history.pending, history.parent >= 0
    later = _continues(history, ended & (budget >= level))
    overtaken = np.zeros(len(history), bool)
    overtaken[history.parent[promoted & ended]] = True
    standing: Mask = ~(later | (promoted & ~ended) | (overtaken & (budget < level)))
    return standing


def _continues(history: History, trials: Mask) -> Mask:
    """Tells which trials go on from one of these trials."""
    continues: Mask = (history.parent >= 0) & trials[history.parent]
    return continues


def _first_trials(history: History) -> Numbers:
    """Returns for each trial the number of the first of its configuration."""
    first = np.where(history.parent >= 0, history.parent, np.arange(len(history)))
    while (first[first] != first).any():
        first = first[first]
    return first
