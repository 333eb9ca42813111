"""Time and memory of searches of small trials, beside KerasTuner's own.

Each search trains multilayer perceptrons on scikit-learn's digits for one epoch: those that
KerasTuner's random search proposes, in its own tuner and in ours, one process after the other by
turns. Short searches have 20 trials; wall and CPU time are those of `search`, without imports.
Long ones have 200, and tell how the time and the memory of a trial grow with those before it.

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
KINDS = ("kerastuner", "ours")
SHORT, LONG = 20, 200

Measured = dict[str, float]


def search(kind: str, trials: int) -> Measured:
    """Returns what one search took.

    Args:
        kind: "ours" or "kerastuner".
        trials: Number of trials.

    Returns:
        Seconds: `wall`, `cpu`, and the CPU seconds of a trial of the `first` and the `last` ten,
        the very first left out, which TensorFlow starts in; `growth`, the bytes of resident memory
        a trial after these first ones; `score`, the best validation accuracy.
    """
    import keras
    import keras_tuner as kt
    from sklearn.datasets import load_digits

    import kt_extensions as kte

    cpu, memory = [], []

    def build(hp: Any) -> keras.Model:
        cpu.append(time.process_time())
        memory.append(_resident_bytes())
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
        oracle = kt.oracles.RandomSearchOracle("val_accuracy", max_trials=trials, seed=1)
        tuner = tuner_class(oracle=oracle, hypermodel=build, directory=folder)
        began = time.perf_counter(), time.process_time()
        tuner.search(x / 16, y, epochs=1, validation_split=0.2, verbose=0)
        return {
            "wall": time.perf_counter() - began[0],
            "cpu": time.process_time() - began[1],
            "first": (cpu[-trials + 11] - cpu[-trials + 1]) / 10,
            "last": (cpu[-1] - cpu[-11]) / 10,
            "growth": (memory[-1] - memory[-trials + 11]) / max(trials - 12, 1),
            "score": float(oracle.get_best_trials()[0].score),
        }


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _in_a_process(kind: str, trials: int) -> Measured:
    command = [sys.executable, "-m", "benchmarks.small_trials", "--one", kind, str(trials)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: Measured = json.loads(told.splitlines()[-1])
    print(f"{trials} trials, {kind}: {result}", flush=True)
    return result


def main() -> None:
    """Runs the searches by turns, prints the medians and their ratios, and writes them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="short searches of each kind (5)")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is written")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(search(arguments.one[0], int(arguments.one[1]))))
        return
    runs: dict[str, list[Measured]] = {kind: [] for kind in KINDS}
    for _ in range(arguments.repeats):
        for kind, done in runs.items():
            done.append(_in_a_process(kind, SHORT))
    short = {
        kind: {name: statistics.median(run[name] for run in done) for name in ("wall", "cpu")}
        for kind, done in runs.items()
    }
    long = {kind: _in_a_process(kind, LONG) for kind in KINDS}
    ratio = {name: short["ours"][name] / short["kerastuner"][name] for name in ("wall", "cpu")}
    found = {"seconds": short, "ratio": ratio, "long": long}
    arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{SHORT} trials, ours to KerasTuner's: wall {ratio['wall']:.2f}, CPU {ratio['cpu']:.2f}")


if __name__ == "__main__":
    main()
