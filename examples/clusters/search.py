"""Tune an MLP on the digits: the program that runs on a cluster; see docs/clusters.md.

python search.py --directory results --trials 10
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow starts

from sklearn.datasets import load_digits

import kt_extensions as kte


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", default="results", help="a folder that all machines share")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--ray", action="store_true", help="run the trials on a Ray cluster")
    parser.add_argument("--gpus", type=int, default=1, help="for each trial on a Ray cluster")
    search(parser.parse_args())


def search(asked: argparse.Namespace) -> None:
    x, y = load_digits(return_X_y=True)
    needed = {"CPU": 2, "GPU": asked.gpus}
    on_ray = {"parallel": "ray", "address": "auto", "resources_per_trial": needed}
    tuner = kte.TPE(
        kte.builders.MLP(input_shape=(64,), outputs=10),
        objective="val_accuracy",
        max_trials=asked.trials,
        directory=asked.directory,
        project_name="digits",
        **(on_ray if asked.ray else {}),
    )
    tuner.search(x / 16, y, validation_split=0.2, epochs=asked.epochs, verbose=0)
    if "chief" in os.environ.get("KERASTUNER_TUNER_ID", "chief"):  # a worker has no results
        tuner.results_summary(5)


if __name__ == "__main__":
    main()
