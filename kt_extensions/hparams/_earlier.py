"""Curves that a training goes on from: those of the trial it was promoted from, or of a cut one."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from kt_extensions.hparams import _columns as columns_of
from kt_extensions.hparams import _layout as layout
from kt_extensions.hparams._events import read_events
from kt_extensions.hparams._record import Point
from kt_extensions.record import PARENT

_GROUPS = {"train": "", "validation": "val_"}


class Earlier(NamedTuple):
    """What was logged before a training goes on.

    Attributes:
        events: The events of the curves by group, `train` and `validation`.
        objective: The curve of the objective, of a trial that has ended.
        same_trial: Whether it is an attempt of the same trial, not of another one.
    """

    events: dict[str, list[Any]]
    objective: list[Point]
    same_trial: bool

    def logs(self, step: int) -> dict[int, tuple[float, dict[str, float]]]:
        """Returns the epochs before a step: the wall time and what Keras had logged."""
        found: dict[int, tuple[float, dict[str, float]]] = {}
        for group, prefix in _GROUPS.items():
            for event in self.before(step, group):
                _, logs = found.setdefault(event.step, (event.wall_time, {}))
                for value in event.summary.value:
                    name = value.tag.removeprefix(columns_of.EPOCH_TAG)
                    logs[prefix + name] = value.simple_value
        return dict(sorted(found.items()))

    def before(self, step: int, group: str) -> list[Any]:
        """Returns the events of a group before a step."""
        return [event for event in self.events[group] if event.step < step]


def earlier_of(trial: Any, folder: str, execution: int, objective: str) -> Earlier | None:
    """Returns what a training may go on from; `None` if there is nothing.

    Args:
        trial: The trial.
        folder: Its folder.
        execution: Which of its trainings it is.
        objective: The name of the objective.
    """
    own = _latest_run(folder, execution)
    parent = trial.hyperparameters.values.get(PARENT)
    run = own
    if run is None and parent is not None:
        run = _latest_run(os.path.join(os.path.dirname(folder), str(parent)), execution)
    if run is None:
        return None
    events = {group: read_events(os.path.join(run, group)) for group in _GROUPS}
    curve = _points(read_events(run), columns_of.OBJECTIVE_TAG + objective)
    return Earlier(events, curve, same_trial=own is not None)


def _latest_run(folder: str, execution: int) -> str | None:
    runs = layout.runs_of(folder)
    name = re.compile(rf"execution{execution}(-run\d+)?")
    found = [run for n in sorted(runs) for run in runs[n] if name.fullmatch(os.path.basename(run))]
    return found[-1] if found else None


def _points(events: list[Any], tag: str) -> list[Point]:
    return [
        (event.step, event.wall_time, value.simple_value)
        for event in events
        for value in event.summary.value
        if value.tag == tag
    ]
