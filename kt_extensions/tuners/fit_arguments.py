"""Checks of what `search` hands on to `Model.fit`, before the first training."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.errors import FatalValueError

from kt_extensions import objectives
from kt_extensions.checking import check_integer, is_number
from kt_extensions.wording import hint

_NAMES = [name for name in inspect.signature(keras.Model.fit).parameters if name != "self"]


def check_data(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Checks, before a model is built, what `search` is given to train it with.

    Args:
        args: Arguments of `Model.fit` by position.
        kwargs: Those by name.

    Raises:
        ValueError: If a number is out of range, or there are not as many targets as samples.
    """
    given = _named(args, kwargs)
    _check_rows(given.get("x"), given.get("y"))
    if given.get("epochs") is not None:
        check_integer("epochs", given["epochs"], 1)
    share = given.get("validation_split") or 0
    if not (is_number(share) and 0 <= share < 1):
        raise ValueError(
            f"Expected `validation_split` to be a number from 0 to below 1. Received: {share!r}."
        )


def check_fit_arguments(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    objective: kt.Objective,
    is_reported: bool,
    model: keras.Model,
) -> None:
    """Checks the arguments of the first training, if it is all Keras' own.

    Args:
        args: Those by position.
        kwargs: Those by name.
        objective: Of the search.
        is_reported: Whether the objective may be reported without validation data.
        model: What is to be trained.

    Raises:
        keras_tuner.errors.FatalValueError: If a name is misspelt, there is no objective, or it
            needs validation data and there are none.
    """
    if type(model).fit is not keras.Model.fit:
        return
    for name in kwargs:
        _check_name(name)
    if objective.name == "default_objective":
        raise FatalValueError(
            "Expected `objective`, the name of a metric such as 'val_loss'. Received: "
            "objective=None. It may be left out only where `fit` or `run_trial` returns a number "
            "to minimize."
        )
    given = _named(args, kwargs)
    validated = given.get("validation_split") or given.get("validation_data") is not None
    own_logs = type(model).train_step is not keras.Model.train_step
    if not (validated or is_reported or own_logs):
        _check_needs_no_validation(objective)


def _named(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict(zip(_NAMES, args, strict=False)), **kwargs}


def _check_name(name: str) -> None:
    near = hint(name, _NAMES)
    if name not in _NAMES and near:
        raise FatalValueError(
            f"Expected `search` to be given arguments of `Model.fit`. Received: {name!r}.{near}"
        )


def _check_rows(x: Any, y: Any) -> None:
    """Checks that the arrays are of one length, and not empty."""
    sizes = {
        name: sorted({int(n) for n in map(_length, keras.tree.flatten(data)) if n is not None})
        for name, data in {"x": x, "y": y}.items()
        if data is not None
    }
    if len({n for found in sizes.values() for n in found}) > 1 or [0] in sizes.values():
        raise ValueError(
            "Expected as many targets `y` as samples `x`, and at least one. Received: "
            + ", ".join(f"{name} of length {found}" for name, found in sizes.items())
            + "."
        )


def _length(data: Any) -> int | None:
    """Returns the length of an array; `None` for what is none, such as a data set."""
    shape = getattr(data, "shape", None)
    return shape[0] if isinstance(shape, tuple) and shape else None


def _check_needs_no_validation(objective: kt.Objective) -> None:
    names = [name for name in objectives.directions(objective) if name.startswith("val_")]
    if names:
        raise FatalValueError(
            f"Expected validation data for the objective {', '.join(map(repr, names))}. Received: "
            "none. Pass `validation_split=0.2` or `validation_data=(x, y)` to `search`, or "
            "`cross_validation=5` to the tuner; or name an objective that does not begin with "
            "`val_`."
        )
