"""Tune an MLP on real data: search, stop, resume, look at the results, keep the best model.

    python examples/quickstart.py
    python examples/quickstart.py --data letter --data-folder DATA --trials 40 --algorithm random

The digits come with scikit-learn. The other data sets are read from `DATA/<name>/<name>.npz`, with
arrays `x`, `y` and `is_test`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow starts
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import keras_tuner as kt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import kt_extensions as kte

REGRESSION = ("california_housing",)
OURS = {
    "auto": kte.oracles.AutoOracle,
    "tpe": kte.oracles.TPEOracle,
    "gp": kte.oracles.GPOracle,
    "pso": kte.oracles.PSOOracle,
    "skopt": kte.oracles.SkoptOracle,
}
BRACKETS = {"bohb": kte.oracles.BOHBOracle, "hyperband": kte.oracles.HyperbandOracle}
STOCK = {
    "random": kt.oracles.RandomSearchOracle,
    "bayesian": kt.oracles.BayesianOptimizationOracle,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        default="digits",
        choices=["digits", "pendigits", "letter", "california_housing"],
        help="the data set (default: digits)",
    )
    parser.add_argument(
        "--data-folder",
        type=Path,
        default=Path(os.environ.get("KT_EXTENSIONS_DATA", "data")),
        help="where the data sets other than digits lie (default: $KT_EXTENSIONS_DATA, or data)",
    )
    parser.add_argument(
        "--trials", type=int, default=25, help="trials, not for bohb and hyperband (25)"
    )
    parser.add_argument(
        "--algorithm",
        default="auto",
        choices=[*OURS, *BRACKETS, *STOCK],
        help="random and bayesian are KerasTuner's own oracles, in our tuner (default: auto)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the search (0)")
    parser.add_argument("--epochs", type=int, default=15, help="epochs for each trial at most (15)")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), help="folder for all that is written (demo)"
    )
    return parser.parse_args()


def load(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns x and y to train on, x and y to test on; x standardized."""
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        split = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
        x_train, x_test, y_train, y_test = split
    else:
        file = folder / name / f"{name}.npz"
        if not file.exists():
            sys.exit(f"No file {file}. Name the folder of the data sets with --data-folder.")
        data = np.load(file)
        x, y, is_test = data["x"], data["y"], data["is_test"]
        x_train, y_train, x_test, y_test = x[~is_test], y[~is_test], x[is_test], y[is_test]
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), y_train, scaler.transform(x_test), y_test


def make_oracle(args: argparse.Namespace, objective: str) -> kt.Oracle:
    if args.algorithm in OURS:
        return OURS[args.algorithm](objective, max_trials=args.trials, seed=args.seed)
    if args.algorithm in BRACKETS:
        return BRACKETS[args.algorithm](objective, max_epochs=args.epochs, seed=args.seed)
    seed = args.seed + 1  # to KerasTuner's own oracles 0 is no seed
    return STOCK[args.algorithm](objective=objective, max_trials=args.trials, seed=seed)


def make_tuner(args: argparse.Namespace, hypermodel: kt.HyperModel, objective: str) -> kte.Tuner:
    return kte.Tuner(
        oracle=make_oracle(args, objective),
        hypermodel=hypermodel,
        directory=args.output,
        project_name=f"{args.data}-{args.algorithm}-{args.seed}",
        overwrite=args.fresh,
        tensorboard_dir=args.output / "logs",
    )


def search(tuner: kte.Tuner, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.25, random_state=0)
    stop_early = keras.callbacks.EarlyStopping(tuner.oracle.objective.name, patience=3)
    try:
        tuner.search(x, y, validation_data=(x_val, y_val), epochs=epochs, callbacks=[stop_early])
    except KeyboardInterrupt:
        sys.exit(130)


def retrain(tuner: kte.Tuner, x: np.ndarray, y: np.ndarray) -> keras.Model:
    """Trains the best configuration on all training data, for as long as was best in the search."""
    [trial] = tuner.get_best_trials()
    hp = trial.hyperparameters
    model = tuner.hypermodel.build(hp)
    tuner.hypermodel.fit(hp, model, x, y, epochs=trial.best_step + 1, verbose=0)
    return model


def report(tuner: kte.Tuner, model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    [trial] = tuner.get_best_trials()
    print(
        f"\nBest of {len(tuner.oracle.trials)} trials: number {trial.trial_id}, "
        f"{tuner.oracle.objective.name} {trial.score:.4f}"
    )
    for name, value in trial.hyperparameters.values.items():
        print(f"  {name:<20} {value:.4g}" if isinstance(value, float) else f"  {name:<20} {value}")
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    told = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    print(f"Retrained on all training data, on {len(x)} test rows: {told}")


def main() -> None:
    args = arguments()
    x_train, y_train, x_test, y_test = load(args.data, args.data_folder)
    keras.utils.set_random_seed(args.seed)
    input_shape = x_train.shape[1:]
    if args.data in REGRESSION:
        objective = "val_mae"
        hypermodel = kte.builders.MLP(input_shape=input_shape, outputs=1, task="regression")
    else:
        objective = "val_accuracy"
        hypermodel = kte.builders.MLP(input_shape=input_shape, outputs=int(y_train.max()) + 1)
    tuner = make_tuner(args, hypermodel, objective)
    search(tuner, x_train, y_train, args.epochs)
    report(tuner, retrain(tuner, x_train, y_train), x_test, y_test)
    figure = Path(tuner.project_dir) / "history.png"
    kte.plots.plot_history(tuner).savefig(figure, dpi=150)
    print(f"\nThe search as a picture: {figure}")
    print(f"All trials: .venv/bin/tensorboard --logdir {args.output / 'logs'}, the HParams tab")


if __name__ == "__main__":
    main()
