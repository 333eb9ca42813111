"""What an ordinary search shows in the terminal: its progress, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import math

import keras_tuner as kt

import kt_extensions as kte
from tests.newcomer.searches import X, Y, build


class Model(kt.HyperModel):
    trials = 0

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        Model.trials += 1
        model.fit(*args, **kwargs)
        return {"val_loss": math.nan} if Model.trials == 1 else {"val_loss": 0.5}


tuner = kte.TPE(Model(), "val_loss", max_trials=2, seed=0, tensorboard_dir="logs")
tuner.search(X, Y, validation_split=0.5, epochs=1)
tuner.get_best_models()
tuner.results_summary()
"""


def test_an_ordinary_search_is_calm(tmp_path: Path) -> None:
    """One of its trials has no score. TensorFlow's own messages are switched off."""
    root = Path(__file__).parents[2]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    path = os.pathsep.join([str(root), *filter(None, sys.path)])
    environment = {**os.environ, **quiet, "PYTHONPATH": path}
    environment["PYTHONWARNINGS"] = "default,ignore::DeprecationWarning"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "The objective 'val_loss' was nan" in done.stdout
    assert "2 trials" in done.stdout
