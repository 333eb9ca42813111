"""What a search costs beside training: a suggestion, and the keeping of a trial.

The first table is the CPU time of one suggestion of the TPE beside Optuna's, in one process, with
10 and 30 hyperparameters and a growing number of finished trials. The second is the memory of the
same searches: what Python and NumPy allocate at most while finished trials are taken in and one
suggestion is made, libraries already imported. The third is the time of a trial's whole bookkeeping
in `TPEOracle`, `create_trial` to `end_trial`, saving to a real folder included, as it passes and as
the CPU spends it.
Times depend on the machine, ratios hardly do.

    python -m benchmarks.overhead
    python -m benchmarks.overhead --quick
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.blackbox import optuna_values
from kt_extensions.history import TrialTable
from kt_extensions.samplers import TPE
from kt_extensions.space import Dimension, Interval, LinearSteps, LogIntegers, Options, SearchSpace
from kt_extensions.space.domains import Array, Domain

TRIALS = [100, 1_000, 10_000]
DIMENSIONS = [10, 30]
KINDS: dict[str, list[Domain]] = {
    "floats": [Interval(0.0, 1.0)],
    "mixed": [
        Interval(0.0, 1.0),
        Interval(1e-5, 1e-1, "log"),
        LinearSteps(1, 20, 1),
        LogIntegers(8, 1024),
        Options(("a", "b", "c", "d")),
    ],
}
RESULTS = Path(__file__).parent / "results" / "overhead.json"

Row = dict[str, Any]


def space(kind: str, d: int) -> SearchSpace:
    """Returns a space of floats alone, or of all kinds of domains in turns."""
    domains = KINDS[kind]
    return SearchSpace([Dimension(f"x{i}", domains[i % len(domains)]) for i in range(d)])


def loss(x: Array) -> float:
    """Returns a bowl's height, so that the models have something to learn."""
    return float(np.sum((x - 0.3) ** 2))


def median_times(calls: list[Callable[[int], Any]], repeats: int) -> list[float]:
    """Returns the median milliseconds of CPU time of each of several functions, called in turns.

    A machine that is busy with something else disturbs them as little and as evenly as can be.
    """
    times = np.empty((repeats + 1, len(calls)))
    for repeat in range(repeats + 1):
        for i, call in enumerate(calls):
            start = time.thread_time()
            call(repeat)
            times[repeat, i] = 1e3 * (time.thread_time() - start)
    return [float(median) for median in np.median(times[1:], axis=0)]


def our_suggestion(searched: SearchSpace, points: Array) -> Callable[[int], Any]:
    """Returns a function that makes a suggestion of the TPE after trials at `points`."""
    table = TrialTable(searched, seed=0)
    for number, x in enumerate(points):
        table.start(str(number), x, x)
        table.finish(str(number), x, loss(x))
    history, sampler = table.history(), TPE()
    return lambda n: sampler.suggest(history, np.random.default_rng(n))


def optuna_suggestion(searched: SearchSpace, points: Array) -> Callable[[int], Any]:
    """Returns a function that makes a suggestion of Optuna's TPE, at its defaults."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    first = study.ask()
    optuna_values(first, searched)
    study.tell(first, loss(points[0]))
    for x in points[1:]:
        values, distributions = searched.decode(x), first.distributions
        study.add_trial(
            optuna.trial.create_trial(params=values, distributions=distributions, value=loss(x))
        )

    def suggest(_: int) -> None:
        optuna_values(study.ask(), searched)

    return suggest


def suggestion_rows(trials: list[int], repeats: int) -> list[Row]:
    """Returns the times of a suggestion, ours and Optuna's, for each size of a search."""
    rows = []
    for kind, d, n in itertools.product(KINDS, DIMENSIONS, trials):
        searched = space(kind, d)
        points = searched.snap(np.random.default_rng(0).random((n, d)))
        calls = [our_suggestion(searched, points), optuna_suggestion(searched, points)]
        ours, optuna = median_times(calls, repeats)
        row = {"space": kind, "hyperparameters": d, "trials": n, "tpe_ms": ours}
        rows.append({**row, "optuna_ms": optuna})
    return [row | {"ratio": row["tpe_ms"] / row["optuna_ms"]} for row in rows]


