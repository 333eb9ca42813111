"""What a pruner is told of the trials of a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.pruners import Progress, Pruner
from kt_extensions.record import PARENT, by_hand
from kt_extensions.reports import Logs, Reports
from kt_extensions.space.domains import Array


class Judge:
    """Asks a pruner after each epoch of a trial.

    It keeps the curves of the objective as the rows of one array. Of several executions the mean of
    those that the running trial has begun is compared, with the mean of the same ones of the
    others: folds of the data differ. The curve of a trial that goes on from another one begins with
    that one's.

    Args:
        pruner: Whom to ask.
        objective: The objective of the search, a single one.

    Raises:
        ValueError: If there are several objectives.
    """

    def __init__(self, pruner: Pruner, objective: Any) -> None:
        if hasattr(objective, "objectives"):
            raise ValueError(
                "Expected a single objective where there is a `pruner`: curves of several have no "
                f"order. Received: {[part.name for part in objective.objectives]}. Leave the "
                "pruner out, or search for one of them."
            )
        self._pruner, self._objective = pruner, objective
        self._sign = 1.0 if objective.direction == "min" else -1.0
        self._row_of: dict[tuple[str, int], int] = {}  # by trial and execution; 0 is for none
        self._seen: set[str] = set()
        self._parents: set[str] = set()
        self._ended: dict[str, bool] = {}  # those that will not change: whether they completed
        self._curves: Array = np.full((64, 32), np.nan)

    def verdict(
        self,
        trial_id: str,
        execution: int,
        planned: int,
        reports: Reports,
        trials: Mapping[str, Trial],
    ) -> str | None:
        """Returns why a trial is to be stopped, or `None`.

        Args:
            trial_id: The trial, whose last epoch has been reported.
            execution: Which of its executions is running.
            planned: Epochs after which that ends.
            reports: What all trials have reported.
            trials: All trials of the search.
        """
        if by_hand(trials[trial_id].hyperparameters.values):
            return None  # a person asked for so many epochs
        line = list(_line(trial_id, trials))
        for other in [name for name in trials if name not in self._seen or name == trial_id]:
            self._update(other, reports, trials)
        others = [name for name in trials if name not in self._parents and name not in line]
        completed = [self._completed(trials[other], reports) for other in others]
        epoch = max(reports[trial_id].executions[execution])
        curve = self._means([trial_id], execution)[0, : epoch + 1]
        progress = Progress(
            curve=curve,
            others=self._means(others, execution),
            completed=np.array(completed, bool),
            planned=max(planned, len(curve)),
            sign=self._sign,
        )
        return self._pruner.verdict(progress)

    def _completed(self, trial: Trial, reports: Reports) -> bool:
        """Whether a trial ran to its end and was not pruned."""
        name = trial.trial_id
        if name not in self._ended:
            completed = trial.status == TrialStatus.COMPLETED and reports[name].pruned is None
            if trial.status not in (TrialStatus.COMPLETED, TrialStatus.FAILED):
                return False
            self._ended[name] = bool(completed)
        return self._ended[name]

    def _update(self, trial_id: str, reports: Reports, trials: Mapping[str, Trial]) -> None:
        """Brings the trial's rows up to its reports."""
        line = list(_line(trial_id, trials))
        self._seen.add(trial_id)
        self._parents.update(line[1:])
        executions = [reports[name].executions for name in reversed(line)]
        for number in sorted({number for known in executions for number in known}):
            points = {e: logs for known in executions for e, logs in known.get(number, {}).items()}
            row = self._row_of.setdefault((trial_id, number), len(self._row_of) + 1)
            self._make_room(row, max(points))
            self._curves[row] = np.nan
            self._curves[row, list(points)] = [self._value(logs) for logs in points.values()]

    def _means(self, names: Sequence[str], execution: int) -> Array:
        """Returns the mean curve of the executions up to one, NaN where one of them is missing."""
        rows = [[self._row_of.get((n, e), 0) for n in names] for e in range(execution + 1)]
        means: Array = np.mean([self._curves[row] for row in rows], axis=0)
        return means

    def _value(self, logs: Logs) -> float:
        """Returns the objective to be minimised, NaN if it is not among the logs or not finite."""
        if not self._objective.has_value(logs):
            return float("nan")
        value = self._sign * float(self._objective.get_value(logs))
        return value if np.isfinite(value) else float("nan")

    def _make_room(self, row: int, epoch: int) -> None:
        n, t = self._curves.shape
        if row < n and epoch < t:
            return
        larger = np.full((max(n, 2 * row), max(t, 2 * epoch)), np.nan)
        larger[:n, :t] = self._curves
        self._curves = larger


def _line(trial_id: str, trials: Mapping[str, Trial]) -> Iterator[str]:
    """Yields the names of a trial, of that which it goes on from, and so on."""
    while trial_id in trials:
        yield trial_id
        trial_id = trials[trial_id].hyperparameters.values.get(PARENT) or ""
