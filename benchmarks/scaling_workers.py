"""Trials per minute of a compute-bound search: one worker beside two, on the cores of this machine.

Each search trains convolutional networks on scikit-learn's digits; their size is fixed, so that
each trial takes the same work. Batches are large, so that a step is computing above all, or of the
usual 32, where the threads of a process wait for each other between the short steps.

One worker is the tuner's own process, with a single thread or with as many as TensorFlow takes; two
are processes, each with its share of the cores. A search runs in a process of its own, the imports
of which do not count; those of the two workers do.

What these cores can give at all is measured beside: two searches of half the trials that know
nothing of each other, each with a single thread.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

TRIALS, ROUNDS = 16, 3
EPOCHS = {256: 15, 32: 10}
"""For each size of the batches."""

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
KINDS = ("one, one thread", "one, all threads", "two", "two searches apart")
ALONE, ALL_THREADS, TWO, APART = KINDS

Row = dict[str, float]


def build(hp: Any) -> Any:
    """Returns a network whose work does not depend on its hyperparameters."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(hp.Float("dropout", 0.0, 0.5)),
            layers.Dense(128, "relu"),
            layers.Dense(10, "softmax"),
        ]
    )
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    decay = hp.Float("decay", 1e-6, 1e-2, sampling="log")
    optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def search(kind: str, batch: int, trials: int, epochs: int) -> Row:
    """Returns what one search took.

    Returns:
        `wall`, the seconds of `search`; `steady`, the trials a minute from when each worker has
        ended its first; `cpu`, the CPU seconds of all processes; `score`, the best accuracy.
    """
    from sklearn.datasets import load_digits

    import kt_extensions as kte

    workers = 2 if kind == TWO else None
    ends: list[float] = []
    x, y = load_digits(return_X_y=True)
    with tempfile.TemporaryDirectory() as folder:
        tuner = kte.TPE(
            build, "val_accuracy", max_trials=trials, seed=1, directory=folder, workers=workers
        )
        oracle, end_trial = tuner.oracle, tuner.oracle.end_trial

        def noted(trial: Any) -> None:
            end_trial(trial)
            ends.append(time.perf_counter())

        oracle.end_trial = noted
        began, cpu = time.perf_counter(), _cpu_seconds()
        images = x.reshape(-1, 8, 8, 1) / 16
        fit: dict[str, Any] = {"epochs": epochs, "batch_size": batch, "validation_split": 0.2}
        tuner.search(images, y, verbose=0, **fit)
        wall = time.perf_counter() - began
        score = float(oracle.get_best_trials()[0].score)
    steady = steady_rate(ends, workers or 1)
    return {"wall": wall, "steady": steady, "cpu": _cpu_seconds() - cpu, "score": score}


def steady_rate(ends: Sequence[float], workers: int) -> float:
    """Returns the trials a minute after the first one of each worker.

    Example:

    >>> steady_rate([10.0, 11.0, 20.0, 21.0], workers=2)
    12.0
    """
    first = ends[workers - 1]
    return 60 * (len(ends) - workers) / (ends[-1] - first)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def measure_elsewhere(kind: str, batch: int, trials: int, epochs: int) -> Row:
    """Runs a search, or two apart, in new processes of one thread or of as many as they take."""
    number = 2 if kind == APART else 1
    command = [sys.executable, "-m", "benchmarks.scaling_workers", kind]
    command += [str(batch), str(trials // number), str(epochs)]
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    if kind in (ALONE, APART):
        environment.update(dict.fromkeys(THREADS, "1"))
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(number)
    ]
    found = together([_told(process) for process in started])
    print(f"{kind}, batches of {batch}: {found}", flush=True)
    return found


def _told(process: subprocess.Popen[str]) -> Row:
    told, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, told)
    row: Row = json.loads(told.splitlines()[-1])
    return row


def together(rows: Sequence[Row]) -> Row:
    """Returns what searches that ran at the same time took together.

    Example:

    >>> one = {"wall": 9.0, "steady": 12.0, "cpu": 8.0, "score": 0.9}
    >>> together([one, one | {"wall": 10.0}])
    {'wall': 10.0, 'steady': 24.0, 'cpu': 16.0, 'score': 0.9}
    """
    return {
        "wall": max(row["wall"] for row in rows),
        "steady": sum(row["steady"] for row in rows),
        "cpu": sum(row["cpu"] for row in rows),
        "score": max(row["score"] for row in rows),
    }


def measure(batch: int, trials: int, epochs: int, rounds: int) -> list[dict[str, Row]]:
    """Runs the searches by turns, each in its own process."""
    return [
        {kind: measure_elsewhere(kind, batch, trials, epochs) for kind in KINDS}
        for _ in range(rounds)
    ]


def summarize(rounds: Sequence[dict[str, Row]], trials: int) -> dict[str, dict[str, float]]:
    """Returns for each kind of search the medians over the rounds.

    Returns:
        `per_minute`, the trials a minute of the whole search, and `steady`, those after the first
        ones; `cpu`, the CPU seconds of a trial; `score`; and `times`, how many times the trials of
        two workers a minute are those of this search, whole and `steady_times`: the medians of the
        ratios of each round.
    """
    return {
        kind: {
            "per_minute": statistics.median(60 * trials / r[kind]["wall"] for r in rounds),
            "steady": statistics.median(r[kind]["steady"] for r in rounds),
            "cpu": statistics.median(r[kind]["cpu"] for r in rounds) / trials,
            "score": statistics.median(r[kind]["score"] for r in rounds),
            "times": statistics.median(r[kind]["wall"] / r[TWO]["wall"] for r in rounds),
            "steady_times": statistics.median(r[TWO]["steady"] / r[kind]["steady"] for r in rounds),
        }
        for kind in KINDS
    }


if __name__ == "__main__":
    from benchmarks import scaling_workers  # its functions are then pickled by their names

    print(json.dumps(scaling_workers.search(sys.argv[1], *map(int, sys.argv[2:]))))
