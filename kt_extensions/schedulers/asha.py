"""ASHA: successive halving in which no trial waits for another.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, Algorithm 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from kt_extensions.history import History, Mask, Run
from kt_extensions.schedulers.base import Action, Done, Start, Wait, check_epochs
from kt_extensions.schedulers.brackets import rung_epochs
from kt_extensions.schedulers.hyperband import not_promoted


@dataclass(frozen=True)
class ASHA:
    """Promotes a trial as soon as it is among the best of those that have ended in its rung.

    If none is, a new configuration is begun. There is always something to run, for any number of
    workers; the search ends with the oracle's `max_trials`. Failed trials rank last.

    Args:
        max_epochs: R, the epochs of the last rung.
        factor: eta: the best of so many trials is promoted, to so many times more epochs.
        min_epochs: The least epochs of the first rung.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> from kt_extensions.history import TrialTable
    >>> from kt_extensions.space import SearchSpace
    >>> history = TrialTable(SearchSpace([]), seed=0).history()
    >>> ASHA(max_epochs=9).next(history)
    Start(run=Run(bracket=0, rung=0, epochs=1, parent=-1))
    """

    max_epochs: int = 100
    factor: int = 3
    min_epochs: int = 1
    n_trials: ClassVar[None] = None

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_epochs(self.min_epochs, self.max_epochs, self.factor)

    @cached_property
    def epochs(self) -> list[int]:
        """The epochs at the end of each rung."""
        return rung_epochs(self.max_epochs, self.factor, self.min_epochs)

    @property
    def description(self) -> str:
        """What a search keeps when it is resumed."""
        return f"ASHA({self.max_epochs}, {self.factor}, {self.min_epochs})"

    def next(self, history: History, exhausted: bool = False) -> Action:
        """Returns what is to run next; see `Scheduler.next`."""
        for rung in reversed(range(len(self.epochs) - 1)):
            here = np.flatnonzero(history.rung == rung)
            above = np.flatnonzero(history.rung == rung + 1)
            ended = here[~history.pending[here]]
            best = ended[np.argsort(history.y[ended], kind="stable")[: len(ended) // self.factor]]
            promotable = not_promoted(history, best, above)
            if len(promotable):
                return Start(Run(0, rung + 1, self.epochs[rung + 1], int(promotable[0])))
        if not exhausted:
            return Start(Run(0, 0, self.epochs[0]))
        return Wait() if history.pending.any() else Done()

    def halvings(self, bracket: int) -> int:
        """Returns how often a trial is promoted at most."""
        return len(self.epochs) - 1

    def promotable(self, history: History, left: int | None = None) -> Mask:
        """Tells which trials may still be promoted; see `Scheduler.promotable`.

        A trial moves up if those that end after it are worse. So without a limit any trial may be
        promoted one day; with one, those that are among the best of a rung even if only worse ones
        come, each of which, as the promotion itself, is one of those left. Of several objectives
        the order of the trials changes, and any of them may.
        """
        mask: Mask = np.zeros(len(history), bool)
        ordered = left is not None and history.objectives.shape[1] == 1
        for rung in range(len(self.epochs) - 1 if left != 0 else 0):
            here = np.flatnonzero(history.rung == rung)
            most = (len(here) + (left or 0) - 1) // self.factor if ordered else None
            ended = here[~history.pending[here]]
            best = ended[np.argsort(history.y[ended], kind="stable")[:most]]
            mask[not_promoted(history, best, np.flatnonzero(history.rung == rung + 1))] = True
            mask[here[history.pending[here]]] = most != 0
        return mask
