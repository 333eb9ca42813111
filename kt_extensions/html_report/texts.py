"""The texts of a search, all changed at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from kt_extensions.searches import SearchView, TrialView
from kt_extensions.space import saved


def changed(search: SearchView, change: Callable[[str], str]) -> SearchView:
    """Returns a search with all its texts changed."""
    return replace(
        search,
        name=change(search.name),
        objective=change(search.objective),
        objectives=[(change(name), direction) for name, direction in search.objectives],
        space=[_changed_hyperparameter(hp, change) for hp in search.space],
        trials=[_changed_trial(trial, change) for trial in search.trials],
    )


def _changed_hyperparameter(
    hyperparameter: saved.Hyperparameter, change: Callable[[str], str]
) -> saved.Hyperparameter:
    texts = _changed(asdict(hyperparameter), change)
    conditions = [saved.Parent(**condition) for condition in texts.pop("conditions")]
    return type(hyperparameter)(conditions=conditions, **texts)


def _changed_trial(trial: TrialView, change: Callable[[str], str]) -> TrialView:
    return replace(
        trial,
        values=_changed(trial.values, change),
        history=_changed(trial.history, change),
        message=_changed(trial.message, change),
    )


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """Returns what JSON holds, with all texts in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _changed(part, change) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_changed(part, change) for part in value]
    return value
