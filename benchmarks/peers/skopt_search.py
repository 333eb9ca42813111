"""scikit-optimize's search."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.blackbox import Problem, Values
from benchmarks.peers.conditions import options
from kt_extensions.space import Interval, LinearSteps, LogIntegers
from kt_extensions.space.domains import Domain


class SkoptSearch:
    """scikit-optimize's Gaussian process with the expected improvement.

    It is made anew for each proposal, since its own `ask` returns the same point until it is told:
    running evaluations are told to it with a lie, the least loss so far ("cl_min"). Conditions are
    not known to it: inactive dimensions are searched as well, and are left out of the values.
    """

    def __init__(self, problem: Problem, evaluations: int, seed: int, workers: int) -> None:
        self._space, self._seed = problem.space, seed
        self._points: list[list[Any]] = []
        self._losses: list[float | None] = []

    def ask(self, number: int) -> Values:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            point = self._optimizer(number).ask()
        self._points.append(point)
        self._losses.append(None)
        values: dict[str, Any] = {}
        for dimension, value in zip(self._space.dimensions, point, strict=True):
            if dimension.is_active(values):
                values[dimension.name] = _from_skopt(dimension.domain, value)
        return values

    def tell(self, number: int, loss: float) -> None:
        self._losses[number] = loss

    def _optimizer(self, number: int) -> Any:
        from skopt import Optimizer

        optimizer = Optimizer(
            [_skopt_dimension(d.domain) for d in self._space.dimensions],
            base_estimator="GP",
            acq_func="EI",
            acq_optimizer="auto",
            model_queue_size=1,
            random_state=self._seed * 1000 + number,
        )
        known = [loss for loss in self._losses if loss is not None]
        if known:
            lie = min(known)
            told = [lie if loss is None else loss for loss in self._losses]
            optimizer.tell(self._points, told)
        return optimizer


def _skopt_dimension(domain: Domain) -> Any:
    from skopt.space import Categorical, Integer, Real

    if isinstance(domain, Interval):
        prior = "log-uniform" if domain.scale == "log" else "uniform"
        return Real(domain.low, domain.high, prior=prior)
    if isinstance(domain, LogIntegers):
        return Integer(domain.low, domain.high, prior="log-uniform")
    if isinstance(domain, LinearSteps):
        return Integer(0, domain.size - 1)
    return Categorical(options(domain))


def _from_skopt(domain: Domain, value: Any) -> Any:
    if isinstance(domain, Interval):
        return float(value)
    if isinstance(domain, LogIntegers):
        return int(value)
    return domain.at(int(value)) if isinstance(domain, LinearSteps) else value
