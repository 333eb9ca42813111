"""What the examples of the model families share: options, the search, and the comparison."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before TensorFlow starts: import this module before Keras.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
from sklearn.model_selection import train_test_split

import kt_extensions as kte


@dataclass(frozen=True)
class Data:
    """Arrays to train on and to test on, and what to compare with.

    Args:
        name: Name of the data set.
        x, y: The training data.
        x_test, y_test: The test data.
        baseline: Test score of a sensible network that was not tuned; None where none is known.
        in_time: Whether the rows are in the order of time: the last of them are then validated on.
    """

    name: str
    x: Any
    y: np.ndarray
    x_test: Any
    y_test: np.ndarray
    baseline: float | None = None
    in_time: bool = False


def arguments(description: str) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data-folder",
        type=Path,
        default=Path(os.environ.get("KT_EXTENSIONS_DATA", "data")),
        help="where the data sets lie (default: $KT_EXTENSIONS_DATA, or data); without them, data "
        "that come with scikit-learn are used",
    )
    parser.add_argument("--trials", type=int, default=30, help="trials of the search (30)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the search (0)")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), help="folder for all that is written (demo)"
    )
    return parser.parse_args()


def tune(
    args: argparse.Namespace,
    hypermodel: Any,
    data: Data,
    *,
    objective: str,
    score: Callable[[keras.Model, Data], float],
    epochs: int,
    final_epochs: int,
    rows: int,
) -> float:
    """Searches with TPE, trains the best configuration on all data, and compares.

    Args:
        args: The options.
        hypermodel: The search space.
        data: The data.
        objective: What the search minimizes or maximizes, for example "val_accuracy".
        score: The score of a trained model on the test data.
        epochs: Epochs of each trial.
        final_epochs: Epochs of the last training.
        rows: Training rows that a trial sees.

    Returns:
        The score on the test data.
    """
    keras.utils.set_random_seed(args.seed)
    began = time.monotonic()
    tuner = kte.TPE(
        hypermodel,
        objective,
        max_trials=args.trials,
        seed=args.seed,
        directory=args.output,
        project_name=f"{data.name}-{args.seed}",
        overwrite=args.fresh,
        tensorboard_dir=args.output / "logs",
    )
    x, x_val, y, y_val = split(data, rows)
    tuner.search(x, y, validation_data=(x_val, y_val), epochs=epochs)
    searched = time.monotonic()
    [hp] = tuner.get_best_hyperparameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, data.x, data.y, epochs=final_epochs, verbose=0)
    result = score(model, data)
    print(f"\nBest configuration: {hp.values}")
    print(f"On {len(data.y_test)} test rows of {data.name}: {score.__name__} {result:.4f}", end="")
    print("" if data.baseline is None else f" (a network that was not tuned: {data.baseline:.4f})")
    print(f"{searched - began:.0f} s of searching, {time.monotonic() - searched:.0f} s of training")
    return result


def accuracy(model: keras.Model, data: Data) -> float:
    """Returns the share of the test rows whose class is found."""
    return float(np.mean(model.predict(data.x_test, verbose=0).argmax(-1) == data.y_test))


def mean_absolute_error(model: keras.Model, data: Data) -> float:
    """Returns the mean error on the test rows, in the units of the targets."""
    return float(np.mean(np.abs(model.predict(data.x_test, verbose=0)[:, 0] - data.y_test)))


def split(data: Data, rows: int) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """Returns inputs to train on and to validate with, and the targets of both."""
    classes = data.y if data.y.dtype.kind in "iu" else None
    order = {"shuffle": False} if data.in_time else {"random_state": 0, "stratify": classes}
    chosen, validation = train_test_split(np.arange(len(data.y)), test_size=0.25, **order)
    chosen, validation = chosen[-rows:], validation[:rows]
    return data.x[chosen], data.x[validation], data.y[chosen], data.y[validation]


def read(folder: Path, name: str) -> Any:
    """Returns the arrays of a data set, None where its file is absent."""
    file = folder / name / f"{name}.npz"
    return np.load(file) if file.exists() else None
