"""Searches with other packages' methods, each asked and told as its package intends.

Spaces are declared in each package's own terms. Where a package has none for a kind of
hyperparameter, this module says what it gets instead.
"""

from __future__ import annotations

import importlib.util
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.blackbox import OptunaSearch, Problem, Search, Start, Values, start_optuna
from kt_extensions.space import Dimension, Interval, LinearSteps, LogIntegers, SearchSpace
from kt_extensions.space.domains import Domain


def start_cma(problem: Problem, evaluations: int, seed: int, workers: int) -> Search:
    """Optuna's CMA-ES. What it cannot model, options and conditions, is left to Optuna's TPE."""
    from optuna.samplers import CmaEsSampler, TPESampler

    sampler = CmaEsSampler(
        seed=seed, independent_sampler=TPESampler(seed=seed), warn_independent_sampling=False
    )
    return OptunaSearch(sampler, problem)


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
            {child.name: _hyperopt_node(child, space) for child in _children(dimension, o, space)}
            for o in _options(domain)
        ],
    )


def _from_hyperopt(domain: Domain, drawn: Any) -> Any:
    if isinstance(domain, Interval):
        return float(min(max(drawn, domain.low), domain.high))
    if isinstance(domain, LogIntegers):
        return int(min(max(drawn, domain.low), domain.high))
    return domain.at(int(drawn))  # type: ignore[attr-defined]


def _options(domain: Any) -> list[Any]:
    return [domain.at(level) for level in range(domain.size)]


def _children(parent: Dimension, option: Any, space: SearchSpace) -> list[Dimension]:
    """Returns the dimensions that are active because a parent has an option."""
    return [
        dimension
        for dimension in space.dimensions
        for scope in dimension.scopes
        if len(scope) == 1 and scope[0].parent == parent.name and option in scope[0].values
    ]


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
    branches = [_children(dimension, option, space) for option in _options(domain)]
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
    return Categorical(_options(domain))


def _from_skopt(domain: Domain, value: Any) -> Any:
    if isinstance(domain, Interval):
        return float(value)
    if isinstance(domain, LogIntegers):
        return int(value)
    return domain.at(int(value)) if isinstance(domain, LinearSteps) else value


class KerasTunerSearch:
    """A search with an oracle of KerasTuner's, driven as its tuners drive it.

    Only the files that it would write to the project's folder after every step are left out.
    """

    def __init__(self, problem: Problem, name: str, evaluations: int, seed: int) -> None:
        kt = _keras_tuner()
        self._folder = TemporaryDirectory()
        self._oracle = getattr(kt.oracles, name)(
            objective=kt.Objective("loss", "min"),
            max_trials=evaluations,
            hyperparameters=_hyperparameters(kt, problem.space),
            seed=seed + 1,  # 0 counts as none
        )
        self._oracle._set_project_dir(str(Path(self._folder.name)), "search")
        self._oracle.verbose = 0
        self._oracle.save = self._oracle._save_trial = lambda *_: None
        self._space = problem.space
        self._running: dict[int, Any] = {}

    def ask(self, number: int) -> Values:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._oracle.create_trial(f"tuner{number}")
        self._running[number] = trial
        given, values = trial.hyperparameters.values, {}
        for dimension in self._space.dimensions:
            if dimension.is_active(values):
                values[dimension.name] = given[dimension.name]
        return values

    def tell(self, number: int, loss: float) -> None:
        trial = self._running.pop(number)
        self._oracle.update_trial(trial.trial_id, {"loss": loss})
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)


def _keras_tuner() -> Any:
    """Returns KerasTuner. Its oracles need no backend but to be imported; NumPy's is one."""
    if importlib.util.find_spec("tensorflow") is None:
        os.environ["KERAS_BACKEND"] = "numpy"
    import keras_tuner

    return keras_tuner


def _hyperparameters(kt: Any, space: SearchSpace) -> Any:
    hp = kt.HyperParameters()
    for dimension in space.dimensions:
        for scope in dimension.scopes:
            _declare(hp, dimension, list(scope))
    return hp


def _declare(hp: Any, dimension: Dimension, scope: list[Any]) -> None:
    if scope:
        with hp.conditional_scope(scope[0].parent, list(scope[0].values)):
            _declare(hp, dimension, scope[1:])
        return
    name, domain = dimension.name, dimension.domain
    if isinstance(domain, Interval):
        hp.Float(name, domain.low, domain.high, sampling=domain.scale)
    elif isinstance(domain, LogIntegers):
        hp.Int(name, domain.low, domain.high, sampling="log")
    elif isinstance(domain, LinearSteps):
        kind = hp.Int if isinstance(domain.low, int) else hp.Float
        kind(name, domain.low, domain.high, step=domain.step)
    else:
        hp.Choice(name, _options(domain))


def _start_keras_tuner(name: str) -> Start:
    return lambda problem, n, seed, workers: KerasTunerSearch(problem, name, n, seed)


PEERS: dict[str, Start] = {
    "optuna-tpe": start_optuna(),
    "nevergrad-pso": start_pso,
    "ngopt": start_ngopt,
    "cma-es": start_cma,
    "hyperopt-tpe": HyperoptSearch,
    "kerastuner-random": _start_keras_tuner("RandomSearchOracle"),
    "kerastuner-bayesian": _start_keras_tuner("BayesianOptimizationOracle"),
    "skopt-gp": SkoptSearch,
}
"""The methods of other packages by name."""
