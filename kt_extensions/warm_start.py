"""Learning from the trials of earlier searches."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kt_extensions import objectives, store
from kt_extensions.record import EPOCHS, PARENT
from kt_extensions.reports import told_as_pruned
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Value

Outcome = float | list[float]


class KnownTrial(NamedTuple):
    """A finished trial of an earlier search.

    Attributes:
        values: Its values, among them `tuner/epochs` if a scheduler said how far to train.
        y: Its score, or the list of several objectives, to be minimized; +inf if it failed.
        pruned: Whether it was stopped early.
    """

    values: dict[str, Value]
    y: Outcome
    pruned: bool


class _LeftOut(Exception):
    """Why a trial cannot be learnt from."""


def advice(folder: str | os.PathLike[str]) -> str:
    """Returns what to do about a project folder that holds another search than the one wanted."""
    return (
        "To begin a new search, change `project_name` or `directory`, or pass `overwrite=True`. "
        f"With `warm_start=[{os.fspath(folder)!r}]` a search of kt_extensions in another folder "
        "learns from the trials of this one."
    )


def check_folders(folders: Iterable[str], deleted: str | os.PathLike[str]) -> None:
    """Checks that there are projects to learn from, before another one is deleted.

    Args:
        folders: Their folders.
        deleted: The project folder that is to be deleted.

    Raises:
        FileNotFoundError: If there is no project in a folder.
        ValueError: If a folder is to be deleted.
    """
    for folder in folders:
        if Path(folder).resolve().is_relative_to(Path(deleted).resolve()):
            raise ValueError(
                "Expected `warm_start` to name folders that `overwrite=True` does not delete. "
                f"Received: {folder!r} in a search in {os.fspath(deleted)!r}. To learn from its "
                "trials, leave `overwrite` out and choose another `project_name`."
            )
        next(store.read_trials(folder), None)


def known_trials(
    folder: str | os.PathLike[str], space: SearchSpace, objective: Any
) -> list[KnownTrial]:
    """Reads the finished trials of a KerasTuner project, mapped into a search space.

    Values move to the nearest one that the space has. Of a project that searched for something
    else, what its trials reported of this objective counts. Trials that do not fit (a value out of
    its range, nothing reported of the objective) are left out, with a warning that counts the
    reasons. Of trials that a scheduler promoted, that is, continued as others, the last is known.

    Args:
        folder: The project folder, `directory/project_name`.
        space: The search space to map into.
        objective: The `keras_tuner.Objective` of the search.

    Raises:
        FileNotFoundError: If there is no project in the folder.
    """
    known = {}
    promoted = set()
    reasons: Counter[str] = Counter()
    for state in store.read_trials(folder):
        try:
            trial = known[state["trial_id"]] = _mapped(state, space, objective)
            if np.isfinite(trial.y).all():
                promoted.add(state["hyperparameters"]["values"].get(PARENT))
        except _LeftOut as reason:
            reasons[str(reason)] += 1
    if reasons:
        told = "; ".join(f"{n} x {reason}" for reason, n in reasons.most_common())
        warnings.warn(
            f"warm_start: left out {reasons.total()} of {reasons.total() + len(known)} trials "
            f"of {os.fspath(folder)!r}: {told}.",
            stacklevel=2,
        )
    return [trial for trial_id, trial in known.items() if trial_id not in promoted]


def _mapped(state: dict[str, Any], space: SearchSpace, objective: Any) -> KnownTrial:
    y = _score(state, objective)
    try:
        x = space.encode(state["hyperparameters"]["values"])
    except ValueError as error:
        expected = str(error).partition(" Received:")[0]  # one reason for all such values
        raise _LeftOut(expected.rstrip(".")) from None
    given = {
        dimension.name: dimension.domain.value(coordinate)
        for dimension, coordinate in zip(space.dimensions, x.tolist(), strict=True)
        if not math.isnan(coordinate)
    }
    if not given:
        raise _LeftOut("no hyperparameter of this search")
    epochs = state["hyperparameters"]["values"].get(EPOCHS)
    values = given | ({} if epochs is None else {EPOCHS: epochs})
    return KnownTrial(values, y, told_as_pruned(state["status"], state["message"]))


def _score(state: dict[str, Any], objective: Any) -> Outcome:
    """Returns the score, or several objectives, to be minimized."""
    if state["status"] == "FAILED":
        return math.inf
    if state["status"] != "COMPLETED" or state["score"] is None:
        raise _LeftOut(f"status {state['status']}")
    metrics = state["metrics"]["metrics"]
    if objectives.several(objective):
        names = [*objectives.directions(objective)]
        values = objectives.values_at(metrics, state["best_step"], names)
        if values is None:
            raise _LeftOut(f"not all of the objectives {names}")
        return objectives.minimized(values, objective)
    if metrics.get(objective.name, {}).get("direction") != objective.direction:
        raise _LeftOut(f"no objective {objective!s}")
    if not math.isfinite(state["score"]):
        return math.inf
    return _best(metrics[objective.name])


def _best(metric: Mapping[str, Any]) -> float:
    """Returns the best value that a trial reported of a metric, to be minimized."""
    sign = 1.0 if metric["direction"] == "min" else -1.0
    reported = [[float(v) for v in o["value"]] for o in metric["observations"]]
    means = (sign * float(np.mean(values)) for values in reported)  # over executions, as KerasTuner
    return min(filter(math.isfinite, means), default=math.inf)
