"""What a pruner is told of the trials of a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FatalTypeError

from kt_extensions.objectives import several
from kt_extensions.pruners import Progress, Pruner
from kt_extensions.record import PARENT, by_hand
from kt_extensions.reports import Logs, Reports
from kt_extensions.space.domains import Array

Places: TypeAlias = npt.NDArray[np.intp]


class Judge:
    """Asks a pruner after each epoch of a trial.

    It keeps the curves of the objective as the rows of one array. Of several executions, the best
    values so far of those that the running trial has begun are averaged, as a score is, and
    compared with those of the same ones of the others: folds of the data differ. The curve of a
    trial that goes on from another one begins with that one's.

    Args:
        pruner: Whom to ask.
        objective: The objective of the search, a single one.

    Raises:
        ValueError: If there are several objectives.
    """

    def __init__(self, pruner: Pruner, objective: Any) -> None:
        if several(objective):
            raise ValueError(
                "Expected a single objective where there is a `pruner`: curves of several have no "
                f"order. Received: {[part.name for part in objective.objectives]}. Leave the "
                "pruner out, or search for one of them."
            )
        self._pruner, self._objective = pruner, objective
        self._sign = 1.0 if objective.direction == "min" else -1.0
        self._place: dict[str, int] = {}  # of each trial in the arrays below
        self._rows = np.zeros((64, 1), int)  # by place and execution; 0 is for none
        self._is_parent = np.zeros(64, bool)
        self._completed = np.zeros(64, bool)  # to the end, not pruned
        self._running: set[str] = set()
        self._curves: Array = np.full((64, 32), np.nan)
        self._used = 0

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
            planned: Epochs after which that ends, 0 if that is not known. When they are over there
                is nothing left to stop.
            reports: What all trials have reported.
            trials: All trials of the search.

        Raises:
            keras_tuner.errors.FatalTypeError: If the pruner answers something else.
        """
        if by_hand(trials[trial_id].hyperparameters.values):
            return None  # a person asked for so many epochs
        self._take_in(trial_id, reports, trials)
        others = ~self._is_parent[: len(self._place)]
        others[[self._place[name] for name in _line(trial_id, trials)]] = False
        epoch = max(reports[trial_id].executions[execution])
        own = self._means(np.array([self._place[trial_id]]), execution)
        curve = own[0, : epoch + 1]
        if 0 < planned <= len(curve):
            return None
        progress = Progress(
            curve=curve,
            others=self._means(np.flatnonzero(others), execution),
            completed=self._completed[: len(others)][others],
            planned=max(planned, len(curve)),
            sign=self._sign,
        )
        return self._checked(self._pruner.verdict(progress))

    def _checked(self, verdict: Any) -> str | None:
        if verdict is None or isinstance(verdict, str):
            return verdict
        raise FatalTypeError(
            f"Expected {type(self._pruner).__name__}.verdict to return why the trial is to be "
            f"stopped, in words, or None to let it go on. Received: {verdict!r}."
        )

    def _take_in(self, trial_id: str, reports: Reports, trials: Mapping[str, Trial]) -> None:
        """Brings the arrays up to a trial that has reported, to new trials and to ended ones."""
        new = [name for name in trials if name not in self._place]
        for name in new:
            self._place[name] = len(self._place)
        self._make_room(len(self._place))
        for name in {*new, trial_id}:
            self._update(name, reports, trials)
        self._running.update(new)
        for name in list(self._running):
            if trials[name].status in (TrialStatus.COMPLETED, TrialStatus.FAILED):
                self._running.discard(name)
                completed = trials[name].status == TrialStatus.COMPLETED
                self._completed[self._place[name]] = completed and reports[name].pruned is None

    def _update(self, trial_id: str, reports: Reports, trials: Mapping[str, Trial]) -> None:
        """Brings the trial's curves up to its reports."""
        line = list(_line(trial_id, trials))
        self._is_parent[[self._place[name] for name in line[1:]]] = True
        executions = [reports[name].executions for name in reversed(line)]
        for number in sorted({number for known in executions for number in known}):
            points = {e: logs for known in executions for e, logs in known.get(number, {}).items()}
            row = self._row(self._place[trial_id], number, max(points))
            self._curves[row] = np.nan
            self._curves[row, list(points)] = [self._value(logs) for logs in points.values()]

    def _means(self, places: Places, execution: int) -> Array:
        """Returns the curves of the trials at some places, NaN where they were not trained.

        Of several executions, up to one, the mean of their best values so far. One that has ended
        before others keeps its best.
        """
        curves = self._curves[self._rows[places, : execution + 1]]
        if not execution:
            first: Array = curves[:, 0]
            return first
        means = np.mean(np.fmin.accumulate(curves, axis=2), axis=1)
        to_come = np.fmin.accumulate(curves[:, :, ::-1], axis=2)[:, :, ::-1]
        trained = ~np.isnan(to_come)
        ended = self._completed[places, np.newaxis]
        return np.where(np.where(ended, trained.any(axis=1), trained[:, -1]), means, np.nan)

    def _value(self, logs: Logs) -> float:
        """Returns the objective to be minimised, NaN if it is not among the logs or not finite."""
        if not self._objective.has_value(logs):
            return float("nan")
        value = self._sign * float(self._objective.get_value(logs))
        return value if np.isfinite(value) else float("nan")

    def _row(self, place: int, execution: int, epoch: int) -> int:
        """Returns the row of an execution in `_curves`, which has room for so many epochs then."""
        self._rows = _grown(self._rows, (0, execution + 1), 0)
        if not self._rows[place, execution]:
            self._used += 1
            self._rows[place, execution] = self._used
        self._curves = _grown(self._curves, (self._used + 1, epoch + 1), np.nan)
        return int(self._rows[place, execution])

    def _make_room(self, trials: int) -> None:
        self._rows = _grown(self._rows, (trials, 0), 0)
        self._is_parent = _grown(self._is_parent, (trials,), False)
        self._completed = _grown(self._completed, (trials,), False)


def _grown(array: Any, shape: tuple[int, ...], fill: Any) -> Any:
    """Returns an array that is at least as large, and doubled where it has to grow."""
    if all(n <= m for n, m in zip(shape, array.shape, strict=True)):
        return array
    sizes = [m if n <= m else 2 * n for n, m in zip(shape, array.shape, strict=True)]
    larger = np.full(sizes, fill, array.dtype)
    larger[tuple(slice(m) for m in array.shape)] = array
    return larger


def _line(trial_id: str, trials: Mapping[str, Trial]) -> Iterator[str]:
    """Yields the names of a trial, of that which it goes on from, and so on."""
    while trial_id in trials:
        yield trial_id
        trial_id = trials[trial_id].hyperparameters.values.get(PARENT) or ""
