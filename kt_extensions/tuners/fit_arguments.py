"""Checks of what `search` hands on to `Model.fit`, before the first trial."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner as kt

from kt_extensions import objectives
from kt_extensions.checking import check_integer
from kt_extensions.wording import hint

_NAMES = [name for name in inspect.signature(keras.Model.fit).parameters if name != "self"]


def check_fit_arguments(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], objective: kt.Objective, is_validated: bool
) -> None:
    """Checks the arguments of a training that is keras' own.

    Args:
        args: Those by position.
        kwargs: Those by name.
        objective: Of the search.
        is_validated: Whether each trial is validated, whatever the arguments.

    Raises:
        ValueError: If a name is misspelt, a number is out of range, there are not as many targets
            as samples, or the objective needs validation data and there are none.
    """
    for name in kwargs:
        _check_name(name)
    given = {**dict(zip(_NAMES, args, strict=False)), **kwargs}
    _check_rows(given.get("x"), given.get("y"))
    if given.get("epochs") is not None:
        check_integer("epochs", given["epochs"], 1)
    share = given.get("validation_split") or 0
    if not isinstance(share, numbers.Real) or not 0 <= float(share) < 1:
        raise ValueError(
            f"Expected `validation_split` to be a number from 0 to below 1. Received: {share!r}."
        )
    validated = is_validated or bool(share) or given.get("validation_data") is not None
    if not validated and not given.get("callbacks"):  # these may report what they want
        _check_needs_no_validation(objective)


def _check_name(name: str) -> None:
    """Refuses a misspelt name. Others may be of a model's own `fit`."""
    near = hint(name, _NAMES)
    if name not in _NAMES and near:
        raise ValueError(
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
        raise ValueError(
            f"Expected validation data for the objective {', '.join(map(repr, names))}. Received: "
            "none. Pass `validation_split=0.2` or `validation_data=(x, y)` to `search`, or "
            "`cross_validation=5` to the tuner; or name an objective that does not begin with "
            "`val_`."
        )
