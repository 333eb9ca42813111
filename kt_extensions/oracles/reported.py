"""An oracle to which trials report each epoch, and which says whether they are to go on."""

from __future__ import annotations

import copy

from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.judging import Judge
from kt_extensions.oracles.logged_oracle import LoggedOracle
from kt_extensions.pruners import Pruner
from kt_extensions.reports import Message, pruned_message


class ReportedOracle(LoggedOracle):
    """A logged oracle that keeps the learning curves of its trials and may prune them."""

    _judge: Judge | None = None
    _pruner: Pruner | None = None

    @property
    def pruner(self) -> Pruner | None:
        """What says whether a trial is worth another epoch; `None` for nothing."""
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: Pruner | None) -> None:
        self._pruner = pruner
        self._judge = None if pruner is None else Judge(pruner, self.objective)

    def report(self, trial_id: str, epoch: int, message: Message) -> Trial:
        """Keeps what a trial reports of an epoch.

        Args:
            trial_id: The trial.
            epoch: Number of the epoch, from 0.
            message: The report.

        Returns:
            The trial; with the status `"STOPPED"` if it is to end here.
        """
        self.reports.add_epoch(trial_id, message.execution, epoch, message.logs)
        if self._judge is None:
            return self.trials[trial_id]
        reason = self._judge.verdict(
            trial_id, message.execution, message.planned, self.reports, self.trials
        )
        if reason is None:
            return self.trials[trial_id]
        self.reports.prune(trial_id, reason)
        return _stopped(self.trials[trial_id])

    def _mark_if_pruned(self, trial: Trial) -> None:
        """Makes a completed trial of one that was stopped, and says why it was."""
        reason = self.reports[trial.trial_id].pruned
        self._pruned.discard(trial.trial_id)  # an attempt that had failed may have been
        if trial.status == TrialStatus.STOPPED or (
            trial.status == TrialStatus.COMPLETED and reason is not None
        ):
            self._pruned.add(trial.trial_id)
            trial.status = TrialStatus.COMPLETED
            trial.message = pruned_message(reason)
        elif trial.status == TrialStatus.COMPLETED:
            trial.message = None  # that of an attempt that had failed

    def refresh(self) -> None:
        """Reads the log and the reports again if another program has written to them."""
        super().refresh()
        self.pruner = self._pruner

    def _set_project_dir(self, directory: str, project_name: str) -> None:
        super()._set_project_dir(directory, project_name)
        self.pruner = self._pruner


def _stopped(trial: Trial) -> Trial:
    stopped = copy.copy(trial)
    stopped.status = TrialStatus.STOPPED
    return stopped
