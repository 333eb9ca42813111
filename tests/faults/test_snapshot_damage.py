"""Snapshots and weights that are cut off, or in which a bit is flipped."""

from __future__ import annotations

import pickle
import random
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.snapshot import Snapshot, files

X = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")


def damages(data: bytes, seed: int, number: int) -> Iterator[bytes]:
    draw = random.Random(seed)
    for _ in range(number):
        yield data[: draw.randrange(len(data))]
        place = draw.randrange(len(data))
        yield data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


@pytest.fixture(autouse=True)
def _nothing_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something is unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refused)


def test_the_last_whole_snapshot_is_read(tmp_path: Path) -> None:
    file = Path(files.snapshot_file(tmp_path, 0))
    for epoch in (1, 2):
        files.write(file, Snapshot(epoch, variables=[np.arange(50.0)], history={"loss": [0.5]}))
    newest = file.read_bytes()
    before = Path(files.earlier(file)).read_bytes()
    for data in damages(newest, 0, 100):
        file.write_bytes(data)
        with pytest.warns(UserWarning, match="Left out the snapshot"):
            found = files.newest_readable(file)
        assert found is not None and found.epoch == 1
    for data in damages(before, 1, 20):
        Path(files.earlier(file)).write_bytes(data)
        with pytest.warns(UserWarning, match="Left out the snapshot"):
            assert files.newest_readable(file) is None


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 8))])
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse", run_eagerly=True)
    return model


class Stopping(keras.callbacks.Callback):
    """Stops the search after the fifth epoch of all."""

    epochs = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        Stopping.epochs += 1
        if Stopping.epochs == 5:
            raise KeyboardInterrupt


def searched(folder: Path, *callbacks: Any) -> kte.Tuner:
    made = kte.TPE(
        build, "val_loss", max_trials=2, seed=0, directory=folder, project_name="project",
        snapshots=kte.Snapshots(every_epochs=1, keep="all"),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.search(X, X[:, :1], validation_split=0.5, epochs=3, verbose=0, callbacks=[*callbacks])
    return made


def told(made: kte.Tuner) -> list[Any]:
    return [(r["status"], r["score"], r["values"], r["history"]) for r in made.results()]


def test_a_search_with_damaged_files_goes_on(tmp_path: Path) -> None:
    """From the snapshot before, or from the beginning of the trial, to the same end."""
    expected = told(searched(tmp_path / "whole"))
    Stopping.epochs = 0
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "stopped", Stopping())
    names = sorted(
        f.relative_to(tmp_path / "stopped") for f in (tmp_path / "stopped").rglob("last*")
    )
    assert {name.suffix for name in names} == {".snapshot", ".earlier", ".best"}
    weights = sorted(
        f.relative_to(tmp_path / "stopped") for f in (tmp_path / "stopped").rglob("*.h5")
    )
    assert len(weights) == 2
    for number, name in enumerate([*names, *weights]):
        data = (tmp_path / "stopped" / name).read_bytes()
        for damaged in damages(data, number, 1):
            shutil.rmtree(tmp_path / "damaged", ignore_errors=True)
            shutil.copytree(tmp_path / "stopped", tmp_path / "damaged")
            (tmp_path / "damaged" / name).write_bytes(damaged)
            assert told(searched(tmp_path / "damaged")) == expected, name
    for name in names:
        (tmp_path / "stopped" / name).write_bytes(b"")
    assert told(searched(tmp_path / "stopped")) == expected
