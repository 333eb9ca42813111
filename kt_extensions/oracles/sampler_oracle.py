"""The adapter from KerasTuner's trials to samplers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions import objectives, store
from kt_extensions.oracles import resuming
from kt_extensions.record import SearchRecord
from kt_extensions.samplers import Sampler, SpaceExhausted
from kt_extensions.space import SearchSpace


class SamplerOracle(kt.Oracle):  # type: ignore[misc]
    """A KerasTuner oracle whose values come from a sampler.

    The trial log in the project folder is its memory: a search that was killed anywhere and is run
    again proposes what it would have proposed without the stop.

    Args:
        objective: As in KerasTuner's oracles: the name of a metric (`"val_accuracy"`), a
            `keras_tuner.Objective`, a list of these (their sum is minimized, those to maximize
            subtracted), or `None` where `run_trial` returns a single float to minimize.
        max_trials: Number of trials after which the search ends, or `None` for no limit. Defaults
            to 10.
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
        warm_start: Folders of earlier KerasTuner projects (`directory/project_name`), whoever made
            them. The sampler learns from their trials, which are not counted as this search's.

    Raises:
        ValueError: If the direction of the objective cannot be told from its name, or a number
            is out of range.

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
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = 3,
        *,
        sampler: Sampler | None = None,
        warm_start: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        _check_integer("max_trials", max_trials, 1)
        _check_integer("max_retries_per_trial", max_retries_per_trial, 0)
        _check_integer("max_consecutive_failed_trials", max_consecutive_failed_trials, 1)
        _check_integer("seed", seed, 0)
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
        self.seed = random.randrange(2**31) if seed is None else seed
        self.sampler = sampler or self._make_default_sampler()
        self.warm_start = _checked_folders(warm_start)
        self.stopping: Callable[[], str | None] | None = None
        """Asked before each new trial: a reason to end the search, or `None`."""
        self._record: SearchRecord | None = None
        self._queue: list[dict[str, Any]] = []
        self.enqueued_before: Counter[str] = Counter()  # by the runs that this one resumes
        self._pruned: set[str] = set()
        self._failures_in_a_row = 0
        self._kept_error: Exception | None = None

    def _make_default_sampler(self) -> Sampler:
        if self.default_sampler is None:
            raise ValueError(
                "Expected a sampler, such as `sampler=kt_extensions.samplers.TPE()`. "
                "Received: sampler=None."
            )
        return self.default_sampler()

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
        if self.hyperparameters.space:
            SearchSpace.from_hyperparameters(self.hyperparameters.space).check(values)
        self._queue.append(dict(values))

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Returns the best completed trials, the best first; fewer if fewer have completed."""
        ranking = self._record.ranking if self._record else []
        return [self.trials[trial_id] for _, _, trial_id in ranking[:num_trials]]

    # The life of a trial. KerasTuner holds a lock while its methods run, and an exception would
    # leave it locked: errors in there are kept, and raised when the lock is free.

    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial for a tuner; see `keras_tuner.Oracle.create_trial`."""
        _ = self.record
        self._check_queue()
        trial = super().create_trial(tuner_id)
        self._raise_kept_error()
        if trial.status == TrialStatus.STOPPED:
            self.save_state()
        return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the status and the values of a new trial: what the sampler proposes."""
        if self.stopping is not None and self.stopping():
            return {"status": TrialStatus.STOPPED}
        with self._keeping_errors(), contextlib.suppress(SpaceExhausted):
            return {"status": TrialStatus.RUNNING, "values": self._propose(trial_id)}
        return {"status": TrialStatus.STOPPED}

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Trial:
        """Records metrics of a trial; see `keras_tuner.Oracle.update_trial`.

        Raises:
            ValueError: If the objective is not among the metrics, or a metric is not a number.
        """
        self._check_objective_found(metrics)
        numbers = {name: float(value) for name, value in metrics.items()}
        trial = super().update_trial(trial_id, numbers, step)
        self._raise_kept_error()
        return trial

    def end_trial(self, trial: Trial | str, status: str = TrialStatus.COMPLETED) -> None:
        """Ends a trial; see `keras_tuner.Oracle.end_trial`.

        A trial that ends with the status `"STOPPED"` was pruned: it counts as completed with the
        best score that was reported until then.

        Raises:
            RuntimeError: If `max_consecutive_failed_trials` trials in a row have failed, or the
                trial declared hyperparameters that it may not. The trial is recorded before.
        """
        if isinstance(trial, str):
            trial = self.trials[trial]
            trial.status = status
        refusal = self._refuse(trial)
        super().end_trial(trial)
        self._raise_kept_error()
        if refusal is not None:
            raise refusal
        self._raise_after_too_many_failures(self.trials[trial.trial_id])

    def score_trial(self, trial: Trial) -> None:
        """Scores a completed trial. An infinite score counts as none, as NaN does."""
        super().score_trial(trial)
        trial.score = float(trial.score) if math.isfinite(trial.score) else math.nan

    def update_space(self, hyperparameters: kt.HyperParameters) -> None:
        """Adds new hyperparameters to the space; see `keras_tuner.Oracle.update_space`.

        Raises:
            ValueError: If a name is declared again with another domain.
            RuntimeError: If there are new ones while `allow_new_entries=False`.
        """
        self._check_growth(hyperparameters)
        super().update_space(hyperparameters)

    def _propose(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial, once its start is recorded."""
        record = self.record
        self._record_growth()
        rng = np.random.default_rng([self.seed, len(self.trials)])
        point = np.array(self.sampler.suggest(record.table.history(), rng))
        event: dict[str, Any] = {"event": "start", "trial": trial_id}
        if self._queue:
            given = event["enqueued"] = self._queue.pop(0)
            for name, value in given.items():
                i = record.space.index[name]
                point[i] = record.space.dimensions[i].domain.coordinate(value)
            values = {n: given.get(n, v) for n, v in record.space.decode(point).items()}
        else:
            values = record.space.decode(point)
        record.write({**event, "values": values, "proposal": point.tolist()})
        return values

    def _check_queue(self) -> None:
        """Leaves in the queue what is to run, and checks it against the space as it is now."""
        queue, self._queue = self._queue, []
        if not queue:
            return
        space = SearchSpace.from_hyperparameters(self.hyperparameters.space)
        for values in queue:
            space.check(values)
            name = json.dumps(values, sort_keys=True)
            if self.enqueued_before[name]:
                self.enqueued_before[name] -= 1
            else:
                self._queue.append(values)

    def _refuse(self, trial: Trial) -> Exception | None:
        """Gives a trial that cannot be recorded as it is the status and the message it deserves."""
        if trial.status == TrialStatus.STOPPED:
            self._pruned.add(trial.trial_id)
            trial.status = TrialStatus.COMPLETED
        reported = self.trials[trial.trial_id].metrics.exists(self.objective.name)
        if trial.status == TrialStatus.COMPLETED and not reported:
            trial.status = TrialStatus.INVALID
            trial.message = f"The objective {self.objective.name!r} was not reported."
        try:
            self._check_growth(trial.hyperparameters)
            return None
        except (ValueError, RuntimeError) as error:
            known = self.record.space.index
            kept = {n: v for n, v in trial.hyperparameters.values.items() if n in known}
            trial.hyperparameters = resuming.with_values(self.hyperparameters, kept)
            trial.status, trial.message = TrialStatus.FAILED, str(error)
            return error

    def _check_growth(self, hyperparameters: kt.HyperParameters) -> None:
        known = {_identity(hp) for hp in self.hyperparameters.space}
        new = [hp for hp in hyperparameters.space if _identity(hp) not in known]
        if new and not self.allow_new_entries:
            raise RuntimeError(
                "Expected only hyperparameters declared in `hyperparameters`, since "
                f"allow_new_entries=False. Received: {[hp.name for hp in new]}. Declare them, or "
                "pass allow_new_entries=True."
            )
        if new and self.tune_new_entries:
            SearchSpace.from_hyperparameters([*self.hyperparameters.space, *new])

    def _check_consecutive_failures(self) -> None:
        """Counts failures. KerasTuner's own raises here, while the lock is held."""
        failed = self.trials[self.end_order[-1]].status == TrialStatus.FAILED
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0

    def _raise_after_too_many_failures(self, trial: Trial) -> None:
        limit = self.max_consecutive_failed_trials
        if limit is not None and self._failures_in_a_row >= limit:
            self._failures_in_a_row = 0
            raise RuntimeError(
                f"{limit} trials in a row have failed (max_consecutive_failed_trials={limit}). "
                f"All trials so far are saved. The last one failed with:\n{trial.message}"
            )

    def _raise_kept_error(self) -> None:
        error, self._kept_error = self._kept_error, None
        if error is not None:
            raise error

    # What is kept in the project folder.

    @property
    def record(self) -> SearchRecord:
        """What the search has done so far, taken up from the project folder if it holds a search.

        Raises:
            RuntimeError: If no tuner was made with the oracle: there is no project folder then.
        """
        if self._record is None:
            if not hasattr(self, "_directory"):
                raise RuntimeError(
                    "Expected an oracle that a tuner was made with. Received one that has no "
                    "project folder yet. Pass it as `oracle=` to a tuner first."
                )
            self._record = resuming.open_record(self)
        return self._record

    @property
    def project_dir(self) -> str:
        """The project folder."""
        return os.path.join(str(self._directory), self._project_name)

    def save(self) -> None:
        """Saves the search space as far as it is known; all else was saved when it happened."""
        with self._keeping_errors():
            self._record_growth()

    def reload(self) -> None:
        """Takes up the search that the project folder holds.

        KerasTuner's tuners call this before they read their own file, which they do not write
        atomically: one that a kill left damaged is replaced here.
        """
        store.mend_json_files(self.project_dir)
        has_log = os.path.exists(os.path.join(self.project_dir, store.LOG_NAME))
        if not has_log and os.path.exists(self._get_oracle_fname()):
            super().reload()
        _ = self.record

    def save_state(self) -> None:
        """Writes the file `oracle.json`, through which KerasTuner's own tools load the search."""
        store.write_atomically(self._get_oracle_fname(), json.dumps(self.get_state()))

    def save_trial_file(self, trial: Trial) -> None:
        """Writes the file `trial.json` that KerasTuner's own tools read."""
        path = os.path.join(self.project_dir, f"trial_{trial.trial_id}", "trial.json")
        store.write_atomically(path, json.dumps(trial.get_state()))

    def _save_trial(self, trial: Trial) -> None:
        with self._keeping_errors():
            if trial.status != TrialStatus.RUNNING:
                self._record_end(trial)
            self.save_trial_file(trial)

    def _record_end(self, trial: Trial) -> None:
        self._record_growth()
        if trial.status != TrialStatus.COMPLETED:
            trial.score = None
        self.record.write(resuming.end_event(trial, trial.trial_id in self._pruned))
        if trial.status == TrialStatus.INVALID:
            trial.metrics = type(trial.metrics)()

    def _record_growth(self) -> None:
        logged = len(self.record.space_config)
        if len(self.hyperparameters.space) > logged:
            added = self.hyperparameters.get_config()["space"][logged:]
            self.record.write({"event": "space", "hyperparameters": added})

    @contextlib.contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._kept_error = error


def _identity(hp: Any) -> tuple[Any, ...]:
    return (hp.name, *((c.name, tuple(c.values)) for c in hp.conditions))


def _check_integer(name: str, value: Any, least: int) -> None:
    if value is not None and (not isinstance(value, int) or value < least):
        raise ValueError(f"Expected `{name}` to be an integer >= {least}. Received: {value!r}.")


def _checked_folders(folders: Any) -> tuple[str, ...]:
    if isinstance(folders, str | os.PathLike):
        raise ValueError(
            f"Expected `warm_start` to be a list of folders. Received: {folders!r}. "
            f"Pass [{os.fspath(folders)!r}]."
        )
    return tuple(os.fspath(folder) for folder in folders)
