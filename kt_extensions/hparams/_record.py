"""What is written of a trial when it starts and when the oracle has ended it."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Sequence
from typing import Any

from google.protobuf import struct_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

from kt_extensions import objectives
from kt_extensions.hparams import _columns as columns_of
from kt_extensions.hparams._events import ENDED_SUFFIX, hparams_event, scalar_event, write_events
from kt_extensions.hparams._facts import facts
from kt_extensions.logs.trial_facts import active_values, value_at_best
from kt_extensions.reports import is_pruned

Point = tuple[int, float, float]
"""An epoch, a wall time in seconds since 1970, a value."""

_COSTS = {
    columns_of.EPOCHS_TAG: columns_of.epochs_column,
    columns_of.DURATION_TAG: columns_of.duration_column,
}


@dataclasses.dataclass
class Trained:
    """A training of a trial's model as far as its end has to know it.

    Attributes:
        run: Its run, a folder.
        best: The best objective so far, by epoch.
        before: The same of the trial that it goes on from.
    """

    run: str
    best: list[Point] = dataclasses.field(default_factory=list)
    before: list[Point] = dataclasses.field(default_factory=list)


def write_start(run: str, group: str, began: float, attempt: int, hyperparameters: Any) -> None:
    """Writes a session's values. TensorBoard keeps the first start of a run for ever."""
    values = {**facts(group, attempt, hyperparameters), **active_values(hyperparameters)}
    start = plugin_data_pb2.SessionStartInfo(
        group_name=group,
        start_time_secs=began,
        hparams={name: _proto_value(value) for name, value in values.items()},
    )
    event = hparams_event(metadata.SESSION_START_INFO_TAG, session_start_info=start)
    write_events(run, [event])


@dataclasses.dataclass(frozen=True)
class Ending:
    """The result of a trial, the same in each of its runs but for the objective's curve.

    Attributes:
        completed: Whether the trial did not fail. One that did has no values but its cost.
        pruned: Whether it was stopped before its end: then it has no objective.
        step: The best epoch, counted from 0 as in the curves and in KerasTuner.
        scalars: The values by tag.
        objective_tag: Where the curves go.
        curves: For each run the best objective so far, by epoch.
    """

    completed: bool
    pruned: bool
    step: int
    scalars: dict[str, float]
    objective_tag: str
    curves: list[list[Point]]

    @classmethod
    def of(
        cls,
        trial: Any,
        objective: Any,
        executions: Sequence[Trained],
        seconds: float | None,
        epochs: int | None,
    ) -> Ending:
        """Reads the oracle's record; `seconds` and `epochs` are None where nobody counted."""
        completed, pruned = trial.status == "COMPLETED", is_pruned(trial)
        best = _metrics_at_best(trial, objective) if completed else {}
        scalars = {columns_of.BEST_TAG + name: value for name, value in best.items()}
        whole = completed and not pruned
        if whole and objectives.several(objective):
            values = objectives.values_of(trial, objective) or {}
            scalars |= {columns_of.OBJECTIVE_TAG + name: value for name, value in values.items()}
        if whole and trial.score is not None:
            scalars[columns_of.SCORE_TAG] = float(trial.score)
        step = int(trial.best_step or 0)
        if completed:
            scalars[columns_of.BEST_EPOCH_TAG] = float(step)
            scalars[columns_of.PRUNED_TAG] = float(epochs or step + 1) if pruned else 0.0
        costs = {columns_of.DURATION_TAG: seconds, columns_of.EPOCHS_TAG: epochs}
        scalars |= {tag: float(cost) for tag, cost in costs.items() if cost is not None}
        return cls(
            completed=completed,
            pruned=pruned,
            step=step,
            scalars=scalars,
            objective_tag=columns_of.OBJECTIVE_TAG + objective.name,
            curves=_scored(trial, objective, executions) if whole else [[] for _ in executions],
        )

    def columns(self) -> list[Any]:
        """The columns of `scalars` that are not declared when the search begins."""
        tags = [tag for tag in self.scalars if tag.startswith(columns_of.BEST_TAG)]
        best = [columns_of.best_column(tag.removeprefix(columns_of.BEST_TAG)) for tag in tags]
        pruned = [columns_of.pruned_column()] if self.pruned else []
        return best + [column() for tag, column in _COSTS.items() if tag in self.scalars] + pruned

    def write(self, executions: Sequence[Trained]) -> None:
        """Writes it to each run, the objective's curve after that of the trial it goes on from."""
        status = api_pb2.STATUS_SUCCESS if self.completed else api_pb2.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
        for execution, curve in zip(executions, self.curves, strict=True):
            line = [*execution.before, *curve] if curve else []
            events = [scalar_event(step, {self.objective_tag: v}, at) for step, at, v in line]
            events.append(scalar_event(self.step, self.scalars))
            events.append(hparams_event(metadata.SESSION_END_INFO_TAG, session_end_info=end))
            write_events(execution.run, events, suffix=ENDED_SUFFIX)


def _scored(trial: Any, objective: Any, executions: Sequence[Trained]) -> list[list[Point]]:
    """Curves whose last values average to the trial's score, which is what the row then shows.

    They do when the score is each execution's best epoch, as KerasTuner's own tuners have it; that
    of a trial that goes on from another one may count the epochs of both. A score from elsewhere (a
    value that `fit` returned, an oracle's own scoring) stands alone.
    """
    if trial.score is None or not math.isfinite(trial.score):
        return [[] for _ in executions]
    own = [execution.best for execution in executions]
    for curves in (own, [_continued(execution, objective) for execution in executions]):
        if all(curves):
            mean = statistics.fmean(curve[-1][2] for curve in curves)
            if math.isclose(mean, trial.score, rel_tol=1e-6, abs_tol=1e-12):
                return curves
    return [[(int(trial.best_step or 0), time.time(), float(trial.score))] for _ in executions]


def _continued(execution: Trained, objective: Any) -> list[Point]:
    """Returns the best so far, the epochs of the trial that it goes on from included."""
    if not execution.before:
        return execution.best
    level = execution.before[-1][2]
    return [(e, t, y if objective.better_than(y, level) else level) for e, t, y in execution.best]


def _metrics_at_best(trial: Any, objective: Any) -> dict[str, float]:
    metrics = trial.metrics.metrics
    known = {*objectives.directions(objective), objective.name}
    return {name: value_at_best(trial, name) for name in metrics if name not in known}


def _proto_value(value: Any) -> Any:
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    return struct_pb2.Value(number_value=value)
