"""What a log leaves out so that a search goes on: values that are no number, a lost disk's rows."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kt_extensions.hparams._events import EventFile
from tests.unit.test_hparams import PLAIN, begin, end, make_oracle, read, train

LOST = "Stale file handle.*The search goes on"


class Disk:
    """A disk for logs that can be lost and found again."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = False
        self._folder = str(folder)
        self._listdir = os.listdir
        monkeypatch.setattr(os, "listdir", self.listdir)

    def listdir(self, path: Any) -> list[str]:
        if self.lost and os.fspath(path).startswith(self._folder):
            raise OSError(errno.ESTALE, "Stale file handle", path)
        return self._listdir(path)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path / "logs", monkeypatch)


def test_metrics_with_several_values_are_left_out(tmp_path: Path) -> None:
    """Also where they come from another process, and as the objective."""
    oracle = make_oracle(tmp_path, [PLAIN])
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    classes = np.array([0.25, 0.75])
    callback = logger.callback(trial, 0)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_accuracy": 0.5, "f1_score": classes, "val_f1_score": classes})
    callback.on_train_end()
    logger.execution(trial, 1).log_epoch(0, {"val_accuracy": classes, "loss": 0.5}, None)
    end(oracle, logger, trial, {"val_accuracy": 0.5})
    runs = read(tmp_path / "logs")
    run = "digits/0000/execution"
    assert runs[f"{run}0"]["objective/val_accuracy"] == [(0, 0.5)]
    assert runs[f"{run}0/validation"] == {"epoch_accuracy": [(0, 0.5)]}
    assert f"{run}0/train" not in runs
    assert runs[f"{run}1/train"] == {"epoch_loss": [(0, 0.5)]}


def test_a_disk_that_is_lost_between_trials_costs_rows(tmp_path: Path, disk: Disk) -> None:
    oracle = make_oracle(tmp_path, [PLAIN] * 3)
    logger = begin(oracle, tmp_path)
    for disk.lost in (False, True, False):
        trial = oracle.create_trial("tuner0")
        logger.on_trial_begin(trial)
        if not disk.lost:
            train(logger, trial, [0.5])
            end(oracle, logger, trial, {"val_accuracy": 0.5})
            continue
        with pytest.warns(RuntimeWarning, match=LOST):
            train(logger, trial, [0.5])
        with pytest.warns(RuntimeWarning, match=LOST):
            end(oracle, logger, trial, {"val_accuracy": 0.5})
    rows = [name for name, run in read(tmp_path / "logs").items() if "session_end_info" in run]
    assert rows == ["digits/0000/execution0", "digits/0002/execution0"]
    begin(oracle, tmp_path)
    rows = [name for name, run in read(tmp_path / "logs").items() if "session_end_info" in run]
    assert rows == [f"digits/{number:04}/execution0" for number in range(3)]


def test_a_disk_that_is_back_when_the_training_begins(tmp_path: Path, disk: Disk) -> None:
    """The runs of an earlier attempt are replaced, as if the disk had been there all the time."""
    oracle = make_oracle(tmp_path, [PLAIN], max_retries_per_trial=1)
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    train(logger, trial, [0.25])
    end(oracle, logger, trial, status="INVALID")
    disk.lost = True
    trial = oracle.create_trial("tuner0")
    logger.on_trial_begin(trial)
    disk.lost = False
    train(logger, trial, [0.5])
    end(oracle, logger, trial, {"val_accuracy": 0.5})
    rows = [name for name, run in read(tmp_path / "logs").items() if "session_end_info" in run]
    assert rows == ["digits/0000/execution0-run2"]


def test_a_file_that_cannot_be_closed_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk says so again then; the trial may be begun anew meanwhile."""
    oracle = make_oracle(tmp_path, [PLAIN])
    logger = begin(oracle, tmp_path)
    trial = oracle.create_trial("tuner0")
    closed = EventFile.close

    def close(self: EventFile) -> None:
        closed(self)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EventFile, "close", close)
    for score in (0.25, 0.5):
        logger.on_trial_begin(trial)
        callback = logger.callback(trial, 0)
        callback.on_train_begin()
        callback.on_epoch_end(0, {"val_accuracy": score})
        if score == 0.25:
            with pytest.warns(RuntimeWarning, match="No space left"):
                logger.on_trial_begin(trial)
    with pytest.warns(RuntimeWarning, match="No space left"):
        end(oracle, logger, trial, {"val_accuracy": 0.5})
    row = read(tmp_path / "logs")["digits/0000/execution0-run2"]
    assert row["objective/val_accuracy"] == [(0, 0.5)]
