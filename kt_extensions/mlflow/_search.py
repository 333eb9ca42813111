"""The parent run of a search, and the runs that are nested in it."""

from __future__ import annotations

import os
from typing import Any

import keras

import kt_extensions
from kt_extensions import objectives, wording
from kt_extensions.mlflow._run import Run, read_note
from kt_extensions.mlflow._server import Server
from kt_extensions.record import PARENT
from kt_extensions.space import SearchSpace

NOTE = "mlflow.json"


class SearchRun:
    """The run of a search, and those nested in it.

    Args:
        server: The server.
        project_dir: The project folder, where the ids of the runs are noted.
        name: The project's name.
        experiment: The name of the experiment.
    """

    def __init__(self, server: Server, project_dir: str, name: str, experiment: str) -> None:
        self.server = server
        self.folder, self.name, self._experiment = project_dir, name, experiment
        self.run = Run(server, os.path.join(project_dir, NOTE))
        self._runs: dict[str, Run] = {}

    def begin(self, tags: dict[str, Any], params: dict[str, Any]) -> None:
        """Begins the run, or goes on with that of the search which is resumed."""
        tags = {**tags, "status": "RUNNING"}
        if not self.run.resume():
            self.run.drop_noted()
            self.run.create(self._experiment, self.name, tags)
        self.run.tags(tags)
        self.run.params(params)

    def new_trial(self, trial: Any, start: float | None = None) -> Run:
        """Returns a new run for a trial. That of an earlier attempt is deleted."""
        run = Run(self.server, self.note_of(trial.trial_id), self.run)
        if trial.trial_id in self._runs:
            self._runs[trial.trial_id].drop()
        else:
            run.drop_noted()
        self._runs[trial.trial_id] = run
        parent = trial.hyperparameters.values.get(PARENT)
        tags = {"trial_id": trial.trial_id, "status": "RUNNING"}
        if parent is not None:
            promoted = {"parent_trial": parent, "parent_trial_run_id": self.run_of(parent)}
            tags = {**tags, **promoted}
        run.create(self._experiment, f"trial {trial.trial_id}", tags, start)
        return run

    def has_ended(self, trial_id: str) -> bool:
        """Whether the result of a trial is written."""
        noted = read_note(self.note_of(trial_id))
        mine = self.run.id is not None and noted.get("parent_run_id") == self.run.id
        return mine and bool(noted.get("ended"))

    def run_of(self, trial_id: str) -> str | None:
        """Returns the id of a trial's run, if it is known."""
        run_id = read_note(self.note_of(trial_id)).get("run_id")
        return None if run_id is None else str(run_id)

    def note_of(self, trial_id: str) -> str:
        return os.path.join(self.folder_of(trial_id), NOTE)

    def folder_of(self, trial_id: str) -> str:
        return os.path.join(self.folder, f"trial_{trial_id}")

    @property
    def noted(self) -> dict[str, Any]:
        """What is noted of the search in its project."""
        return read_note(os.path.join(self.folder, NOTE))


def tags_of(oracle: Any, tuner: Any) -> dict[str, Any]:
    """Returns the tags of a search.

    Args:
        oracle: Its oracle, or a worker's client of one.
        tuner: Its tuner; `None` if there is none.
    """
    told = objectives.directions(oracle.objective)
    own = getattr(oracle, "_oracle", oracle)  # a worker's client knows the oracle of its own
    return {
        "objective": ", ".join(told),
        "direction": ", ".join(told.values()),
        "oracle": type(own).__name__ if tuner is not None else None,
        "tuner": type(tuner).__name__ if tuner is not None else None,
        "kt_extensions": kt_extensions.__version__,
        "keras": f"{keras.__version__} ({keras.backend.backend()})",
    }


def params_of(oracle: Any, tuner: Any) -> dict[str, Any]:
    """Returns the parameters of a search: its size and its space."""
    sizes = {
        "max_trials": getattr(oracle, "max_trials", None),
        "executions_per_trial": getattr(tuner, "executions_per_trial", None),
    }
    known = {name: value for name, value in sizes.items() if value is not None}
    return {**known, **space_of(oracle.get_space().space)}


def space_of(space: Any) -> dict[str, str]:
    """Returns the parameters that tell a search space.

    Args:
        space: KerasTuner's hyperparameters.
    """
    try:
        dimensions = SearchSpace.from_hyperparameters(space).dimensions
    except ValueError:  # KerasTuner's oracles search more spaces than ours
        return {f"space/{hp.name}": _declared(hp) for hp in space}
    return {f"space/{d.name}": _told(d) for d in dimensions}


def _declared(hp: Any) -> str:
    kind = type(hp).__name__
    if hasattr(hp, "min_value"):
        return f"{kind} from {hp.min_value} to {hp.max_value}"
    return f"{kind} of {list(hp.values)}" if kind == "Choice" else kind


def _told(dimension: Any) -> str:
    condition = wording.condition(dimension)
    domain = wording.domain(dimension.domain)
    return f"{domain}, if {condition}" if condition else domain
