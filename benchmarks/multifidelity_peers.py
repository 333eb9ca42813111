"""Other packages' searches over learning curves: KerasTuner's Hyperband, Optuna's; and DEHB."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from typing import Any

import numpy as np

from benchmarks.multifidelity_search import (
    CurveProblem,
    Log,
    Method,
    SequentialSearch,
    Task,
    Trace,
    Values,
    simulate,
)
from kt_extensions.schedulers import Hyperband
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array

WORST = 1e6
"""What KerasTuner is told of a diverged training: its brackets starve if trials fail."""


_STUCK = 20  # known losses in a row after which DEHB begins anew at random
_EXHAUSTED = 2000  # and after which it ends


class KerasTunerSearch:
    """KerasTuner's Hyperband oracle, asked and told as its tuner does."""

    def __init__(
        self, space: SearchSpace, seed: int, max_epochs: int, iterations: int, workers: int
    ) -> None:
        import keras_tuner as kt

        self.folder = tempfile.TemporaryDirectory()
        self.oracle = kt.oracles.HyperbandOracle(
            objective=kt.Objective("loss", "min"),
            max_epochs=max_epochs,
            hyperband_iterations=iterations,
            seed=1 + 1_000_003 * seed,  # neighbouring seeds draw the same, some trials later
            hyperparameters=keras_tuner_space(space),
            max_consecutive_failed_trials=10**9,
        )
        self.oracle.verbose = 0
        self.oracle.save = self.oracle._save_trial = _nothing  # half of its time, and never read
        self.oracle._set_project_dir(self.folder.name, "search")
        self.free, self.busy = [f"worker{i}" for i in range(workers)], dict[str, str]()
        self.stopped = False

    def ask(self) -> Task | None:
        if self.stopped:
            return None
        trial = self.oracle.create_trial(self.free[-1])
        self.stopped = trial.status == "STOPPED"
        if trial.status != "RUNNING":
            return None
        self.busy[trial.trial_id] = self.free.pop()
        values = trial.hyperparameters.values
        chosen = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        return Task(chosen, values["tuner/initial_epoch"], values["tuner/epochs"], trial.trial_id)

    def tell(self, task: Task, loss: float) -> None:
        self.oracle.update_trial(task.name, {"loss": min(loss, WORST)}, step=task.end)
        trial = self.oracle.get_trial(task.name)
        trial.status = "COMPLETED"
        self.oracle.end_trial(trial)
        self.free.append(self.busy.pop(task.name))


def _nothing(*arguments: Any) -> None:
    pass


def keras_tuner_space(space: SearchSpace) -> Any:
    """Returns a finite space as KerasTuner's hyperparameters."""
    import keras_tuner as kt

    found = kt.HyperParameters()
    for dimension in space.dimensions:
        levels = [dimension.domain.at(i) for i in range(dimension.domain.size or 0)]
        if dimension.conditional:
            ((condition,),) = dimension.scopes
            with found.conditional_scope(condition.parent, list(condition.values)):
                found.Choice(dimension.name, levels)
        else:
            found.Choice(dimension.name, levels)
    return found


def keras_tuner_method(max_epochs: int, iterations: int, workers: int = 1) -> Method:
    """Returns the method that searches with KerasTuner's Hyperband."""

    def search(problem: CurveProblem, epochs: int, seed: int) -> Trace:
        searcher = KerasTunerSearch(problem.space, seed, max_epochs, iterations, workers)
        with searcher.folder:
            return simulate(problem, searcher, epochs, workers)

    return search


def optuna_method(max_epochs: int, factor: int = 3) -> Method:
    """Returns the method that searches with Optuna's Hyperband pruner and its default sampler."""

    def search(problem: CurveProblem, epochs: int, seed: int) -> Trace:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            study_name=f"{problem.name}-{seed}",  # it decides on the brackets
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.HyperbandPruner(1, max_epochs, factor),
        )
        log = Log(problem)
        while len(log) < epochs:
            _run_optuna_trial(study, problem, log, max_epochs)
        return log.trace(epochs)

    return search


def _run_optuna_trial(study: Any, problem: CurveProblem, log: Log, max_epochs: int) -> None:
    from optuna.trial import TrialState

    trial, loss = study.ask(), np.inf
    values = optuna_values(trial, problem.space)
    for epoch in range(1, max_epochs + 1):
        log.add(values, epoch - 1, epoch, float(len(log)))
        loss = problem.loss(values, epoch)
        if not np.isfinite(loss):
            study.tell(trial, state=TrialState.FAIL)
            return
        trial.report(loss, epoch)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, loss)


