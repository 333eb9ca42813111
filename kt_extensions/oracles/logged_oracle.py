"""An oracle whose memory is a log: what it does survives errors, kills and restarts."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import objectives, store
from kt_extensions.checking import check_integer
from kt_extensions.oracles.events import end_event, growth
from kt_extensions.oracles.processes import locked
from kt_extensions.oracles.recovering import bring_up_to_date
from kt_extensions.oracles.resuming import open_record
from kt_extensions.oracles.shared import SharedHyperParameters, identity
from kt_extensions.record import SearchRecord
from kt_extensions.reports import Reports
from kt_extensions.space import SearchSpace


class LoggedOracle(kt.Oracle):  # type: ignore[misc]
    """A KerasTuner oracle that records each event of its search in the project folder.

    Subclasses propose values, in `populate_space`, and record that a trial has started.
    """

    given_seed: int | None = None
    """The seed that the program asked for, if any."""
    warm_start: tuple[str, ...] = ()
    """Folders of earlier projects to learn from."""
    schedule: str | None = None
    """What decides how far trials are trained, if anything does: a search keeps it."""
    _together = False  # whether trials end that are put on the disk by one wait
    _unsettled = False  # whether there are some that are not on it yet

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ongoing_trials: dict[str, Trial] = {}
        self._forget()

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the best completed trials, the best first; fewer if fewer have completed.

        Of several objectives, the best compromises: first the trials of the Pareto front, by their
        distance to the point that has the best of each objective, all objectives scaled to their
        range in the front; then, in the same way, the front of the remaining trials, and so on.
        """
        check_integer("num_trials", num_trials, 0)
        if not self._has_begun():
            return []
        return [self.trials[trial_id] for trial_id in self.record.best(num_trials)]

    def pareto_front(self) -> list[objectives.ParetoPoint]:
        """Returns the trials that none dominates; see `kt_extensions.Tuner.pareto_front`."""
        if not self._has_begun():
            return []
        trials = [self.trials[trial_id] for trial_id in self.record.front()]
        return objectives.pareto_front(trials, self.objective)

    # The search space.

    @property
    def hyperparameters(self) -> kt.HyperParameters:
        """The search space as far as it is known, with its default values."""
        return self._hyperparameters

    @hyperparameters.setter
    def hyperparameters(self, hyperparameters: kt.HyperParameters) -> None:
        self._hyperparameters = SharedHyperParameters.of(hyperparameters)

    def update_space(self, hyperparameters: kt.HyperParameters) -> None:
        """Adds new hyperparameters to the space; see `keras_tuner.Oracle.update_space`.

        Raises:
            ValueError: If a name is declared again with another domain.
            RuntimeError: If there are new ones while `allow_new_entries=False`.
        """
        new = self._new(hyperparameters)
        if new and not self.allow_new_entries:
            raise RuntimeError(
                "Expected only hyperparameters declared in `hyperparameters`, since "
                f"allow_new_entries=False. Received: {[hp.name for hp in new]}. Declare them, or "
                "pass allow_new_entries=True."
            )
        if self.tune_new_entries:
            self._add(new)

    def add_to_space(self, hyperparameters: kt.HyperParameters) -> None:
        """Adds new hyperparameters to the space, whoever declares them.

        Raises:
            ValueError: If a name is declared again with another domain.
        """
        self._add(self._new(hyperparameters))

    def _add(self, new: list[Any]) -> None:
        if new:
            SearchSpace.from_hyperparameters([*self.hyperparameters.space, *new])
            self.hyperparameters.merge(new)

    def _new(self, hyperparameters: kt.HyperParameters) -> list[Any]:
        own = set(map(id, self.hyperparameters.space))
        others = [hp for hp in hyperparameters.space if id(hp) not in own]
        known = {identity(hp) for hp in self.hyperparameters.space} if others else set()
        return [hp for hp in others if identity(hp) not in known]

    # The lock, and what is kept in memory.

    @contextlib.contextmanager
    def _consistently(self) -> Iterator[None]:
        """Holds the lock. After an error the log tells the state, not what is left in memory."""
        with locked(self):
            try:
                yield
            except BaseException:
                if self._record is not None:
                    self._forget()
                    with contextlib.suppress(Exception):
                        _ = self.record
                raise

    @contextlib.contextmanager
    def _no_longer_ongoing(self, trial_id: str) -> Iterator[None]:
        try:
            yield
        finally:
            ongoing = self.ongoing_trials.items()
            self.ongoing_trials = {t: trial for t, trial in ongoing if trial.trial_id != trial_id}

    def _forget(self) -> None:
        """Forgets all that the log tells; it is read again when it is needed."""
        self._record: SearchRecord | None = None
        self._goes_on = False  # the files have been brought up to the record, to be written to
        self.trials: dict[str, Trial] = {}
        self.start_order: list[str] = []
        self.end_order: list[str] = []
        self._retry_queue: list[str] = []
        self._run_times.clear()
        self._pruned: set[str] = set()
        self._failures_in_a_row = 0

    @property
    def record(self) -> SearchRecord:
        """What the search has done so far, taken up from the project folder if it holds a search.

        The files of one are only looked at: another program may be searching there.

        Raises:
            RuntimeError: If no tuner was made with the oracle: there is no project folder then.
        """
        if self._record is None:
            if not hasattr(self, "_directory"):
                raise RuntimeError(
                    "Expected an oracle that a tuner was made with. Received one that has no "
                    "project folder yet. Pass it as `oracle=` to a tuner first."
                )
            self._record = open_record(self)
            self._keep_ongoing(self._record)
        return self._record

    def _keep_ongoing(self, record: SearchRecord) -> None:
        """Trials that run in other threads or workers go on after the log was read again."""
        ongoing = self.ongoing_trials.items()
        self.ongoing_trials = {
            t: trial for t, trial in ongoing if trial.trial_id in record.unfinished
        }
        for trial in self.ongoing_trials.values():
            self.trials[trial.trial_id] = trial
            self._retry_queue.remove(trial.trial_id)

    def _set_project_dir(self, directory: str, project_name: str) -> None:
        """Called by each tuner that the oracle is given to: it takes up what is in its folder."""
        super()._set_project_dir(directory, project_name)
        self.ongoing_trials = {}
        self.reports = Reports(self.project_dir)
        self._forget()

    # What is kept in the project folder.

    @property
    def project_dir(self) -> str:
        """The project folder."""
        return os.path.join(str(self._directory), self._project_name)

    def trial_file(self, trial_id: str) -> Path:
        """Returns the path of the file of a trial that KerasTuner's own tools read."""
        return Path(self.project_dir, f"trial_{trial_id}", "trial.json")

    def _has_begun(self) -> bool:
        in_folder = hasattr(self, "_directory") and store.EventLog(self.project_dir).exists()
        return self._record is not None or in_folder

    def save(self) -> None:
        """Saves the search space as far as it is known; all else was saved when it happened."""
        with self._consistently():
            self._record_growth()

    def reload(self) -> None:
        """Takes up the search that the project folder holds.

        KerasTuner's tuners call this before they read their own file, which they do not write
        atomically: one that a kill left damaged is replaced here.
        """
        with self._consistently():
            store.mend_state_files(self.project_dir)
            self._look_again()

    def refresh(self) -> None:
        """Goes on with the search, also if another program has searched in the folder meanwhile."""
        with self._consistently():
            self._goes_on = False
            self._go_on()

    def _look_again(self) -> None:
        """Reads the log again if another program has written to it."""
        if self.record.log.changed():
            self.ongoing_trials = {}
            self.reports = Reports(self.project_dir)
            self._forget()
            _ = self.record

    def _go_on(self) -> None:
        """Makes the files of the search, which were only looked at, ready to be written to."""
        if not self._goes_on:
            self._look_again()
            bring_up_to_date(self, self.record)
            self._goes_on = True

    def save_state(self) -> None:
        """Writes the file `oracle.json`, through which KerasTuner's own tools load the search."""
        store.write_atomically(self._get_oracle_fname(), json.dumps(self.get_state()))

    def save_trial_file(self, trial: Trial) -> None:
        """Writes the file `trial.json` that KerasTuner's own tools read."""
        store.write_atomically(self.trial_file(trial.trial_id), json.dumps(trial.get_state()))

    def _save_trial(self, trial: Trial) -> None:
        if trial.status == TrialStatus.RUNNING:
            if not trial.metrics.metrics:  # it begins; should it be run again, these do not count
                with store.tolerantly("The state of a running trial"):
                    self.save_trial_file(trial)
            return
        self._record_end(trial)
        self.save_trial_file(trial)

    @contextlib.contextmanager
    def ends_together(self) -> Iterator[None]:
        """Waits for the disk once, at the end, for all the trials that end meanwhile.

        Otherwise each end waits for itself.
        """
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self.settle()

    def settle(self) -> None:
        """Waits until all trials that have ended are on the disk.

        Raises:
            OSError: If they could not be written there.
        """
        if self._unsettled:
            self.record.log.sync()
            self._unsettled = False

    def _record_end(self, trial: Trial) -> None:
        self._record_growth()
        if trial.status != TrialStatus.COMPLETED:
            trial.score = None
        event = end_event(trial, self.objective, trial.trial_id in self._pruned)
        self.record.write(event, durable=not self._together)
        self._unsettled = self._together
        self.reports.end(trial.trial_id, trial.status, trial.message)
        if trial.status == TrialStatus.INVALID:
            trial.metrics = type(trial.metrics)()

    def _record_growth(self) -> None:
        self._go_on()
        self.record.write(*growth(self, self.record))

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the functions by which KerasTuner fills its tables: they cannot be pickled."""
        tables = {"_run_times": Counter(self._run_times), "_id_to_hash": dict(self._id_to_hash)}
        return {**self.__dict__, **tables}
