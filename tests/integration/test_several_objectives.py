"""Searches with several objectives, from the first trial to the Pareto front."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import objectives, store
from kt_extensions.oracles import HyperbandOracle, TPEOracle

TWO = [kt.Objective("error", "min"), kt.Objective("speed", "max")]


def declare(hp: kt.HyperParameters) -> None:
    hp.Float("x", 0.0, 1.0)
    hp.Float("y", 0.0, 1.0)


def error_and_speed(values: dict[str, Any]) -> dict[str, float]:
    """Without conflict in `y`; the error falls with `x`, and so does the speed."""
    loss = (values["y"] - 0.3) ** 2
    return {"error": 1 - values["x"] + loss, "speed": 100 * (1 - values["x"] ** 2 - loss)}


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        declare(hp)


class FunctionTuner(kte.Tuner):
    """Every fifth trial fails."""

    outcomes: list[tuple[float, float]] | None = None

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        number = int(trial.trial_id)
        if number % 5 == 4:
            raise kt.errors.FailedTrialError("on purpose")
        values = error_and_speed(trial.hyperparameters.values)
        if self.outcomes:
            values = dict(zip(("error", "speed"), self.outcomes[number], strict=True))
        return {**values, self.oracle.objective.name: self.oracle.objective.get_value(values)}


def tuner(folder: Path, oracle: kt.Oracle | None = None, **kwargs: Any) -> FunctionTuner:
    return FunctionTuner(
        oracle=oracle or TPEOracle(TWO, max_trials=20, seed=0),
        hypermodel=Declaring(),
        directory=folder,
        project_name="project",
        **kwargs,
    )


def values_of(made: kt.Tuner) -> list[dict[str, Any]]:
    trials = sorted(made.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return [trial.hyperparameters.values for trial in trials]


def front_of(made: FunctionTuner) -> list[tuple[str, dict[str, float]]]:
    return [(trial.trial_id, values) for trial, values in made.pareto_front()]


def front_by_definition(made: kt.Tuner) -> list[tuple[str, dict[str, float]]]:
    trials = [trial for trial in made.oracle.trials.values() if trial.status == "COMPLETED"]
    known = {t.trial_id: error_and_speed(t.hyperparameters.values) for t in trials}

    def dominated(values: dict[str, float]) -> bool:
        return any(
            other["error"] <= values["error"] and other["speed"] >= values["speed"]
            for other in known.values()
            if other != values
        )

    front = [(name, values) for name, values in known.items() if not dominated(values)]
    return sorted(front, key=lambda point: point[1]["error"])


@pytest.mark.parametrize("oracle_class", [TPEOracle, kt.oracles.RandomSearchOracle])
def test_the_front_of_any_oracle(tmp_path: Path, oracle_class: Any) -> None:
    made = tuner(tmp_path, oracle_class(TWO, max_trials=20, seed=1))
    assert made.pareto_front() == []
    made.search(verbose=0)
    front = front_of(made)
    assert front == front_by_definition(made)
    assert 2 <= len(front) < 16
    best = made.get_best_trials(30)
    assert len(best) == 16
    names = [name for name, _ in front]
    assert sorted(trial.trial_id for trial in best[: len(front)]) == sorted(names)
    scaled = np.array([[-values["speed"], values["error"]] for _, values in front])
    scaled = (scaled - scaled.min(axis=0)) / np.ptp(scaled, axis=0)
    assert best[0].trial_id == names[np.linalg.norm(scaled, axis=1).argmin()]
    assert made.get_best_hyperparameters()[0] is best[0].hyperparameters
    for trial in best:
        sums = error_and_speed(trial.hyperparameters.values)
        assert trial.score == sums["error"] - sums["speed"]
    again = tuner(tmp_path, oracle_class(TWO, max_trials=20, seed=1))
    assert front_of(again) == front
    assert [t.trial_id for t in again.get_best_trials(30)] == [t.trial_id for t in best]


def test_the_front_of_one_objective(tmp_path: Path) -> None:
    made = tuner(tmp_path, TPEOracle(TWO[0], max_trials=6, seed=1))
    made.outcomes = [(2.0, 0.0), (1.0, 0.0), (3.0, 0.0), (1.0, 9.0), (0.0, 0.0), (2.0, 0.0)]
    assert made.pareto_front() == []
    made.search(verbose=0)
    assert front_of(made) == [("1", {"error": 1.0}), ("3", {"error": 1.0})]


def test_a_log_that_does_not_tell_of_the_objectives(tmp_path: Path) -> None:
    whole = tuner(tmp_path / "whole")
    whole.search(verbose=0)
    tuner(tmp_path / "old", TPEOracle(TWO, max_trials=14, seed=0)).search(verbose=0)
    log = store.EventLog(tmp_path / "old" / "project")
    events = log.read()
    assert any(event.get("objectives") for event in events)
    for event in events:
        event.pop("objectives", None)
    log.create(*events)
    resumed = tuner(tmp_path / "old")
    resumed.search(verbose=0)
    assert values_of(resumed) == values_of(whole)
    assert front_of(resumed) == front_of(whole)


def test_the_log_tells_the_objectives(tmp_path: Path) -> None:
    made = tuner(tmp_path, TPEOracle(TWO, max_trials=5, seed=0))
    made.search(verbose=0)
    lines = (tmp_path / "project" / store.LOG_NAME).read_bytes().splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["objectives"] == {"error": "min", "speed": "max"}
    ends = [event["objectives"] for event in events if event["event"] == "end"]
    assert ends == [*map(error_and_speed, values_of(made)[:4]), None]
    assert all(zlib.crc32(line[:-18]) == int(json.loads(line)["crc"], 16) for line in lines)


def test_a_project_of_keras_tuner_is_taken_up(tmp_path: Path) -> None:
    stock = tuner(tmp_path, kt.oracles.RandomSearchOracle(TWO, max_trials=12, seed=3))
    stock.search(verbose=0)
    made = tuner(tmp_path, TPEOracle(TWO, max_trials=12, seed=0))
    assert front_of(made) == front_of(stock)
    history = made.oracle.record.table.history()
    assert np.isfinite(history.objectives).all(axis=1).sum() == 10
    assert sorted(history.y[np.isfinite(history.y)].tolist()) == list(range(10))


@pytest.mark.parametrize("oracle_class", [TPEOracle, kt.oracles.RandomSearchOracle])
def test_a_warm_start(tmp_path: Path, oracle_class: Any) -> None:
    earlier = tuner(tmp_path / "earlier", oracle_class(TWO, max_trials=15, seed=0))
    earlier.search(verbose=0)
    folder = str(tmp_path / "earlier" / "project")
    for _ in range(2):  # begun, then resumed
        oracle = TPEOracle(TWO, max_trials=3, seed=1, warm_start=[folder])
        made = tuner(tmp_path / "later", oracle)
        history = made.oracle.record.table.history()
        known = [error_and_speed(values) for values in values_of(earlier)]
        expected = [[values["error"], -values["speed"]] for values in known]
        expected[4::5] = [[np.inf, np.inf]] * 3
        np.testing.assert_array_equal(history.objectives[:15], expected)
        made.search(verbose=0)
    assert len(made.oracle.trials) == 3


@pytest.mark.parametrize("oracle_class", [TPEOracle, kt.oracles.RandomSearchOracle])
def test_patience_counts_from_the_last_trial_that_entered_the_front(
    tmp_path: Path, oracle_class: Any
) -> None:
    made = tuner(tmp_path, oracle_class(TWO, max_trials=20, seed=0), patience=3)
    made.outcomes = [
        (5.0, 5.0),
        (6.0, 5.0),
        (4.0, 1.0),  # enters
        (5.0, 5.0),  # repeats
        (0.0, 0.0),  # fails
        (6.0, 6.0),  # enters, with the largest sum but one
        *[(6.0, 6.0)] * 14,
    ]
    made.search(verbose=0)
    assert len(made.oracle.trials) == 9
    assert sorted(name for name, _ in front_of(made))[:3] == ["00", "02", "03"]


def test_the_summary_points_to_the_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tuner(tmp_path, TPEOracle(TWO, max_trials=4, seed=0))
    made.outcomes = [(3.0, 5.0), (1.0, 1.0), (9.0, 1.0), (1.5, 4.0)]
    made.search(verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert "trial 0 completed: error 3, speed 5, 1 on the Pareto front" in lines[0]
    assert lines[-1].endswith(
        "3 on the Pareto front, see `tuner.pareto_front()`; the best trials are compromises: "
        "best error 1.5, speed 4 in trial 3."
    )


def test_trials_keep_their_objectives_on_the_way_to_a_worker(tmp_path: Path) -> None:
    made = tuner(tmp_path)
    made.search(verbose=0)
    received = [Trial.from_proto(trial.to_proto()) for trial in made.oracle.get_best_trials(99)]
    front = objectives.pareto_front(received, made.oracle.objective)
    assert [trial.trial_id for trial, _ in front] == [name for name, _ in front_of(made)]


def test_promotions_follow_the_fronts(tmp_path: Path) -> None:
    oracle = HyperbandOracle(TWO, max_epochs=9, seed=0, max_consecutive_failed_trials=None)
    made = tuner(tmp_path, oracle)
    made.search(verbose=0)
    history = made.oracle.record.table.history()
    rung = np.flatnonzero((history.bracket == 0) & (history.rung == 0))
    promoted = history.parent[(history.bracket == 0) & (history.rung == 1)]
    assert len(promoted) >= 3  # one of them fails, another takes its place
    others = np.setdiff1d(rung, promoted)
    for worse in history.objectives[promoted]:
        assert not (history.objectives[others] < worse).all(axis=1).any()
