"""The time of a search of 20 small trials, as a ratio to KerasTuner's own.

Each search trains 20 multilayer perceptrons on scikit-learn's digits for one epoch: those that
KerasTuner's random search proposes, in its own tuner and in ours, one process after the other by
turns. Wall and CPU time are those of `search`, without imports.

    python -m benchmarks.small_trials
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")

RESULTS = Path(__file__).parent / "results" / "small_trials.json"
TRIALS = 20


def search(kind: str) -> dict[str, float]:
    """Returns the seconds of one search, `kind` "ours" or "kerastuner"."""
    import keras
    import keras_tuner as kt
    from sklearn.datasets import load_digits

    import kt_extensions as kte

    def build(hp: Any) -> keras.Model:
        units = hp.Int("units", 16, 128)
        layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(10, "softmax")]
        model = keras.Sequential([keras.Input((64,)), *layers])
        rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        return model

    x, y = load_digits(return_X_y=True)
    tuner_class = {"ours": kte.Tuner, "kerastuner": kt.Tuner}[kind]
    with tempfile.TemporaryDirectory() as folder:
        oracle = kt.oracles.RandomSearchOracle("val_accuracy", max_trials=TRIALS, seed=1)
        tuner = tuner_class(oracle=oracle, hypermodel=build, directory=folder)
        began = time.perf_counter(), time.process_time()
        tuner.search(x / 16, y, epochs=1, validation_split=0.2, verbose=0)
        return {
            "wall": time.perf_counter() - began[0],
            "cpu": time.process_time() - began[1],
            "score": float(oracle.get_best_trials()[0].score),
        }


def _in_a_process(kind: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.small_trials", "--one", kind]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: dict[str, float] = json.loads(told.splitlines()[-1])
    return result


def main() -> None:
    """Runs the searches by turns, prints the medians and their ratio, and writes them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="searches of each kind (5)")
    parser.add_argument("--one", choices=["ours", "kerastuner"], help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is written")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(search(arguments.one)))
        return
    runs: dict[str, list[dict[str, float]]] = {"kerastuner": [], "ours": []}
    for _ in range(arguments.repeats):
        for kind, done in runs.items():
            done.append(_in_a_process(kind))
            print(kind, done[-1], flush=True)
    seconds = {
        kind: {clock: statistics.median(run[clock] for run in done) for clock in ("wall", "cpu")}
        for kind, done in runs.items()
    }
    ratio = {
        clock: seconds["ours"][clock] / seconds["kerastuner"][clock] for clock in ("wall", "cpu")
    }
    arguments.json.write_text(json.dumps({"seconds": seconds, "ratio": ratio}, indent=1) + "\n")
    print(
        f"{TRIALS} trials, ours to KerasTuner's: wall {ratio['wall']:.2f}, CPU {ratio['cpu']:.2f}"
    )


if __name__ == "__main__":
    main()
