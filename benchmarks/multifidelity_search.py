"""Learning curves as problems, searches on one or several workers, and what they have found.

A trial of a problem may be trained for some epochs and later go on: only new epochs cost. Its loss
after some epochs is that of its best epoch until then, as KerasTuner scores trials. Every epoch
takes one unit of a worker's time.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from kt_extensions.fidelities import at_one_fidelity
from kt_extensions.history import TrialTable
from kt_extensions.samplers import Sampler, SpaceExhausted
from kt_extensions.schedulers import Done, Scheduler, Wait
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

Values = Mapping[str, Any]


@dataclass(frozen=True)
class CurveProblem:
    """Configurations whose loss falls as they are trained.

    Args:
        name: Its name.
        space: The search space.
        curve: Function from values by name to the losses seen after each epoch, shape `(epochs,)`.
        optimum: The least loss of a fully trained configuration.
        final: Function from values to the loss free of noise of the full training; `None` if it is
            the one that is seen.
    """

    name: str
    space: SearchSpace
    curve: Callable[[Values], Array]
    optimum: float
    final: Callable[[Values], float] | None = None
    _known: dict[frozenset[tuple[str, Any]], Array] = field(default_factory=dict, repr=False)

    def losses(self, values: Values) -> Array:
        """Returns for each number of epochs the loss of the best epoch until then.

        It is infinite once the training has diverged.
        """
        key = frozenset(values.items())
        if key not in self._known:
            seen = self.curve(values)
            failed = np.logical_or.accumulate(~np.isfinite(seen))
            self._known[key] = np.where(failed, np.inf, np.minimum.accumulate(seen))
        return self._known[key]

    def loss(self, values: Values, epochs: int) -> float:
        """Returns the loss after so many epochs, infinite if the training has diverged."""
        return float(self.losses(values)[epochs - 1])

    def full(self, values: Values) -> float:
        """Returns the loss of the full training, free of noise."""
        return self.final(values) if self.final is not None else float(self.losses(values)[-1])


@dataclass(frozen=True)
class Task:
    """A configuration to be trained from the end of epoch `start` to that of epoch `end`."""

    values: Values
    start: int
    end: int
    name: str = ""


class Searcher(Protocol):
    """What a search algorithm offers to `simulate`."""

    def ask(self) -> Task | None:
        """Returns what a free worker is to do, `None` if nothing for now or any longer."""

    def tell(self, task: Task, loss: float) -> None:
        """Takes the loss of a task that has ended; infinite if it failed."""


@dataclass(frozen=True)
class Trace:
    """What a search has found after each epoch used, all workers together. Shapes `(epochs,)`.

    Args:
        seen: The least loss seen at any number of epochs.
        full: The loss, fully trained, of the configuration that has it.
    """

    seen: Array
    full: Array


Method = Callable[[CurveProblem, int, int], Trace]
"""Function from a problem, the epochs that may be used and a seed to what was found."""


@dataclass
class Log:
    """The epochs that a search has trained, in the order in which they passed."""

    problem: CurveProblem
    _epochs: list[tuple[float, int, float, float]] = field(default_factory=list)

    def add(self, values: Values, start: int, end: int, time: float) -> None:
        """Adds the epochs from `start` to `end` of a configuration, begun at a time."""
        losses, full = self.problem.losses(values), self.problem.full(values)
        for epoch in range(start, end):
            moment = time + epoch + 1 - start
            self._epochs.append((moment, len(self._epochs), float(losses[epoch]), full))

    def __len__(self) -> int:
        return len(self._epochs)

    def trace(self, epochs: int) -> Trace:
        """Returns what was found; after the end of the search it stays what it was."""
        ordered = np.array(sorted(self._epochs)[:epochs])
        seen, full = ordered[:, 2], ordered[:, 3]
        best = np.minimum.accumulate(seen)
        first = np.searchsorted(-best, -best)  # when the best one was seen first
        missing = epochs - len(seen)
        return Trace(*[np.pad(part, (0, missing), mode="edge") for part in (best, full[first])])


def simulate(problem: CurveProblem, searcher: Searcher, epochs: int, workers: int = 1) -> Trace:
    """Runs a search until its epochs are used up or it has ended."""
    log, running = Log(problem), list[tuple[float, int, Task]]()
    now, number, used = 0.0, itertools.count(), 0
    while True:
        while len(running) < workers and used < epochs:
            task = searcher.ask()
            if task is None:
                break
            log.add(task.values, task.start, task.end, now)
            used += task.end - task.start
            heapq.heappush(running, (now + task.end - task.start, next(number), task))
        if not running:
            return log.trace(epochs)
        now, _, task = heapq.heappop(running)
        searcher.tell(task, problem.loss(task.values, task.end))


class ScheduledSearch:
    """A search with one of this package's schedulers and samplers, as their oracle runs them."""

    def __init__(
        self, problem: CurveProblem, scheduler: Scheduler, sampler: Sampler, seed: int
    ) -> None:
        self.scheduler, self.sampler, self.seed = scheduler, sampler, seed
        self.table = TrialTable(problem.space, seed)

    def ask(self) -> Task | None:
        try:
            return self._next(exhausted=False)
        except SpaceExhausted:
            return self._next(exhausted=True)

    def _next(self, exhausted: bool) -> Task | None:
        history, start = self.table.history(), 0
        action = self.scheduler.next(history, exhausted)
        if isinstance(action, Wait | Done):
            return None
        run = action.run
        if run.parent >= 0:
            x, proposal = history.X[run.parent], history.proposal[run.parent]
            start = int(history.budget[run.parent])
        else:
            aware = getattr(self.sampler, "multi_fidelity", False)
            rng = np.random.default_rng([self.seed, len(history)])
            proposal = self.sampler.suggest(history if aware else at_one_fidelity(history), rng)
            x = history.space.snap(proposal[np.newaxis])[0]
        name = str(len(history))
        self.table.start(name, x.copy(), proposal.copy(), run)
        return Task(history.space.decode(np.nan_to_num(x, nan=0.5)), start, run.epochs, name)

    def tell(self, task: Task, loss: float) -> None:
        x = self.table.history().X[self.table.row(task.name)].copy()
        self.table.finish(task.name, x, loss, fidelity=task.end)


class SequentialSearch:
    """A search written as a generator that yields tasks and is sent their losses."""

    def __init__(self, tasks: Generator[Task, float, None]) -> None:
        self.tasks: Generator[Task, float, None] = tasks
        self.next: Task | None = next(tasks)

    def ask(self) -> Task | None:
        task, self.next = self.next, None
        return task

    def tell(self, task: Task, loss: float) -> None:
        try:
            self.next = self.tasks.send(loss)
        except StopIteration:
            self.next = None


def scheduled_method(
    scheduler: Callable[[], Scheduler], sampler: Callable[[], Sampler], workers: int = 1
) -> Method:
    """Returns the method that searches with a scheduler and a sampler of this package."""

    def search(problem: CurveProblem, epochs: int, seed: int) -> Trace:
        return simulate(
            problem, ScheduledSearch(problem, scheduler(), sampler(), seed), epochs, workers
        )

    return search
