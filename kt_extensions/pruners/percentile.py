"""Percentile and median rule: a trial goes on while it is among the best at its epoch.

Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2, has
the median rule. There and in Optuna a trial's best value so far is what is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kt_extensions.pruners.base import Progress
from kt_extensions.pruners.curves import best, in_epochs, may_win
from kt_extensions.settings import check_integers, check_numbers
from kt_extensions.space.domains import Array


@dataclass(frozen=True)
class Percentile:
    """Stops a trial whose best value so far is worse than that of most others at the same epoch.

    The others are those that ran to their end. Those of them that ended earlier or whose values so
    far are all unknown are left out. A trial that equals the percentile goes on, and so does one
    that is already better than the best of them.

    Args:
        percentile: Of 100 completed trials, so many may be better: from 0, where only a trial that
            is the best at its epoch goes on, to 100, where none is stopped that is not the worst.
        startup_trials: No trial is stopped before so many others can be compared with it.
        warmup_epochs: No trial is stopped in so many epochs.
        interval: Trials are judged once in so many epochs.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> others = np.array([[0.9, 0.5], [0.8, 0.4], [0.7, 0.3]])
    >>> progress = Progress(np.array([0.85]), others, np.ones(3, bool), planned=2)
    >>> Percentile(50.0, startup_trials=3).verdict(progress)
    'worse than the best 50% of 3 trials after 1 epoch'
    """

    percentile: float = 25.0
    startup_trials: int = 5
    warmup_epochs: int = 0
    interval: int = 1

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_numbers(self, 0, 100, "percentile")
        check_integers(self, 1, "startup_trials", "interval")
        check_integers(self, 0, "warmup_epochs")

    def verdict(self, progress: Progress) -> str | None:
        """Returns why the trial is to be stopped, or `None`; see `Pruner.verdict`."""
        epoch = len(progress.curve)
        past = epoch - self.warmup_epochs
        if past < 1 or (past - 1) % self.interval or may_win(progress):
            return None
        peers = _peers(progress)
        if len(peers) < self.startup_trials:
            return None
        if best(progress.curve) <= np.percentile(peers, self.percentile):
            return None
        return f"worse than {self._bound()} of {len(peers)} trials after {in_epochs(epoch)}"

    def _bound(self) -> str:
        return f"the best {self.percentile:g}%"


@dataclass(frozen=True)
class Median(Percentile):
    """Stops a trial whose best value so far is worse than the median of others at the same epoch.

    `Percentile` with 50 of 100.

    Args:
        startup_trials: As for `Percentile`, and so are the others.
        warmup_epochs: No trial is stopped in so many epochs.
        interval: Trials are judged once in so many epochs.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> others = np.array([[0.9, 0.5], [0.8, 0.4], [0.7, 0.3]])
    >>> progress = Progress(np.array([0.85]), others, np.ones(3, bool), planned=2)
    >>> Median(startup_trials=3).verdict(progress)
    'worse than the median of 3 trials after 1 epoch'
    """

    percentile: float = field(default=50.0, init=False)

    def _bound(self) -> str:
        return "the median"


def _peers(progress: Progress) -> Array:
    """Returns the best values by this epoch of the completed trials that came so far."""
    epoch, others = len(progress.curve), progress.others[progress.completed]
    reached = ~np.isnan(others[:, epoch - 1 :]).all(axis=1)
    values = best(others[reached, :epoch])
    return values[~np.isnan(values)]
