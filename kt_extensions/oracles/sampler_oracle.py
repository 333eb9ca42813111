"""The adapter from KerasTuner's trials to samplers."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import objectives
from kt_extensions.checking import check_integer, check_part
from kt_extensions.fidelities import at_one_fidelity
from kt_extensions.history import Run
from kt_extensions.oracles.events import start_event
from kt_extensions.oracles.outcomes import OutcomeOracle
from kt_extensions.oracles.processes import is_chief, locked
from kt_extensions.oracles.queue import Queue, fill_in
from kt_extensions.oracles.scheduling import promoted, schedule_values
from kt_extensions.oracles.shared import declared_as
from kt_extensions.pruners import Pruner
from kt_extensions.reports import Message, Score
from kt_extensions.samplers import Sampler, SpaceExhausted
from kt_extensions.schedulers import ASHA, AllAlike, Done, Scheduler, Wait
from kt_extensions.space import SearchSpace
from kt_extensions.space.domains import Array


class SamplerOracle(OutcomeOracle):
    """A KerasTuner oracle whose values come from a sampler.

    The trial log in the project folder is its memory: a search that was killed anywhere and is run
    again proposes what it would have proposed without the stop.

    Args:
        objective: As in KerasTuner's oracles: the name of a metric (`"val_accuracy"`), a
            `keras_tuner.Objective`, a list of these, or `None` where `run_trial` returns a single
            float to minimize. Of a list the search looks for the Pareto front; a trial's `score`
            is, as in KerasTuner, their sum, those to maximize subtracted.
        max_trials: Number of trials after which the search ends, or `None` for no limit. Defaults
            to 10; with a scheduler to `None` if it ends by itself, as Hyperband does, and to 100 if
            it does not, as ASHA.
        seed: Integer, the seed of the search; 0 is one too. Defaults to a random one, which a
            resumed search keeps.
        hyperparameters: Optional `keras_tuner.HyperParameters`, to override or declare
            hyperparameters before the hypermodel does.
        allow_new_entries: Whether the hypermodel may declare others than those of
            `hyperparameters`. Defaults to `True`.
        tune_new_entries: Whether such others are tuned; otherwise they keep their defaults.
            Defaults to `True`.
        max_retries_per_trial: How often a trial that crashed, or whose score was NaN or infinite,
            is run again. Defaults to 0.
        max_consecutive_failed_trials: The search ends with an error after so many failed trials in
            a row; `None` for never. Defaults to 3.
        sampler: The search algorithm, a `kt_extensions.samplers.Sampler`.
        scheduler: What says how many epochs each trial is trained, and which are promoted, a
            `kt_extensions.schedulers.Scheduler`. It says so to the tuner as KerasTuner's Hyperband
            does: by the values `tuner/epochs`, `tuner/initial_epoch` and `tuner/trial_id`.
            Promotions count as trials. Defaults to `None`: all trials are trained alike.
        pruner: What says of each epoch of a trial whether it is worth another, a
            `kt_extensions.pruners.Pruner`, for searches with one objective. A trial that is pruned
            is not promoted. Defaults to `None`: no trial is stopped. `kt_extensions.Tuner` asks it;
            KerasTuner's own tuners do not.
        warm_start: Folders of earlier KerasTuner projects (`directory/project_name`), whoever made
            them. The sampler learns from their trials, which are not counted as this search's.

    Raises:
        ValueError: If the direction of the objective cannot be told from its name, a number is
            out of range, or an argument is of another kind.

    Example:

    ```python
    oracle = SamplerOracle("val_accuracy", max_trials=50, sampler=samplers.Random())
    tuner = keras_tuner.Tuner(oracle=oracle, hypermodel=build_model)
    ```
    """

    default_sampler: Callable[[], Sampler] | None = None

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | Literal["auto"] | None = "auto",
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        sampler: Sampler | None = None,
        scheduler: Scheduler | None = None,
        pruner: Pruner | None = None,
        warm_start: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        _check_limit("max_retries_per_trial", max_retries_per_trial, 0)
        _check_limit("max_consecutive_failed_trials", max_consecutive_failed_trials, 1)
        _check_limit("seed", seed, 0)
        check_part("sampler", sampler, "suggest", "kt_extensions.samplers.TPE()")
        check_part("scheduler", scheduler, "next", "kt_extensions.schedulers.ASHA()")
        if max_trials == "auto":
            max_trials = _default_limit(scheduler)
        _check_limit("max_trials", max_trials, 1)
        check_part("pruner", pruner, "verdict", "kt_extensions.pruners.Median()")
        check_part("hyperparameters", hyperparameters, "space", "keras_tuner.HyperParameters()")
        super().__init__(
            objective=objectives.resolve(objective),
            max_trials=max_trials,
            hyperparameters=hyperparameters,
            allow_new_entries=allow_new_entries,
            tune_new_entries=tune_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        self.given_seed = seed
        self.seed = random.randrange(2**31) if seed is None else int(seed)
        self.scheduler = _told_limit(scheduler, max_trials) or AllAlike()
        self.schedule = self.scheduler.description
        self.sampler = sampler or self._make_default_sampler()
        self.pruner = pruner
        self.warm_start = _checked_folders(warm_start)
        self.stopping: Callable[[], str | None] | None = None
        """Asked before each new trial: a reason to end the search, or `None`."""
        self._queue = Queue()

    def _make_default_sampler(self) -> Sampler:
        if self.default_sampler is None:
            raise ValueError(
                "Expected a sampler, such as `sampler=kt_extensions.samplers.TPE()`. "
                "Received: sampler=None."
            )
        return self.default_sampler()

    @property
    def planned_trials(self) -> int | None:
        """How many trials the search is to have, promotions included; `None` for no limit."""
        limits = (self.max_trials, self.scheduler.n_trials)
        return min((limit for limit in limits if limit is not None), default=None)

    # What users call.

    def enqueue(self, values: Mapping[str, Any]) -> None:
        """Asks for a configuration to be run before those that the sampler proposes.

        A search that is resumed does not run again what an earlier run of it was asked for.

        Args:
            values: Values by name. Hyperparameters left out are proposed by the sampler.

        Raises:
            ValueError: If a name or a value is not one of the space. Where the space is not known
                yet, because no tuner was made with the oracle, the search raises this.

        Example:

        ```python
        tuner.oracle.enqueue({"units_0": 64, "learning_rate": 1e-3})
        ```
        """
        known = self.hyperparameters.space if self._knows_space() else []
        self._queue.add(values, SearchSpace.from_hyperparameters(known) if known else None)

    def _knows_space(self) -> bool:
        """Whether the hypermodel declares no hyperparameters that are not known by now."""
        is_given = not (self.allow_new_entries and self.tune_new_entries)
        return is_given or hasattr(self, "_directory")  # of a tuner, which has built a model

    # The life of a trial.

    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial for a tuner; see `keras_tuner.Oracle.create_trial`.

        Raises:
            ValueError: If a configuration that was enqueued is not one of the space.
            OSError: If the project folder cannot be written to.
        """
        try:
            with self._consistently():
                self._go_on()
                trial = super().create_trial(tuner_id)
                if trial.status == TrialStatus.STOPPED:
                    self.save_state()
                elif trial.status == TrialStatus.RUNNING:
                    self._begin(trial, tuner_id)
                return trial
        except Exception as error:
            self.tuner_ids.discard(tuner_id)
            self._end_search(error)
            return Trial(self.get_space(), status=TrialStatus.STOPPED)

    def begin_by_hand(self, trial_id: str, values: Mapping[str, Any]) -> None:
        """Records the start of a trial that `kt_extensions.Tuner.continue_trial` was asked for."""
        self._record_growth()
        self.record.write(start_event(trial_id, values))

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the status and the values of a new trial: what the sampler proposes."""
        if self.ended_by or (self.stopping is not None and self.stopping()):
            return {"status": TrialStatus.STOPPED}
        self._record_growth()
        if self.ongoing_trials and not len(self.record.space):
            return {"status": TrialStatus.IDLE}  # the first trial is about to tell the space
        try:
            return self._next(trial_id)
        except SpaceExhausted:
            response = self._next(trial_id, exhausted=True)
        if response["status"] == TrialStatus.STOPPED and self.ongoing_trials:
            return {"status": TrialStatus.IDLE}  # one of them may declare more hyperparameters
        return response

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Trial:
        """Records metrics of a trial; see `keras_tuner.Oracle.update_trial`.

        Of the end of an epoch, told as a `kt_extensions.reports.Message`, the trial is returned
        with the status `"STOPPED"` if it is to be pruned. Of the end of an execution a
        `kt_extensions.reports.Score` is kept. A trial that has ended already stays as it is, with a
        warning.

        Raises:
            ValueError: If the objective is not among the metrics, or a metric is not a number.
        """
        values = {name: float(value) for name, value in metrics.items()}
        if self.objective.has_value(values):  # that of several objectives is their sum
            values.setdefault(self.objective.name, self.objective.get_value(values))
        with locked(self):
            if self._has_ended(trial_id):
                _warn_of_ended("update_trial", trial_id)
                return self.trials[trial_id]
            step = getattr(step, "item", lambda: step)()
            message = Message.of(values)
            if message is not None:
                return self.report(trial_id, step, message)
            score = Score.of(values)
            if score is not None:
                self.reports.add_score(trial_id, *score)
                return self.trials[trial_id]
            if self.objective.has_value(values):
                objectives.register(self.trials[trial_id].metrics, self.objective, values)
            return super().update_trial(trial_id, values, step)

    def _has_ended(self, trial_id: str) -> bool:
        unfinished = self.record.unfinished
        return trial_id in self.trials and trial_id not in unfinished

    def end_trial(self, trial: Trial | str, status: str = TrialStatus.COMPLETED) -> None:
        """Ends a trial; see `keras_tuner.Oracle.end_trial`.

        A trial that ends with the status `"STOPPED"` was pruned: it counts as completed with the
        best score that was reported until then. One that has ended already stays as it is, with a
        warning.

        Raises:
            RuntimeError: If `max_consecutive_failed_trials` trials in a row have failed, or the
                trial declared hyperparameters that it may not. The trial is recorded before.
            ValueError: If the trial declared a name again with another domain. It is recorded too.
            OSError: If the end could not be recorded. The trial is to run again then.
        """
        with self._consistently():
            trial_id = trial if isinstance(trial, str) else trial.trial_id
            if self._has_ended(trial_id):
                _warn_of_ended("end_trial", trial_id)
                return
            if isinstance(trial, str):
                trial = self.trials[trial]
                trial.status = status
            refusal = self._check_end(trial)
            with self._no_longer_ongoing(trial.trial_id):
                super().end_trial(trial)
        error = refusal or self._too_many_failures(self.trials[trial.trial_id])
        if error is not None:
            self._end_search(error)

    def _next(self, trial_id: str, exhausted: bool = False) -> dict[str, Any]:
        """Returns the status and the values of a new trial, once its start is recorded.

        Raises:
            SpaceExhausted: If all configurations have been tried, unless `exhausted` says so.
        """
        action = self.scheduler.next(self.record.table.history().pruned_as_failed(), exhausted)
        if isinstance(action, Wait):
            return {"status": TrialStatus.IDLE}
        if isinstance(action, Done):
            return {"status": TrialStatus.STOPPED}
        event = {"event": "start", "trial": trial_id, **self._planned(action.run)}
        self.record.write(event, durable=is_chief())  # a worker elsewhere may outlive the machine
        return {"status": TrialStatus.RUNNING, "values": event["values"]}

    def _planned(self, run: Run | None) -> dict[str, Any]:
        """Returns what the event of a start tells of a new trial."""
        if run is None:
            return self._proposed()
        table = self.record.table
        planned = self._proposed() if run.parent < 0 else promoted(table, self.trials, run)
        schedule = schedule_values(table, run, self.scheduler.halvings(run.bracket))
        values = {**planned["values"], **schedule}
        return {**planned, "values": values, "bracket": run.bracket, "rung": run.rung}

    def _proposed(self) -> dict[str, Any]:
        """Returns the values and the point of a new configuration."""
        space = self.record.space
        given = self._queue.next(space, self.record.enqueued)
        if given is None:
            point = self._suggest()
            return {"values": space.decode(point), "proposal": point.tolist()}
        values, point = fill_in(space, given, self._suggest_for_queue())
        return {"values": values, "proposal": point.tolist(), "enqueued": given}

    def _suggest(self) -> Array:
        history = self.record.table.history()
        rng = np.random.default_rng([self.seed, history.number])
        if not getattr(self.sampler, "multi_fidelity", False):
            history = at_one_fidelity(history)
        return self.sampler.suggest(history, rng)

    def _suggest_for_queue(self) -> Array:
        """What a person asks for is run even if everything was tried before."""
        try:
            return self._suggest()
        except SpaceExhausted:
            return np.full(len(self.record.space), 0.5)

    def _begin(self, trial: Trial, tuner_id: str) -> None:
        """Gives a trial that begins, maybe not for the first time, the space as now known."""
        if len(trial.hyperparameters.space) < len(self.hyperparameters.space):
            own = trial.hyperparameters.values
            trial.hyperparameters = declared_as(self.hyperparameters.space, own)
        self._record_values(trial)
        self.record.regrow(trial.trial_id, trial.hyperparameters.values)
        self.reports.begin(trial.trial_id, tuner_id)

    def _record_values(self, trial: Trial) -> None:
        """Gives a trial the values of the active hyperparameters; KerasTuner calls this.

        KerasTuner's own draws some at random where a name is declared under two conditions.
        """
        hyperparameters = trial.hyperparameters
        for hp in hyperparameters.space:
            if hyperparameters.is_active(hp.name):
                hyperparameters.values.setdefault(hp.name, hp.default)
            else:
                hyperparameters.values.pop(hp.name, None)

    def __getstate__(self) -> dict[str, Any]:
        """A copy of the oracle has no tuner that could stop it."""
        return {**super().__getstate__(), "stopping": None}


def _check_limit(name: str, value: Any, least: int) -> None:
    if value is not None:
        check_integer(name, value, least)


def _default_limit(scheduler: Scheduler | None) -> int | None:
    if scheduler is None or isinstance(scheduler, AllAlike):
        return 10
    return 100 if scheduler.n_trials is None else None


def _warn_of_ended(method: str, trial_id: str) -> None:
    warnings.warn(
        f"Trial {trial_id} has ended already: what `{method}` is told of it is left out.",
        stacklevel=3,
    )


def _told_limit(scheduler: Scheduler | None, max_trials: int | None) -> Scheduler | None:
    """Returns the scheduler, which, if it is ASHA, trains one to the end by then."""
    if isinstance(scheduler, ASHA) and scheduler.max_trials is None:
        return replace(scheduler, max_trials=max_trials)
    return scheduler


def _checked_folders(folders: Any) -> tuple[str, ...]:
    if isinstance(folders, str | os.PathLike):
        raise ValueError(
            f"Expected `warm_start` to be a list of folders. Received: {folders!r}. "
            f"Pass [{os.fspath(folders)!r}]."
        )
    return tuple(os.fspath(folder) for folder in folders)
