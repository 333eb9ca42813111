"""Synthetic learning curves on which the defaults of BOHB were chosen, and methods' scores on them.

They are for choosing defaults only. Those that judge the methods, in `benchmarks.multifidelity`,
are recorded from real networks. A configuration's loss falls from 1 to the height of a function of
`benchmarks.tuning_problems` there, 0 at its optimum and 1/2 at the median of random configurations:

    loss(x, e) = final(x) + (1 - final(x)) * decay(e, speed(x)) + noise

The better half of a space tends to learn slowly, so that ranks change between few and many epochs.

The score of a method is the median over seeds of the regret of what it found, fully trained and
free of noise, over that of Hyperband with random configurations at as many epochs: below 1 is
better than Hyperband. The mean over seeds stands beside it.

    python -m benchmarks.tuning_fidelity --seeds 20 bohb tpe-hyperband
    python -m benchmarks.tuning_fidelity --set quantile=0.1 --problems layers,traps bohb
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import kt_extensions.samplers as samplers
from benchmarks import tuning
from benchmarks.blackbox import Problem
from benchmarks.multifidelity_search import CurveProblem, Method, Values, scheduled_method
from benchmarks.tuning_problems import PROBLEMS
from kt_extensions.samplers import REGISTRY, Random
from kt_extensions.schedulers import ASHA, Hyperband
from kt_extensions.space.domains import Array

MAX_EPOCHS = 81
BUDGETS = [527, 1581, 4743]  # a third of an iteration of Hyperband, one, and three


def _random_points(problem: Problem, n: int = 1000) -> Array:
    points = np.random.default_rng(11).random((n, len(problem.space)))
    return problem.space.snap(points)


class Curves:
    """Makes a problem of learning curves from a function.

    Args:
        problem: The function.
        spread: Slow learners need so many times more epochs than fast ones.
        noise: Deviation of the noise of each epoch.
        failing: Fraction of the space, the fastest learners, whose training diverges at once.
    """

    def __init__(self, problem: Problem, spread: float, noise: float, failing: float = 0.0) -> None:
        self.problem, self.spread, self.noise = problem, spread, noise
        points = _random_points(problem)
        losses = np.array([problem.loss(problem.space.decode(np.nan_to_num(x))) for x in points])
        self.median = float(np.median(losses)) - problem.optimum
        rng = np.random.default_rng(zlib.crc32(problem.name.encode()))
        self.weights = rng.standard_normal(len(problem.space))
        rough = np.nan_to_num(points - 0.5) @ self.weights
        if np.median(rough[np.argsort(losses)[:20]]) > np.median(rough):
            self.weights, rough = -self.weights, -rough  # the good ones are slow
        self.center, self.width = float(np.median(rough)), float(rough.std())
        self.limit = float(np.quantile(rough, 1 - failing))

    def _quickness(self, values: Values) -> float:
        return float(np.nan_to_num(self.problem.space.encode(values) - 0.5) @ self.weights)

    def final(self, values: Values) -> float:
        """Returns the noise-free loss of the full training."""
        regret = (self.problem.loss(values) - self.problem.optimum) / self.median
        return regret / (1 + regret)

    def curve(self, values: Values) -> Array:
        """Returns the losses after each epoch, infinite ones if the training diverges."""
        final, quickness = self.final(values), self._quickness(values)
        half = 3.0 * self.spread ** (
            0.5 - 1 / (1 + np.exp(-(quickness - self.center) / self.width))
        )
        epochs = np.arange(1, MAX_EPOCHS + 1)
        falling = half / (half + epochs)
        decay = (falling - falling[-1]) / (1 - falling[-1])
        rng = np.random.default_rng(zlib.crc32(repr(sorted(values.items())).encode()))
        noise = self.noise * rng.standard_normal(MAX_EPOCHS)
        losses: Array = final + (1 - final) * decay + noise
        if quickness > self.limit:
            losses[:] = np.inf
        return losses


_SHAPES: dict[str, tuple[float, float, float]] = {
    "hartmann6": (4.0, 0.0, 0.0),
    "logsphere8": (10.0, 0.01, 0.1),
    "mixed7": (15.0, 0.01, 0.0),
    "optimizer": (10.0, 0.01, 0.15),
    "layers": (10.0, 0.005, 0.0),
    "traps": (10.0, 0.02, 0.0),
}
"""For each function the spread, the noise and the failing fraction of its curves."""


@cache
def problems() -> dict[str, CurveProblem]:
    """Returns the problems by name."""
    functions = {problem.name: problem for problem in PROBLEMS}
    made = {}
    for name, shape in _SHAPES.items():
        curves = Curves(functions[name], *shape)
        made[name] = CurveProblem(name, functions[name].space, curves.curve, 0.0, curves.final)
    return made


def methods(settings: dict[str, Any]) -> dict[str, Method]:
    """Returns the methods by name. `settings` are those of BOHB's sampler."""

    def hyperband() -> Hyperband:
        return Hyperband(max_epochs=MAX_EPOCHS, iterations=None)

    def asha() -> ASHA:
        return ASHA(max_epochs=MAX_EPOCHS)

    def kde() -> samplers.Sampler:
        return samplers.KDE(**settings)

    found = {
        "hyperband": scheduled_method(hyperband, Random),
        "asha": scheduled_method(asha, Random),
    }
    found |= {f"{name}-hyperband": scheduled_method(hyperband, REGISTRY[name]) for name in REGISTRY}
    found |= {f"{name}-asha": scheduled_method(asha, REGISTRY[name]) for name in REGISTRY}
    found |= {"bohb": scheduled_method(hyperband, kde), "bohb-asha": scheduled_method(asha, kde)}
    return found | {"bohb-8": scheduled_method(hyperband, kde, workers=8)}


def regrets(problem: CurveProblem, method: Method, seeds: int) -> Array:
    """Returns the regrets of what was found, shape `(seeds, budgets)`."""
    traces = [method(problem, max(BUDGETS), seed) for seed in range(seeds)]
    return np.stack([t.full for t in traces])[:, np.array(BUDGETS) - 1] - problem.optimum


def scores(
    method: Method,
    baseline: Callable[[CurveProblem], Array],
    chosen: list[CurveProblem],
    seeds: int,
) -> tuning.Scores:
    """Returns for each problem the medians and the means over seeds, one for each budget."""
    result = {}
    for problem in chosen:
        relative = regrets(problem, method, seeds) / np.median(baseline(problem), axis=0)
        result[problem.name] = [np.median(relative, axis=0).tolist(), relative.mean(0).tolist()]
    return result


def main() -> None:
    """Runs the methods named on the command line and prints their scores."""
    asked = tuning.arguments(__doc__, "bohb")
    names = asked.problems.split(",") if asked.problems else list(problems())
    chosen = [problems()[name] for name in names]
    available = methods(dict(asked.set))

    @cache
    def baseline(name: str) -> Array:
        return regrets(problems()[name], available["hyperband"], asked.seeds)

    results = {
        name: scores(available[name], lambda p: baseline(p.name), chosen, asked.seeds)
        for name in asked.methods
    }
    tuning.show(f"Regret over that of Hyperband after {BUDGETS} epochs", results, asked.json)


if __name__ == "__main__":
    main()
