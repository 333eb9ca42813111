"""What of a search is on the disk, not in the memory of the system alone, and when."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions.oracles import TPEOracle
from kt_extensions.snapshot import snapshot_file
from kt_extensions.store import EventLog


class Untrained(kte.Tuner):
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        raise NotImplementedError


def begun(folder: Path) -> TPEOracle:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    oracle = TPEOracle(
        kt.Objective("score", "min"),
        max_trials=9,
        hyperparameters=hp,
        seed=0,
        allow_new_entries=False,
    )
    oracle._set_project_dir(str(folder), "search")
    oracle.reload()
    return oracle


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The last event of the log whenever files were put on the disk."""
    found: list[str] = []
    log = EventLog(tmp_path / "search")

    def note(descriptor: int) -> None:
        found.append(log.read()[-1]["event"])

    oracle = begun(tmp_path)
    assert oracle.record.log.exists()
    monkeypatch.setattr(os, "fsync", note)
    return found


def end(oracle: TPEOracle, trial: Trial) -> None:
    oracle.update_trial(trial.trial_id, {"score": 1.0})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_the_end_of_a_trial_is_on_the_disk_with_its_start(
    tmp_path: Path, synced: list[str]
) -> None:
    oracle = begun(tmp_path)
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    assert synced == []
    end(oracle, first)
    assert synced == ["end"]
    end(oracle, second)
    assert synced == ["end", "end"]


def test_trials_that_end_together_wait_for_the_disk_once(tmp_path: Path, synced: list[str]) -> None:
    oracle = begun(tmp_path)
    first, second, third = (oracle.create_trial(name) for name in "abc")
    with oracle.ends_together():
        end(oracle, first)
        end(oracle, second)
        assert synced == []
    assert synced == ["end"]
    end(oracle, third)
    assert synced == ["end", "end"]
    with oracle.ends_together():
        pass
    assert synced == ["end", "end"]


def test_an_error_leaves_no_end_out(tmp_path: Path, synced: list[str]) -> None:
    oracle = begun(tmp_path)
    with pytest.raises(KeyboardInterrupt), oracle.ends_together():
        end(oracle, oracle.create_trial("a"))
        raise KeyboardInterrupt
    assert synced == ["end"]


def test_files_are_deleted_once_the_ends_that_make_them_useless_are_on_the_disk(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner = Untrained(
        begun(tmp_path), directory=tmp_path, project_name="search", executions_per_trial=2
    )
    trials = [tuner.oracle.create_trial(name) for name in "ab"]
    files = [
        Path(snapshot_file(tuner.get_trial_dir(trials[0].trial_id), 0)),
        Path(tuner.get_trial_dir(trials[1].trial_id), "execution_0.json"),
    ]
    for file in files:
        file.touch()
    remove = os.unlink

    def removing(path: str) -> None:
        synced.append(Path(path).name)
        remove(path)

    monkeypatch.setattr(os, "unlink", removing)
    with tuner.ends_together():
        for trial in trials:
            tuner.oracle.update_trial(trial.trial_id, {"score": 1.0})
            trial.status = "COMPLETED"
            tuner.on_trial_end(trial)
    assert synced == ["end", "last_0.snapshot", "end", "execution_0.json"]


def test_a_start_that_a_worker_elsewhere_is_told_of_is_on_the_disk(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = begun(tmp_path)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    oracle.create_trial("a")
    assert synced == ["start"]
