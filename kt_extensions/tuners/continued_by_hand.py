"""Training a trial further than the search did."""

from __future__ import annotations

from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.checking import check_integer
from kt_extensions.oracles.by_hand import begin, give_back, is_waiting, take_up, uncounted
from kt_extensions.oracles.logged_oracle import LoggedOracle
from kt_extensions.oracles.processes import is_chief, is_worker
from kt_extensions.record import EPOCHS, INITIAL_EPOCH, PARENT, by_hand, own_values
from kt_extensions.reports import read_report
from kt_extensions.snapshot import newest_readable
from kt_extensions.tuners.continuation import ContinuedTrials
from kt_extensions.tuners.grid import leave_out


class ContinuedByHand(ContinuedTrials):
    """A tuner that trains a trial further when it is asked to."""

    _by_hand: dict[str, Any] | None = None  # the values of the trial that was asked for

    def continue_trial(
        self, trial_id: str, *fit_args: Any, epochs: int, **fit_kwargs: Any
    ) -> Trial:
        """Trains a trial that has ended, or was pruned, further: as if it had never stopped.

        For this its snapshot has to be there: search with
        `snapshots=kt_extensions.Snapshots(keep="best")`, or `keep="all"` for any trial but the
        best. Without it the same hyperparameters are trained from the beginning, with a warning. A
        trial that a callback had stopped goes on, too; the callback may stop it again.

        It becomes a new trial of the project, with the same hyperparameters and the values that
        KerasTuner's Hyperband gives promoted trials: `tuner/trial_id`, the other trial,
        `tuner/epochs` and `tuner/initial_epoch`. Its history and score are those of the whole
        training. `get_best_trials`, `get_best_models`, the log and the progress show it as any
        other; the search does not count it, and learns nothing from it.

        Stopped (Ctrl-C, `kill -9`) and asked for again, it goes on, from its last snapshot if
        `every_epochs` or `every_seconds` asks for these; a search that is run before that does the
        same. Asked for again after its end, it is returned as it is.

        Args:
            trial_id: The trial, such as `tuner.get_best_trials()[0].trial_id`.
            *fit_args: As for `search`: the same data, if the training is to be the same.
            epochs: How many epochs it is to have been trained in the end, those before included.
            **fit_kwargs: As for `search`.

        Returns:
            The new trial, which has completed. `tuner.load_model(trial)` returns its model with the
            weights of the best epoch.

        Raises:
            ValueError: If there is no such trial, if it runs or has failed, or if it has been
                trained for as many epochs already.
            RuntimeError: If the new trial has failed, with the reason; or on a chief or a worker.

        Example:

        ```python
        tuner = kte.TPE(build_model, "val_loss", snapshots=kte.Snapshots(keep="best"))
        tuner.search(x, y, epochs=10, validation_split=0.2)
        best = tuner.get_best_trials()[0]
        trial = tuner.continue_trial(best.trial_id, x, y, epochs=50, validation_split=0.2)
        model = tuner.load_model(trial)
        ```
        """
        values = self._values_to_continue(trial_id, epochs)
        earlier = self._asked_before(values)
        if earlier is not None and earlier.status == TrialStatus.COMPLETED:
            return earlier
        self._by_hand = values
        try:
            self.search(*fit_args, **fit_kwargs)
        finally:
            self._by_hand = None
        return self._succeeded(values)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs the search, or the one trial that a person asked for."""
        if self._by_hand is None:
            with uncounted(self.oracle):
                super().search(*fit_args, **fit_kwargs)
            return
        asked = self._asked_before(self._by_hand)
        if asked is not None and asked.status == TrialStatus.COMPLETED:  # by another program
            return
        self.on_search_begin()
        name = begin(self.oracle, self._by_hand) if asked is None else asked.trial_id
        try:
            self._run_by_hand(name, fit_args, fit_kwargs)
        finally:
            give_back(self.oracle, name)
        self.on_search_end()

    def _run_by_hand(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Runs a trial, again if it fails and may be retried."""
        again = True
        while again:
            trial = take_up(self.oracle, name)
            self.on_trial_begin(trial)
            self._try_run_and_update_trial(trial, *args, **kwargs)
            self.on_trial_end(trial)
            again = is_waiting(self.oracle, name)

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial; a grid goes on from those of the search only."""
        super().on_trial_end(trial)
        if by_hand(trial.hyperparameters.values):
            leave_out(self.oracle, trial.trial_id)

    def _planned_trials(self) -> int | None:
        """Returns how many trials are to be shown as planned; `None` if that is not known."""
        if self._by_hand is not None:
            return None
        planned: int | None = getattr(self.oracle, "planned_trials", self.oracle.max_trials)
        return planned

    def _values_to_continue(self, trial_id: str, epochs: int) -> dict[str, Any]:
        """Returns the values of a trial that goes on from another one."""
        check_integer("epochs", epochs, 1)
        trial = self._to_continue(trial_id)
        trained = self._trained_epochs(trial)
        if epochs <= trained:
            raise ValueError(
                f"Expected `epochs` above {trained}, which trial {trial_id} has been trained for: "
                f"it is the number of all epochs, those before included. Received: {epochs}."
            )
        own = own_values(trial.hyperparameters.values)
        return {**own, PARENT: trial_id, INITIAL_EPOCH: trained, EPOCHS: int(epochs)}

    def _to_continue(self, trial_id: str) -> Trial:
        if is_chief() or is_worker():
            raise RuntimeError(
                "Expected a program of its own, in which no search with a chief and workers runs. "
                "Received: one with KerasTuner's environment variables. Run it without them, with "
                "the same `directory` and `project_name`, once the search has ended."
            )
        if isinstance(self.oracle, LoggedOracle):
            _ = self.oracle.record  # so that the trials of the project are known
        trial = self.oracle.trials.get(trial_id)
        if trial is None:
            raise ValueError(
                f"Expected the name of one of the {len(self.oracle.trials)} trials of the project, "
                f"such as `tuner.get_best_trials()[0].trial_id`. Received: {trial_id!r}."
            )
        if trial.status != TrialStatus.COMPLETED:
            raise ValueError(
                f"Expected a trial that has completed. Received: trial {trial_id}, whose status is "
                f"{trial.status}. "
                + (trial.message or "Let the search end it, or continue another one.")
            )
        return trial

    def _trained_epochs(self, trial: Trial) -> int:
        """Returns for how many epochs a trial was trained, by what is known best."""
        reported = read_report(self.get_trial_dir(trial.trial_id)).executions
        if 0 < len(reported) < self.executions_per_trial:
            return 0  # it was pruned, and has executions that were never run
        snapshot = newest_readable(self._snapshot_file(trial.trial_id, 0))
        if snapshot is not None:
            return snapshot.epoch
        if reported:
            return min(max(epochs) + 1 for epochs in reported.values())
        return int(trial.hyperparameters.values.get(EPOCHS) or (trial.best_step or 0) + 1)

    def _all_by_hand(self, values: dict[str, Any]) -> list[Trial]:
        """Returns the trials that were asked for in the same words, the last one last."""
        asked = values[PARENT], values[EPOCHS]
        known = [(t, t.hyperparameters.values) for t in self.oracle.trials.values()]
        return [t for t, own in known if by_hand(own) and (own[PARENT], own[EPOCHS]) == asked]

    def _asked_before(self, values: dict[str, Any]) -> Trial | None:
        """Returns the trial that was asked for in the same words, unless it has failed."""
        known = [t for t in self._all_by_hand(values) if t.status != TrialStatus.FAILED]
        return known[-1] if known else None

    def _succeeded(self, values: dict[str, Any]) -> Trial:
        trial = self._all_by_hand(values)[-1]
        if trial.status != TrialStatus.COMPLETED:
            raise RuntimeError(
                f"Trial {trial.trial_id}, which was to go on from trial {values[PARENT]}, has "
                f"failed:\n{trial.message}"
            )
        return trial
