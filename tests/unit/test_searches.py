"""A search looked at through its tuner, its folder, and folders that KerasTuner alone has made."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras_tuner as kt
import pytest

import kt_extensions as kte
from kt_extensions.reports import Message, Reports
from kt_extensions.searches import SearchView, view_of


def declare(hp: kt.HyperParameters) -> None:
    optimizer = hp.Choice("optimizer", ["sgd", "adam"])
    if optimizer == "sgd":
        hp.Float("momentum", 0, 0.9, parent_name="optimizer", parent_values=["sgd"])
    hp.Float("rate", 1e-4, 1.0, sampling="log")


class Ours(kte.TPE):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        declare(trial.hyperparameters)
        number = int(trial.trial_id)
        if number == 2:
            raise kt.errors.FailedTrialError("no such luck")
        for epoch in range(3):
            self.report_epoch(trial, epoch, Message(0, 3, {"gain": number + epoch}))
        return {"gain": number + 2.0}


class Stock(kt.RandomSearch):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        declare(trial.hyperparameters)
        return {"gain": float(trial.trial_id), "loss": -0.5 * float(trial.trial_id)}


def searched(kind: type, folder: Path, name: str) -> Any:
    made = kind(
        objective=kt.Objective("gain", "max"),
        max_trials=5,
        seed=3,
        directory=folder,
        project_name=name,
    )
    made.search(verbose=0)
    return made


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return searched(Ours, tmp_path_factory.mktemp("searches"), "ours")


def test_a_tuner_and_its_folder_look_the_same(ours: Any) -> None:
    by_tuner, by_folder = view_of(ours), view_of(ours.project_dir)
    assert by_tuner.trials == by_folder.trials
    for view in (by_tuner, by_folder):
        assert (view.name, view.objective, view.direction) == ("ours", "gain", "max")
        assert view.objectives == [("gain", "max")]
        assert [hp.name for hp in view.space] == ["optimizer", "momentum", "rate"]
    assert view_of(by_tuner) is by_tuner


def test_trials_are_as_the_tuner_tells(ours: Any) -> None:
    view = view_of(ours.project_dir)
    for trial, result in zip(view.trials, ours.results(), strict=True):
        for name in ("trial_id", "status", "score", "epochs", "history", "duration", "message"):
            assert getattr(trial, name) == result[name]
        assert trial.values == result["values"]
    assert [trial.number for trial in view.trials] == [0, 1, 2, 3, 4]
    assert [trial.trial_id for trial in view.trials if trial.failed] == ["2"]
    assert view.trials[2].message is not None and "no such luck" in view.trials[2].message
    assert view.trials[1].history == [{"epoch": [0, 1, 2], "gain": [1, 2, 3]}]
    assert (view.trials[1].scores, view.trials[2].scores) == ([3.0], [])


def test_incumbents_and_best(ours: Any) -> None:
    view = view_of(ours)
    assert [trial.trial_id for trial in view.incumbents] == ["0", "1", "3", "4"]
    assert view.best is not None and view.best.score == 6.0
    assert view.trial("3") is view.trials[3]
    assert view.trial("9") is None


def test_a_stock_project_does_not_name_its_objective(tmp_path: Path) -> None:
    tuner = searched(Stock, tmp_path, "stock")
    by_tuner, by_folder = view_of(tuner), view_of(tmp_path / "stock")
    assert by_folder.trials == by_tuner.trials
    assert (by_folder.objective, by_folder.direction) == ("gain", "max")
    assert by_folder.trials[3].history == []
    assert by_folder.trials[3].epochs == 0


def saved(folder: Path, trial_id: str, values: dict[str, Any], **state: Any) -> None:
    hp = kt.HyperParameters()
    declare(hp)
    hp.values = values
    trial = kt.engine.trial.Trial(hp, trial_id, state.get("status", "COMPLETED"))
    trial.score, trial.message = state.get("score"), state.get("message")
    (folder / f"trial_{trial_id}").mkdir(parents=True)
    trial.save(str(folder / f"trial_{trial_id}" / "trial.json"))


@pytest.mark.filterwarnings("ignore:No metric has")
def test_values_that_are_kerastuners_own_or_inactive(tmp_path: Path) -> None:
    own = {"tuner/epochs": 9, "tuner/initial_epoch": 3, "tuner/bracket": 1, "tuner/round": 1}
    values = {"optimizer": "adam", "momentum": 0.5, "rate": 0.1, "undeclared": 3}
    saved(tmp_path, "10", {**values, **own, "tuner/trial_id": "9"}, score=1.0)
    saved(tmp_path, "9", {}, score=2.0, message="Pruned: worse than all.")
    saved(tmp_path, "11", {}, score=float("inf"))
    saved(tmp_path, "12", {}, status="RUNNING")
    pruned, promoted, infinite, running = view_of(tmp_path).trials
    assert promoted.values == {"optimizer": "adam", "rate": 0.1, "undeclared": 3}
    assert promoted.rung == {"epochs": 9, "initial_epoch": 3, "bracket": 1, "round": 1}
    assert (promoted.number, promoted.parent) == (1, "9")
    assert (pruned.status, pruned.score, pruned.pruned) == ("PRUNED", 2.0, True)
    assert (infinite.score, infinite.failed) == (None, True)
    assert (running.status, running.failed) == ("RUNNING", False)


@pytest.mark.filterwarnings("ignore:No metric has")
def test_damaged_files_are_left_out_with_a_warning(tmp_path: Path) -> None:
    for name in ("0", "1", "2"):
        saved(tmp_path, name, {}, score=1.0)
    (tmp_path / "trial_1" / "trial.json").write_text(json.dumps({"trial_id": "1"}))
    Reports(tmp_path).add_epoch("2", 0, 0, {"loss": 0.5})
    with open(tmp_path / "trial_2" / "reports.jsonl", "ab") as file:
        file.write(b"\xff\xfe\n")
    with pytest.warns(UserWarning, match=r"not a readable trial|damaged lines") as caught:
        view = view_of(tmp_path)
    assert len([w for w in caught if "No metric" not in str(w.message)]) == 2
    assert [trial.trial_id for trial in view.trials] == ["0", "2"]
    assert view.trials[1].history == [{"epoch": [0], "loss": [0.5]}]


def test_several_objectives(tmp_path: Path) -> None:
    class Two(Ours):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            declare(trial.hyperparameters)
            cost = float(trial.trial_id)
            return {"gain": 2.0, "cost": cost, "multi_objective": cost - 2.0}

    objective = [kt.Objective("cost", "min"), kt.Objective("gain", "max")]
    tuner = Two(objective=objective, max_trials=2, directory=tmp_path, project_name="two")
    tuner.search(verbose=0)
    views: list[SearchView] = [view_of(tuner), view_of(tuner.project_dir)]
    for view in views:
        assert (view.objective, view.direction) == ("multi_objective", "min")
        assert view.objectives == [("cost", "min"), ("gain", "max")]
        assert [trial.scores for trial in view.trials] == [[0.0, 2.0], [1.0, 2.0]]


def test_what_a_view_has_found_is_no_part_of_it(ours: Any) -> None:
    view, other = view_of(ours), view_of(ours)
    assert view.best is not None
    assert view.trial(view.best.trial_id) is view.best
    assert view.trial("none") is None
    assert view == other
    assert pickle.loads(pickle.dumps(view)) == view
    assert dataclasses.asdict(view) == dataclasses.asdict(other)
    fewer = dataclasses.replace(view, trials=view.trials[:1])
    assert fewer.best == view.trials[0]
    assert fewer.trial(view.best.trial_id) is None


def test_what_is_no_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"trial_\*/trial.json"):
        view_of(tmp_path)
    with pytest.raises(TypeError, match="Received: source=3"):
        view_of(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="that of a worker"):
        view_of(SimpleNamespace(oracle=SimpleNamespace()))  # type: ignore[arg-type]
