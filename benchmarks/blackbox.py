"""Black-box problems, the methods that search them, and the regret that is left.

A problem is a search space and a loss whose least value is known. A method turns a problem, a
number of evaluations and a seed into a curve: the loss, free of noise, of the configuration that
looked best after each evaluation.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kt_extensions.history import TrialTable
from kt_extensions.samplers import Random, Sampler
from kt_extensions.space import GeometricSteps, Interval, LinearSteps, LogIntegers, SearchSpace
from kt_extensions.space.domains import Array, Domain, Options

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
    """

    name: str
    space: SearchSpace
    loss: Callable[[Values], float]
    optimum: float = 0.0
    noise: float = 0.0

    def noises(self, evaluations: int, seed: int) -> Array:
        """Returns the noise of each evaluation, the same for all methods. Shape `(n,)`."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return self.noise * rng.standard_normal(evaluations)


def incumbent_curve(seen: Array, loss: Array) -> Array:
    """Returns after each evaluation the true loss of the best one seen. Shape `(n,)`."""
    best = np.minimum.accumulate(seen)
    first = np.maximum.accumulate(np.where(seen == best, np.arange(len(seen)), 0))
    return loss[first]


def sampler_method(sampler: Sampler) -> Method:
    """Returns the method that searches with one of this package's samplers."""

    def search(problem: Problem, evaluations: int, seed: int) -> Array:
        table, losses = TrialTable(problem.space, seed), np.empty(evaluations)
        seen = problem.noises(evaluations, seed)
        for number in range(evaluations):
            rng = np.random.default_rng([seed, number])
            proposal = sampler.suggest(table.history(), rng)
            losses[number] = problem.loss(problem.space.decode(proposal))
            seen[number] += losses[number]
            x = problem.space.snap(proposal[np.newaxis])[0]
            table.start(str(number), x, proposal)
            table.finish(str(number), x, float(seen[number]))
        return incumbent_curve(seen, losses)

    return search


def optuna_method(**settings: Any) -> Method:
    """Returns the method that searches with Optuna's TPE."""

    def search(problem: Problem, evaluations: int, seed: int) -> Array:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **settings))
        losses, seen = np.empty(evaluations), problem.noises(evaluations, seed)
        for number in range(evaluations):
            trial = study.ask()
            losses[number] = problem.loss(optuna_values(trial, problem.space))
            seen[number] += losses[number]
            study.tell(trial, float(seen[number]))
        return incumbent_curve(seen, losses)

    return search


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


def random_regret(problem: Problem, budgets: list[int], repeats: int = 100) -> Array:
    """Returns the median regret of random search after each number of evaluations."""
    return np.median(regrets(problem, sampler_method(Random()), budgets, range(repeats)), axis=0)


def regrets(problem: Problem, method: Method, budgets: list[int], seeds: range) -> Array:
    """Returns regrets: array of shape `(seeds, budgets)`."""
    curves = np.stack([method(problem, max(budgets), seed) for seed in seeds])
    return curves[:, np.array(budgets) - 1] - problem.optimum
