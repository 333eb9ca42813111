"""What samplers lose when evaluations run at the same time, and whether they repeat themselves.

Regrets of 8 workers beside one come from the results of `benchmarks.quality`. Searches on 1 to 128
workers are run here, on the same problems, and count the configurations that were asked for twice.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from benchmarks import report, store
from benchmarks.blackbox import Problem, Search, Values, run, start_sampler
from benchmarks.problems import PROBLEMS
from benchmarks.quality import BUDGETS, OURS
from benchmarks.statistics import relative_medians
from kt_extensions.samplers import REGISTRY

MEASURED = ("tpe", "pso", "kde")
COSTLY = ("gp",)  # with a single seed, on 1 and 8 workers
EVALUATIONS = 200
BEARABLE = 1.2  # the regret on 8 workers over that on one
RESAMPLED = 2000

Row = dict[str, Any]


def from_quality(results: store.Results) -> list[Row]:
    """Returns for each of our samplers and budgets its regret on 8 workers beside one.

    Returns:
        `one` and `eight`, the mean relative regrets; `ratio`, the one over the other, and its
        `interval`; `worse`, on how many problems it is above 1.2; and the least number of `seeds`.
    """
    standings = {(s.workers, s.budget): s for s in report.standings(results, BUDGETS, OURS)}
    rows = []
    for name in OURS:
        for budget in BUDGETS:
            pair = [standings[n, budget].scores.get(name) for n in (1, 8)]
            if name == "random" or pair[0] is None or pair[1] is None:
                continue
            one, eight = pair
            seeds = min(_seeds(results[n][name], budget) for n in (1, 8))
            row = {"method": name, "evaluations": budget, "seeds": seeds}
            means = {"one": float(one.mean()), "eight": float(eight.mean())}
            worse = int(np.sum(eight > BEARABLE * one))
            ratio = {"ratio": means["eight"] / means["one"]}
            ratio |= {"interval": _interval(results, name, budget)}
            rows.append(row | means | ratio | {"worse": worse})
    return rows


def _interval(results: store.Results, name: str, budget: int) -> list[float]:
    """Returns the 5% and 95% quantiles of the ratio with other seeds, by the bootstrap."""
    rng, means = np.random.default_rng(0), []
    for workers in (1, 8):
        methods, medians = results[workers], []
        for problem in report.NAMES:
            regrets = methods[name].table(problem, budget)
            drawn = {name: rng.choice(regrets, (len(regrets), RESAMPLED))}
            random = methods["random"].table(problem, budget)[:, np.newaxis]
            medians.append(relative_medians(drawn, random)[name])
        means.append(np.mean(medians, axis=0))
    return [float(ratio) for ratio in np.quantile(means[1] / means[0], [0.05, 0.95])]


def _seeds(runs: store.Runs, budget: int) -> int:
    return min(len(runs.table(problem.name, budget)) for problem in PROBLEMS)


class Counting:
    """A search that counts the configurations that it is asked to try again.

    Args:
        search: What is asked.
        problem: The problem, whose space tells configurations apart.
    """

    def __init__(self, search: Search, problem: Problem) -> None:
        self._search, self._space = search, problem.space
        self._asked: set[bytes] = set()
        self.repeated = 0

    def ask(self, number: int) -> Values:
        values = self._search.ask(number)
        key = self._space.key(self._space.encode(values))
        self.repeated += key in self._asked
        self._asked.add(key)
        return values

    def tell(self, number: int, loss: float) -> None:
        self._search.tell(number, loss)


class Job(NamedTuple):
    """A search that is run."""

    method: str
    problem: str
    workers: int
    seed: int


def measure(job: Job) -> Row:
    """Runs a search; returns its regret after `BUDGETS`, and how often it repeated itself."""
    problem = next(p for p in PROBLEMS if p.name == job.problem)
    begun: list[Counting] = []

    def start(problem: Problem, *settings: int) -> Search:
        search = start_sampler(REGISTRY[job.method])(problem, *settings)
        begun.append(Counting(search, problem))
        return begun[0]

    curve = run(start, problem, EVALUATIONS, job.seed, job.workers).curve() - problem.optimum
    regrets = [float(curve[budget - 1]) for budget in BUDGETS]
    return {**job._asdict(), "regrets": regrets, "repeated": begun[0].repeated}


def jobs(seeds: int, workers: Sequence[int], problems: Sequence[str]) -> list[Job]:
    """Returns the searches; random search, which the others are divided by, has more seeds."""
    few = [n for n in workers if n in (1, 8)]
    planned = [(method, workers, seeds) for method in MEASURED]
    planned += [("random", [1], 5 * seeds), *((method, few, 1) for method in COSTLY)]
    return [
        Job(method, problem, n, seed)
        for method, some, number in planned
        for seed in range(number)
        for problem in problems
        for n in some
    ]


def measure_all(todo: Sequence[Job], processes: int) -> list[Row]:
    """Runs searches in several processes of one thread each."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(measure, todo))


def summarize(rows: Sequence[Row]) -> list[Row]:
    """Returns for each method and number of workers its mean relative regret after `BUDGETS`.

    That is the median over seeds, over the median of random search in turn on one worker, its mean
    over problems; `ratio` is that over the one of the method on one worker. `repeated` counts the
    repeated configurations of `searches` searches.
    """
    pairs = dict.fromkeys(
        (row["method"], row["workers"]) for row in rows if row["method"] != "random"
    )
    found = []
    for method, workers in pairs:
        mine = _some(rows, method, workers)
        regrets = relative_regrets(rows, method, workers)
        ratios = regrets / relative_regrets(rows, method, 1)
        found.append(
            {"method": method, "workers": workers}
            | {"regrets": regrets.tolist(), "ratios": ratios.tolist()}
            | {"repeated": sum(row["repeated"] for row in mine), "searches": len(mine)}
        )
    return found


def _some(rows: Sequence[Row], method: str, workers: int) -> list[Row]:
    return [row for row in rows if (row["method"], row["workers"]) == (method, workers)]


def relative_regrets(rows: Sequence[Row], method: str, workers: int) -> Any:
    """Returns the regrets relative to random search's, in the mean over problems."""
    mine, random = _some(rows, method, workers), _some(rows, "random", 1)
    relative = []
    for name in {row["problem"] for row in mine}:
        medians = [
            np.median([row["regrets"] for row in some if row["problem"] == name], axis=0)
            for some in (mine, random)
        ]
        relative.append(medians[0] / np.maximum(medians[1], 1e-300))
    return np.mean(relative, axis=0)
