"""What schedulers must keep."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest

from kt_extensions.history import History, Run, TrialTable
from kt_extensions.schedulers.base import Done, Scheduler, Start
from kt_extensions.space import Dimension, Interval, SearchSpace

_SPACE = SearchSpace([Dimension("x", Interval(0.0, 1.0))])


class SchedulerContract:
    """Tests of a scheduler that promotes trials. A subclass says which one.

    Each is a search on several workers, whose trials end in any order, some without a score.

    Example:

    ```python
    class TestMyScheduler(SchedulerContract):
        def make_scheduler(self):
            return MyScheduler(max_epochs=9)
    ```
    """

    max_epochs = 9
    """The most epochs that the scheduler trains a trial; a subclass may set others."""
    max_trials = 120
    """After how many trials the searches end. Enough to train one to the end."""

    def make_scheduler(self) -> Scheduler:
        """Returns a new scheduler, always of the same settings."""
        raise NotImplementedError(
            f"Expected {type(self).__name__} to define make_scheduler(self), which returns the "
            "scheduler to test."
        )

    @pytest.fixture
    def scheduler(self) -> Scheduler:
        """The scheduler to test."""
        return self.make_scheduler()

    @pytest.mark.parametrize("workers", [1, 4, 50])
    @pytest.mark.parametrize("configurations", [1, 2, 8, 40, 10**6])
    def test_trains_some_to_the_end(
        self, scheduler: Scheduler, configurations: int, workers: int
    ) -> None:
        """However few configurations there are; then it says that the search is done."""
        history = self._search(scheduler, workers, configurations)
        assert history.budget[history.completed].max() == self.max_epochs

    @pytest.mark.parametrize("lost", ["failed", "pruned"])
    @pytest.mark.parametrize("configurations", [40, 10**6])
    def test_trials_that_are_lost_starve_none(
        self, scheduler: Scheduler, configurations: int, lost: str
    ) -> None:
        """Every third trial is: none goes on from it, and others reach the end."""
        history = self._search(scheduler, 4, configurations, **{lost: 3})
        assert history.completed[history.parent[history.parent >= 0]].all()
        assert history.budget[history.completed].max() == self.max_epochs

    def test_ends_if_all_fail(self, scheduler: Scheduler) -> None:
        """With no promotion."""
        history = self._search(scheduler, 4, 40, failed=1)
        assert len(history) <= 40
        assert (history.parent < 0).all()

    def _search(
        self,
        scheduler: Scheduler,
        workers: int,
        configurations: int,
        failed: int = 10**9,
        pruned: int = 10**9,
    ) -> History:
        """Returns the trials of a search, each start checked."""
        table, rng, over = TrialTable(_SPACE, seed=0), random.Random(workers), set[int]()
        running: list[int] = []
        new = copy.deepcopy(scheduler)
        while True:
            history = table.history().pruned_as_failed()
            exhausted = int((history.parent < 0).sum()) >= configurations
            left = self.max_trials - len(table)
            action = scheduler.next(history, exhausted)
            resumed = copy.deepcopy(new).next(history, exhausted)
            assert resumed == action, f"Expected {action}, as without a stop. Received: {resumed}."
            over |= {*np.flatnonzero(~scheduler.promotable(history, left)).tolist()}
            if left and len(running) < workers and isinstance(action, Start):
                assert action.run is not None
                _check(action.run, history, exhausted, over)
                x = np.array([len(table) * 0.618 % 1])
                table.start(str(len(table)), x, x, action.run)
                running.append(len(table) - 1)
                continue
            if not running:
                assert not left or isinstance(action, Done), "Expected it to wait for a trial only."
                return table.history()
            number = running.pop(rng.randrange(len(running)))
            y = np.inf if number % failed == failed - 1 else number * 0.382 % 1
            x, cut = table.history().X[number].copy(), number % pruned == pruned - 1
            table.finish(str(number), x, y, int(history.budget[number]), cut)


def _check(run: Run, history: History, exhausted: bool, over: set[int]) -> None:
    assert json.loads(json.dumps(vars(run))) == vars(run), f"Expected plain integers: {run}."
    if run.parent < 0:
        assert not exhausted, f"Expected no new configuration, for there is none. Received: {run}."
        return
    assert np.isfinite(history.y[run.parent]), f"Expected to go on from a trial with a score: {run}"
    assert run.parent not in history.parent, f"Expected to go on from each trial once: {run}."
    assert run.parent not in over, f"Expected promotable() to be true of the parent of {run}."
    assert run.epochs > history.budget[run.parent], f"Expected more epochs than before: {run}."
