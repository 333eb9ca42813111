"""`kt_extensions.Tuner` and `kt_extensions.TPE`."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import store
from kt_extensions.oracles import TPEOracle

pytestmark = pytest.mark.unfrozen

STOCK = [
    kt.oracles.RandomSearchOracle,
    kt.oracles.GridSearchOracle,
    kt.oracles.BayesianOptimizationOracle,
]


def declare(hp: kt.HyperParameters) -> None:
    hp.Int("n", 1, 40)
    hp.Choice("kind", ["a", "b"])


class Declaring(kt.HyperModel):
    def build(self, hp: kt.HyperParameters) -> Any:
        declare(hp)


class FunctionTuner(kte.Tuner):
    """Scores without training: `n`, and every fifth trial fails."""

    interrupt_at: int | None = None
    seconds = 0.0
    scores: tuple[float, ...] = ()

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        number = int(trial.trial_id)
        if number == self.interrupt_at:
            raise KeyboardInterrupt
        time.sleep(self.seconds)
        if number % 5 == 4:
            raise kt.errors.FailedTrialError("on purpose")
        n = float(trial.hyperparameters.get("n"))
        return self.scores[number] if self.scores else n


class FunctionTPE(FunctionTuner, kte.TPE):
    """The same as a tuner with an oracle of its own."""


def tuner(folder: Path, oracle: kt.Oracle | None = None, **kwargs: Any) -> FunctionTuner:
    return FunctionTuner(
        oracle=oracle or TPEOracle(max_trials=12, seed=0),
        hypermodel=Declaring(),
        directory=folder,
        project_name="project",
        **kwargs,
    )


def values_of(made: kt.Tuner) -> list[dict[str, Any]]:
    trials = sorted(made.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return [trial.hyperparameters.values for trial in trials]


def statuses(made: kt.Tuner) -> list[str]:
    trials = sorted(made.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return [trial.status for trial in trials]


# Any oracle.


@pytest.mark.parametrize("oracle_class", [*STOCK, TPEOracle])
def test_any_oracle(tmp_path: Path, oracle_class: Any) -> None:
    made = tuner(tmp_path, oracle_class(max_trials=8, seed=1))
    made.search(verbose=0)
    assert statuses(made).count("COMPLETED") == 7
    best = made.get_best_trials(99)
    assert {trial.status for trial in best} == {"COMPLETED"}
    assert len(best) == len(made.get_best_hyperparameters(99)) == 7
    assert [trial.score for trial in best] == sorted(trial.score for trial in best)


@pytest.mark.parametrize("name", [None, "mine"])
@pytest.mark.parametrize("interrupt_at", [0, 3])
@pytest.mark.parametrize("oracle_class", [STOCK[0], TPEOracle])
def test_resuming(tmp_path: Path, oracle_class: Any, interrupt_at: int, name: str | None) -> None:
    def made(folder: str) -> FunctionTuner:
        oracle = oracle_class(max_trials=8, seed=1)
        return tuner(tmp_path / folder, oracle, tuner_id=name)

    whole = made("whole")
    whole.search(verbose=0)
    first = made("parts")
    first.interrupt_at = interrupt_at
    with pytest.raises(KeyboardInterrupt):
        first.search(verbose=0)
    second = made("parts")
    assert len(second.oracle.trials) == interrupt_at + 1
    assert len(second.get_best_trials(9)) == interrupt_at
    second.search(verbose=0)
    assert values_of(second) == values_of(whole)
    assert statuses(second) == statuses(whole)


@pytest.mark.parametrize("oracle_class", STOCK)
@pytest.mark.parametrize("name", [None, "mine"])
def test_the_results_of_any_oracle_are_found_again(
    tmp_path: Path, oracle_class: Any, name: str | None
) -> None:
    def made() -> FunctionTuner:
        return tuner(tmp_path, oracle_class(max_trials=4, seed=1), tuner_id=name)

    first = made()
    first.search(verbose=0)
    second = made()
    second.search(verbose=0)
    assert values_of(second) == values_of(first)
    best, before = second.get_best_trials(4), first.get_best_trials(4)
    assert [trial.score for trial in best] == [trial.score for trial in before]


@pytest.mark.parametrize("oracle_class", [STOCK[0], TPEOracle])
def test_max_time(tmp_path: Path, oracle_class: Any) -> None:
    made = tuner(tmp_path, oracle_class(max_trials=50, seed=1), max_time=0.5)
    made.seconds = 0.06
    began = time.monotonic()
    made.search(verbose=0)
    assert 2 <= len(made.oracle.trials) <= 8
    assert time.monotonic() - began < 5
    assert made.oracle.max_trials == 50
    again = tuner(tmp_path, oracle_class(max_trials=50, seed=1), max_time=0.5)
    again.search(verbose=0)
    assert len(again.oracle.trials) == len(made.oracle.trials)
    more = tuner(tmp_path, oracle_class(max_trials=50, seed=1), max_time=60)
    more.search(verbose=0)
    assert len(more.oracle.trials) == 50


def test_state_is_written_when_it_tells_something_new(tmp_path: Path) -> None:
    made = tuner(tmp_path, TPEOracle(max_trials=2, seed=1))
    file = Path(made._get_tuner_fname())
    made.save()
    file.unlink()
    made.save()
    assert not file.exists()
    made._seconds_before = 1.0
    made.save()
    assert json.loads(file.read_text())["seconds"] == 1.0
    file.unlink()
    made._asked = {"epochs": 3}
    made.save()
    assert json.loads(file.read_text())["asked"] == {"epochs": 3}


@pytest.mark.parametrize("oracle_class", [STOCK[0], TPEOracle])
def test_no_time_at_all(tmp_path: Path, oracle_class: Any) -> None:
    made = tuner(tmp_path, oracle_class(max_trials=50, seed=1), max_time=1e-9)
    made.search(verbose=0)
    assert not made.oracle.trials


def test_max_time_alone(tmp_path: Path) -> None:
    made = tuner(tmp_path, TPEOracle(max_trials=None, seed=1), max_time=0.4)
    made.seconds = 0.05
    made.search(verbose=0)
    assert 2 <= len(made.oracle.trials) <= 8


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("oracle_class", [STOCK[0], TPEOracle])
def test_patience(tmp_path: Path, oracle_class: Any, direction: str) -> None:
    objective = kt.Objective("default_objective", direction)
    made = tuner(tmp_path, oracle_class(objective, max_trials=50, seed=1), patience=3)
    sign = 1 if direction == "min" else -1
    made.scores = tuple(sign * score for score in (5, 4, 6, 3, 0, 3, 7, 2, 1, 0, *[9] * 20))
    made.search(verbose=0)
    assert len(made.oracle.trials) == 7
    made.patience = 6
    made.search(verbose=0)
    assert len(made.oracle.trials) == 15


@pytest.mark.parametrize(
    "arguments", [{"max_time": 0}, {"patience": -1}, {"max_time": math.nan}, {"max_time": True}]
)
def test_wrong_stopping_rules(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        tuner(tmp_path, **arguments)


def test_a_hypermodel_is_needed() -> None:
    with pytest.raises(ValueError, match="hypermodel=None"):
        kte.TPE(None, objective="loss")
    with pytest.raises(ValueError, match="hypermodel=None"):
        kte.Tuner(oracle=TPEOracle("loss"))


# The life of a search.


def test_tpe_takes_what_random_search_takes(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Int("n", 1, 10)
    made = FunctionTPE(
        Declaring(),
        None,
        6,
        0,
        hp,
        True,
        True,
        1,
        None,
        directory=tmp_path,
        project_name="project",
    )
    made.search(verbose=0)
    assert max(values["n"] for values in values_of(made)) <= 10
    assert made.oracle.max_retries_per_trial == 1


def test_interrupted_it_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tuner(tmp_path / "whole")
    whole.search(verbose=0)
    made = tuner(tmp_path / "parts")
    made.interrupt_at = 5
    with pytest.raises(KeyboardInterrupt):
        made.search()
    printed = capsys.readouterr().out
    assert "run the same program again to go on" in printed
    made.interrupt_at = None
    made.search(verbose=0)
    assert values_of(made) == values_of(whole)
    assert statuses(made) == statuses(whole)


def test_overwrite_starts_anew(tmp_path: Path) -> None:
    first = tuner(tmp_path, TPEOracle(max_trials=3, seed=0))
    first.search(verbose=0)
    second = tuner(tmp_path, TPEOracle(max_trials=3, seed=1), overwrite=True)
    assert not second.oracle.trials
    second.search(verbose=0)
    assert len(second.oracle.trials) == 3
    assert values_of(second) != values_of(first)


def test_two_searches_in_a_row(tmp_path: Path) -> None:
    made = tuner(tmp_path, tensorboard_dir=tmp_path / "logs")
    made.search(verbose=0)
    made.search(verbose=0)
    assert len(made.oracle.trials) == 12
    made.oracle.max_trials = 15
    made.search(verbose=0)
    assert len(made.oracle.trials) == 15


def test_the_oracles_own_display_stays_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verbose in (0, 1, 2):
        tuner(tmp_path / str(verbose)).search(verbose=verbose)
        printed = capsys.readouterr().out
        assert "Search: Running Trial" not in printed
        assert ("Search ended" in printed) == (verbose > 0)


def test_the_tuners_file_survives_a_kill(tmp_path: Path) -> None:
    made = tuner(tmp_path)
    made.search(verbose=0)
    (tmp_path / "project" / "tuner0.json").write_text("")
    with pytest.warns(UserWarning, match="not the state of a search"):
        again = tuner(tmp_path)
    assert values_of(again) == values_of(made)


def test_other_processes_propose_the_same(tmp_path: Path) -> None:
    made = tuner(tmp_path / "here")
    made.search(verbose=0)
    folder = tmp_path / "there"
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONHASHSEED": "17", "PYTHONPATH": path}
    subprocess.run([sys.executable, __file__, str(folder)], check=True, env=environment)
    assert values_of(tuner(folder)) == values_of(made)


# Training.


X = np.random.default_rng(0).random((24, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def build(hp: kt.HyperParameters) -> keras.Model:
    layers = [keras.Input((3,)), keras.layers.Dense(hp.Int("units", 1, 8))]
    model = keras.Sequential([*layers, keras.layers.Dropout(0.2), keras.layers.Dense(1)])
    model.compile(hp.Choice("optimizer", ["sgd", "adam"]), "mse")
    return model


def trained(folder: Path, hypermodel: Any = build, **kwargs: Any) -> kte.TPE:
    settings: dict[str, Any] = {"objective": "val_loss", "max_trials": 2, "seed": 1, **kwargs}
    return kte.TPE(hypermodel, directory=folder, project_name="project", **settings)


FIT: dict[str, Any] = {"validation_data": (X, Y), "epochs": 2, "batch_size": 8}


class Noting(keras.callbacks.Callback):
    """Notes in a list that all copies share."""

    seen: list[Any]

    def __init__(self) -> None:
        super().__init__()
        Noting.seen = []

    def on_train_begin(self, logs: Any = None) -> None:
        Noting.seen.append(self.params["verbose"])


@pytest.mark.parametrize("form", ["one", "tuple", "list"])
def test_callbacks_in_any_form(tmp_path: Path, form: str) -> None:
    noting = Noting()
    callbacks = {"one": noting, "tuple": (noting,), "list": [noting]}[form]
    made = trained(tmp_path, max_trials=1, executions_per_trial=2)
    made.search(X, Y, **FIT, callbacks=callbacks)
    assert statuses(made) == ["COMPLETED"]
    assert len(Noting.seen) == 2


def test_an_objective_that_training_does_not_report_ends_the_search(tmp_path: Path) -> None:
    made = trained(tmp_path, objective="val_mae")
    with pytest.raises(ValueError, match=r"'val_mae'. It reported \['loss', 'val_loss'\]"):
        made.search(X, Y, **FIT)
    made = trained(tmp_path / "unvalidated")
    with pytest.raises(ValueError, match=r"Expected validation data for the objective 'val_loss'"):
        made.search(X, Y, epochs=1)


def test_what_is_no_callback(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received"):
        trained(tmp_path).search(X, Y, **FIT, callbacks=[print])


@pytest.mark.parametrize(("verbose", "expected"), [(None, 0), (0, 0), (1, 0), (2, 2), ("auto", 0)])
def test_what_fit_prints(tmp_path: Path, verbose: Any, expected: int) -> None:
    given = {} if verbose is None else {"verbose": verbose}
    trained(tmp_path, max_trials=1).search(X, Y, **FIT, callbacks=Noting(), **given)
    assert Noting.seen == [expected]


def test_a_fit_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    class Model(kt.HyperModel):
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

        def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
            return model.fit(*args, verbose=2, **kwargs)

    made = trained(tmp_path, Model(), max_trials=1)
    made.search(X, Y, **FIT, callbacks=Noting())
    assert Noting.seen == [2]
    assert statuses(made) == ["COMPLETED"]


def test_a_seed_makes_scores_repeat(tmp_path: Path) -> None:
    def scores(folder: str, *limits: int, **kwargs: Any) -> list[float]:
        for limit in limits:
            made = trained(tmp_path / folder, max_trials=limit, **kwargs)
            keras.utils.set_random_seed(len(folder))
            made.search(X, Y, **FIT, verbose=0)
        trials = sorted(made.oracle.trials.items(), key=lambda item: int(item[0]))
        return [trial.score for _, trial in trials]

    whole = scores("whole", 2)
    assert scores("stopped", 1, 2) == whole
    assert scores("other seed", 1, seed=2) != whole[:1]


def test_rows_for_tensorboard(tmp_path: Path) -> None:
    made = trained(tmp_path, tensorboard_dir=tmp_path / "logs")
    made.search(X, Y, **FIT, verbose=0)
    files = [file for file in (tmp_path / "logs").rglob("*tfevents*") if file.is_file()]
    assert len({file.parent for file in files}) >= 2
    assert made.get_best_models()[0].predict(X, verbose=0).shape == Y.shape


def test_the_log_is_json(tmp_path: Path) -> None:
    made = tuner(tmp_path)
    made.search(verbose=0)
    lines = (tmp_path / "project" / store.LOG_NAME).read_text().splitlines()
    events = [json.loads(line, parse_constant=pytest.fail)["event"] for line in lines]
    assert events[:2] == ["search", "space"]
    assert events.count("start") == events.count("end") == len(made.oracle.trials) > 0


if __name__ == "__main__":
    tuner(Path(sys.argv[1])).search(verbose=0)
