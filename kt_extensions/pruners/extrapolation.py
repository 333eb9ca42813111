"""Extrapolation of a learning curve by how far other trials came from the same epoch on.

A trial that is `gap` behind the best completed one catches up only if it improves by that much in
the epochs that it has left. How much trials improve in these epochs is known of those that ran to
their end, and they are taken for a sample of it: conformal prediction (Vovk, Gammerman & Shafer,
"Algorithmic Learning in a Random World", 2005), in which no shape of curves is assumed. If the new
trial is one like the m completed ones, it improves more than all but k - 1 of them with
probability k / (m + 1).

Domhan, Springenberg & Hutter, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015, stop trials by the probability that they
beat the best one, as here, but from parametric curves. `docs/pruning.md` tells what else was tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kt_extensions.history import Mask
from kt_extensions.pruners.base import Progress
from kt_extensions.pruners.curves import best, in_epochs, incumbent
from kt_extensions.settings import check_integers, check_numbers
from kt_extensions.space.domains import Array


@dataclass(frozen=True)
class Extrapolation:
    """Stops a trial that cannot be expected to become the best one in the epochs it has left.

    Its best value is extrapolated with the improvements that the completed trials made from the
    same epoch to `planned`: each of them is one possible future. It is stopped when so few of them
    lead to the best completed trial's value that, wherever in a search its best trial comes, that
    trial is kept with the confidence asked for. This is a share of searches, not of trials. It
    presumes that the best trial improves as the completed ones do, and looks at each epoch by
    itself; where curves say nothing about how they end, it is missed: 90% of searches instead of
    95%. On recorded curves of networks it held: see `docs/pruning.md`.

    With a risk r = 1 - confidence, nothing is stopped before 1 / (e r) trials are complete; then a
    trial is stopped if none of them improved by what it needs, and from 2 / r completed ones on if
    at most a share r of them did.

    A completed trial that ended before `planned` counts if it had ceased to improve, as when
    `keras.callbacks.EarlyStopping` ends it, and not if it stopped at its best: it may have been
    meant to be shorter. The objective may be shifted and scaled, but not bent: with errors that
    span orders of magnitude let the objective be their logarithm.

    The defaults were chosen on the curves of `benchmarks/data` that are of the digits data, and
    checked on those of the breast cancer and Friedman's data.

    Args:
        confidence: Share of searches in which the trial is kept that would have been the best, from
            0 to 1. With 0.95 trials are stopped from the eighth completed one on, with 0.9 from the
            fourth, with 1 never.
        warmup_epochs: No trial is stopped in so many epochs.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> others = np.array([[0.9, 0.5, 0.4], [0.8, 0.4, 0.3], [0.7, 0.3, 0.1], [0.6, 0.3, 0.2]])
    >>> progress = Progress(np.array([0.9, 0.6]), others, np.ones(4, bool), planned=3)
    >>> Extrapolation(confidence=0.9).verdict(progress)
    '0.5 behind the best after 2 epochs; none of 4 trials improved by that in the 1 epoch left'
    """

    confidence: float = 0.95
    warmup_epochs: int = 0

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_numbers(self, 0, 1, "confidence")
        check_integers(self, 0, "warmup_epochs")

    def verdict(self, progress: Progress) -> str | None:
        """Returns why the trial is to be stopped, or `None`; see `Pruner.verdict`."""
        epoch, left = len(progress.curve), progress.planned - len(progress.curve)
        if epoch <= self.warmup_epochs or left < 1:
            return None
        with np.errstate(over="ignore"):
            gap = float(best(progress.curve) - incumbent(progress))
            if not gap > 0:
                return None
            improvements = remaining_improvements(progress)
        hits, n = int((improvements >= gap).sum()), len(improvements)
        if hits >= self.tolerated(n):
            return None
        of = f"{hits or 'none'} of {n} trials improved by that in the {in_epochs(left)} left"
        return f"{gap:.4g} behind the best after {in_epochs(epoch)}; {of}"

    def tolerated(self, n: int) -> int:
        """Returns k: a trial is stopped if fewer than so many of `n` completed ones caught up.

        In a search of N trials the best comes equally likely at each place. Stopping it there with
        probability k / (n + 1) loses it, in the mean over n < N, with at most the risk: for k = 1
        from n = s on that mean is about log(N / s) / N, which is 1 / (e s) at its highest (N = e
        s), the rule of the secretary problem; and a larger k is taken only where k / (n + 1) itself
        is within the risk.

        Example:

        >>> [Extrapolation(0.9).tolerated(n) for n in (3, 4, 18, 19, 29)]
        [0, 1, 1, 2, 3]
        """
        risk = 1 - self.confidence
        if n * math.e * risk < 1:
            return 0
        return max(1, math.floor(risk * (n + 1) + 1e-9))  # 1 - 0.9 is below 0.1


def remaining_improvements(progress: Progress) -> Array:
    """Returns by how much completed trials improved from the running trial's epoch to `planned`.

    Array `(m,)`, not negative: of the best value so far, in the objective's unit. Trials of which
    it is not known are left out.

    Example:

    >>> others = np.array([[0.9, 0.5, 0.4], [0.8, 0.4, 0.6], [0.7, 0.3, np.nan]])
    >>> progress = Progress(np.array([0.9, 0.6]), others, np.ones(3, bool), planned=3)
    >>> remaining_improvements(progress).round(3)
    array([0.1, 0. ])
    """
    curves = progress.others[progress.completed, : progress.planned]
    curves = curves[_ended(curves, progress.planned)]
    improvements = best(curves[:, : len(progress.curve)]) - best(curves)
    known: Array = improvements[~np.isnan(improvements)]
    return known


def _ended(curves: Array, planned: int) -> Mask:
    """Whether curves come as far as `planned` or ended after they had ceased to improve."""
    known = ~np.isnan(curves)
    length = np.where(known.any(axis=1), curves.shape[1] - known[:, ::-1].argmax(axis=1), 0)
    first_best = np.where(known, curves, np.inf).argmin(axis=1) + 1
    ended: Mask = (length >= planned) | (first_best < length)
    return ended
