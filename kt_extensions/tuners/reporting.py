"""How the trials of a tuner report each epoch, are pruned, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import gfiles, store
from kt_extensions.checking import check_part
from kt_extensions.judging import Judge
from kt_extensions.oracles import SamplerOracle
from kt_extensions.oracles.logged_oracle import LoggedOracle
from kt_extensions.oracles.outcomes import too_many_failures
from kt_extensions.oracles.processes import is_worker
from kt_extensions.pruners import Pruner
from kt_extensions.record import PARENT, own_values
from kt_extensions.reports import (
    Message,
    Reports,
    Score,
    TrialReport,
    is_pruned,
    pruned_message,
)
from kt_extensions.results import Results, failed_attempts, trial_result
from kt_extensions.tuners import stock
from kt_extensions.tuners.chief_or_worker import ChiefOrWorker


class ReportedTrials(ChiefOrWorker):
    """A tuner whose trials report each epoch: to an oracle of ours, or else to the tuner itself."""

    _reports: Reports | None = None
    _judge: Judge | None = None
    _stopped = False
    """Whether the last report was answered by the end of the trial."""
    _failures_in_a_row = 0

    def _report_to(self, oracle: kt.Oracle, pruner: Pruner | None) -> None:
        """Says where the trials report to; `oracle` is not a worker's client of it.

        Raises:
            ValueError: If it is no pruner, or an oracle of KerasTuner's would have to prune the
                trials of many workers.
        """
        check_part("pruner", pruner, "verdict", "kt_extensions.pruners.Median()")
        if isinstance(oracle, SamplerOracle):
            oracle.pruner = pruner or oracle.pruner
            return
        if pruner is not None and is_worker():
            raise ValueError(
                "Expected an oracle of kt_extensions with `pruner` in a search with a chief and "
                f"workers. Received: {type(oracle).__name__}. Leave the pruner out."
            )
        self._reports = Reports(self.project_dir)
        self._judge = None if pruner is None else Judge(pruner, oracle.objective)
        if not is_worker():
            stock.save_atomically(oracle)
            stock.tell_directions(oracle)

    def reload(self) -> None:
        """Takes up the search that the project folder holds; see `keras_tuner.Tuner.reload`.

        Raises:
            ValueError: If a file of it is damaged.
        """
        if is_worker():
            super().reload()
            return
        if not gfiles.is_remote(self._get_tuner_fname()):
            store.mend_state_file(self._get_tuner_fname())
        if isinstance(self.oracle, LoggedOracle):
            super().reload()
            return
        with stock.telling_of_damage(self.project_dir):
            super().reload()
            stock.bring_up_to_date(self.oracle)

    def report_epoch(self, trial: Trial, epoch: int, message: Message) -> bool:
        """Reports the end of an epoch, and tells whether the trial is to end there.

        Args:
            trial: The trial that is running.
            epoch: Number of the epoch, from 0.
            message: What is to be reported.
        """
        self._stopped = self._is_to_stop(trial, epoch, message)
        return self._stopped

    def _is_to_stop(self, trial: Trial, epoch: int, message: Message) -> bool:
        name = trial.trial_id
        if self._reports is None:
            answer = self.oracle.update_trial(name, message.metrics(), step=epoch)
            return bool(answer.status == TrialStatus.STOPPED)
        self._check_turn()
        self._reports.add_epoch(name, message.execution, epoch, message.logs)
        if self._judge is None:
            return False
        place = (name, message.execution, message.planned)
        reason = self._judge.verdict(*place, self._reports, self.oracle.trials)
        if reason is not None:
            self._reports.prune(name, reason)
        return reason is not None

    def report_score(self, trial: Trial, score: Score) -> None:
        """Reports the end of an execution.

        Args:
            trial: The trial that is running.
            score: What is to be reported.
        """
        if self._reports is None:
            self.oracle.update_trial(trial.trial_id, score.metrics())
        else:
            self._reports.add_score(trial.trial_id, *score)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs the search. After an error another thread can go on with it."""
        try:
            super().search(*fit_args, **fit_kwargs)
        except BaseException:
            if self._reports is not None and not is_worker():
                stock.let_go(self.oracle)
            raise

    def on_trial_begin(self, trial: Trial) -> None:
        """Notes when a trial begins."""
        super().on_trial_begin(trial)
        if self._reports is not None and not is_worker():  # the chief does so
            self._reports.begin(trial.trial_id, self._place_of(trial))

    def _place_of(self, trial: Trial) -> str:
        """Returns under which name the oracle knows who runs a trial."""
        ongoing = getattr(self.oracle, "ongoing_trials", {}).items()
        return str(next((name for name, other in ongoing if other is trial), self.tuner_id))

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial, and marks one that was pruned."""
        if self._reports is None:
            super().on_trial_end(trial)
            return
        self._end(trial, self._reports, super().on_trial_end)

    def _begin_for_worker(self, trial: Trial) -> None:
        """Notes in the chief that a worker begins a trial. An oracle of ours does so itself."""
        if self._reports is not None:
            self._reports.begin(trial.trial_id, self._place_of(trial))

    def _end_for_worker(self, trial: Trial) -> None:
        """Ends, in the chief, a trial that a worker has run."""
        if self._reports is None:
            super()._end_for_worker(trial)
            return
        self._end(trial, self._reports, super()._end_for_worker)

    def _end(self, trial: Trial, reports: Reports, end: Callable[[Trial], None]) -> None:
        """Ends a trial of an oracle that is not of ours.

        Raises:
            RuntimeError: If too many trials in a row have failed.
        """
        reason = reports.read(trial.trial_id).pruned
        if trial.status == TrialStatus.COMPLETED:
            trial.message = None if reason is None else pruned_message(reason)
            stock.refuse_scores_that_are_none(self.oracle, trial)
        try:
            with stock.any_number_of_failures(self.oracle) as limit:
                end(trial)
        finally:
            ended = self.oracle.get_trial(trial.trial_id)
            if ended.status == TrialStatus.INVALID:
                ended.metrics = type(ended.metrics)()  # else KerasTuner ignores those of the retry
            if not is_worker():  # the chief does so
                reports.end(trial.trial_id, ended.status, trial.message)
        if limit is not None:
            self._check_failures(ended, limit)

    def _check_failures(self, ended: Trial, limit: int) -> None:
        """Ends the search after so many failed trials in a row. An oracle of ours does so itself.

        Raises:
            RuntimeError: If there were so many.
        """
        if ended.status != TrialStatus.INVALID:
            failed = ended.status == TrialStatus.FAILED
            self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        if self._failures_in_a_row >= limit:
            self._failures_in_a_row = 0
            raise too_many_failures(limit, ended.message)

    def results(self) -> Results:
        """Returns all trials of the search, in the order in which they began.

        Returns:
            A list with a dictionary for each trial: `trial_id`; `status`, that of KerasTuner, or
            "PRUNED"; `scores`, that of each execution, and `score`, their mean, `None` if there is
            none; `values` of the hyperparameters; `epochs`, how many were trained in all
            executions; `history`, for each execution a dictionary of lists, `epoch` and the metrics
            by name; `parent`, the trial that it goes on from, or `None`; `duration` in seconds, of
            all attempts; `message`, why it failed or was pruned. It can be saved by `to_csv(file)`
            and `to_json(file)`, and `to_pandas()` makes a table.

        Raises:
            RuntimeError: On a worker: the chief has the trials.

        Example:

        ```python
        tuner.search(x, y, epochs=10, validation_split=0.2)
        tuner.results().to_csv("results.csv")
        ```
        """
        _check_has_trials()
        return Results(map(self._result, self._begun()))

    def failures(self) -> list[dict[str, Any]]:
        """Returns every failure of the search, retried ones included, in the order of the trials.

        Returns:
            For each attempt that failed a dictionary: `trial_id`; `attempt`, its number from 1;
            `status`, "FAILED", or "INVALID" if the trial was run again; `values` of the
            hyperparameters; `duration` in seconds, `None` if a stop has kept it from being noted;
            `message`, the error with its traceback.

        Example:

        ```python
        for failure in tuner.failures():
            print(failure["trial_id"], failure["values"], failure["message"])
        ```
        """
        _check_has_trials()
        return [failure for trial in self._begun() for failure in self._failed_attempts(trial)]

    def _report_of(self, trial: Trial) -> TrialReport:
        reports = self.oracle.reports if self._reports is None else self._reports
        return reports.read(trial.trial_id)

    def _begun(self) -> list[Trial]:
        return [self.oracle.trials[name] for name in self.oracle.start_order]

    def _result(self, trial: Trial) -> dict[str, Any]:
        return trial_result(
            self._report_of(trial),
            trial_id=trial.trial_id,
            status="PRUNED" if is_pruned(trial) else trial.status,
            score=None if trial.score is None else float(trial.score),
            values=own_values(trial.hyperparameters.values),
            parent=trial.hyperparameters.values.get(PARENT),
            message=trial.message,
        )

    def _failed_attempts(self, trial: Trial) -> list[dict[str, Any]]:
        failed = failed_attempts(self._report_of(trial), trial.status, trial.message)
        return [
            {
                "trial_id": trial.trial_id,
                "attempt": number,
                "status": attempt.status,
                "values": own_values(trial.hyperparameters.values),
                "duration": attempt.seconds,
                "message": attempt.message,
            }
            for number, attempt in failed
        ]


def _check_has_trials() -> None:
    if is_worker():
        raise RuntimeError(
            "Expected the chief, which has all trials. Received: a worker. Call it in a program "
            "with the same `directory` and `project_name`, without KerasTuner's environment "
            "variables."
        )


class EpochReporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports each epoch of an execution, and ends the training if the trial is pruned.

    Args:
        tuner: The tuner.
        trial: The trial that is running.
        execution: Number of its execution, from 0.
    """

    def __init__(self, tuner: ReportedTrials, trial: Trial, execution: int) -> None:
        super().__init__()
        self._tuner, self._trial, self._execution = tuner, trial, execution
        self._is_pruned = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports the epoch, unless it is one of a further `fit` after the trial was pruned."""
        ends = getattr(self.model, "stop_training", False)
        planned = epoch + 1 if ends else (self.params or {}).get("epochs", 0)
        message = Message(self._execution, planned, dict(logs or {}))
        if logs and not self._is_pruned:
            self._is_pruned = self._tuner.report_epoch(self._trial, epoch, message)
        if self._is_pruned:
            self.model.stop_training = True
