"""One way to look at a search: of a tuner, or of a project folder of any KerasTuner >= 1.4.

Nothing is unpickled, and nothing is written: a folder may belong to a search that is running.
"""

from __future__ import annotations

import json
import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_extensions import objectives as objectives_of
from kt_extensions import store
from kt_extensions.record import PARENT, SCHEDULED
from kt_extensions.reports import Stint, read_report, told_as_pruned
from kt_extensions.space import saved

if TYPE_CHECKING:
    import keras_tuner

_OBJECTIVE = re.compile(r'name="(.*?)", direction="(?:min|max)"')

State = dict[str, Any]
Space = list[saved.Hyperparameter]


@dataclass(frozen=True)
class TrialView:
    """A trial of a search.

    Args:
        number: Its place in the order in which trials began, from 0.
        trial_id: KerasTuner's name of it.
        status: That of KerasTuner (`"COMPLETED"`, `"FAILED"`, `"INVALID"`, `"RUNNING"`), or
            `"PRUNED"`.
        score: That of a completed or pruned trial; `None` of others, or if it is not finite.
        scores: The value of each objective, of several in the order of `SearchView.objectives`;
            empty if they are not known.
        values: The hyperparameters that are active, without KerasTuner's own `tuner/...`.
        rung: KerasTuner's own, without `tuner/`: `epochs`, `initial_epoch`, `bracket`, `round` of
            a search that shares out epochs.
        parent: The trial that it goes on from, by its name.
        history: For each execution the numbers of its epochs, from 0 (`"epoch"`), and the metrics
            by name; empty if none is kept.
        epochs: How many were trained, in all executions, as far as `history` tells.
        duration: Seconds, of all attempts; `None` if it was not noted.
        runs: Where and when each attempt ran, as far as it was noted.
        message: Why it failed or was pruned.
    """

    number: int
    trial_id: str
    status: str
    score: float | None
    scores: list[float]
    values: dict[str, Any]
    rung: dict[str, Any]
    parent: str | None
    history: list[dict[str, list[float]]]
    epochs: int
    duration: float | None
    runs: list[Stint]
    message: str | None

    @property
    def pruned(self) -> bool:
        """Whether a pruner has ended it."""
        return self.status == "PRUNED"

    @property
    def failed(self) -> bool:
        """Whether it has ended without a score, be it to run again."""
        ended = self.status in ("FAILED", "INVALID", "COMPLETED", "PRUNED")
        return ended and self.score is None


@dataclass(frozen=True)
class SearchView:
    """A search as far as it has come.

    Args:
        name: That of the project.
        folder: The project folder; empty if the tuner has none.
        objective: The name of the objective, of several that of their sum.
        direction: `"min"` or `"max"`.
        objectives: The name and the direction of each objective.
        space: The hyperparameters, with the attributes of KerasTuner's, in the order in which they
            were declared.
        trials: The trials in the order in which they began.
    """

    name: str
    folder: str
    objective: str
    direction: str
    objectives: list[tuple[str, str]]
    space: Space
    trials: list[TrialView]

    def is_better(self, score: float, other: float) -> bool:
        """Whether a score is better than another one."""
        return score > other if self.direction == "max" else score < other

    @cached_property
    def scored(self) -> list[TrialView]:
        """The trials that have a score."""
        return [trial for trial in self.trials if trial.score is not None]

    @property
    def best(self) -> TrialView | None:
        """The trial with the best score, the first of equal ones; `None` if none has a score."""
        return self.incumbents[-1] if self.incumbents else None

    @cached_property
    def incumbents(self) -> list[TrialView]:
        """The trials that were better than all before them; pruned ones only if no other ended."""
        steps: list[TrialView] = []
        for trial in [t for t in self.scored if not t.pruned] or self.scored:
            if not steps or self.is_better(_score(trial), _score(steps[-1])):
                steps.append(trial)
        return steps

    def trial(self, trial_id: str) -> TrialView | None:
        """Returns the trial with a name; `None` if there is none."""
        return self._by_name.get(trial_id)

    @cached_property
    def _by_name(self) -> dict[str, TrialView]:
        return {trial.trial_id: trial for trial in reversed(self.trials)}


def view_of(
    source: keras_tuner.engine.base_tuner.BaseTuner | str | os.PathLike[str] | SearchView,
) -> SearchView:
    """Returns how a search stands.

    Args:
        source: A tuner, or the project folder (`directory/project_name`) of any search, running or
            finished. A view is returned as it is.

    Raises:
        FileNotFoundError: If the folder holds no trials.
        TypeError: If it is neither a tuner nor a path.
        ValueError: If it is the tuner of a worker, which does not have the trials.

    Example:
        >>> search = view_of("results/digits")  # doctest: +SKIP
        >>> search.best.values  # doctest: +SKIP
        {'units': 64, 'rate': 0.003}
    """
    if isinstance(source, SearchView):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _view_of_folder(os.fspath(source))
    return _view_of_tuner(source)


def _view_of_tuner(tuner: Any) -> SearchView:
    if not hasattr(tuner, "oracle"):
        raise TypeError(
            "Expected source to be a tuner or the path of a project folder. "
            f"Received: source={tuner!r} of type {type(tuner).__name__}."
        )
    if not hasattr(tuner.oracle, "trials"):
        raise ValueError(
            "Expected the tuner of a search that runs in this process. Received: that of a worker, "
            "which does not have the trials. Pass the project folder of the chief."
        )
    return view_of_oracle(tuner.oracle, tuner.project_name, getattr(tuner, "project_dir", ""))


