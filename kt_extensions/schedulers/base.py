"""What a scheduler is: it says which trial runs next, and for how many epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kt_extensions.checking import check_integer
from kt_extensions.history import History, Mask, Run


@dataclass(frozen=True)
class Start:
    """A trial is to run: with a new configuration, or, if `run` has a parent, with its own.

    Args:
        run: What the trial is in the schedule; `None` where it trains as long as the program says.

    Example:

    >>> Start(Run(bracket=0, rung=1, epochs=9, parent=4)).run.parent
    4
    """

    run: Run | None = None


@dataclass(frozen=True)
class Wait:
    """Nothing can run until one of the running trials has ended."""


@dataclass(frozen=True)
class Done:
    """Nothing is left to run."""


Action = Start | Wait | Done


class Scheduler(Protocol):
    """Shares out the epochs of a search: a pure function from the trials so far to what is next.

    A scheduler keeps nothing between calls, so a search that is stopped anywhere and resumed goes
    on as it would have without the stop, and any number of workers may ask.

    Example: see `AllAlike`, the simplest one, and `kt_extensions.schedulers.ASHA`.
    """

    @property
    def description(self) -> str | None:
        """What a search must keep when it is resumed; `None` if it may change."""

    @property
    def n_trials(self) -> int | None:
        """How many trials there are to be, promotions included; `None` if there is no limit."""

    def next(self, history: History, exhausted: bool = False) -> Action:
        """Returns what is to run next.

        Args:
            history: The trials so far. Pruned ones have the score of failed ones.
            exhausted: Whether there are no new configurations to start with.
        """

    def halvings(self, bracket: int) -> int:
        """Returns how often trials are promoted in the bracket with this number, at most."""

    def promotable(self, history: History, left: int | None = None) -> Mask:
        """Tells which trials may still be promoted, whatever is going to happen.

        Args:
            history: The trials so far, as in `next`.
            left: How many trials may still begin, promotions included; `None` for no limit.

        Returns:
            Array `(n,)`. What is false once stays so while `left` does not grow.
        """


class AllAlike:
    """No schedule: one trial after the other, each trained as long as the program says.

    Example:

    >>> from kt_extensions.history import TrialTable
    >>> from kt_extensions.space import SearchSpace
    >>> AllAlike().next(TrialTable(SearchSpace([]), seed=0).history())
    Start(run=None)
    """

    description = None
    n_trials = None

    def next(self, history: History, exhausted: bool = False) -> Action:
        """Returns what is to run next; see `Scheduler.next`."""
        return Done() if exhausted else Start()

    def halvings(self, bracket: int) -> int:
        """Returns 0: no trial is promoted."""
        return 0

    def promotable(self, history: History, left: int | None = None) -> Mask:
        """Tells which trials may still be promoted: none."""
        return np.zeros(len(history), bool)


def check_epochs(min_epochs: int, max_epochs: int, factor: int) -> None:
    """Checks the arguments that schedulers have in common.

    Raises:
        ValueError: If one of them is out of its range.
    """
    check_integer("min_epochs", min_epochs, 1)
    check_integer("max_epochs", max_epochs, min_epochs)
    check_integer("factor", factor, 2)
