"""Mistakes in what `search` is given, and in what models and trainings return."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.errors import FatalTypeError, FatalValueError

import kt_extensions as kte
from tests.newcomer.searches import LABELS, Returning, Trained, X, Y, build, model, search, tuner

NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "no validation data": (
        {"validation_split": 0.0, "callbacks": None},
        "validation data for the objective 'val_loss'. Received: none. Pass `validation_split=0.2`",
    ),
    "epoch": ({"epoch": 3}, r"arguments of `Model.fit`. Received: 'epoch'. Did.*'epochs'\?"),
    "validation_splt": ({"validation_splt": 0.3}, r"Did you mean 'validation_split'\?"),
}
ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "no epochs": ((), {"epochs": 0}, "`epochs` to be an integer >= 1. Received: 0"),
    "a text of epochs": ((), {"epochs": "3"}, "Received: '3'"),
    "a text of validation": ((), {"validation_split": "0.2"}, "`validation_split` to be a number"),
    "all for validation": ((), {"validation_split": 1.5}, "from 0 to below 1. Received: 1.5"),
    "fewer targets": ((X, Y[:5]), {}, r"as many targets .* x of length \[16\], y of length \[5\]"),
    "no rows": ((X[:0], Y[:0]), {}, r"at least one. Received: x of length \[0\]"),
}


@pytest.mark.parametrize("mistake", ARGUMENTS)
def test_arguments_of_fit(tmp_path: Path, mistake: str) -> None:
    """Told before the first trial begins."""
    data, arguments, told = ARGUMENTS[mistake]
    made = tuner(tmp_path, max_trials=1)
    with pytest.raises(ValueError, match=told):
        search(made, *data, **arguments)
    assert not made.oracle.trials
    assert Trained.count == 0


@pytest.mark.parametrize("mistake", NAMES)
def test_names_of_fit(tmp_path: Path, mistake: str) -> None:
    """Told before anything is trained; but a model with a `fit` of its own may take others."""
    arguments, told = NAMES[mistake]
    with pytest.raises(FatalValueError, match=told):
        search(tuner(tmp_path, max_trials=1), **arguments)
    assert Trained.count == 0


def test_no_objective(tmp_path: Path) -> None:
    with pytest.raises(FatalValueError, match=r"Expected `objective`.*Received: objective=None"):
        search(tuner(tmp_path, objective=None))
    assert Trained.count == 0


def test_what_is_put_right_goes_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean"):
        search(tuner(tmp_path, max_trials=1), epoch=1)
    assert len(search(tuner(tmp_path, max_trials=1)).results()) == 1


@pytest.mark.parametrize("callbacks", [(Trained(),), Trained()])
def test_callbacks_need_no_list(tmp_path: Path, callbacks: Any) -> None:
    search(tuner(tmp_path, max_trials=1), callbacks=callbacks)
    assert Trained.count == 1


@pytest.mark.parametrize("callbacks", [[Trained], Trained, ["early"]])
def test_what_is_no_callback(tmp_path: Path, callbacks: Any) -> None:
    with pytest.raises(FatalValueError, match=r"a list of `keras.callbacks.Callback`. Received: "):
        search(tuner(tmp_path), callbacks=callbacks)


@pytest.mark.parametrize(
    ("objective", "near"), [("val_mse", ""), ("val_mea", ". Did you mean 'val_mae'?")]
)
def test_an_objective_that_is_not_reported(tmp_path: Path, objective: str, near: str) -> None:
    """It is told after one training: only that tells the names."""
    made = tuner(tmp_path, objective=kt.Objective(objective, "min"))
    with pytest.raises(FatalValueError) as told:
        search(made)
    assert f"the objective '{objective}'. It reported" in str(told.value)
    assert near in str(told.value)
    assert Trained.count == 1


MODELS: dict[str, tuple[Any, str]] = {
    "none": (None, "valid Keras Model instance. Received: None"),
    "a text": ("model", "Received: model of type <class 'str'>"),
    "two": ((1, 2), r"Received: \(1, 2\)"),
    "uncompiled": (model, "Received one that is not: call `model.compile"),
}


@pytest.mark.parametrize("mistake", MODELS)
def test_what_is_no_compiled_model(tmp_path: Path, mistake: str) -> None:
    returned, told = MODELS[mistake]

    def wrong(hp: kt.HyperParameters) -> Any:
        hp.Int("units", 1, 2)
        return returned(1, compiled=False) if callable(returned) else returned

    with pytest.raises((FatalTypeError, FatalValueError), match=told):
        search(tuner(tmp_path, wrong))
    assert Trained.count == 0


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (None, "Did you forget to return the metrics"),
        ("good", "float, dict, keras.callbacks.History"),
        ({"mae": 0.5}, "specified objective, val_loss.*Received: {'mae': 0.5}"),
    ],
)
def test_what_is_no_result(tmp_path: Path, returned: Any, told: str) -> None:
    with pytest.raises((FatalTypeError, FatalValueError), match=told):
        search(tuner(tmp_path, Returning(returned)))


def test_a_fit_that_leaves_the_callbacks_out(tmp_path: Path) -> None:
    made = search(tuner(tmp_path, Returning({"val_loss": 0.5}), max_trials=1))
    with pytest.raises(FileNotFoundError, match="pass the `callbacks` that it gets on"):
        made.get_best_models()


def test_a_short_search_whose_trials_all_fail(tmp_path: Path) -> None:
    """Too few of them to end it by an error: it says so, though it was told to be silent."""

    def failing(hp: kt.HyperParameters) -> keras.Model:
        made = build(hp)
        made.train_step = lambda data: 1 / 0
        return made

    made = tuner(tmp_path, failing, max_trials=2)
    with pytest.warns(RuntimeWarning, match="All 2 trials .* have failed(.|\n)*ZeroDivisionError"):
        made.search(X, Y, validation_data=(X, Y), verbose=0)
    assert [row["status"] for row in made.results()] == ["FAILED", "FAILED"]


def test_trials_that_all_fail(tmp_path: Path) -> None:
    """The search ends after three, with the reason; all are kept, and it can go on."""
    with pytest.raises(RuntimeError, match=r"3 trials in a row have failed(.|\n)*'val_loss' was"):
        search(tuner(tmp_path, Returning({"val_loss": math.nan}), max_trials=5))
    again = tuner(tmp_path, Returning({"val_loss": 0.5}), max_trials=5)
    assert [failure["status"] for failure in again.failures()] == ["FAILED"] * 3
    search(again)
    statuses = [result["status"] for result in again.results()]
    assert statuses == ["FAILED"] * 3 + ["COMPLETED"] * 2


DATA: dict[str, tuple[Any, Any, str]] = {
    "another shape": (X[:, :2], LABELS, r"shape \(None, 3\).*Received: \(16, 2\). Reshape"),
    "labels too large": (X, LABELS + 5, r"integers from 0 to 2 \(`outputs=3`\).*\[5, 6, 7\]"),
    "labels below 0": (X, LABELS - 1, r"Received: also \[-1\]"),
    "broken labels": (X, LABELS + 0.5, r"also \[0.5, 1.5, 2.5\]"),
    "labels of text": (X, np.array(["a", "b", "c"])[LABELS], r"also \['a', 'b', 'c'\]"),
    "one-hot labels": (X, np.eye(3)[LABELS], r"Take the number of the class: y.argmax\(-1\)\.$"),
    "gaps": (np.where(X > 1, math.nan, X), LABELS, "times NaN. Fill the gaps"),
    "text": (X.astype(str), LABELS, r"hold numbers. Received: dtype <U\d+. Convert them"),
    "no rows": (X[:0], LABELS[:0], "at least one"),
    "fewer labels": (X, LABELS[:5], r"\[16\].* \[5\]"),
    "no labels": (X, None, "Expected the targets `y` .* Received: NoneType"),
    "lists": (X.tolist(), LABELS.tolist(), "Expected arrays .* Received: list"),
}


@pytest.mark.parametrize("mistake", DATA)
def test_data_that_do_not_fit_a_builder(tmp_path: Path, mistake: str) -> None:
    x, y, told = DATA[mistake]
    made = tuner(tmp_path, kte.builders.MLP(input_shape=(3,), outputs=3))
    with pytest.raises(ValueError, match=told):
        search(made, x, y)
    assert not made.oracle.trials


def test_data_that_do_not_fit_a_model(tmp_path: Path) -> None:
    """What only a training tells fails the trials, the reason is the last thing that is told."""
    with pytest.raises(RuntimeError, match=r"are saved(.|\n)*incompatible(.|\n)*\(8, 2\)"):
        search(tuner(tmp_path), X[:, :2], Y)


class Interrupting(keras.callbacks.Callback):
    def on_train_end(self, logs: Any = None) -> None:
        raise KeyboardInterrupt


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    first = search(tuner(tmp_path, max_trials=1))
    with pytest.raises(KeyboardInterrupt):
        search(tuner(tmp_path, max_trials=2), callbacks=[Interrupting()])
    again = search(tuner(tmp_path, max_trials=2))
    assert Trained.count == 1
    assert [r["status"] for r in again.results()] == ["COMPLETED"] * 2
    assert json.dumps(again.results()[0]["values"]) == json.dumps(first.results()[0]["values"])