def optuna_values(trial: Any, space: SearchSpace) -> dict[str, Any]:
    """Asks an Optuna trial for the values of a finite space; ordered ones are integers to it."""
    values: dict[str, Any] = {}
    for dimension in space.dimensions:
        if dimension.is_active(values):
            domain, name = dimension.domain, dimension.name
            if domain.ordered:
                level = trial.suggest_int(name, 0, (domain.size or 1) - 1)
            else:
                level = trial.suggest_categorical(name, list(range(domain.size or 0)))
            values[name] = domain.at(level)
    return values


class DEHB:
    """DEHB: a population for each number of epochs, evolved in the order of Hyperband's brackets.

    Awad, Mallik & Hutter, "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient
    Hyperparameter Optimization", IJCAI 2021. The first bracket is successive halving of random
    configurations. Afterwards each one is a child of a population's next member: rand/1/bin, whose
    three parents come from the best of the population with fewer epochs, or, in a bracket's first
    rung, from its own. A configuration that was trained before costs only its new epochs.
    """

    def __init__(self, problem: CurveProblem, seed: int, max_epochs: int) -> None:
        self.space, self.rng = problem.space, np.random.default_rng([seed, 77])
        self.brackets = Hyperband(max_epochs=max_epochs).brackets
        self.known: dict[bytes, dict[int, float]] = {}
        self.idle = 0  # evaluations in a row whose losses were known before
        self.vectors: dict[int, Array] = {}
        self.losses: dict[int, Array] = {}
        self.turn: dict[int, int] = {}
        for rung in (rung for bracket in self.brackets for rung in bracket):
            size = max(rung.size, len(self.vectors.get(rung.epochs, ())))
            self.vectors[rung.epochs] = self.rng.random((size, len(self.space)))
            self.losses[rung.epochs] = np.full(size, np.inf)
            self.turn[rung.epochs] = 0

    def tasks(self) -> Generator[Task, float, None]:
        """Yields what is to be trained and takes its loss, until all seems to be known."""
        first = True
        while self.idle < _EXHAUSTED:
            for bracket in self.brackets:
                lower = None
                for rung in bracket:
                    for place in range(rung.size):
                        yield from self._step(rung.epochs, lower, rung.size, place, first)
                    lower = rung.epochs
                first = False

    def _step(
        self, epochs: int, lower: int | None, size: int, place: int, first: bool
    ) -> Generator[Task, float, None]:
        turn = self.turn[epochs]
        self.turn[epochs] = (turn + 1) % len(self.losses[epochs])
        if (first and lower is None) or self.idle > _STUCK:
            child = self.rng.random(len(self.space))
        elif not first:
            child = self._child(epochs, turn, lower, size)
        else:
            child = self.vectors[lower][np.argsort(self.losses[lower], kind="stable")[place]]
        loss = yield from self._evaluate(child, epochs)
        if loss <= self.losses[epochs][turn]:
            self.vectors[epochs][turn], self.losses[epochs][turn] = child, loss

    def _child(self, epochs: int, turn: int, lower: int | None, size: int) -> Array:
        pool = self.vectors[epochs]
        if lower is not None:
            pool = self.vectors[lower][np.argsort(self.losses[lower], kind="stable")[:size]]
        if len(pool) < 3:  # too few for a difference
            everyone = np.concatenate([v[np.isfinite(self.losses[e])] for e, v in self._pools()])
            pool = np.concatenate([pool, self.rng.permutation(everyone)[:3]])
        a, b, c = pool[self.rng.choice(len(pool), 3, replace=False)]
        mutant = a + 0.5 * (b - c)  # F = 0.5
        outside = (mutant < 0) | (mutant >= 1)
        mutant[outside] = self.rng.random(outside.sum())
        crossed = self.rng.random(len(mutant)) < 0.5  # Cr = 0.5
        crossed[self.rng.integers(len(mutant))] = True
        child: Array = np.where(crossed, mutant, self.vectors[epochs][turn])
        return child

    def _pools(self) -> list[tuple[int, Array]]:
        return list(self.vectors.items())

    def _evaluate(self, vector: Array, epochs: int) -> Generator[Task, float, float]:
        values: Values = self.space.decode(vector)
        known = self.known.setdefault(self.space.key(self.space.snap(vector[np.newaxis])[0]), {})
        self.idle += 1
        if epochs not in known:
            start = min(max(known, default=0), epochs)  # more may be known than is asked for
            self.idle = self.idle if start == epochs else 0
            known[epochs] = yield Task(values, start, epochs)
        return known[epochs]


def dehb_method(max_epochs: int) -> Method:
    """Returns the method that searches with DEHB."""

    def search(problem: CurveProblem, epochs: int, seed: int) -> Trace:
        return simulate(problem, SequentialSearch(DEHB(problem, seed, max_epochs).tasks()), epochs)

    return search
