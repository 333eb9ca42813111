"""Mistakes in what a tuner or an oracle is made with: told at once, before anything is written."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import pytest
from keras_tuner.engine.trial import Trial

import kt_extensions as kte
from kt_extensions import pruners, samplers, schedulers
from kt_extensions.oracles import SamplerOracle, TPEOracle
from tests.newcomer.searches import Own, Returning, build, model, search, tuner

OBJECTIVES: dict[str, tuple[Any, str]] = {
    "misspelt": ("val_acuracy", r"'val_acuracy'. Did you mean 'accuracy'\? Pass `keras_tuner.Obj"),
    "unknown": ("val_quality", "Objective.'val_quality', direction='max'.` or `direction='min'"),
    "a number": (3, r"the name of a metric, such as 'val_accuracy'.*Received: objective=3"),
    "a dictionary": ({"val_loss": "min"}, "Received: objective={'val_loss': 'min'}"),
    "a loss": (keras.losses.MeanSquaredError(), "Received: objective=<"),
    "swapped with the model": (build, "Received: objective=<function build"),
    "nothing": ([], r"Received: objective=\[\]"),
    "no direction": (kt.Objective("val_loss", "up"), "direction 'min' or 'max'"),
}


@pytest.mark.parametrize("mistake", OBJECTIVES)
def test_objectives(tmp_path: Path, mistake: str) -> None:
    objective, told = OBJECTIVES[mistake]
    with pytest.raises(ValueError, match=told):
        tuner(tmp_path, objective=objective)
    assert not list(tmp_path.iterdir())


class Inheriting(Returning):
    pass


class Documented(Own):
    @functools.wraps(kt.HyperModel.fit)
    def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> float:
        return 0.5


class Extended(kte.builders.MLP):
    def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> float:
        return float(super().fit(hp, model, *args, **kwargs).history["loss"][-1])


class Running:
    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> float:
        return float(trial.hyperparameters.Int("units", 1, 8))


class Runner(Running, kte.TPE):
    pass


class InheritingRunner(Runner):
    pass


RETURNING: dict[str, tuple[type[kte.Tuner], Any]] = {
    "a fit": (kte.TPE, Returning(0.5)),
    "an inherited fit": (kte.TPE, Inheriting(0.5)),
    "a fit with the documentation of KerasTuner's": (kte.TPE, Documented()),
    "the fit of an extended builder": (
        kte.TPE,
        Extended(input_shape=(3,), outputs=1, task="regression"),
    ),
    "a trial": (Runner, None),
    "an inherited trial": (InheritingRunner, None),
}


@pytest.mark.parametrize("returning", RETURNING)
def test_no_objective_where_a_number_is_returned(tmp_path: Path, returning: str) -> None:
    kind, hypermodel = RETURNING[returning]
    made = search(tuner(tmp_path, hypermodel, tuner=kind, objective=None, max_trials=2))
    assert [result["status"] for result in made.results()] == ["COMPLETED"] * 2
    assert all(result["score"] is not None for result in made.results())


HYPERMODELS: dict[str, tuple[Any, str]] = {
    "none": (None, r"a function .* to a compiled model, `def build\(hp\).*hypermodel=None"),
    "a text": ("build", "hypermodel='build'"),
    "a builder's class": (kte.builders.MLP, "Received: the class MLP. Pass an instance"),
    "a class": (Own, "Received: the class Own. Pass an instance: call the class"),
    "a model": (model(1), "Received: a model. Pass a function that builds a new one"),
    "no argument": (lambda: model(1), "Received: hypermodel=<function <lambda>"),
    "two arguments": (lambda hp, data: model(1), "Received: hypermodel=<function <lambda>"),
}


@pytest.mark.parametrize("mistake", HYPERMODELS)
def test_hypermodels(tmp_path: Path, mistake: str) -> None:
    hypermodel, told = HYPERMODELS[mistake]
    with pytest.raises(ValueError, match=told):
        tuner(tmp_path, hypermodel)
    assert not list(tmp_path.iterdir())


ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "no trials": ({"max_trials": 0}, "`max_trials` to be an integer >= 1. Received: 0"),
    "less than no trials": ({"max_trials": -1}, "Received: -1"),
    "a text of trials": ({"max_trials": "10"}, "Received: '10'"),
    "half a trial": ({"max_trials": 10.0}, "Received: 10.0"),
    "a seed of text": ({"seed": "a"}, "`seed` to be an integer >= 0. Received: 'a'"),
    "an unknown name": ({"foo": 1}, "that `TPE` takes. Received: 'foo'.$"),
    "max_trial": ({"max_trial": 3}, r"'max_trial'. Did you mean 'max_trials'\?"),
    "projectname": ({"projectname": "a"}, r"Did you mean 'project_name'\?"),
    "tensorboard": ({"tensorboard": "a"}, r"Did you mean 'tensorboard_dir'\?"),
    "a sampler's class": ({"sampler": samplers.TPE}, r"method `suggest`, such as .*TPE\(\)`"),
    "a sampler's name": ({"sampler": "tpe"}, "Expected `sampler` .* Received: 'tpe'"),
    "hyperparameters": ({"hyperparameters": {"units": 3}}, "keras_tuner.HyperParameters"),
    "a pruner's name": ({"pruner": "median"}, "Expected `pruner` .* Received: 'median'"),
    "a pruner's class": ({"pruner": pruners.Median}, r"Median\(\)`. Received: <class"),
    "no pruner": ({"pruner": samplers.TPE()}, "method `verdict`"),
    "no executions": ({"executions_per_trial": 0}, "`executions_per_trial` .* >= 1. Received: 0"),
    "a text of executions": ({"executions_per_trial": "2"}, "Received: '2'"),
    "one fold": ({"cross_validation": 1}, "to be at least 2. Received: 1"),
    "a text of time": ({"max_time": "10"}, "`max_time` to be a number above 0.*'10'"),
    "less than no time": ({"max_time": -1}, "above 0, or None. Received: -1"),
    "no patience": ({"patience": 0}, "`patience` to be a number above 0, or None. Received: 0"),
    "a text of patience": ({"patience": "3"}, "Received: '3'"),
    "snapshots": ({"snapshots": True}, r"`Snapshots\(every_epochs=1\)`, or None. Received: True"),
    "a strategy": ({"strategy": "mirored"}, "one of 'auto', 'mirrored'.*'mirored'"),
    "no workers": ({"workers": 0}, "`workers` to be an integer >= 1. Received: 0"),
    "a text of workers": ({"workers": "2"}, "Received: '2'"),
    "a place": ({"parallel": "ry"}, r"`parallel` to be one of \('local', 'ray'\). Received: 'ry'"),
    "a number as folder": ({"directory": 5}, "`directory` to be the path of a folder. Received: 5"),
    "a number as project": ({"project_name": 5}, "`project_name` to be a text. Received: 5"),
    "a log without place": ({"tensorboard_dir": True}, "`tensorboard_dir` to be the path.*True"),
    "one folder to learn from": ({"warm_start": "a/p"}, r"a list of folders.*Pass \['a/p'\]"),
}


@pytest.mark.parametrize("mistake", ARGUMENTS)
def test_arguments(tmp_path: Path, mistake: str) -> None:
    arguments, told = ARGUMENTS[mistake]
    with pytest.raises(ValueError, match=told):
        tuner(tmp_path, **arguments)


def test_what_the_oracle_is_asked_for(tmp_path: Path) -> None:
    where = {"directory": tmp_path}
    with pytest.raises(ValueError, match=r"Received: 'max_trials'. Pass it to the oracle"):
        kte.Tuner(SamplerOracle("val_loss", sampler=samplers.TPE()), build, max_trials=3, **where)
    for oracle in (TPEOracle, "tpe"):
        with pytest.raises(ValueError, match="`oracle` argument to be an instance of `Oracle`"):
            kte.Tuner(oracle, build, **where)
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_trial'"):
        TPEOracle("val_loss", max_trial=3)
    for scheduler in ("asha", schedulers.ASHA):
        with pytest.raises(ValueError, match=r"method `next`, such as .*ASHA\(\)`"):
            SamplerOracle("val_loss", sampler=samplers.TPE(), scheduler=scheduler)


@pytest.mark.parametrize("name", ["directory", "project_name", "tensorboard_dir"])
def test_a_file_in_place_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    wrong = "file" if name == "project_name" else tmp_path / "file"
    with pytest.raises(NotADirectoryError, match=f"`{name}` .*file is a file. Choose another path"):
        tuner(tmp_path, **{name: wrong})
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_nothing_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(PermissionError, match=r"`directory` .*nothing can be written to.*another"):
        tuner(tmp_path / "new")


def test_a_finished_search_can_be_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(tuner(tmp_path, max_trials=1))
    monkeypatch.setattr(os, "access", lambda *args: False)
    assert len(tuner(tmp_path, max_trials=1).get_best_hyperparameters()) == 1
