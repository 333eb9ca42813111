"""What a trial ends with: values and a status that can be recorded, a score, or a failure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.oracles.processes import is_chief
from kt_extensions.oracles.reported import ReportedOracle
from kt_extensions.oracles.shared import declared_as, sharing


class OutcomeOracle(ReportedOracle):
    """A reported oracle that says what came of a trial, and ends a search of failures."""

    ended_by: Exception | None = None
    """The error that has ended the search of a chief, where it cannot be raised."""

    def score_trial(self, trial: Trial) -> None:
        """Scores a completed trial. An infinite score counts as none, as NaN does."""
        super().score_trial(trial)
        trial.score = float(trial.score)
        if not math.isfinite(trial.score):
            trial.message = f"The objective {self.objective.name!r} was {trial.score}."
            trial.score = math.nan

    def _check_end(self, trial: Trial) -> Exception | None:
        """Gives a trial that cannot be recorded as it is the status and the message it deserves."""
        self._mark_if_pruned(trial)
        reported = self.trials[trial.trial_id].metrics.exists(self.objective.name)
        if trial.status == TrialStatus.COMPLETED and not reported:
            trial.status = TrialStatus.INVALID
            trial.message = f"The objective {self.objective.name!r} was not reported."
        try:
            trial.hyperparameters.values = _plain(trial.hyperparameters.values)
            self.update_space(trial.hyperparameters)
        except (ValueError, RuntimeError) as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)
            trial.hyperparameters = self._as_started(trial)
            return error
        if trial is not self.trials[trial.trial_id]:
            trial.hyperparameters = self._as_received(trial)
        trial.hyperparameters = sharing(trial.hyperparameters, self.hyperparameters.space)
        return None

    def _as_started(self, trial: Trial) -> kt.HyperParameters:
        values = self.record.unfinished[trial.trial_id]
        return declared_as(self.hyperparameters.space, values)

    def _as_received(self, trial: Trial) -> kt.HyperParameters:
        """Undoes what happens to values between processes: 32-bit floats, and inactive ones."""
        received = trial.hyperparameters.values
        hyperparameters = self._as_started(trial)
        new = {n: v for n, v in received.items() if n not in self.record.space.index}
        hyperparameters.values.update(new)
        return hyperparameters

    def _check_consecutive_failures(self) -> None:
        """Counts failures. KerasTuner's own raises here, before the trial is saved."""
        failed = self.trials[self.end_order[-1]].status == TrialStatus.FAILED
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0

    def _too_many_failures(self, trial: Trial) -> Exception | None:
        limit = self.max_consecutive_failed_trials
        if limit is None or self._failures_in_a_row < limit:
            return None
        self._failures_in_a_row = 0
        return too_many_failures(limit, trial.message)

    def _end_search(self, error: Exception) -> None:
        """Raises the error; a chief ends the search, since an error would keep it running."""
        if not is_chief():
            raise error
        warnings.warn(f"The search ends: {error}", RuntimeWarning, stacklevel=3)
        self.ended_by = error


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values that can be recorded: NumPy's numbers as Python's.

    Raises:
        ValueError: If one is of another kind.
    """
    plain = {n: v.item() if isinstance(v, np.generic) else v for n, v in values.items()}
    others = {n: v for n, v in plain.items() if not isinstance(v, str | int | float | None)}
    if others:
        raise ValueError(
            "Expected values of hyperparameters that are numbers, strings or booleans. Received: "
            f"{others}. Keep others elsewhere, as attributes of the hypermodel."
        )
    return plain


def too_many_failures(limit: int, message: str | None) -> RuntimeError:
    """Returns the error that ends a search of which so many trials in a row have failed."""
    return RuntimeError(
        f"{limit} trials in a row have failed (max_consecutive_failed_trials={limit}). "
        f"All trials so far are saved. The last one failed with:\n{message}"
    )
