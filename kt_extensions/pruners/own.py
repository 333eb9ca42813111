"""Rules that judge a trial by its own curve: patience and a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kt_extensions.checking import is_number
from kt_extensions.pruners.base import Progress
from kt_extensions.pruners.curves import best, in_epochs, may_win
from kt_extensions.settings import check_integers, check_numbers


@dataclass(frozen=True)
class Patience:
    """Stops a trial whose best value has not improved for some epochs.

    Epochs whose value is unknown do not count. A trial that is better than every completed one goes
    on, and so does the first: for trials that end by themselves when they improve no more, and
    count as completed, use `keras.callbacks.EarlyStopping`.

    Prechelt, "Early Stopping - But When?", Neural Networks: Tricks of the Trade, 1998.

    Args:
        epochs: So many epochs in a row without an improvement are too many.
        min_delta: An improvement by no more than this is none; in the objective's unit.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> progress = Progress(
    ...     np.array([0.5, 0.4, 0.6, 0.4]), np.array([[0.2]]), np.array([True]), planned=10
    ... )
    >>> Patience(2).verdict(progress)
    'no better for 2 epochs'
    """

    epochs: int
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_integers(self, 1, "epochs")
        check_numbers(self, 0, math.inf, "min_delta")

    def verdict(self, progress: Progress) -> str | None:
        """Returns why the trial is to be stopped, or `None`; see `Pruner.verdict`."""
        known = progress.curve[~np.isnan(progress.curve)]
        before, recent = known[: -self.epochs], known[-self.epochs :]
        if not len(before) or may_win(progress) or best(recent) < best(before) - self.min_delta:
            return None
        return f"no better for {in_epochs(self.epochs)}"


@dataclass(frozen=True)
class Threshold:
    """Stops a trial whose best value so far is worse than a bound.

    The one rule that needs no other trial, and spares none.

    Args:
        worse_than: The bound, in the objective's own unit and direction: 0.2 stops a trial whose
            accuracy is below 0.2, or whose loss is above it. A trial that equals it goes on.
        warmup_epochs: No trial is stopped in so many epochs.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> accuracies = np.array([0.1, 0.15])  # maximised: the curve to be minimised is their negative
    >>> progress = Progress(-accuracies, np.empty((0, 0)), np.empty(0, bool), planned=9, sign=-1.0)
    >>> Threshold(worse_than=0.2).verdict(progress)
    '0.15 is worse than 0.2 after 2 epochs'
    """

    worse_than: float
    warmup_epochs: int = 0

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if not (is_number(self.worse_than) and math.isfinite(self.worse_than)):
            raise ValueError(
                f"Expected worse_than to be a finite number. Received: {self.worse_than!r}."
            )
        check_integers(self, 0, "warmup_epochs")

    def verdict(self, progress: Progress) -> str | None:
        """Returns why the trial is to be stopped, or `None`; see `Pruner.verdict`."""
        epoch, value = len(progress.curve), float(best(progress.curve))
        if epoch <= self.warmup_epochs or not value > progress.sign * self.worse_than:
            return None
        own = f"{progress.sign * value:.4g} is worse than {self.worse_than:g}"
        return f"{own} after {in_epochs(epoch)}"
