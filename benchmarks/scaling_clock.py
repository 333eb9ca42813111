"""A simulated clock for trainings of unequal speed, and what the workers did by it.

Epochs last log-normally long: each configuration has a speed of its own, the same in every search,
and its epochs vary a little. A search runs until its workers, all together, have trained as many
epochs as it may use; trainings that go on then are cut there.
"""

from __future__ import annotations

import heapq
import itertools
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.multifidelity_search import CurveProblem, Searcher, Task, Values
from kt_extensions.space.domains import Array

_SPREAD = 0.6  # deviation of the logarithm of a configuration's speed: half to twice the usual
_JITTER = 0.2  # that of its epochs


def epoch_times(problem: CurveProblem, values: Values, epochs: int, seed: int) -> Array:
    """Returns how long each epoch of a configuration lasts, 1 in the mean. Shape `(epochs,)`."""
    key = problem.space.key(problem.space.encode(values))
    rng = np.random.default_rng([seed, zlib.crc32(key)])
    speed = rng.lognormal(-(_SPREAD**2) / 2, _SPREAD)
    jitter: Array = rng.lognormal(-(_JITTER**2) / 2, _JITTER, epochs)
    return speed * jitter


@dataclass(frozen=True)
class Stretch:
    """Epochs of a training that a worker ran without a break.

    Args:
        start: When it began.
        ends: When each of its epochs ended. Shape `(epochs,)`.
        losses: The loss of the training's best epoch until then. Shape `(epochs,)`.
        is_new: Whether it is a configuration that was never begun before in this search.
        goes_on: Whether the training was begun in an earlier stretch.
    """

    start: float
    ends: Array
    losses: Array
    is_new: bool = True
    goes_on: bool = False


@dataclass(frozen=True)
class Timeline:
    """What the workers of a search did until its epochs were used up.

    Args:
        stretches: What they ran.
        workers: How many there were.
        budget: The number of epochs that could be used.
    """

    stretches: list[Stretch]
    workers: int
    budget: int

    @cached_property
    def end(self) -> float:
        """When the epochs were used up, or the last one had ended."""
        moments = np.sort(np.concatenate([stretch.ends for stretch in self.stretches]))
        return float(moments[: self.budget][-1])

    @property
    def utilisation(self) -> float:
        """The share of the workers' time until the end in which they trained."""
        spans = [min(s.ends[-1], self.end) - s.start for s in self.stretches if s.start < self.end]
        return float(sum(spans)) / (self.workers * self.end)

    @property
    def trials(self) -> int:
        """How many trials had ended, promotions counted."""
        return sum(bool(stretch.ends[-1] <= self.end) for stretch in self.stretches)

    @property
    def loss(self) -> float:
        """The least loss seen."""
        seen = [stretch.losses[stretch.ends <= self.end] for stretch in self.stretches]
        return float(np.min(np.concatenate(seen)))

    @property
    def repeated(self) -> int:
        """How often a configuration was begun that had been begun before."""
        begun = [s for s in self.stretches if s.start < self.end and not s.goes_on]
        return sum(not stretch.is_new for stretch in begun)


class Clock:
    """Runs a search on workers, each of which asks as soon as it is free.

    One that is told to wait asks again whenever another trial has ended.

    Args:
        problem: What is trained.
        searcher: The search.
        workers: How many trainings run at once.
        seed: Of the durations.
    """

    def __init__(self, problem: CurveProblem, searcher: Searcher, workers: int, seed: int) -> None:
        self._problem, self._searcher, self._workers, self._seed = problem, searcher, workers, seed
        self._running: list[tuple[float, int, Task]] = []
        self._moments: list[float] = []  # of epochs to come
        self._stretches: list[Stretch] = []
        self._begun: set[bytes] = set()
        self._numbers = itertools.count()

    def run(self, budget: int) -> Timeline:
        """Runs until so many epochs have passed, or the search has ended."""
        self._begin(0.0)
        passed = 0
        while self._running:
            now, _, task = heapq.heappop(self._running)
            while self._moments and self._moments[0] <= now:
                heapq.heappop(self._moments)
                passed += 1
            if passed >= budget:
                break
            self._searcher.tell(task, self._problem.loss(task.values, task.end))
            self._begin(now)
        return Timeline(self._stretches, self._workers, budget)

    def _begin(self, now: float) -> None:
        """Gives work to the free workers, as long as there is some."""
        while len(self._running) < self._workers:
            task = self._searcher.ask()
            if task is None:
                return
            stretch = self._stretch(task, now)
            self._stretches.append(stretch)
            for moment in stretch.ends.tolist():
                heapq.heappush(self._moments, moment)
            heapq.heappush(self._running, (float(stretch.ends[-1]), next(self._numbers), task))

    def _stretch(self, task: Task, now: float) -> Stretch:
        lasting = epoch_times(self._problem, task.values, task.end, self._seed)[task.start :]
        losses = self._problem.losses(task.values)[task.start : task.end]
        key = self._problem.space.key(self._problem.space.encode(task.values))
        is_new = key not in self._begun
        self._begun.add(key)
        return Stretch(now, now + np.cumsum(lasting), losses, is_new, task.start > 0)
