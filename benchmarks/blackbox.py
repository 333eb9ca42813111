"""Black-box problems, the searches that solve them, and the regret that is left.

A problem is a search space and a loss whose least value is known. A search is asked for
configurations and told their losses. `run` lets it search on one or several workers and returns a
curve: the loss, free of noise, of the configuration that looked best after each evaluation.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from benchmarks.parallel import durations, schedule
from kt_extensions.history import TrialTable
from kt_extensions.samplers import Random, Sampler
from kt_extensions.space import (
    Dimension,
    GeometricSteps,
    Interval,
    LinearSteps,
    LogIntegers,
    Options,
    SearchSpace,
)
from kt_extensions.space.domains import Array, Domain

Values = Mapping[str, Any]
Method = Callable[["Problem", int, int], Array]


@dataclass(frozen=True)
class Problem:
    """A function to be minimized.

    Args:
        name: Its name.
        space: The search space.
        loss: Function from values by name to the loss.
        optimum: The least loss.
        noise: Deviation of the normal noise that is added to every loss seen by the method.
        best: Values that have the least loss, if they are known.
    """

    name: str
    space: SearchSpace
    loss: Callable[[Values], float]
    optimum: float = 0.0
    noise: float = 0.0
    best: Values = field(default_factory=dict)

    def noises(self, evaluations: int, seed: int) -> Array:
        """Returns the noise of each evaluation, the same for all methods. Shape `(n,)`."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return self.noise * rng.standard_normal(evaluations)


def cube(d: int, low: float, high: float, scale: str = "linear") -> SearchSpace:
    """Returns a space of `d` intervals alike, `x0`, `x1`, ..."""
    return SearchSpace([Dimension(f"x{i}", Interval(low, high, scale)) for i in range(d)])


def vector(values: Values, d: int) -> Array:
    """Returns the values in such a space as an array `(d,)`."""
    return np.array([values[f"x{i}"] for i in range(d)])


class Search(Protocol):
    """A search by ask and tell: several evaluations may be running at the same time."""

    def ask(self, number: int) -> Values:
        """Returns the values, by name, that evaluation `number` is to try."""

    def tell(self, number: int, loss: float) -> None:
        """Takes the loss of evaluation `number`."""


Start = Callable[[Problem, int, int, int], Search]
"""Function from a problem, a number of evaluations, a seed and a number of workers to a search."""


@dataclass(frozen=True)
class Run:
    """What a search did, in the order in which its evaluations finished.

    Args:
        loss: The losses, free of noise. Shape `(n,)`.
        seen: The losses that the search was told. Shape `(n,)`.
        number: The numbers of the evaluations, in the order of their start. Shape `(n,)`.
        seconds: CPU time that the search itself took, evaluations left out.
    """

    loss: Array
    seen: Array
    number: Array
    seconds: float

    def curve(self) -> Array:
        """Returns after each evaluation the true loss of the best one seen. Shape `(n,)`."""
        return incumbent_curve(self.seen, self.loss)


def run(start: Start, problem: Problem, evaluations: int, seed: int, workers: int = 1) -> Run:
    """Lets a search solve a problem on a simulated clock.

    Args:
        start: What makes the search.
        problem: The problem.
        evaluations: How many evaluations there are.
        seed: The seed of the search, of the noise and of the durations.
        workers: How many evaluations run at the same time.
    """
    losses, seen = np.empty(evaluations), problem.noises(evaluations, seed)
    order: list[int] = []
    clock = time.process_time()
    search = start(problem, evaluations, seed, workers)
    seconds = time.process_time() - clock
    for event, number in schedule(durations(problem.name, seed, evaluations), workers):
        clock = time.process_time()
        if event == "finish":
            order.append(number)
            search.tell(number, float(seen[number]))
            seconds += time.process_time() - clock
            continue
        values = search.ask(number)
        seconds += time.process_time() - clock
        losses[number] = problem.loss(values)
        seen[number] += losses[number]
    return Run(losses[order], seen[order], np.array(order), seconds)


