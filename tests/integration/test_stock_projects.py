"""Project folders that KerasTuner's own tuners have written, in our tools, and ours in its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

import kt_extensions as kte
from kt_extensions.cli import main
from kt_extensions.oracles import TPEOracle
from kt_extensions.searches import view_of
from tests.integration.regenerate_stock_projects import FOLDER, STOPPED, build

OBJECTIVES = {
    "random": ("val_loss", "min"),
    "grid": ("val_accuracy", "max"),
    "bayesian": ("val_accuracy", "max"),
    "hyperband": ("val_loss", "min"),
}
ORACLES: dict[str, Callable[[], kt.Oracle]] = {
    "random": lambda: kt.oracles.RandomSearchOracle("val_loss", max_trials=9, seed=1),
    "grid": lambda: kt.oracles.GridSearchOracle("val_accuracy", max_trials=9, seed=1),
    "bayesian": lambda: kt.oracles.BayesianOptimizationOracle(
        "val_accuracy", max_trials=9, num_initial_points=3, seed=1
    ),
    "hyperband": lambda: kt.oracles.HyperbandOracle("val_loss", max_epochs=4, factor=2, seed=1),
}
X = np.random.default_rng(1).random((32, 4))
Y = (X.sum(axis=1) > 2).astype("float32")


class Declaring(kt.HyperModel):
    """Declares the space of the projects, and trains nothing."""

    def build(self, hp: kt.HyperParameters) -> Any:
        build(hp)


class Scoring(kte.Tuner):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        self.run = [*getattr(self, "run", []), trial.trial_id]
        return {self.oracle.objective.name: 0.5}


@pytest.fixture(params=OBJECTIVES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(name: str, tmp_path: Path) -> Path:
    """A copy, for a search writes to it."""
    return Path(shutil.copytree(FOLDER / name, tmp_path / name))


def statuses(folder: Path) -> list[str]:
    return [trial.status for trial in view_of(folder).trials]


def test_a_view(project: Path, name: str) -> None:
    search = view_of(project)
    assert (search.objective, search.direction) == OBJECTIVES[name]
    assert statuses(project) == ["COMPLETED"] * STOPPED[name] + ["RUNNING"]
    scores = [trial.score for trial in search.scored if trial.score is not None]
    assert search.best is not None
    assert search.best.score == (min if search.direction == "min" else max)(scores)
    for trial in search.trials:
        momentum = trial.values["optimizer"] == "momentum"
        assert ("momentum" in trial.values) == momentum


def test_the_command_line(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["best", str(project)]) == main(["space", str(project)]) == 0
    printed = capsys.readouterr()
    best = view_of(project).best
    assert best is not None and f"trial {best.trial_id}, the best of" in printed.out
    assert "integer, 2 to 8, step 2" in printed.out
    assert printed.err == ""


def test_a_report(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(FOLDER / "hyperband"), "-o", str(page)]) == 0
    assert "val_loss" in page.read_text()


@pytest.mark.filterwarnings("ignore:The optimal value found")  # of KerasTuner's own model
def test_the_search_goes_on_in_our_tuner(project: Path, name: str) -> None:
    before = {trial.trial_id: trial for trial in view_of(project).trials}
    oracle = ORACLES[name]()
    tuner = Scoring(oracle, Declaring(), directory=project.parent, project_name=name)
    tuner.search(verbose=0)
    after = {trial.trial_id: trial for trial in view_of(project).trials}
    *finished, stopped = before
    assert {trial: after[trial] for trial in finished} == {t: before[t] for t in finished}
    assert tuner.run[0] == stopped
    assert after[stopped].values == before[stopped].values
    assert len(after) >= 9 and {trial.status for trial in after.values()} == {"COMPLETED"}


def test_ours_learn_from_it(project: Path, name: str) -> None:
    objective = kt.Objective(*OBJECTIVES[name])
    oracle = TPEOracle(objective, max_trials=1, seed=0, warm_start=[project])
    tuner = Scoring(oracle, Declaring(), directory=project.parent, project_name="ours")
    with pytest.warns(UserWarning, match="left out 1 of .* status RUNNING"):
        tuner.search(verbose=0)
    history = oracle.record.table.history()
    scored = view_of(project).scored
    parents = {trial.parent for trial in scored}  # of what was promoted, the last is known
    scores = [trial.score for trial in scored if trial.trial_id not in parents]
    sign = 1 if objective.direction == "min" else -1
    assert sorted(history.y[:-1]) == sorted(sign * score for score in scores if score is not None)


@pytest.mark.parametrize("kind", [kte.TPE, kte.Hyperband])
def test_kerastuner_loads_our_models(tmp_path: Path, kind: type, capsys: Any) -> None:
    limit = {"max_epochs": 2, "factor": 2} if kind is kte.Hyperband else {"max_trials": 3}
    where: dict[str, Any] = {"directory": str(tmp_path), "project_name": "ours"}
    ours = kind(build, "val_loss", seed=1, **limit, **where)
    ours.search(X, Y, validation_data=(X, Y), epochs=1, verbose=0)
    stock = kt.RandomSearch(build, "val_loss", max_trials=3, **where)
    [best] = ours.oracle.get_best_trials()
    stock.results_summary()
    assert f"Score: {best.score}" in capsys.readouterr().out
    assert stock.get_best_hyperparameters()[0].values == best.hyperparameters.values
    [model] = stock.get_best_models()
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(best.score, rel=1e-5)
