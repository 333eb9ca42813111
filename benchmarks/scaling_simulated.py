"""What a search finds on 1 to 128 workers at equal epochs, and how busy they are.

The searches are replayed on the recorded learning curves of `benchmarks.multifidelity`, by the
clock of `benchmarks.scaling_clock`. KerasTuner's Hyperband is driven as its tuner does: a worker
that is told to wait waits. It ends with its iterations; what never ends by itself is cut where the
same number of epochs is used up.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import curves
from benchmarks.multifidelity import ITERATION, R, problem
from benchmarks.multifidelity_peers import KerasTunerSearch
from benchmarks.multifidelity_search import CurveProblem, ScheduledSearch, Searcher
from benchmarks.scaling_clock import Clock
from kt_extensions.samplers import KDE, PSO, TPE, Random, Sampler
from kt_extensions.schedulers import ASHA, Hyperband

WORKERS = (1, 2, 4, 8, 32, 128)
ITERATIONS = 3
ENDLESS = 10**6

Row = dict[str, Any]

_full = partial(Hyperband, max_epochs=R, min_epochs=R, iterations=None)
_hyperband = partial(Hyperband, max_epochs=R, iterations=None)

OURS: dict[str, tuple[Callable[[], Hyperband | ASHA], Callable[[], Sampler]]] = {
    "asha": (partial(ASHA, max_epochs=R), Random),
    "bohb": (_hyperband, KDE),
    "tpe": (_full, TPE),
    "pso": (_full, PSO),
    "hyperband, 3 iterations": (partial(_hyperband, iterations=ITERATIONS), Random),
}
"""Schedulers and samplers; TPE and PSO train each configuration fully."""

THEIRS = {"kerastuner": ITERATIONS, "kerastuner, 1 iteration": 1, "kerastuner, endless": ENDLESS}
"""KerasTuner's Hyperband, with its iterations."""


class Job(NamedTuple):
    """A search that is measured."""

    method: str
    problem: str
    workers: int
    seed: int


@contextlib.contextmanager
def searching(task: CurveProblem, job: Job) -> Iterator[Searcher]:
    """Begins the search of a job."""
    if job.method in OURS:
        scheduler, sampler = OURS[job.method]
        yield ScheduledSearch(task, scheduler(), sampler(), job.seed)
        return
    theirs = KerasTunerSearch(task.space, job.seed, R, THEIRS[job.method], job.workers)
    with theirs.folder:
        yield theirs


@cache
def typical_regret(name: str) -> float:
    """Returns the regret of the median configuration of a grid, fully trained."""
    task = problem(name)
    losses = [task.full(values) for values in curves.configurations(task.space)]
    return float(np.median(losses)) - task.optimum


def measure(job: Job) -> Row:
    """Runs a search; returns what its workers did, and the regret relative to `typical_regret`."""
    task = problem(job.problem)
    began = time.process_time()
    with threadpool_limits(1), searching(task, job) as searcher:
        timeline = Clock(task, searcher, job.workers, job.seed).run(ITERATIONS * ITERATION)
    return {
        **job._asdict(),
        "time": timeline.end,
        "utilisation": timeline.utilisation,
        "trials": timeline.trials,
        "repeated": timeline.repeated,
        "regret": (timeline.loss - task.optimum) / typical_regret(job.problem),
        "cpu": time.process_time() - began,
    }


def measure_all(
    problems: Sequence[str], seeds: int, workers: Sequence[int], processes: int
) -> list[Row]:
    """Runs all searches, several processes of one thread each."""
    jobs = [
        Job(method, name, n, seed)
        for seed in range(seeds)
        for name in problems
        for method in [*THEIRS, *OURS]
        for n in workers
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        rows = []
        for row in pool.map(measure, jobs):
            rows.append(row)
            if len(rows) % 50 == 0:
                print(f"{len(rows)} of {len(jobs)} searches", flush=True)
    return rows


def summarize(rows: Sequence[Row]) -> list[Row]:
    """Returns for each method and number of workers the means over problems and seeds.

    Returns:
        `utilisation`, and the least one of a search; `time`, until the epochs were used up;
        `trials` in the time of an epoch; `regret`; and `repeated`, how often in all a search began
        a configuration that it had begun before.
    """
    pairs = dict.fromkeys((row["method"], row["workers"]) for row in rows)
    return [{"method": m, "workers": n, **_summary(rows, m, n)} for m, n in pairs]


def _summary(rows: Sequence[Row], method: str, workers: int) -> Row:
    mine = [row for row in rows if (row["method"], row["workers"]) == (method, workers)]
    means = {
        name: float(np.mean([row[name] for row in mine]))
        for name in ("utilisation", "time", "regret")
    }
    return {
        **means,
        "least_utilisation": min(row["utilisation"] for row in mine),
        "trials": float(np.mean([row["trials"] / row["time"] for row in mine])),
        "repeated": sum(row["repeated"] for row in mine),
    }
