"""Searches with other packages' methods, each asked and told as its package intends.

Spaces are declared in each package's own terms. Where a package has none for a kind of
hyperparameter, its module says what it gets instead.
"""

from __future__ import annotations

from benchmarks.blackbox import OptunaSearch, Problem, Search, Start, start_optuna
from benchmarks.peers.hyperopt_search import HyperoptSearch
from benchmarks.peers.keras_tuner_search import start_keras_tuner
from benchmarks.peers.nevergrad_search import start_ngopt, start_pso
from benchmarks.peers.skopt_search import SkoptSearch


def start_cma(problem: Problem, evaluations: int, seed: int, workers: int) -> Search:
    """Optuna's CMA-ES. What it cannot model, options and conditions, is left to Optuna's TPE."""
    from optuna.samplers import CmaEsSampler, TPESampler

    sampler = CmaEsSampler(
        seed=seed, independent_sampler=TPESampler(seed=seed), warn_independent_sampling=False
    )
    return OptunaSearch(sampler, problem)


PEERS: dict[str, Start] = {
    "optuna-tpe": start_optuna(),
    "nevergrad-pso": start_pso,
    "ngopt": start_ngopt,
    "cma-es": start_cma,
    "hyperopt-tpe": HyperoptSearch,
    "kerastuner-random": start_keras_tuner("RandomSearchOracle"),
    "kerastuner-bayesian": start_keras_tuner("BayesianOptimizationOracle"),
    "skopt-gp": SkoptSearch,
}
"""The methods of other packages by name."""
