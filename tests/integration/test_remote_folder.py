"""Searches whose project folder is none on a disk: here TensorFlow's file system in memory."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, ClassVar

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.src.backend import io as keras_tuner_io

import kt_extensions as kte
from kt_extensions import gfiles

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="KerasTuner reaches it through TensorFlow"
)
X = np.random.default_rng(0).random((16, 4)).astype("float32")
Y = (X.sum(axis=1) > 2).astype("int32")


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    rate = hp.Float("rate", 1e-3, 1e-1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, run_eagerly=True)
    return model


class Epochs(keras.callbacks.Callback):
    """Notes the epochs that are trained; deletes snapshots, or stops the program."""

    begun: ClassVar[list[int]] = []
    folder: ClassVar[str] = ""
    interrupts: ClassVar[int | None] = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(epoch)
        if len(self.begun) == self.interrupts:
            raise KeyboardInterrupt

    def on_train_end(self, logs: Any = None) -> None:
        for name in gfiles.names(self.folder) if self.folder else ():
            gfiles.remove(f"{self.folder}/{name}/last_0.snapshot")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder that is none on a disk; nothing is to be written where the program runs."""
    monkeypatch.chdir(tmp_path)
    open_file = keras_tuner_io.File

    def truncating(name: str, mode: str) -> Any:  # unlike others, this file system does not
        if "w" in mode:
            gfiles.remove(name)
        return open_file(name, mode)

    monkeypatch.setattr(keras_tuner_io, "File", truncating)
    for name, value in {"begun": [], "folder": "", "interrupts": None}.items():
        monkeypatch.setattr(Epochs, name, value)
    return f"ram://{uuid.uuid4().hex}"


def make(bucket: str, oracle: kt.Oracle, **kwargs: Any) -> kte.Tuner:
    snapshots = kte.Snapshots(every_epochs=1, **kwargs)
    return kte.Tuner(oracle, build, directory=bucket, project_name="p", snapshots=snapshots)


def search(tuner: kte.Tuner, **kwargs: Any) -> None:
    tuner.search(X, Y, validation_split=0.5, verbose=0, callbacks=[Epochs()], **kwargs)


def hyperband() -> kt.Oracle:
    return kt.oracles.HyperbandOracle("val_loss", max_epochs=2, factor=2, seed=0)


def kept(bucket: str) -> list[str]:
    trials = [name for name in gfiles.names(f"{bucket}/p") if name.startswith("trial_")]
    files = {name: gfiles.names(f"{bucket}/p/{name}") for name in trials}
    return [name for name in trials if any(file.startswith("last_") for file in files[name])]


def epochs_of(oracle: kt.Oracle, goes_on: bool) -> list[int]:
    """Returns the epochs that the trials of a search train."""
    values = [trial.hyperparameters.values for trial in oracle.trials.values()]
    first = "tuner/initial_epoch" if goes_on else None
    return [e for v in values for e in range(v[first] if first else 0, v["tuner/epochs"])]


def test_promoted_trials_go_on(bucket: str) -> None:
    tuner = make(bucket, hyperband(), keep="best")
    search(tuner)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert Epochs.begun == epochs_of(tuner.oracle, goes_on=True)
    best = tuner.get_best_trials()[0]
    assert kept(bucket) == [f"trial_{best.trial_id}"]
    loss = tuner.get_best_models()[0].evaluate(X[8:], Y[8:], verbose=0)
    assert loss == pytest.approx(best.score, abs=1e-6)
    del Epochs.begun[:]
    trial = tuner.continue_trial(
        best.trial_id, X, Y, validation_split=0.5, verbose=0, epochs=4, callbacks=[Epochs()]
    )
    assert Epochs.begun == [*range(best.hyperparameters.values["tuner/epochs"], 4)]
    assert trial.status == "COMPLETED"
    assert [*Path().rglob("*")] == []


def test_a_missing_snapshot_costs_epochs_only(bucket: str) -> None:
    tuner = make(bucket, hyperband())
    Epochs.folder = f"{bucket}/p"
    with pytest.warns(UserWarning, match="It is trained from the beginning"):
        search(tuner)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert Epochs.begun == epochs_of(tuner.oracle, goes_on=False)


def test_a_stopped_search_goes_on(bucket: str) -> None:
    def tuner() -> kte.Tuner:
        return make(bucket, kt.oracles.RandomSearchOracle("val_loss", max_trials=2, seed=1))

    Epochs.interrupts = 6
    with pytest.raises(KeyboardInterrupt):
        search(tuner(), epochs=4)
    del Epochs.begun[:]
    resumed = tuner()
    search(resumed, epochs=4)
    assert Epochs.begun == [1, 2, 3]
    assert {trial.status for trial in resumed.oracle.trials.values()} == {"COMPLETED"}
    assert [*Path().rglob("*")] == []


def test_what_needs_a_disk(bucket: str) -> None:
    with pytest.raises(ValueError, match=r"local folder.* append to a log.*Mount the bucket"):
        search(kte.TPE(build, "val_loss", directory=bucket, project_name="p"))
