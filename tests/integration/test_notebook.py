"""Searches with workers from a notebook, where `__main__` is no file that a worker could import."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from tests.kernels import execute

CELLS = [
    """
import json, os
import keras, numpy as np
import kt_extensions as kte

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 4)).astype("float32")
y = x.sum(axis=1)
LOSS = "mse"

def build(hp):
    model = keras.Sequential([keras.layers.Dense(hp.Int("units", 1, 8)), keras.layers.Dense(1)])
    model.compile("sgd", LOSS)
    return model

class Noting(kte.TPE):
    def run_trial(self, trial, *args, **kwargs):
        with open("processes", "a") as file:
            print(os.getpid(), LOSS, file=file)
        return super().run_trial(trial, *args, **kwargs)
""",
    """
tuner = Noting(build, "val_loss", max_trials=2, workers=2, seed=0, project_name="project")
tuner.search(x, y, validation_split=0.5, epochs=1, verbose=0)
""",
    """
LOSS = "mae"
further = Noting(build, "val_loss", max_trials=4, workers=2, seed=0, project_name="project")
further.search(x, y, validation_split=0.5, epochs=1, verbose=0)
""",
    """
[model] = further.get_best_models()
print(json.dumps({
    "statuses": [trial.status for trial in further.oracle.trials.values()],
    "shape": model.predict(x, verbose=0).shape,
    "kernel": os.getpid(),
}))
""",
]


def test_workers_search_with_what_the_cells_define(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with what a later cell has changed."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    execute(nbformat.v4.new_notebook(cells=cells), tmp_path, monkeypatch)
    told = json.loads(cells[-1].outputs[0].text)
    assert told["statuses"] == ["COMPLETED"] * 4
    assert told["shape"] == [64, 1]
    runs = [line.split() for line in (tmp_path / "processes").read_text().splitlines()]
    assert [loss for _, loss in runs] == ["mse", "mse", "mae", "mae"]
    assert str(told["kernel"]) not in {process for process, _ in runs}
