"""Hyperband and successive halving: the best of a rung are promoted once all of it have ended.

Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 2018;
Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
AISTATS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kt_extensions.checking import check_integer
from kt_extensions.history import History, Mask, Numbers, Run
from kt_extensions.schedulers import brackets
from kt_extensions.schedulers.base import Action, Done, Start, Wait, check_epochs
from kt_extensions.schedulers.brackets import Bracket


@dataclass(frozen=True)
class Hyperband:
    """Begins with many configurations for few epochs, or with few for many: bracket by bracket.

    When all trials of a rung have ended, the best of them go on in the next. Failed trials rank
    last. A promoted trial that fails is replaced by the next best, so that failures never leave a
    bracket without a trial that reaches the top. One that is pruned is not: it keeps its place, and
    goes on no further. A worker that finds nothing to run in the brackets that were begun begins
    the next one.

    Args:
        max_epochs: R, the most epochs that a trial is trained. A little more than the largest
            model needs.
        factor: eta: one of so many trials is promoted, to so many times more epochs.
        min_epochs: The least epochs that a trial is trained.
        iterations: How often all brackets are run; `None` for no limit.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> from kt_extensions.history import TrialTable
    >>> from kt_extensions.space import SearchSpace
    >>> history = TrialTable(SearchSpace([]), seed=0).history()
    >>> Hyperband(max_epochs=9).next(history)
    Start(run=Run(bracket=0, rung=0, epochs=1, parent=-1))
    """

    max_epochs: int = 100
    factor: int = 3
    min_epochs: int = 1
    iterations: int | None = 1

    def __post_init__(self) -> None:
        """Checks the arguments."""
        check_epochs(self.min_epochs, self.max_epochs, self.factor)
        if self.iterations is not None:
            check_integer("iterations", self.iterations, 1)

    @cached_property
    def brackets(self) -> list[Bracket]:
        """The brackets of one iteration, in the order in which they are begun."""
        return brackets.hyperband(self.max_epochs, self.factor, self.min_epochs)

    @property
    def description(self) -> str:
        """What a search keeps; when it is resumed it may have more iterations."""
        return f"{type(self).__name__}({self.max_epochs}, {self.factor}, {self.min_epochs})"

    @property
    def n_trials(self) -> int | None:
        """How many trials there are, promotions included, if none fails; `None` for no limit."""
        if self.iterations is None:
            return None
        return self.iterations * sum(rung.size for bracket in self.brackets for rung in bracket)

    def next(self, history: History, exhausted: bool = False) -> Action:
        """Returns what is to run next; see `Scheduler.next`."""
        begun = int(history.bracket.max(initial=-1)) + 1
        for number in self._unfinished(history):
            run = _next_run(history, number, self._bracket(number), exhausted)
            if run is not None:
                return Start(run)
        all_begun = self.iterations is not None and begun >= self.iterations * len(self.brackets)
        if not (exhausted or all_begun):
            return Start(Run(begun, 0, self._bracket(begun)[0].epochs))
        return Wait() if history.pending.any() else Done()

    def halvings(self, bracket: int) -> int:
        """Returns s, how often trials are promoted in the bracket with this number, at most."""
        return len(self._bracket(bracket)) - 1

    def promotable(self, history: History, left: int | None = None) -> Mask:
        """Tells which trials may still be promoted; see `Scheduler.promotable`.

        Those of a rung may until as many as are wanted have a score in the next or were pruned
        there: one of them replaces a promoted trial that fails.
        """
        mask: Mask = np.zeros(len(history), bool)
        for number in self._unfinished(history) if left != 0 else ():
            mask[_promotable(history, number, self._bracket(number))] = True
        return mask

    def _unfinished(self, history: History) -> list[int]:
        """Returns the numbers of the brackets that were begun and whose last rung is not full."""
        numbers = np.arange(history.bracket.max(initial=-1) + 1)
        kinds = len(self.brackets)
        last = np.array([len(bracket) - 1 for bracket in self.brackets])
        sizes = np.array([bracket[-1].size for bracket in self.brackets])
        rows = np.flatnonzero(history.rung == last[history.bracket % kinds])
        ended = history.bracket[rows[filled(history, rows)]]
        counts = np.bincount(ended, minlength=len(numbers))
        unfinished: list[int] = numbers[counts < sizes[numbers % kinds]].tolist()
        return unfinished

    def _bracket(self, number: int) -> Bracket:
        return self.brackets[number % len(self.brackets)]


@dataclass(frozen=True)
class SuccessiveHalving(Hyperband):
    """Runs one bracket: the most configurations, for the fewest epochs at first.

    Args:
        max_epochs: R, the epochs of the last rung.
        factor: eta: one of so many trials is promoted, to so many times more epochs.
        min_epochs: The least epochs that a trial is trained.
        iterations: How often the bracket is run; `None` for no limit.
        n: How many configurations a bracket begins with. Defaults to as many as leave one for the
            last rung.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> [(rung.size, rung.epochs) for rung in SuccessiveHalving(max_epochs=9, n=6).brackets[0]]
    [(6, 1), (2, 3), (1, 9)]
    """

    n: int | None = None

    def __post_init__(self) -> None:
        """Checks the arguments."""
        super().__post_init__()
        if self.n is not None:
            check_integer("n", self.n, 1)

    @property
    def description(self) -> str:
        """What a search keeps; when it is resumed it may have more iterations."""
        return f"{super().description} of {self.brackets[0][0].size}"

    @cached_property
    def brackets(self) -> list[Bracket]:
        """The one bracket."""
        epochs = brackets.rung_epochs(self.max_epochs, self.factor, self.min_epochs)
        n = self.factor ** (len(epochs) - 1) if self.n is None else self.n
        return [brackets.successive_halving(n, epochs, self.factor)]


def _next_run(history: History, number: int, bracket: Bracket, exhausted: bool) -> Run | None:
    """Returns what is to run next in a bracket, `None` if nothing is for now."""
    members = _members(history, number, bracket)
    if len(members[0]) < bracket[0].size and not exhausted:
        return Run(number, 0, bracket[0].epochs)
    for rung in range(1, len(bracket)):
        if history.pending[members[rung - 1]].any():
            return None
        here = members[rung]
        taken = filled(history, here) | history.pending[here]
        candidates = not_promoted(history, members[rung - 1], here)
        if taken.sum() < _wanted(bracket, rung, len(members[0])) and len(candidates):
            return Run(number, rung, bracket[rung].epochs, int(candidates[0]))
    return None


def _promotable(history: History, number: int, bracket: Bracket) -> Numbers:
    """Returns the trials of a bracket that may still be promoted, running ones included."""
    members = _members(history, number, bracket)
    found = []
    for rung in range(1, len(bracket)):
        if filled(history, members[rung]).sum() < _wanted(bracket, rung, len(members[0])):
            below = members[rung - 1]
            found += [not_promoted(history, below, members[rung]), below[history.pending[below]]]
    return np.concatenate([*found, np.zeros(0, int)])


def _members(history: History, number: int, bracket: Bracket) -> list[Numbers]:
    """Returns the trials of each rung of a bracket."""
    rows = np.flatnonzero(history.bracket == number)
    return [rows[history.rung[rows] == rung] for rung in range(len(bracket))]


def _wanted(bracket: Bracket, rung: int, begun: int) -> int:
    """Returns how many are to fill a rung of a bracket with which so many have begun."""
    return max(bracket[rung].size * begun // bracket[0].size, 1)


def filled(history: History, rows: Numbers) -> Mask:
    """Tells which of some trials need no other in their place: they have a score, or were pruned.

    Args:
        history: The trials so far.
        rows: The numbers of the trials.
    """
    mask: Mask = np.isfinite(history.y[rows]) | history.pruned[rows]
    return mask


def not_promoted(history: History, rung: Numbers, above: Numbers) -> Numbers:
    """Returns the trials of a rung that have succeeded and go on in none above, the best first.

    Args:
        history: The trials so far.
        rung: Numbers of the trials of the rung.
        above: Numbers of the trials of the next.
    """
    left = rung[np.isfinite(history.y[rung]) & ~np.isin(rung, history.parent[above])]
    best_first: Numbers = left[np.argsort(history.y[left], kind="stable")]
    return best_first
