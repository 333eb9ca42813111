"""HyperOpt's searches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.blackbox import Problem, Values
from benchmarks.peers.conditions import children, options
from kt_extensions.space import Dimension, Interval, LinearSteps, LogIntegers, SearchSpace
from kt_extensions.space.domains import Domain


class HyperoptSearch:
    """HyperOpt's TPE. Running trials are in its table as such: it counts them as infinitely bad.

    Steps are integers from `hp.quniform`, options `hp.choice` around their conditional dimensions.
    """

    def __init__(self, problem: Problem, evaluations: int, seed: int, workers: int) -> None:
        import hyperopt

        self._space = problem.space
        self._rng = np.random.default_rng(seed)
        self._domain = hyperopt.Domain(lambda _: 0.0, _hyperopt_space(problem.space))
        self._trials = hyperopt.Trials()

    def ask(self, number: int) -> Values:
        import hyperopt

        ids = self._trials.new_trial_ids(1)
        seed = int(self._rng.integers(2**31 - 1))
        [document] = hyperopt.tpe.suggest(ids, self._domain, self._trials, seed)
        self._trials.insert_trial_docs([document])
        self._trials.refresh()
        self._document(number)["state"] = hyperopt.JOB_STATE_RUNNING
        drawn = {name: found[0] for name, found in document["misc"]["vals"].items() if found}
        return {
            d.name: _from_hyperopt(d.domain, drawn[d.name])
            for d in self._space.dimensions
            if d.name in drawn
        }

    def tell(self, number: int, loss: float) -> None:
        import hyperopt

        document = self._document(number)
        document["result"] = {"loss": loss, "status": hyperopt.STATUS_OK}
        document["state"] = hyperopt.JOB_STATE_DONE
        self._trials.refresh()

    def _document(self, number: int) -> Any:
        return self._trials._dynamic_trials[number]


def _hyperopt_space(space: SearchSpace) -> dict[str, Any]:
    roots = [dimension for dimension in space.dimensions if not dimension.conditional]
    return {dimension.name: _hyperopt_node(dimension, space) for dimension in roots}


def _hyperopt_node(dimension: Dimension, space: SearchSpace) -> Any:
    from hyperopt import hp

    name, domain = dimension.name, dimension.domain
    if isinstance(domain, Interval):
        if domain.scale == "log":
            return hp.loguniform(name, math.log(domain.low), math.log(domain.high))
        return hp.uniform(name, domain.low, domain.high)
    if isinstance(domain, LogIntegers):
        return hp.qloguniform(name, math.log(domain.low), math.log(domain.high), 1)
    if isinstance(domain, LinearSteps):
        return hp.quniform(name, 0, domain.size - 1, 1)
    return hp.choice(
        name,
        [
            {child.name: _hyperopt_node(child, space) for child in children(dimension, o, space)}
            for o in options(domain)
        ],
    )


def _from_hyperopt(domain: Domain, drawn: Any) -> Any:
    if isinstance(domain, Interval):
        return float(min(max(drawn, domain.low), domain.high))
    if isinstance(domain, LogIntegers):
        return int(min(max(drawn, domain.low), domain.high))
    return domain.at(int(drawn))  # type: ignore[attr-defined]
