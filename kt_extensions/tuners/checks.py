"""Checks of what a tuner is given, builds and trains, and of what its trainings report."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.errors import FatalValueError

from kt_extensions.objectives import directions
from kt_extensions.wording import hint


def check_reported(objective: kt.Objective, results: Any) -> None:
    """Ends a search of which no trial will report the objective, rather than fail each trial.

    Raises:
        keras_tuner.errors.FatalValueError: If the logs of a training lack it.
    """
    logs = results.history if isinstance(results, keras.callbacks.History) else None
    if not logs or objective.has_value(logs):
        return
    names = ", ".join(map(repr, directions(objective)))
    lacking = [name for name in directions(objective) if name not in logs]
    raise FatalValueError(
        f"Expected training to report the objective {names}. It reported {list(logs)}."
        f"{hint(lacking[0], logs)} "
        "Name one of these, add the metric to `model.compile`, or, if its name begins with `val_`, "
        "pass `validation_data` or `validation_split` to `search`."
    )


def as_callbacks(callbacks: Any, hypermodel: Any) -> list[Any]:
    """Returns the callbacks that `search` was given, as a list.

    Raises:
        keras_tuner.errors.FatalValueError: If one of them is no callback, and the hypermodel has no
            `fit` of its own, which may take anything.
    """
    if callbacks is None:
        return []
    listed: list[Any] = keras.tree.flatten(callbacks)
    wrong = [c for c in listed if not isinstance(c, keras.callbacks.Callback)]
    if wrong and trains_by_keras(hypermodel):
        raise FatalValueError(
            f"Expected `callbacks` to be a list of `keras.callbacks.Callback`. Received: {wrong}."
        )
    return listed


def check_compiled(model: keras.Model) -> None:
    """Checks that Keras can train a model.

    Raises:
        keras_tuner.errors.FatalValueError: If it is not compiled, and `Model.fit` is to train it.
    """
    if not model.compiled and type(model).fit is keras.Model.fit:
        raise FatalValueError(
            "Expected the function to return a compiled model. Received one that is not: call "
            "`model.compile(optimizer, loss, metrics)` before `return model`."
        )


def trains_by_keras(hypermodel: Any) -> bool:
    """Whether models are trained by `Model.fit`: there is no `fit` of a user's own before."""
    return not isinstance(hypermodel, kt.HyperModel) or takes_verbose(hypermodel)


def takes_verbose(hypermodel: Any) -> bool:
    """Whether its `fit` is one that hands its arguments on to `Model.fit`, not a user's own."""
    if "fit" in getattr(hypermodel, "__dict__", {}):
        return False
    owners = (c for c in type(hypermodel).__mro__ if "fit" in vars(c))
    owner = next(owners, object)  # a class, since `functools.wraps` changes a function's module
    return owner.__module__.split(".")[0] in ("keras_tuner", "kt_extensions")