def incumbent_curve(seen: Array, loss: Array) -> Array:
    """Returns after each evaluation the true loss of the best one seen. Shape `(n,)`."""
    best = np.minimum.accumulate(seen)
    first = np.maximum.accumulate(np.where(seen == best, np.arange(len(seen)), 0))
    return loss[first]


class SamplerSearch:
    """A search with one of this package's samplers: running trials are pending in its table."""

    def __init__(self, sampler: Sampler, problem: Problem, seed: int) -> None:
        self._sampler, self._seed = sampler, seed
        self._table = TrialTable(problem.space, seed)
        self._running: dict[int, Array] = {}

    def ask(self, number: int) -> Values:
        rng = np.random.default_rng([self._seed, number])
        proposal = self._sampler.suggest(self._table.history(), rng)
        x = self._table.space.snap(proposal[np.newaxis])[0]
        self._table.start(str(number), x, proposal)
        self._running[number] = x
        return self._table.space.decode(proposal)

    def tell(self, number: int, loss: float) -> None:
        self._table.finish(str(number), self._running.pop(number), loss)


class OptunaSearch:
    """A search with a sampler of Optuna's, which sees the running trials in its study."""

    def __init__(self, sampler: Any, problem: Problem) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=sampler)
        self._space = problem.space
        self._running: dict[int, Any] = {}

    def ask(self, number: int) -> Values:
        self._running[number] = self._study.ask()
        return optuna_values(self._running[number], self._space)

    def tell(self, number: int, loss: float) -> None:
        self._study.tell(self._running.pop(number), loss)


def start_sampler(make: Callable[[], Sampler]) -> Start:
    """Returns what starts a search with one of this package's samplers."""
    return lambda problem, evaluations, seed, workers: SamplerSearch(make(), problem, seed)


def start_optuna(**settings: Any) -> Start:
    """Returns what starts a search with Optuna's TPE."""

    def start(problem: Problem, evaluations: int, seed: int, workers: int) -> Search:
        from optuna.samplers import TPESampler

        return OptunaSearch(TPESampler(seed=seed, **settings), problem)

    return start


def method(start: Start) -> Method:
    """Returns the curve of a search on one worker as a function of problem, size and seed."""
    return lambda problem, evaluations, seed: run(start, problem, evaluations, seed).curve()


def sampler_method(sampler: Sampler) -> Method:
    """Returns the method that searches with one of this package's samplers."""
    return method(start_sampler(lambda: sampler))


def optuna_method(**settings: Any) -> Method:
    """Returns the method that searches with Optuna's TPE."""
    return method(start_optuna(**settings))


def optuna_values(trial: Any, space: SearchSpace) -> dict[str, Any]:
    """Asks an Optuna trial for the values of the active dimensions."""
    values: dict[str, Any] = {}
    for dimension in space.dimensions:
        if dimension.is_active(values):
            values[dimension.name] = _optuna_value(trial, dimension.name, dimension.domain)
    return values


def _optuna_value(trial: Any, name: str, domain: Domain) -> Any:
    if isinstance(domain, Interval):
        return trial.suggest_float(name, domain.low, domain.high, log=domain.scale == "log")
    if isinstance(domain, LinearSteps):
        suggest = trial.suggest_int if isinstance(domain.low, int) else trial.suggest_float
        return suggest(name, domain.low, domain.high, step=domain.step)
    if isinstance(domain, LogIntegers):
        return trial.suggest_int(name, domain.low, domain.high, log=True)
    assert isinstance(domain, Options | GeometricSteps)
    return trial.suggest_categorical(name, [domain.at(i) for i in range(domain.size)])


def random_regret(problem: Problem, budgets: list[int]) -> Array:
    """Returns the median regret of random search after each number of evaluations."""
    return np.median(regrets(problem, sampler_method(Random()), budgets, range(100)), axis=0)


def regrets(problem: Problem, method: Method, budgets: list[int], seeds: range) -> Array:
    """Returns regrets: array of shape `(seeds, budgets)`."""
    curves = np.stack([method(problem, max(budgets), seed) for seed in seeds])
    return curves[:, np.array(budgets) - 1] - problem.optimum
