"""What a pruner is: it says whether a running trial is worth another epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kt_extensions.history import Mask
from kt_extensions.space.domains import Array


@dataclass(frozen=True)
class Progress:
    """What a pruner sees of a running trial.

    Args:
        curve: Array `(e,)`, the objective after each of the `e` epochs so far, to be minimised; NaN
            where an epoch's value is unknown or not finite. Epochs are counted from the beginning
            of the trial's whole line of promotions.
        others: Array `(n, t)`, the curves of the other trials, one row each, to be minimised; NaN
            where they were not trained or the value is unknown.
        completed: Array `(n,)`, which of those ran to their planned end: neither pruned nor failed.
        planned: Epochs that the running trial is to be trained in all, `e <= planned`.
        sign: What turns `curve` into the objective's own values: 1 if it is minimised, -1 if it is
            maximised.

    Example:

    >>> import numpy as np
    >>> others = np.array([[0.9, 0.5, 0.4], [0.8, np.nan, np.nan]])
    >>> Progress(np.array([0.7]), others, np.array([True, False]), planned=3).planned
    3
    """

    curve: Array
    others: Array
    completed: Mask
    planned: int
    sign: float = 1.0


class Pruner(Protocol):
    """Stops trials that are not worth another epoch: a pure function of the curves so far.

    A pruner keeps nothing between calls, so a search that is stopped anywhere and resumed stops the
    same trials as one that was not, and any number of workers may ask.

    Example:

    >>> import numpy as np
    >>> class Diverged:
    ...     def verdict(self, progress):
    ...         return "diverged" if progress.curve[-1] > 10 * progress.curve[0] else None
    >>> pruner: Pruner = Diverged()
    >>> pruner.verdict(Progress(np.array([0.5, 9.0]), np.empty((0, 0)), np.empty(0, bool), 10))
    'diverged'
    """

    def verdict(self, progress: Progress) -> str | None:
        """Returns why the trial is to be stopped, in a few words for a person, or `None`.

        Args:
            progress: The trial's curve and those of the others. Asked after every epoch but that
                which ends the training.

        Returns:
            `None` to let it go on, else for example "worse than the median of 12 trials after 5
            epochs".
        """