def peak_memory(prepare: Callable[[], Callable[[int], Any]]) -> float:
    """Returns the MiB allocated at most while a search is prepared and makes one suggestion."""
    prepare()(0)  # what is imported or cached once
    tracemalloc.start()
    try:
        prepare()(0)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def memory_rows(trials: list[int]) -> list[Row]:
    """Returns the memory of a search, ours and Optuna's, for each size."""
    rows: list[Row] = []
    for kind, n in itertools.product(KINDS, trials):
        searched = space(kind, 10)
        points = searched.snap(np.random.default_rng(0).random((n, 10)))
        ours = peak_memory(partial(our_suggestion, searched, points))
        optuna = peak_memory(partial(optuna_suggestion, searched, points))
        row = {"space": kind, "hyperparameters": 10, "trials": n}
        rows.append(row | {"tpe_mib": ours, "optuna_mib": optuna, "ratio": ours / optuna})
    return rows


def hyperparameters(d: int) -> Any:
    """Returns the mixed space as KerasTuner's hyperparameters."""
    import keras_tuner as kt

    hp = kt.HyperParameters()
    declare: list[Callable[[str], Any]] = [
        lambda name: hp.Float(name, 0.0, 1.0),
        lambda name: hp.Float(name, 1e-5, 1e-1, sampling="log"),
        lambda name: hp.Int(name, 1, 20),
        lambda name: hp.Int(name, 8, 1024, sampling="log"),
        lambda name: hp.Choice(name, ["a", "b", "c", "d"]),
    ]
    for i in range(d):
        declare[i % len(declare)](f"x{i}")
    return hp


def bookkeeping_rows(trials: list[int], window: int, folder: str) -> list[Row]:
    """Returns the median times of the trials around each number of trials, from one search."""
    import keras_tuner as kt

    from kt_extensions.oracles import TPEOracle

    objective = kt.Objective("score", "min")
    oracle = TPEOracle(
        objective=objective, max_trials=None, hyperparameters=hyperparameters(10), seed=0
    )
    oracle._set_project_dir(folder, "search")
    oracle.verbose = 0
    times = 1e3 * np.array([_run_trial(oracle, number) for number in range(max(trials))])
    medians = [np.median(times[n - window : n], axis=0).tolist() for n in trials]
    return [
        {"trials": n, "trial_ms": wall, "growth": wall / medians[0][0]}
        | {"cpu_ms": cpu, "cpu_growth": cpu / medians[0][1]}
        for n, (wall, cpu) in zip(trials, medians, strict=True)
    ]


def _run_trial(oracle: Any, number: int) -> tuple[float, float]:
    """Runs a trial whose training takes no time. Returns the seconds and the CPU's for it."""
    score = float(np.random.default_rng(number).random())
    wall, cpu = time.perf_counter(), time.process_time()
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    return time.perf_counter() - wall, time.process_time() - cpu


def print_rows(title: str, rows: list[Row]) -> None:
    """Prints rows as a table, one column for each key."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        cells = row.values()
        table.add_row(
            *[
                f"{c:.2f}" if isinstance(c, float) else (f"{c:,}" if isinstance(c, int) else c)
                for c in cells
            ]
        )
    Console().print(table)


def main() -> None:
    """Measures, prints, and writes the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a smoke run of few trials")
    parser.add_argument("--json", type=Path, help=f"file written; by default {RESULTS.name}")
    arguments = parser.parse_args()
    trials, repeats = ([30, 100], 3) if arguments.quick else (TRIALS, 30)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        suggestions = suggestion_rows(trials, repeats)
        print_rows("Median CPU time of a suggestion", suggestions)
        memory = memory_rows(trials)
        print_rows("Peak memory of a search", memory)
        window = 10 if arguments.quick else 50
        bookkeeping = bookkeeping_rows(trials, window, folder)
    print_rows("Median time of a trial's bookkeeping, 10 hyperparameters", bookkeeping)
    path = arguments.json or (None if arguments.quick else RESULTS)
    if path:
        path.parent.mkdir(exist_ok=True)
        result = {"suggestion": suggestions, "memory": memory, "bookkeeping": bookkeeping}
        path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
