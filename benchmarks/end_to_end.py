"""Whole searches of `kt_extensions.TPE` with and without a pruner: epochs, time and final score.

Multilayer perceptrons on scikit-learn's digits (20 epochs, batches of 128) and on 6,000 images of
Fashion-MNIST (10 epochs, batches of 256), 50 trials. The final score is the accuracy on test data
of the best trial's model, with the weights of its best epoch; beside it stands the accuracy on the
validation data, by which it was chosen. Searches with the same seed begin with the same trials.

    KERAS_BACKEND=torch python -m benchmarks.end_to_end --seeds 10
    python -m benchmarks.end_to_end digits --seeds 2 --pruners none,extrapolation
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
from sklearn.datasets import load_digits

import kt_extensions as kte
from benchmarks.report import write_markdown
from benchmarks.store import ROOT
from kt_extensions import pruners

DATA = ROOT.parent / "shared" / "data" / "fashion_mnist"
RESULTS = Path(__file__).parent / "results" / "end_to_end.json"
BEGIN, END = "<!-- end to end: begin -->", "<!-- end to end: end -->"

TRIALS = 50
EPOCHS = {"digits": 20, "fashion_mnist": 10}
BATCH = {"digits": 128, "fashion_mnist": 256}
PRUNERS = {
    "none": None,
    "extrapolation": pruners.Extrapolation(),
    "extrapolation(0.8)": pruners.Extrapolation(0.8),
    "median": pruners.Median(),
    "percentile(60)": pruners.Percentile(60),
    "percentile(65)": pruners.Percentile(65),
    "percentile(75)": pruners.Percentile(75),
}

Arrays = tuple[np.ndarray, np.ndarray]
Row = dict[str, float]
Results = dict[str, dict[str, dict[str, Row]]]
"""For each data set, pruner and seed, what the search needed and found."""


def digits() -> tuple[Arrays, Arrays, Arrays]:
    """Returns 900 images to train, 300 to validate and 597 to test with."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype("float32"), y[order]
    return (x[:900], y[:900]), (x[900:1200], y[900:1200]), (x[1200:], y[1200:])


def fashion_mnist() -> tuple[Arrays, Arrays, Arrays]:
    """Returns 4,800 images to train, 1,200 to validate and 10,000 to test with."""
    (x, y), test = clothes("train"), clothes("t10k")
    return (x[:4800], y[:4800]), (x[4800:6000], y[4800:6000]), test


def clothes(part: str) -> Arrays:
    """Reads a part of Fashion-MNIST."""
    images = _bytes(DATA / f"{part}-images-idx3-ubyte.gz", header=16)
    labels = _bytes(DATA / f"{part}-labels-idx1-ubyte.gz", header=8)
    return (images.reshape(-1, 784) / 255).astype("float32"), labels.astype(int)


def _bytes(file: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)


SETS = {"digits": digits, "fashion_mnist": fashion_mnist}


def build(hp: Any) -> keras.Model:
    """Returns a compiled multilayer perceptron."""
    layers: list[Any] = []
    for i in range(hp.Int("layers", 1, 3)):
        with hp.conditional_scope("layers", list(range(i + 1, 4))):
            units = hp.Int(f"units_{i}", 16, 128, sampling="log")
        layers.append(keras.layers.Dense(units, hp.Choice("activation", ["relu", "tanh"])))
        layers.append(keras.layers.Dropout(hp.Float("dropout", 0.0, 0.5)))
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-5, 1e-1, sampling="log"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def search(data: str, pruner: str, seed: int) -> Row:
    """Returns what one search needed and found."""
    train, validation, test = SETS[data]()
    with tempfile.TemporaryDirectory() as folder:
        tuner = kte.TPE(
            build, "val_accuracy", max_trials=TRIALS, seed=seed, pruner=PRUNERS[pruner],
            directory=folder,
        )  # fmt: skip
        began = time.process_time()
        tuner.search(
            *train, epochs=EPOCHS[data], batch_size=BATCH[data], validation_data=validation,
            verbose=0,
        )  # fmt: skip
        seconds = time.process_time() - began
        results = tuner.results()
        model = tuner.get_best_models()[0]
        accuracy = float((model.predict(test[0], verbose=0).argmax(axis=1) == test[1]).mean())
    keras.utils.clear_session()
    return {
        "epochs": sum(result["epochs"] for result in results),
        "pruned": sum(result["status"] == "PRUNED" for result in results),
        "seconds": round(seconds, 1),
        "validation": max(result["score"] for result in results),
        "test": accuracy,
    }


def load(file: Path) -> Results:
    """Reads earlier results."""
    return json.loads(file.read_text())["runs"] if file.exists() else {}


def save(file: Path, results: Results) -> None:
    """Writes all results, with what they were measured on."""
    setting = {"backend": keras.backend.backend(), "trials": TRIALS, "epochs": EPOCHS}
    file.write_text(json.dumps({"setting": setting, "runs": results}, indent=1) + "\n")


def markdown(results: Results) -> str:
    """Returns the table: means over seeds, differences to searches without a pruner."""
    lines = [
        "| data | pruner | seeds | epochs saved | CPU time | validation accuracy | test accuracy |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for data, by_pruner in results.items():
        for pruner, runs in by_pruner.items():
            lines.append(f"| {data} | {pruner} | {_summary(runs, by_pruner['none'])} |")
    return "\n".join(lines) + "\n"


def _summary(runs: dict[str, Row], plain: dict[str, Row]) -> str:
    seeds = [seed for seed in runs if seed in plain]
    column = {k: np.array([runs[seed][k] for seed in seeds]) for k in runs[seeds[0]]}
    other = {k: np.array([plain[seed][k] for seed in seeds]) for k in column}
    saved = 1 - column["epochs"].sum() / other["epochs"].sum()
    ratio = column["seconds"].sum() / other["seconds"].sum()
    scores = [_difference(column[k], other[k]) for k in ("validation", "test")]
    return " | ".join([str(len(seeds)), f"{saved:.0%}", f"{ratio:.2f}", *scores])


def _difference(scores: np.ndarray, plain: np.ndarray) -> str:
    """Returns the mean and, of another search, the paired difference with its standard error."""
    if np.array_equal(scores, plain):
        return f"{scores.mean():.4f}"
    difference = scores - plain
    error = difference.std(ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.nan
    return f"{scores.mean():.4f} ({difference.mean():+.4f} ± {error:.4f})"


def main() -> None:
    """Measures what is missing, writes it and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="*", help=f"of {', '.join(SETS)}; all that are there")
    parser.add_argument("--seeds", type=int, default=10, help="default: 10")
    parser.add_argument("--pruners", type=lambda t: t.split(","), default=list(PRUNERS))
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is written")
    parser.add_argument("--markdown", type=Path, help="document whose table is written anew")
    arguments = parser.parse_args()
    there = [name for name in SETS if name != "fashion_mnist" or DATA.exists()]
    results = load(arguments.json)
    for seed in range(arguments.seeds):
        for data in arguments.data or there:
            for pruner in arguments.pruners:
                runs = results.setdefault(data, {}).setdefault(pruner, {})
                if str(seed) not in runs:
                    runs[str(seed)] = search(data, pruner, seed)
                    save(arguments.json, results)
                    print(data, pruner, seed, runs[str(seed)], flush=True)
    print(markdown(results))
    if arguments.markdown:
        write_markdown(arguments.markdown, markdown(results), BEGIN, END)


if __name__ == "__main__":
    main()
