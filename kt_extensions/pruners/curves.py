"""Arithmetic on learning curves that pruners share. Unknown values are NaN."""

from __future__ import annotations

import numpy as np

from kt_extensions.pruners.base import Progress
from kt_extensions.space.domains import Array


def best(curves: Array) -> Array:
    """Returns the least value of each curve, NaN where none is known.

    Args:
        curves: Array `(..., t)`.

    Example:

    >>> best(np.array([[np.nan, 3.0, 2.0, 5.0], [np.nan] * 4]))
    array([ 2., nan])
    """
    if not curves.shape[-1]:
        return np.full(curves.shape[:-1], np.nan)
    least: Array = np.fmin.reduce(curves, axis=-1)
    return least


def incumbent(progress: Progress) -> float:
    """Returns the best value that a trial which ran to its end had by the epoch `planned`.

    NaN if there is none. Trials that were stopped do not count: their values may not be the
    search's result.
    """
    return float(best(best(progress.others[progress.completed, : progress.planned])))


def may_win(progress: Progress) -> bool:
    """Whether the trial is already better than every other one that ran to its end.

    True also while there is nothing to compare: no completed trial, or no known value.
    """
    return not best(progress.curve) >= incumbent(progress)


def in_epochs(number: int) -> str:
    """Returns a number of epochs in words.

    Example:

    >>> in_epochs(1), in_epochs(2)
    ('1 epoch', '2 epochs')
    """
    return f"{number} epoch" if number == 1 else f"{number} epochs"
