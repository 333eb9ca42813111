"""Nevergrad's searches."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.blackbox import Problem, Search, Values
from benchmarks.peers.conditions import children, options
from kt_extensions.space import Dimension, Interval, LinearSteps, LogIntegers, SearchSpace
from kt_extensions.space.domains import Domain


class NevergradSearch:
    """A search with an optimizer of Nevergrad's.

    Steps are integer `Scalar`s, options a `Choice` of `Dict`s that hold their conditional
    dimensions. The running ones are candidates that were asked and not told yet.
    """

    def __init__(self, problem: Problem, optimizer: Callable[..., Any], seed: int) -> None:
        self._space = problem.space
        roots = [d for d in problem.space.dimensions if not d.conditional]
        parameters = _nevergrad_parameters(roots, problem.space)
        parameters.random_state = np.random.RandomState(seed)
        self._optimizer = optimizer(parametrization=parameters)
        self._running: dict[int, Any] = {}

    def ask(self, number: int) -> Values:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            candidate = self._running[number] = self._optimizer.ask()
        flat = _flat(candidate.value)
        return {
            d.name: _from_nevergrad(d.domain, flat[d.name])
            for d in self._space.dimensions
            if d.name in flat
        }

    def tell(self, number: int, loss: float) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._optimizer.tell(self._running.pop(number), loss)


def _nevergrad_parameters(dimensions: list[Dimension], space: SearchSpace) -> Any:
    import nevergrad as ng

    return ng.p.Dict(**{d.name: _nevergrad_parameter(d, space) for d in dimensions})


def _nevergrad_parameter(dimension: Dimension, space: SearchSpace) -> Any:
    import nevergrad as ng

    domain = dimension.domain
    if isinstance(domain, Interval):
        kind = ng.p.Log if domain.scale == "log" else ng.p.Scalar
        return kind(lower=domain.low, upper=domain.high)
    if isinstance(domain, LogIntegers):
        return ng.p.Log(lower=domain.low, upper=domain.high).set_integer_casting()
    if isinstance(domain, LinearSteps):
        return ng.p.Scalar(lower=0, upper=domain.size - 1).set_integer_casting()
    branches = [children(dimension, option, space) for option in options(domain)]
    if not any(branches):
        return ng.p.Choice(list(range(len(branches))))
    return ng.p.Choice(
        [ng.p.Dict(option=i, inner=_nevergrad_parameters(b, space)) for i, b in enumerate(branches)]
    )


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {name: value["option"], **_flat(value["inner"])}
        else:
            flat[name] = value
    return flat


def _from_nevergrad(domain: Domain, value: Any) -> Any:
    if isinstance(domain, Interval):
        return float(min(max(value, domain.low), domain.high))
    if isinstance(domain, LogIntegers):
        return int(value)
    return domain.at(int(value))  # type: ignore[attr-defined]


def start_pso(problem: Problem, evaluations: int, seed: int, workers: int) -> Search:
    """Nevergrad's PSO with a swarm of 12 in real space.

    At these budgets it is far better so than with its own 40, or with the arctan transform of the
    registered "PSO", which was no better than random search on the tuning problems.
    """
    import nevergrad as ng

    swarm = ng.optimizers.ConfPSO(popsize=12)
    return NevergradSearch(problem, lambda **p: swarm(num_workers=workers, **p), seed)


def start_ngopt(problem: Problem, evaluations: int, seed: int, workers: int) -> Search:
    """Nevergrad's NGOpt, which picks its algorithm by the space, the budget and the workers."""
    import nevergrad as ng

    def make(**settings: Any) -> Any:
        return ng.optimizers.NGOpt(budget=evaluations, num_workers=workers, **settings)

    return NevergradSearch(problem, make, seed)
