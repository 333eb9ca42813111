"""The executions of a trial: several trainings, or one for each fold of the data."""

from __future__ import annotations

import functools
import os
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine.tuner_utils import convert_to_metrics_dict

from kt_extensions import gfiles, store
from kt_extensions.folds import Folds
from kt_extensions.reports import Logs, Score, read_report
from kt_extensions.snapshot.files import BEST
from kt_extensions.tuners.best_epoch import comparable, remember_best
from kt_extensions.tuners.reporting import ReportedTrials

_KEPT = "execution_"  # begins the names of files with what executions have returned


class RepeatedTrials(ReportedTrials):
    """A tuner that does not run again the executions of a trial that a stopped search has ended."""

    _folds: Folds | None = None
    _ended: list[Any] | None = None  # executions of the trial, where they are run here

    def _cross_validate(self, cross_validation: Any) -> None:
        """Has each trial be trained once for each fold, as often as it was to be trained once."""
        self.cross_validation = cross_validation
        if cross_validation is not None:
            self._folds = Folds(cross_validation)
            self.executions_per_trial *= len(self._folds)

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Runs the executions of a trial, until it is pruned."""
        self._ended, self._stopped = [], False
        try:
            return super().run_trial(trial, *args, **kwargs)
        except _Enough:
            return self._ended
        finally:
            self._ended = None  # each holds its model

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial. Should it be run again, so are all of its executions."""
        super().on_trial_end(trial)
        folder = self.get_trial_dir(trial.trial_id)
        if self.executions_per_trial > 1 or self.snapshots.for_all:
            names = filter(_is_for_this_trial, gfiles.names(folder))
            self._delete_files([os.path.join(folder, name) for name in names])

    def _ended_before(self, trial: Trial, execution: int, callbacks: list[Any]) -> Any:
        """Returns the results of an execution that has ended in an earlier run of the search."""
        file = self._execution_file(trial, execution)
        if self.executions_per_trial == 1 or not gfiles.exists(file):
            return None
        results = _read(file)
        if results is not None:
            self._take_best(trial, execution, trial.trial_id)
        if isinstance(results, keras.callbacks.History):
            remember_best(callbacks, [results.history])
        return results

    def _keep(self, trial: Trial, execution: int, results: Any) -> Any:
        """Keeps the results of an execution while others follow, and returns them to be scored."""
        logs = functools.partial(self._logs, trial, execution)
        scored = comparable(results, self.oracle.objective, logs)
        score = _score(scored, self.oracle.objective)
        if score is not None:
            self.report_score(trial, Score(execution, score))
        if self._ended is None:
            return scored
        self._ended.append(scored)
        if len(self._ended) == self.executions_per_trial:
            return scored
        if self._stopped or read_report(self.get_trial_dir(trial.trial_id)).pruned is not None:
            raise _Enough
        line = _as_line(results)
        if line is not None:
            self._keep_best(trial, execution)
            file = self._execution_file(trial, execution)
            with store.tolerantly("The result of an execution"):
                gfiles.replace(gfiles.write_aside(file, line, durable=False), file)
        return scored

    def _logs(self, trial: Trial, execution: int) -> dict[int, Logs]:
        """Returns what an execution has logged, by epoch, in the trials it goes on from, too."""
        logs: dict[int, Logs] = {}
        for name in reversed(list(self._line(trial))):
            logs |= read_report(self.get_trial_dir(name)).executions.get(execution, {})
        return logs

    def _execution_file(self, trial: Trial, execution: int) -> str:
        return os.path.join(self.get_trial_dir(trial.trial_id), f"{_KEPT}{execution}.json")


def _score(results: Any, objective: kt.Objective) -> float | None:
    """Returns the objective of an execution; `None` if what `run_trial` returns will tell it."""
    if isinstance(results, keras.callbacks.History) and not objective.has_value(results.history):
        return None
    score = convert_to_metrics_dict(results, objective).get(objective.name)
    return None if score is None else float(np.mean(score))


def _is_for_this_trial(name: str) -> bool:
    """Whether a file is of no use to a trial that goes on from this one."""
    return name.startswith(_KEPT) or name.endswith(BEST)


class _Enough(Exception):
    """A trial was pruned: its other executions are not run."""


def _as_line(results: Any) -> bytes | None:
    """Returns JSON with a checksum for results, `None` where they are none that JSON can hold."""
    kept: dict[str, Any]
    if isinstance(results, keras.callbacks.History):
        kept = {"epoch": results.epoch, "history": results.history}
    else:
        kept = {"value": results}
    try:
        return store.as_line(kept, default=float)
    except TypeError:
        return None


def _read(file: str) -> Any:
    """Returns the results that were kept; `None` if the file is damaged."""
    try:
        kept = store.read_line(gfiles.read_bytes(file))
    except OSError:
        return None
    if kept is None:
        return None
    if "value" in kept:
        return kept["value"]
    history = keras.callbacks.History()
    history.epoch, history.history = kept["epoch"], kept["history"]
    return history
