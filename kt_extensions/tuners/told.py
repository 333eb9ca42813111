"""What a tuner tells of its search: to the log, and to the display of its progress."""

from __future__ import annotations

import warnings
from typing import Any

import keras
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import hparams
from kt_extensions.oracles.processes import is_worker
from kt_extensions.tuners.executions import RepeatedTrials
from kt_extensions.tuners.remembered import RememberedCalls


class ToldSearch(RepeatedTrials, RememberedCalls):
    """A tuner that tells the log and the display what begins and ends."""

    def on_search_begin(self) -> None:
        """Saves the search, so that a stop in its first trial is survived, and opens the logs."""
        super().on_search_begin()
        if not is_worker():
            self.oracle.verbose = 0  # the progress is shown by the tuner
            self.save()
        if self._hparams is not None:
            self._hparams.on_search_begin(self.oracle, self.project_dir, self.project_name)
        if self._progress is not None:
            self._progress.on_search_begin()

    def on_trial_begin(self, trial: Trial) -> None:
        """Tells the log and the display that a trial begins."""
        super().on_trial_begin(trial)
        if self._hparams is not None:
            self._hparams.on_trial_begin(trial)
        if self._progress is not None:
            self._progress.on_trial_begin(trial)

    def on_epoch_end(
        self, trial: Trial, model: keras.Model, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Tells the display that an epoch has ended."""
        super().on_epoch_end(trial, model, epoch, logs)
        if self._progress is not None:
            planned = getattr(getattr(model, "history", None), "params", {}).get("epochs")
            self._progress.on_epoch_end(trial, epoch, logs, planned)

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial, whatever comes of that, and tells the log and the display."""
        try:
            super().on_trial_end(trial)
        finally:
            ended = self.oracle.get_trial(trial.trial_id)
            if self._hparams is not None:
                self._hparams.on_trial_end(ended)
            if self._progress is not None:
                self._progress.on_trial_end(ended)

    def _tell_of_end(self, reason: str | None) -> None:
        """Tells the log and the display that the search ends, and the latter why."""
        if self._hparams is not None:
            self._hparams.on_search_end()
        if self._progress is not None:
            self._progress.on_search_end(reason)
        self._progress = None

    def _warn_if_all_failed(self) -> None:
        """Warns of a search without a result, which one without a display would end silently."""
        trials = [self.oracle.trials[trial_id] for trial_id in self.oracle.end_order]
        if trials and all(trial.status == TrialStatus.FAILED for trial in trials):
            warnings.warn(
                f"All {len(trials)} trials of the search have failed. `tuner.results()` lists why. "
                f"The last one:\n{trials[-1].message}",
                RuntimeWarning,
                stacklevel=4,
            )

    def _log_for_workers(self) -> None:
        """Logs, in a chief, what no worker does: a trial that kills them, the summary."""
        if self._hparams is not None:
            self._hparams.on_search_begin(self.oracle, self.project_dir, self.project_name)
            self._hparams.on_search_end()

    def _configure_tensorboard_dir(
        self, callbacks: list[Any], trial: Trial, execution: int = 0
    ) -> None:
        """Parts the folders of the user's own `TensorBoard` callbacks; KerasTuner calls this."""

        def configure() -> None:
            if self._hparams is None:  # KerasTuner's rows would stand beside those of the log
                super(ToldSearch, self)._configure_tensorboard_dir(callbacks, trial, execution)

        hparams.part_folders(callbacks, trial.trial_id, execution, configure)
