"""The tuner: any oracle with HParams logging, progress, stopping rules and resuming."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_extensions import gfiles, hparams
from kt_extensions.distribute import Strategy
from kt_extensions.isolation import Limits
from kt_extensions.oracles import SamplerOracle
from kt_extensions.oracles.processes import is_chief, is_worker
from kt_extensions.progress import SearchProgress
from kt_extensions.pruners import Pruner
from kt_extensions.record import EPOCHS
from kt_extensions.snapshot import Snapshots
from kt_extensions.snapshot.settings import checked
from kt_extensions.tuners import arguments
from kt_extensions.tuners.best_epoch import saving_known_epochs
from kt_extensions.tuners.checks import (
    as_callbacks,
    check_compiled,
    check_reported,
    takes_verbose,
    trains_by_keras,
)
from kt_extensions.tuners.construction import (
    check_arguments,
    check_folder,
    folder_told,
    warn_of_steps,
)
from kt_extensions.tuners.fit_arguments import check_data, check_fit_arguments
from kt_extensions.tuners.garbage import LongLived
from kt_extensions.tuners.gradients import tie_to_graphs
from kt_extensions.tuners.grid import restore_grid
from kt_extensions.tuners.guard import (
    check_deletable,
    ending_in_order,
    exclusively,
    without_warnings_of_nan,
)
from kt_extensions.tuners.replicas import kept
from kt_extensions.tuners.reporting import EpochReporter
from kt_extensions.tuners.told import ToldSearch
from kt_extensions.tuners.workers import Workers

_VERBOSE = 4  # the place of `verbose` among the arguments of `Model.fit`


class Tuner(ToldSearch):
    """A KerasTuner tuner that logs, shows and resumes the search of any oracle.

    `search(..., verbose=...)` takes `0` for silence, `1` (the default) for the progress of the
    search, `2` for Keras' line for each epoch too.

    If the oracle says how far a trial is trained, as those of Hyperband do (KerasTuner's too), the
    trial is trained so far, whatever `epochs` is passed to `search`; one that was promoted goes on
    as if the other had not ended. A `HyperModel.fit` of one's own must pass `epochs`,
    `initial_epoch` and `callbacks`, which it gets, on to `Model.fit`, and to one call of it: of
    several none could tell where it is to go on.

    If the oracle is one of `kt_extensions.oracles` and was given a seed, each training begins with
    `keras.utils.set_random_seed` of a number derived from the seed, the trial (of those promoted,
    the first in their line) and the execution, and the order of each epoch's data follows from that
    number, so that a resumed search goes on as it would have without the stop.

    Args:
        oracle: A `keras_tuner.Oracle`: ours, KerasTuner's own or any other.
        hypermodel: A function from `keras_tuner.HyperParameters` to a compiled model, or a
            `keras_tuner.HyperModel`. May be left out if `run_trial` is overridden.
        tensorboard_dir: Folder to write TensorBoard HParams logs to; `None` for none.
        max_time: Seconds of searching after which no new trial begins, those of earlier runs of a
            resumed search included; `None` for no limit.
        patience: The search ends when so many trials in a row were no better than the best before
            them; `None` for never. Of several objectives a trial is better if it enters the Pareto
            front. If trials are promoted, as by Hyperband, those in last rungs are counted.
        cross_validation: How the data of `search` are cut into a part to train with and one to
            validate with: the number of folds, or a splitter of scikit-learn's. A trial is then
            trained once for each fold, `executions_per_trial` times, and its score is the mean of
            all. `None` for the validation data that `search` is given.
        pruner: What says of each epoch of a trial whether it is worth another; see
            `kt_extensions.pruners`. By default that of the oracle, if it has one.
        snapshots: When the state of a training is written to the project folder, and what stays
            there: a `kt_extensions.Snapshots`. Defaults to what promoted trials go on from.
        isolate: Whether each trial runs in a process of its own. Its memory is given back with it,
            and one that crashes or is killed is a failed trial. Costs some seconds a trial, and the
            data must be arrays: see `docs/isolation.md`. Defaults to `False`.
        trial_seconds: With `isolate`, the most seconds that a trial may take; one that takes longer
            is a failed trial. `None` for no limit.
        trial_memory: With `isolate`, the most bytes of resident memory that the process of a trial
            may hold; one that holds more is a failed trial. `None` for no limit.
        workers: How many trials run at once, each in a process of its own: see
            `docs/parallel.md`. `None` is one in this process, and with `parallel="ray"` as many as
            the cluster has room for.
        parallel: Where the workers are: `"local"`, this machine, or `"ray"`, a cluster.
        gpus_per_trial: How many GPUs of this machine each trial gets: a whole number, or a fraction
            for several trials on one. `None` shares all out among the workers.
        resources_per_trial: With `parallel="ray"`, what a trial needs, such as
            `{"CPU": 2, "GPU": 1}`. Defaults to `{"CPU": 1}`.
        address: With `parallel="ray"`, that of the cluster, such as `"auto"`. `None` takes the one
            that `ray.init` was called for or the environment tells of, or else starts one on this
            machine.
        strategy: The devices that one trial is trained on: `"mirrored"` for all of the machine,
            `"one-device"`, `"auto"` for all if there are several accelerators, or a function that
            returns a `tf.distribute.Strategy` or, with JAX, a `keras.distribution.DataParallel`.
            `batch_size` is that of all devices together, which share each batch. `None` for what
            Keras does by itself. See `docs/distribution.md`.
        **kwargs: As for `keras_tuner.Tuner`: `executions_per_trial`, `directory`, `project_name`,
            `overwrite`, `max_model_size`, `distribution_strategy`, ...

    Raises:
        ValueError: If an argument is out of its range.
        OSError: If there can be no folder for the project or the logs.
        RuntimeError: If `overwrite` is asked for while a search is running in the project folder.

    Example:

    ```python
    import keras_tuner as kt
    import kt_extensions as kte

    oracle = kt.oracles.RandomSearchOracle("val_accuracy", max_trials=20)
    tuner = kte.Tuner(oracle=oracle, hypermodel=build_model, tensorboard_dir="logs")
    tuner.search(x, y, epochs=5, validation_split=0.2)
    ```
    """

    _execution = 0  # the number of the next training of the trial
    _executed: Trial | None = None  # which that is
    _told: str | None = None  # the state that was saved last, in whole seconds
    _given: tuple[tuple[Any, ...], dict[str, Any]] | None = None  # to `run_trial`
    _trains = False  # Keras trains what is built now

    def __init__(
        self,
        oracle: kt.Oracle,
        hypermodel: Any = None,
        *,
        tensorboard_dir: str | os.PathLike[str] | None = None,
        max_time: float | None = None,
        patience: int | None = None,
        cross_validation: Any = None,
        pruner: Pruner | None = None,
        snapshots: Snapshots | None = None,
        isolate: bool = False,
        trial_seconds: float | None = None,
        trial_memory: int | None = None,
        workers: int | None = None,
        parallel: str = "local",
        gpus_per_trial: float | None = None,
        resources_per_trial: Mapping[str, float] | None = None,
        address: str | None = None,
        strategy: Strategy | None = None,
        **kwargs: Any,
    ) -> None:
        check_arguments(type(self), self._runs_trials, oracle, hypermodel, kwargs)
        check_folder("tensorboard_dir", tensorboard_dir or ".")
        self._stop_after(oracle, max_time, patience)
        self.snapshots = checked(snapshots)
        self._workers = Workers(
            workers,
            bool(isolate),
            Limits(trial_seconds, trial_memory),
            parallel,
            gpus_per_trial,
            resources_per_trial,
            address,
        )
        given = kwargs.get("distribution_strategy")
        kwargs["distribution_strategy"] = self._distribute(strategy, given)
        self._long_lived = LongLived()
        if is_worker():
            kwargs["overwrite"] = False  # the project is the chief's, and running
        if kwargs.get("overwrite"):
            check_deletable(folder_told(kwargs), oracle)
        super().__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)
        self._report_to(oracle, pruner)
        self._cross_validate(cross_validation)
        self._hparams = (
            hparams.HParamsLogger(tensorboard_dir) if tensorboard_dir is not None else None
        )
        if not is_worker():
            self._take_up(kwargs)

    def _take_up(self, kwargs: dict[str, Any]) -> None:
        """Resumes what KerasTuner does not: a `tuner_id` of one's own, a stop before any trial."""
        own_name = kwargs.get("tuner_id") and not kwargs.get("overwrite")
        if own_name and gfiles.exists(self._get_tuner_fname()):
            self.reload()
        restore_grid(self.oracle)
        if self.hypermodel is not None and self.oracle.start_order:
            space = self.oracle.hyperparameters
            with kept():
                arguments.warn_of_space(space, self._declaring(), self.project_dir)
        if self.hypermodel is not None and not self.oracle.hyperparameters.space:
            self._populate_initial_space()
        warn_of_steps(self.oracle.hyperparameters.space)
        if isinstance(self.oracle, SamplerOracle):
            self.oracle.stopping = self._reason_to_stop

    @property
    def _runs_trials(self) -> bool:
        """Whether trials are run here, not by a subclass in its own way."""
        return type(self).run_trial is Tuner.run_trial

    @property
    def _fits_what_is_given(self) -> bool:
        """Whether models are trained with the arguments of `search`, and their logs are scored."""
        fits = type(self)._build_and_fit_model is Tuner._build_and_fit_model
        return self._runs_trials and fits

    # What users call.

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs trials until the oracle or a stopping rule ends the search.

        Interrupted, it can be run again and goes on where it was.

        Args:
            *fit_args: Positional arguments for `Model.fit`, as in `keras_tuner.Tuner.search`.
            **fit_kwargs: Keyword arguments for `Model.fit`. `verbose` as told above.

        Raises:
            ValueError: If an argument cannot be one of `Model.fit`, or the data do not fit a
                hypermodel that can tell, as our builders can.
            RuntimeError: If another search is running in the project folder.
        """
        self._began = time.monotonic() if self._by_hand is None else None
        self._data = None
        if is_chief():
            with exclusively(self.project_dir), without_warnings_of_nan():
                try:
                    super().search(*fit_args, **fit_kwargs)
                finally:
                    self._seconds_before, self._began = self._seconds(), None
                    self._log_for_workers()
                    self._write_state(self.get_state())
            return
        verbose = fit_kwargs.get("verbose", 1)
        if "verbose" in fit_kwargs:
            fit_kwargs["verbose"] = 2 if verbose == 2 else 0
        self._prepare(fit_args, fit_kwargs)
        self._compare(fit_args, fit_kwargs)
        if verbose:
            self._progress = SearchProgress(self.oracle, self._planned_trials())
        alone = contextlib.nullcontext() if is_worker() else exclusively(self.project_dir)
        try:
            with alone, ending_in_order(), without_warnings_of_nan():
                if isinstance(self.oracle, SamplerOracle):
                    self.oracle.refresh()
                self._search_with_progress(fit_args, fit_kwargs)
        finally:
            self._long_lived.take_in()

    def _prepare(self, fit_args: tuple[Any, ...], fit_kwargs: dict[str, Any]) -> None:
        """Checks the data, and lets a hypermodel that can, such as our builders, see them."""
        if self._fits_what_is_given and trains_by_keras(self.hypermodel):
            check_data(fit_args, fit_kwargs)
        if self._folds is not None:
            self._folds.check(fit_args, fit_kwargs)
        if hasattr(self.hypermodel, "prepare_search"):
            self.oracle.update_space(self._prepared(fit_args, fit_kwargs))

    def _try_run_and_update_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> None:
        """Runs a trial, and sees to what its process has to remember and to forget."""
        self._let_go_of_live(trial)
        self._executed, self._execution = None, 0  # it may be another attempt
        if self._has_trained:  # a training has made what all trainings need
            self._long_lived.leave_out()
        try:
            super()._try_run_and_update_trial(trial, *args, **kwargs)
        finally:
            self._has_trained = True
            tie_to_graphs()

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Trains the trial's model; see `keras_tuner.Tuner.run_trial`.

        Raises:
            keras_tuner.errors.FatalValueError: If `callbacks` holds what is not a callback.
        """
        if trial is not self._executed:  # else a subclass trains it more than once
            self._executed, self._execution = trial, 0
        kwargs["callbacks"] = as_callbacks(kwargs.get("callbacks"), self.hypermodel)
        self._given = args, dict(kwargs)
        if takes_verbose(self.hypermodel) and len(args) <= _VERBOSE:
            kwargs.setdefault("verbose", 0)
        if EPOCHS in trial.hyperparameters.values:
            kwargs["epochs"] = trial.hyperparameters.values[EPOCHS]
        try:
            return super().run_trial(trial, *args, **kwargs)
        finally:
            self._given = None

    def _build_and_fit_model(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """One execution of a trial: KerasTuner calls this `executions_per_trial` times."""
        kwargs["callbacks"] = as_callbacks(kwargs.get("callbacks"), self.hypermodel)
        execution, self._execution = self._execution, self._execution + 1
        results = self._ended_before(trial, execution, kwargs["callbacks"])
        if results is None:
            results = self._execute(trial, execution, args, kwargs)
        return self._keep(trial, execution, results)

    def _execute(
        self, trial: Trial, execution: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        seed = self._training_seed(trial, execution)
        if seed is not None:
            keras.utils.set_random_seed(seed)
        readers = saving_known_epochs(kwargs["callbacks"])
        if self._hparams is not None:
            readers.append(self._hparams.callback(trial, execution))
        readers.append(EpochReporter(self, trial, execution))
        kwargs["callbacks"] += [c for c in readers if c not in kwargs["callbacks"]]
        self._continue(trial, execution, kwargs, readers)
        if self._folds is not None:
            args, kwargs = (), self._folds.arguments(execution, args, kwargs)
        try:
            self._trains = trains_by_keras(self.hypermodel)
            results = super()._build_and_fit_model(trial, *args, **kwargs)
            if self._has_trained:  # the first model is left out of garbage collections
                self._keep_live(trial, execution)
        finally:
            self._trains = False
            self._continuation = None
        if self._fits_what_is_given:
            check_reported(self.oracle.objective, results)
        return results

    def _try_build(self, hp: kt.HyperParameters) -> keras.Model:
        model = super()._try_build(hp)
        self._enter_scope()
        if self._trains and self._given is not None:
            self._check_training(model, *self._given)
        return model

    def _check_training(
        self, model: keras.Model, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        adds_logs = type(self).on_epoch_end is not Tuner.on_epoch_end or bool(kwargs["callbacks"])
        reported = adds_logs or self._folds is not None or not self._fits_what_is_given
        check_compiled(model)
        check_fit_arguments(args, kwargs, self.oracle.objective, reported, model)

    def save(self) -> None:
        """Saves the oracle and the tuner's own state, the latter atomically.

        That is left as it is while there is nothing new but less than a second of searching.
        """
        if not is_worker():
            self.oracle.save()
        state = self.get_state()
        told = json.dumps({**state, "seconds": int(state.get("seconds", 0))})
        if told != self._told:
            self._write_state(state)
            self._told = told

    def _write_state(self, state: dict[str, Any]) -> None:
        gfiles.write_text(self._get_tuner_fname(), json.dumps(state))

    def _search_with_progress(self, fit_args: Sequence[Any], fit_kwargs: dict[str, Any]) -> None:
        reason: str | None = "stopped by an error"
        max_trials = self.oracle.max_trials
        try:
            super().search(*fit_args, **fit_kwargs)
            self._write_state(self.get_state())
            if is_worker():
                reason = None
            else:
                reason = self._reason_to_stop()
                self._warn_if_all_failed()
        except (KeyboardInterrupt, SystemExit):
            reason = "interrupted; run the same program again to go on"
            raise
        finally:
            self._seconds_before, self._began = self._seconds(), None
            self._live = self._data = None
            self._restore_max_trials(max_trials)
            self._tell_of_end(reason)
