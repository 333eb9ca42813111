"""A clock that is set back by hours, again and again, while a search runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions.reports import Message

ORACLES = {
    "ours": lambda: kte.oracles.TPEOracle(max_trials=6, seed=0),
    "stock": lambda: kt.oracles.RandomSearchOracle(max_trials=6, seed=1),
}


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        hp.Float("x", 0.0, 1.0)


class Search(kte.Tuner):
    stopped_in: int | None = None

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        if int(trial.trial_id) == self.stopped_in:
            raise KeyboardInterrupt
        score = float(trial.hyperparameters["x"])
        self.report_epoch(trial, 0, Message(0, 1, {"default_objective": score}))
        return score


def tuner(folder: Path, oracle: str, **kwargs: Any) -> Search:
    return Search(
        ORACLES[oracle](), Declaring(), directory=folder, project_name="project",
        tensorboard_dir=folder / "logs", **kwargs,
    )  # fmt: skip


@pytest.fixture
def set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock finds it an hour before the last one."""
    looks = iter(range(1, 100_000))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600 * next(looks))


def outcome(made: Search) -> list[Any]:
    return [(r["trial_id"], r["status"], r["score"], r["values"]) for r in made.results()]


@pytest.mark.parametrize("oracle", ORACLES)
def test_a_search_goes_on(tmp_path: Path, oracle: str, request: pytest.FixtureRequest) -> None:
    whole = tuner(tmp_path / "whole", oracle)
    whole.search(verbose=0)
    request.getfixturevalue("set_back")
    stopped = tuner(tmp_path / "set back", oracle, max_time=3600)
    stopped.stopped_in = 3
    with pytest.raises(KeyboardInterrupt):
        stopped.search(verbose=0)
    again = tuner(tmp_path / "set back", oracle, max_time=3600)
    again.search(verbose=1)
    assert outcome(again) == outcome(whole)
    assert all(0 <= r["duration"] < 3600 for r in again.results())
    assert 0 < again.get_state()["seconds"] < 3600


@pytest.mark.parametrize("oracle", ORACLES)
def test_max_time_is_over_nevertheless(tmp_path: Path, oracle: str, set_back: None) -> None:
    made = tuner(tmp_path, oracle, max_time=1e-9)
    made.search(verbose=0)
    assert made.results() == []
