"""KerasTuner's own searches."""

from __future__ import annotations

import importlib.util
import os
import warnings
from typing import Any

from benchmarks.blackbox import Problem, Start, Values
from benchmarks.peers.conditions import options
from kt_extensions.space import Dimension, Interval, LinearSteps, LogIntegers, SearchSpace


class KerasTunerSearch:
    """A search with an oracle of KerasTuner's, driven as its tuners drive it.

    Only the files that it would write to the project's folder after every step are left out.
    """

    def __init__(self, problem: Problem, name: str, evaluations: int, seed: int) -> None:
        kt = _keras_tuner()
        self._oracle = getattr(kt.oracles, name)(
            objective=kt.Objective("loss", "min"),
            max_trials=evaluations,
            hyperparameters=_hyperparameters(kt, problem.space),
            seed=10_000 * (seed + 1),  # it adds 1 for each value: neighbors would share theirs
        )
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
        hp.Choice(name, options(domain))


def start_keras_tuner(name: str) -> Start:
    """Returns what starts a search with an oracle of KerasTuner's."""
    return lambda problem, n, seed, workers: KerasTunerSearch(problem, name, n, seed)
