"""A search as its project folder has recorded it, for what logs a search afterwards."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import keras_tuner as kt
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine.objective import create_objective

from kt_extensions import store
from kt_extensions.searches import SearchView, view_of


class Recorded(NamedTuple):
    """What a project folder tells of a search.

    Args:
        search: The search.
        trials: KerasTuner's records of the trials, by name, in the order in which they began.
        objective: KerasTuner's objective.
    """

    search: SearchView
    trials: dict[str, Trial]
    objective: Any


def recorded(project: str | os.PathLike[str], objective: Any = None) -> Recorded:
    """Reads a project folder, `directory/project_name`, of any KerasTuner search.

    Args:
        project: The folder.
        objective: The objective, as a tuner takes it. By default what the folder tells.

    Raises:
        FileNotFoundError: If the folder holds no trials.

    Example:

    ```python
    search, trials, objective = recorded("results/digits")
    ```
    """
    search = view_of(project)
    trials = {state["trial_id"]: Trial.from_state(state) for state in store.read_trials(project)}
    ordered = {view.trial_id: trials[view.trial_id] for view in search.trials}
    return Recorded(search, ordered, create_objective(objective or _told(search)))


def _told(search: SearchView) -> Any:
    objectives = [kt.Objective(name, direction) for name, direction in search.objectives]
    return objectives if len(objectives) > 1 else objectives[0]
