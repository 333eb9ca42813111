"""CPU time of a trial of `kt_extensions.TPE` but for building and fitting its model.

That is the proposal, the files of the project, the reports of the epochs, the pruner and the
collections of garbage, in a search over 10 hyperparameters with two epochs a trial; and the same
with logs for TensorBoard. The networks are built, but `fit` only calls the callbacks; what is not
counted is KerasTuner's own one that saves the weights of the best epoch.

    python -m benchmarks.engine
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import keras_tuner as kt
import numpy as np
from keras_tuner.src.engine.tuner_utils import SaveBestEpoch

import kt_extensions as kte

RESULTS = Path(__file__).parent / "results" / "engine.json"
AT = (100, 1_000)
EPOCHS, DIMENSIONS = 2, 10


class Timed(kt.HyperModel):
    """Networks that are built but not trained; notes when the engine has worked, and how long.

    Attributes:
        seconds: For each trial the CPU seconds of all that is neither building nor fitting.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._since = time.thread_time()
        self._spent = 0.0

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """Builds a network of the values' mean."""
        self._pause()
        if hp.values:
            self.seconds.append(self._spent)
            self._spent = 0.0
        for i in range(DIMENSIONS):
            hp.Float(f"x{i}", 0.0, 1.0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        self._go_on()
        return model

    def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Calls the callbacks as a training would."""
        self._pause()
        loss = sum((hp.get(f"x{i}") - 0.3) ** 2 for i in range(DIMENSIONS))
        given = [c for c in kwargs["callbacks"] if not isinstance(c, SaveBestEpoch)]
        history = keras.callbacks.History()
        callbacks = keras.callbacks.CallbackList([*given, history], model=model)
        callbacks.set_params({"epochs": EPOCHS, "steps": 1, "verbose": 0})
        self._go_on()
        callbacks.on_train_begin()
        for epoch in range(EPOCHS):
            callbacks.on_epoch_begin(epoch)
            callbacks.on_epoch_end(epoch, {"loss": loss, "val_loss": loss + 1 / (epoch + 1)})
        callbacks.on_train_end()
        return history

    def _pause(self) -> None:
        self._spent += time.thread_time() - self._since

    def _go_on(self) -> None:
        self._since = time.thread_time()


def search(logged: bool) -> dict[str, float]:
    """Returns the mean milliseconds of the hundred trials around some, by their numbers."""
    hypermodel = Timed()
    with tempfile.TemporaryDirectory() as folder:
        tuner = kte.TPE(
            hypermodel,
            "val_loss",
            max_trials=max(AT) + 50,
            seed=0,
            pruner=kte.pruners.Median(),
            directory=folder,
            tensorboard_dir=Path(folder) / "logs" if logged else None,
        )
        tuner.search(verbose=0)
    around = {n: np.array(hypermodel.seconds[n - 50 : n + 50]) for n in AT}
    return {str(n): round(float(1e3 * seconds.mean()), 2) for n, seconds in around.items()}


def main() -> None:
    """Runs the searches, prints the milliseconds a trial, and writes them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, default=RESULTS, help="file that is written")
    arguments = parser.parse_args()
    found = {"engine": search(logged=False), "with TensorBoard": search(logged=True)}
    print(f"CPU milliseconds a trial, by its number: {found}")
    arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
