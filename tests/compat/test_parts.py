"""Builders, schedules, logs, figures and the command line."""

from __future__ import annotations

import copy
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import kt_extensions as kte
from kt_extensions.callbacks import CosineDecay, WarmupDecay
from kt_extensions.cli import main
from tests.compat.networks import DATA, X, Y, build

FAMILIES: dict[str, tuple[Any, Any]] = {
    "MLP": (kte.builders.MLP(input_shape=(4,), outputs=2, depth=1, units=4), (4,)),
    "CNN": (kte.builders.CNN(input_shape=(8, 8, 1), outputs=2, blocks=1, filters=4), (8, 8, 1)),
    "GRU": (kte.builders.GRU(input_shape=(5, 2), outputs=2, units=4), (5, 2)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_builders(tmp_path: Path, name: str) -> None:
    hypermodel, shape = FAMILIES[name]
    x, y = np.random.default_rng(0).random((32, *shape)), np.arange(32) % 2
    made = kte.TPE(hypermodel, "val_loss", max_trials=1, seed=1, directory=str(tmp_path))
    made.search(x, y, validation_split=0.5, epochs=1, verbose=0)
    [model] = made.get_best_models()
    assert model.predict(x, verbose=0).shape[0] == 32


class Rates(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        self.rates = [*getattr(self, "rates", []), float(rate)]


def test_schedules() -> None:
    hp = kt.HyperParameters()
    model, rates = build(hp), Rates()
    model.optimizer.learning_rate = 0.1
    callbacks = [kte.callbacks.StepDecay(0.5, every=1), rates]
    model.fit(X, Y, epochs=3, callbacks=callbacks, verbose=0)
    assert rates.rates == pytest.approx([0.1, 0.05, 0.025])
    for callback in (CosineDecay(), WarmupDecay(1, CosineDecay())):
        model.fit(X, Y, epochs=2, callbacks=[copy.deepcopy(callback)], verbose=0)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A search with a log, in which a trial fails."""

    def failing(hp: kt.HyperParameters) -> keras.Model:
        if len(made.oracle.trials) == 2:
            raise RuntimeError("on purpose")
        return build(hp)

    folder = tmp_path_factory.mktemp("searched")
    made = kte.TPE(
        build, "val_loss", max_trials=3, seed=1, directory=str(folder), tensorboard_dir=folder / "l"
    )
    made.hypermodel.build = failing
    made.search(X, Y, epochs=2, **DATA)
    return made


def test_hparams_log(searched: Any) -> None:
    """Each trial has a row, whether TensorFlow is there or not."""
    files = Path(searched.project_dir).parent.glob("l/**/*tfevents*")
    values = [v for f in files for e in EventFileLoader(str(f)).Load() for v in e.summary.value]
    tags = [value.tag for value in values]
    assert tags.count("_hparams_/experiment") == 1
    assert tags.count("_hparams_/session_start_info") == 3
    assert tags.count("_hparams_/session_end_info") == 3


def test_results(searched: Any) -> None:
    assert [r["status"] for r in searched.results()].count("COMPLETED") == 2
    assert "on purpose" in str(searched.failures())
    assert [len(r["history"][0]["val_loss"]) for r in searched.results() if r["score"]] == [2, 2]


def test_command_line(searched: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, page = searched.project_dir, tmp_path / "report.html"
    assert main(["best", project]) == main(["space", project]) == 0
    assert "units" in capsys.readouterr().out
    assert main(["report", project, "-o", str(page)]) == 0
    assert "</html>" in page.read_text()


@pytest.mark.parametrize("name", ["history", "curves", "slices"])
def test_figures(searched: Any, name: str) -> None:
    assert getattr(kte.plots, f"plot_{name}")(searched).axes


WITHOUT_TENSORFLOW = """
import sys
import kt_extensions as kte
from tests.compat.networks import DATA, X, Y, build

made = kte.TPE(build, "val_loss", max_trials=1, directory=sys.argv[1], tensorboard_dir=sys.argv[2])
made.search(X, Y, epochs=1, **DATA)
made.get_best_models()
assert "COMPLETED" in str(made.results()), made.failures()
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_never_import_tensorflow(tmp_path: Path, backend: str) -> None:
    """Not even one that is installed beside them."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    beside = tmp_path / "packages" / "tensorflow"
    beside.mkdir(parents=True)
    (beside / "__init__.py").write_text("raise RuntimeError('TensorFlow was imported')")
    paths = os.pathsep.join([str(beside.parent), os.getcwd()])
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths}
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, str(tmp_path), str(tmp_path / "logs")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
