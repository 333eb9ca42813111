"""Asynchronous successive halving as a stopping rule.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020: a trial that reaches
a rung is compared at once with those that reached it before. There the best are promoted; here,
where trials run on, the others are stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kt_extensions.pruners.base import Progress
from kt_extensions.pruners.curves import best, in_epochs, may_win
from kt_extensions.settings import check_integers


@dataclass(frozen=True)
class SuccessiveHalving:
    """Stops a trial that, at the end of a rung, is not among the best 1/`factor` that came so far.

    Rungs end after `min_epochs`, `min_epochs * factor`, `min_epochs * factor**2` ... epochs. Of all
    trials that have reached the rung, this one and pruned ones included, the best `n // factor` go
    on, at least one, and those that equal the last of them. A trial that is already better than all
    that ran to their end goes on.

    Args:
        min_epochs: Epochs of the first rung.
        factor: eta: one of so many goes on, for so many times more epochs.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> others = np.array([[0.9, 0.5], [0.8, 0.4], [0.7, np.nan]])
    >>> completed = np.array([True, True, False])
    >>> pruner = SuccessiveHalving(factor=2)
    >>> pruner.verdict(Progress(np.array([0.75]), others, completed, planned=2))
    >>> pruner.verdict(Progress(np.array([0.85]), others, completed, planned=2))
    'number 3 of 4 trials after 1 epoch, of which 2 go on'
    """

    min_epochs: int = 1
    factor: int = 3

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_integers(self, 1, "min_epochs")
        check_integers(self, 2, "factor")

    def verdict(self, progress: Progress) -> str | None:
        """Returns why the trial is to be stopped, or `None`; see `Pruner.verdict`."""
        epoch = len(progress.curve)
        if not self._ends_rung(epoch) or epoch >= progress.planned or may_win(progress):
            return None
        reached = ~np.isnan(progress.others[:, epoch - 1 :]).all(axis=1)
        better = int((best(progress.others[reached, :epoch]) < best(progress.curve)).sum())
        n = int(reached.sum()) + 1
        going = max(n // self.factor, 1)
        if better < going:
            return None
        of = f"of {n} trials after {in_epochs(epoch)}, of which {going}"
        return f"number {better + 1} {of} {'goes' if going == 1 else 'go'} on"

    def _ends_rung(self, epoch: int) -> bool:
        rung = self.min_epochs
        while rung < epoch:
            rung *= self.factor
        return rung == epoch
