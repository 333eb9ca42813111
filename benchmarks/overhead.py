"""What a search costs beside training: a suggestion, and the keeping of a trial.

The first table is the time of one suggestion of the TPE beside Optuna's, in one process, with 10
and 30 hyperparameters and a growing number of finished trials. The second is the time of a trial's
whole bookkeeping in `TPEOracle`, `create_trial` to `end_trial`, saving to a real folder included.
Times depend on the machine, ratios hardly do.

    python -m benchmarks.overhead
    python -m benchmarks.overhead --quick
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
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
from kt_extensions.space.domains import Domain

TRIALS = [100, 1_000, 10_000]
DIMENSIONS = [10, 30]
RESULTS = Path(__file__).parent / "results" / "overhead.json"

Row = dict[str, Any]


def space(d: int) -> SearchSpace:
    """Returns a mixed space: of each five hyperparameters two floats, two integers, a choice."""
    kinds: list[Domain] = [
        Interval(0.0, 1.0),
        Interval(1e-5, 1e-1, "log"),
        LinearSteps(1, 20, 1),
        LogIntegers(8, 1024),
        Options(("a", "b", "c", "d")),
    ]
    return SearchSpace([Dimension(f"x{i}", kinds[i % len(kinds)]) for i in range(d)])


def loss(x: np.ndarray) -> float:
    """Returns a bowl's height, so that the models have something to learn."""
    return float(np.sum((x - 0.3) ** 2))


def median_time(call: Callable[[int], Any], repeats: int) -> float:
    """Returns the median milliseconds of `call(1)`, `call(2)`, ... after `call(0)`."""
    call(0)
    times = []
    for repeat in range(1, repeats + 1):
        start = time.perf_counter()
        call(repeat)
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def time_suggestion(d: int, trials: int, repeats: int) -> float:
    """Returns the milliseconds of a suggestion of the TPE."""
    searched, rng = space(d), np.random.default_rng(0)
    table = TrialTable(searched, seed=0)
    for number, x in enumerate(searched.snap(rng.random((trials, d)))):
        table.start(str(number), x, x)
        table.finish(str(number), x, loss(x))
    history, sampler = table.history(), TPE()
    return median_time(lambda n: sampler.suggest(history, np.random.default_rng(n)), repeats)


def time_optuna(d: int, trials: int, repeats: int) -> float:
    """Returns the milliseconds of a suggestion of Optuna's TPE at its defaults."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    searched, rng = space(d), np.random.default_rng(0)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    first = study.ask()
    optuna_values(first, searched)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=searched.decode(x), distributions=first.distributions, value=loss(x)
            )
            for x in searched.snap(rng.random((trials, d)))
        ]
    )

    def suggest(_: int) -> None:
        trial = study.ask()
        optuna_values(trial, searched)

    return median_time(suggest, repeats)


def suggestion_rows(trials: list[int], repeats: int) -> list[Row]:
    """Returns the times of a suggestion, ours and Optuna's, for each size of a search."""
    rows = []
    for d in DIMENSIONS:
        for n in trials:
            ours, optuna = time_suggestion(d, n, repeats), time_optuna(d, n, repeats)
            rows.append({"hyperparameters": d, "trials": n, "tpe_ms": ours, "optuna_ms": optuna})
    return [row | {"ratio": row["tpe_ms"] / row["optuna_ms"]} for row in rows]


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
    seconds = [_run_trial(oracle, number) for number in range(max(trials))]
    medians = [float(np.median(seconds[n - window : n])) for n in trials]
    return [
        {"trials": n, "trial_ms": 1e3 * median, "growth": median / medians[0]}
        for n, median in zip(trials, medians, strict=True)
    ]


def _run_trial(oracle: Any, number: int) -> float:
    """Runs a trial whose training takes no time. Returns the seconds spent on keeping it."""
    score = float(np.random.default_rng(number).random())
    start = time.perf_counter()
    trial = oracle.create_trial("tuner0")
    oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    return time.perf_counter() - start


def print_rows(title: str, rows: list[Row]) -> None:
    """Prints rows as a table, one column for each key."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        cells = row.values()
        table.add_row(*[f"{c:.2f}" if isinstance(c, float) else f"{c:,}" for c in cells])
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
        print_rows("Median time of a suggestion", suggestions)
        window = 10 if arguments.quick else 50
        bookkeeping = bookkeeping_rows(trials, window, folder)
    print_rows("Median time of a trial's bookkeeping, 10 hyperparameters", bookkeeping)
    path = arguments.json or (None if arguments.quick else RESULTS)
    if path:
        path.parent.mkdir(exist_ok=True)
        result = {"suggestion": suggestions, "bookkeeping": bookkeeping}
        path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
