"""Trials that a search has left, and that the next one of the program runs."""

from __future__ import annotations

from pathlib import Path

import keras_tuner as kt
import pytest

import kt_extensions as kte
from kt_extensions.oracles.interrupted import requeue


def made(folder: Path, kind: str) -> kt.Oracle:
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    if kind == "ours":
        oracle = kte.oracles.TPEOracle("loss", max_trials=5, hyperparameters=hp)
    else:
        objective = kt.Objective("loss", "min")
        oracle = kt.oracles.RandomSearchOracle(objective, max_trials=5, hyperparameters=hp)
    oracle.verbose = 0
    kte.Tuner(oracle, lambda hp: None, directory=folder)
    return oracle


@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_what_was_left_is_run_again_in_its_order(tmp_path: Path, kind: str) -> None:
    oracle = made(tmp_path, kind)
    trials = [oracle.create_trial(f"worker {n}") for n in range(3)]
    for name in ("0", "1"):
        oracle.update_trial(name, {"loss": 1.0})
    trials[1].status = "COMPLETED"
    oracle.end_trial(trials[1])
    trials[2].status = "COMPLETED"  # and was stopped before its end was noted
    requeue(oracle)
    assert oracle.ongoing_trials == {}
    assert [trial.status for trial in trials] == ["RUNNING", "COMPLETED", "RUNNING"]
    assert not oracle.trials["0"].metrics.metrics
    begun = [oracle.create_trial(f"worker {n}").trial_id for n in (7, 8, 9)]
    assert begun == ["0", "2", "3"]


def test_what_was_stopped_after_its_end_was_noted_is_not_run_twice(tmp_path: Path) -> None:
    oracle = made(tmp_path, "stock")
    trials = [oracle.create_trial(f"worker {n}") for n in range(2)]
    for trial, status in zip(trials, ("FAILED", "INVALID"), strict=True):
        trial.status = status
    oracle.end_order.append("0")
    oracle._retry_queue.append("1")
    requeue(oracle)
    assert trials[0].status == "FAILED"
    assert (oracle.ongoing_trials, oracle._retry_queue) == ({}, ["1"])
