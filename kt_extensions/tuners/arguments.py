"""What a program asks of a search, to tell what is different when the search is resumed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import keras_tuner as kt
import numpy as np

from kt_extensions import declared

Arguments = dict[str, str]

_NO_MATTER = ("verbose", "callbacks")


def of_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
    """Returns what tells one call of `search` from another: numbers, names, shapes of arrays."""
    named = {**{f"argument {i + 1}": value for i, value in enumerate(args)}, **kwargs}
    return {name: _told(value) for name, value in named.items() if name not in _NO_MATTER}


def _told(value: Any) -> str:
    """Returns a text for a value, the same in each process."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_told, value))})"
    if hasattr(value, "shape"):
        return f"shape {tuple(value.shape)}"
    return repr(value) if hasattr(value, "__dataclass_fields__") else type(value).__name__


def warn_of_call(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Warns if a search goes on with other arguments than before.

    Args:
        before: What `of_call` returned then.
        now: What it returns now.
    """
    others = differences(before, now)
    if others:
        warnings.warn(
            f"The resumed search goes on with other arguments: {', '.join(others)}. Scores of the "
            "trials before and after may not be comparable. To begin a new search, change "
            "`project_name`.",
            stacklevel=2,
        )


def warn_of_space(recorded: kt.HyperParameters, hypermodel: Any, folder: str) -> None:
    """Warns if a hypermodel declares other domains than those of the search that is resumed.

    Args:
        recorded: The space of the search.
        hypermodel: What is to be tuned now.
        folder: The project folder.
    """
    others = space_differences(recorded, hypermodel)
    if others:
        warnings.warn(
            "The resumed search keeps the domains it began with. The hypermodel now declares "
            f"others: {'; '.join(others)}. To search these, change `project_name`, and pass "
            f"`warm_start=[{folder!r}]` to learn from the trials of this search.",
            stacklevel=2,
        )


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Returns a text for each argument that is another one now.

    Example:

    >>> differences({"epochs": "10", "x": "shape (9, 2)"}, {"epochs": "20", "x": "shape (9, 2)"})
    ['epochs=20 (it was 10)']
    """
    names = {**before, **now}
    return [
        f"{name}={now.get(name, 'left out')} (it was {before.get(name, 'left out')})"
        for name in names
        if before.get(name) != now.get(name)
    ]


def space_differences(recorded: kt.HyperParameters, hypermodel: Any) -> list[str]:
    """Returns a text for each hyperparameter that a hypermodel declares otherwise than recorded.

    Those that are new are none of them: they join the space. Neither are those that are gone: a
    `fit` may declare them.

    Args:
        recorded: The space of a search.
        hypermodel: What is to be tuned now.
    """
    try:
        program = declared.read(hypermodel).hyperparameters
    except ValueError:  # it cannot be built by default; the trials will tell
        return []
    now = {_place(hp): _domain(hp) for hp in program}
    return [
        f"{hp.name} ({now[_place(hp)]}; recorded: {_domain(hp)})"
        for hp in recorded.space
        if now.get(_place(hp), _domain(hp)) != _domain(hp)
    ]


def _place(hp: Any) -> str:
    conditions = [(c.name, list(c.values)) for c in hp.conditions]
    return json.dumps([hp.name, conditions], default=str)


def _domain(hp: Any) -> str:
    config = hp.get_config()
    kept = {n: v for n, v in config.items() if n not in ("name", "conditions", "default")}
    kept = {name: value for name, value in kept.items() if value is not None}
    return f"{type(hp).__name__} {kept}"
