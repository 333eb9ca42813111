"""ASHA: successive halving in which no trial waits for another.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, Algorithm 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from kt_extensions.checking import check_integer
from kt_extensions.history import History, Mask, Run
from kt_extensions.schedulers.base import Action, Done, Start, Wait, check_epochs
from kt_extensions.schedulers.brackets import rung_epochs
from kt_extensions.schedulers.hyperband import filled, not_promoted


@dataclass(frozen=True)
class ASHA:
    """Promotes a trial as soon as it is among the best of those that have ended in its rung.

    If none is, a new configuration is begun. There is always something to run, for any number of
    workers; the search ends with the oracle's `max_trials`. Failed and pruned trials rank last.

    One configuration is trained to the end if no more trials fail than before: where none was, and
    there are no others to begin or just as many trials left as that is expected to take, the best
    is promoted, then the best of the next rung, and so on, while other workers wait.

    Args:
        max_epochs: R, the epochs of the last rung.
        factor: eta: the best of so many trials is promoted, to so many times more epochs.
        min_epochs: The least epochs of the first rung.
        max_trials: How many trials the search may have, promotions included; `None` if that is not
            known. Oracles fill in their own.

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
    max_trials: int | None = None
    n_trials: ClassVar[None] = None

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_epochs(self.min_epochs, self.max_epochs, self.factor)
        if self.max_trials is not None:
            check_integer("max_trials", self.max_trials, 1)

    @cached_property
    def epochs(self) -> list[int]:
        """The epochs at the end of each rung."""
        return rung_epochs(self.max_epochs, self.factor, self.min_epochs)

    @property
    def description(self) -> str:
        """What a search keeps; when it is resumed it may have more trials."""
        return f"ASHA({self.max_epochs}, {self.factor}, {self.min_epochs})"

    def next(self, history: History, exhausted: bool = False) -> Action:
        """Returns what is to run next; see `Scheduler.next`."""
        new = Start(Run(0, 0, self.epochs[0]))
        if not self._is_closing(history):
            run = self._promotion(history)
            if run is not None:
                return Start(run)
            if not exhausted:
                return new
        if history.pending.any():
            return Wait()
        run = None if self._is_trained(history) else self._promotion(history, anyone=True)
        if run is not None:
            return Start(run)
        return Done() if exhausted else new

    def _promotion(self, history: History, anyone: bool = False) -> Run | None:
        """Returns who goes on, the highest rung first: of the best, or `anyone`, if one may."""
        for rung in reversed(range(len(self.epochs) - 1)):
            here = np.flatnonzero(history.rung == rung)
            above = np.flatnonzero(history.rung == rung + 1)
            ended = here[~history.pending[here]]
            most = len(ended) if anyone else len(ended) // self.factor
            best = ended[np.argsort(history.y[ended], kind="stable")[:most]]
            promotable = not_promoted(history, best, above)
            if len(promotable):
                return Run(0, rung + 1, self.epochs[rung + 1], int(promotable[0]))
        return None

    def _is_trained(self, history: History) -> bool:
        """Tells whether a trial of the last rung has ended with a score, or was pruned there."""
        top = history.rung == len(self.epochs) - 1
        return bool(filled(history, np.flatnonzero(top)).any())

    def _is_closing(self, history: History) -> bool:
        """Tells whether the trials left are just those that train one to the end, if none was.

        As many of them are expected to fail as have until now.
        """
        if self.max_trials is None or self._is_trained(history):
            return False
        scored = np.isfinite(history.y)
        missing = len(self.epochs) - 1 - int(history.rung[scored].max(initial=-1))
        failing = 1.0 - scored.sum() / (~history.pending).sum() if scored.any() else 0.0
        return self.max_trials - history.number <= math.ceil(missing / (1.0 - failing))

    def halvings(self, bracket: int) -> int:
        """Returns how often a trial is promoted at most."""
        return len(self.epochs) - 1

    def promotable(self, history: History, left: int | None = None) -> Mask:
        """Tells which trials may still be promoted; see `Scheduler.promotable`.

        A trial moves up if those that end after it are worse. So without a limit any trial may be
        promoted one day; with one, those that are among the best of a rung even if only worse ones
        come, each of which, as the promotion itself, is one of those left. While none was trained
        to the end, as many as are left may. Of several objectives the order of the trials changes,
        and any of them may.
        """
        mask: Mask = np.zeros(len(history), bool)
        ordered = left is not None and history.objectives.shape[1] == 1
        trained = self._is_trained(history)
        for rung in range(len(self.epochs) - 1 if left != 0 else 0):
            here = np.flatnonzero(history.rung == rung)
            above = np.flatnonzero(history.rung == rung + 1)
            most = (len(here) + (left or 0) - 1) // self.factor if ordered else None
            ended = here[~history.pending[here]]
            best = ended[np.argsort(history.y[ended], kind="stable")[:most]]
            mask[not_promoted(history, best, above)] = True
            if not trained:
                mask[not_promoted(history, ended, above)[: left if ordered else None]] = True
            mask[here[history.pending[here]]] = most != 0 or not trained
        return mask
