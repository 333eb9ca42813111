"""What of a search is on the disk, not in the memory of the system alone, and when."""

from __future__ import annotations

import os
from pathlib import Path

import keras_tuner as kt
import pytest

from kt_extensions.oracles import TPEOracle
from kt_extensions.store import EventLog


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
        found.append(log.peek()[-1]["event"])

    oracle = begun(tmp_path)
    assert oracle.record.log.exists()
    monkeypatch.setattr(os, "fsync", note)
    return found


def end(oracle: TPEOracle, trial: kt.engine.trial.Trial) -> None:
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


def test_a_start_that_a_worker_elsewhere_is_told_of_is_on_the_disk(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = begun(tmp_path)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    oracle.create_trial("a")
    assert synced == ["start"]