def view_of_oracle(oracle: Any, name: str, folder: str | os.PathLike[str]) -> SearchView:
    """Returns how the search of an oracle stands.

    Args:
        oracle: A `keras_tuner.Oracle`, not a worker's client of one.
        name: The name of the project.
        folder: The project folder.
    """
    return _view(
        name=name,
        folder=os.fspath(folder),
        objective=(oracle.objective.name, oracle.objective.direction),
        objectives=objectives_of.directions(oracle.objective),
        states=[trial.get_state() for trial in list(oracle.trials.values())],
    )


def _view_of_folder(folder: str) -> SearchView:
    states = list(store.read_trials(folder))
    search = store.search_of(folder)
    objective = _logged_objective(search) or _inferred_objective(states)
    return _view(
        name=os.path.basename(os.path.abspath(folder)),
        folder=folder,
        objective=objective,
        objectives=(search or {}).get("objectives") or dict([objective]),
        states=states,
    )


def _view(
    name: str,
    folder: str,
    objective: tuple[str, str],
    objectives: Mapping[str, str],
    states: list[State],
) -> SearchView:
    ordered = sorted(states, key=lambda state: _natural(state["trial_id"]))
    space = [saved.from_config(config) for config in _configs(ordered)]
    return SearchView(
        name=name,
        folder=folder,
        objective=objective[0],
        direction=objective[1],
        objectives=list(objectives.items()),
        space=space,
        trials=[_trial(i, s, folder, list(objectives), space) for i, s in enumerate(ordered)],
    )


def _configs(states: Iterable[State]) -> list[dict[str, Any]]:
    """Returns the hyperparameters that trials declare, each once, in the order of declaration."""
    configs = (config for state in states for config in state["hyperparameters"]["space"])
    return list({json.dumps(config, sort_keys=True): config for config in configs}.values())


def _trial(number: int, state: State, folder: str, names: list[str], space: Space) -> TrialView:
    values = state["hyperparameters"]["values"]
    report = read_report(Path(folder, f"trial_{state['trial_id']}"))
    pruned = told_as_pruned(state["status"], state["message"])
    score = _finite_score(state)
    return TrialView(
        number=number,
        trial_id=state["trial_id"],
        status="PRUNED" if pruned else state["status"],
        score=score,
        scores=_scores(state, score, names),
        values=_active(values, space),
        rung=_rung(values),
        parent=values.get(PARENT),
        history=report.histories(),
        epochs=report.epochs,
        duration=report.seconds,
        runs=report.runs,
        message=state["message"],
    )


def _finite_score(state: State) -> float | None:
    score = state["score"]
    counts = state["status"] == "COMPLETED" and score is not None and math.isfinite(score)
    return float(score) if counts else None


def _scores(state: State, score: float | None, names: list[str]) -> list[float]:
    if score is None:
        return []
    if len(names) == 1:
        return [score]
    values = objectives_of.values_at(state["metrics"]["metrics"], state["best_step"], names)
    return [] if values is None else list(values.values())


def _active(values: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Leaves out KerasTuner's own, and what is left of branches that are not active."""
    declared = {hp.name for hp in space}
    active = {hp.name for hp in space if hp.is_active(values)}
    return {
        name: value
        for name, value in values.items()
        if name not in SCHEDULED and (name in active or name not in declared)
    }


def _rung(values: Mapping[str, Any]) -> dict[str, Any]:
    own = ((n, v) for n, v in values.items() if n in SCHEDULED and n != PARENT)
    return {name.removeprefix("tuner/"): value for name, value in own}


def _logged_objective(search: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """What the log of a search of ours tells of its objective."""
    if search is None:
        return None
    found = _OBJECTIVE.search(search["objective"])
    return (found[1] if found else "score", search["direction"])


def _inferred_objective(states: Iterable[State]) -> tuple[str, str]:
    """The metric whose best value is the score in every trial; stock projects do not name it."""
    candidates: dict[str, str] | None = None
    for state in states:
        if state["status"] == "COMPLETED" and state["score"] is not None:
            matching = _matching_metrics(state)
            known = matching if candidates is None else candidates
            candidates = {n: d for n, d in known.items() if n in matching}
    if candidates is not None and not candidates:
        warnings.warn(
            "No metric has the trials' scores, so lower scores are taken for better ones. "
            "Give the tuner instead of its folder to have the objective's direction.",
            stacklevel=2,
        )
    if not candidates:
        return "score", "min"
    name = next((name for name in candidates if name.startswith("val_")), next(iter(candidates)))
    return name, candidates[name]


def _matching_metrics(state: State) -> dict[str, str]:
    metrics: dict[str, Any] = state["metrics"]["metrics"]
    return {
        name: history["direction"]
        for name, history in metrics.items()
        if _best_value(history) == state["score"]
    }


def _best_value(history: Mapping[str, Any]) -> float | None:
    # KerasTuner averages executions with NumPy: the last bit has to agree.
    means = [float(np.mean(observation["value"])) for observation in history["observations"]]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return None
    return max(finite) if history["direction"] == "max" else min(finite)


def _score(trial: TrialView) -> float:
    return math.nan if trial.score is None else trial.score


def _natural(trial_id: str) -> list[tuple[int, str]]:
    """Orders 9 before 10, as the ids get longer when a search is extended."""
    return [(int(part or -1), text) for text, part in re.findall(r"(\D*)(\d*)", str(trial_id))]
