"""`HParamsLogger`: follows a search and writes its rows."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from kt_extensions.hparams import _columns as columns_of
from kt_extensions.hparams import _layout as layout
from kt_extensions.hparams._callbacks import part_folders
from kt_extensions.hparams._experiment import Columns
from kt_extensions.hparams._record import Ending, Trained
from kt_extensions.hparams._session import Attempt, CurveLogger, Execution, tolerant
from kt_extensions.hparams._summary import write_summary
from kt_extensions.logs.attaching import attach
from kt_extensions.logs.base import not_begun
from kt_extensions.reports import FINISHED, read_report
from kt_extensions.searches import SearchView, view_of_oracle


class HParamsLogger:
    """Writes a search so that TensorBoard's HParams tab shows one row for each trial.

    The row holds the trial's values, its objective as KerasTuner scored it, the other metrics at
    the best epoch and at the last one, the best epoch, the duration and the status. Curves lie in
    `LOGDIR/PROJECT/SEARCH_ID/TRIAL/execution<k>/{train,validation}`. TensorFlow is not needed.

    `attach` follows a tuner of KerasTuner's, or a subclass of one, in a script that exists; the
    tuners of this package take `tensorboard_dir`. A program with a search loop of its own calls the
    other methods at the moments that their names say. Several workers may write into one `log_dir`;
    a resumed search goes on in its own rows; an overwritten one leaves none behind.

    Args:
        log_dir: The folder to open with `tensorboard --logdir`. Must be local; may be shared with
            other searches.

    Raises:
        ValueError: If `log_dir` is a URL.

    Example:
        >>> import keras_tuner as kt
        >>> tuner = kt.RandomSearch(build_model, "val_loss")  # doctest: +SKIP
        >>> HParamsLogger("logs").attach(tuner)  # doctest: +SKIP
        >>> tuner.search(x, y, validation_split=0.2)  # doctest: +SKIP

    Source:
        The HParams plugin's messages: `tensorboard/plugins/hparams/api.proto` and
        `plugin_data.proto`, https://github.com/tensorflow/tensorboard.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self._log_dir = os.fspath(log_dir)
        if "://" in self._log_dir:
            raise ValueError(
                "Expected log_dir to be a local folder, which can be copied to a bucket after the "
                f"search. Received: log_dir={self._log_dir!r}."
            )
        self._search: layout.SearchFolder | None = None
        self._columns: Columns | None = None
        self._objective: Any = None
        self._attempts: dict[str, Attempt] = {}
        self._project_dir = ""
        self._view: Callable[[], SearchView] | None = None

    def attach(self, tuner: Any) -> None:
        """Logs the searches that this tuner runs from now on.

        Curves are logged of tuners that train Keras models by `keras_tuner.Tuner.run_trial`; of
        others the results alone.

        Args:
            tuner: A `keras_tuner.Tuner`, or of a subclass.

        Raises:
            TypeError: If it is no tuner.
            ValueError: If its search is logged already by a logger of this class.
        """
        attach(self, tuner)
        if not hasattr(tuner, "_hparams") and hasattr(tuner, "_build_and_fit_model"):
            tuner._configure_tensorboard_dir = _part_folders

    def on_search_begin(self, oracle: Any, project_dir: str, project_name: str) -> None:
        """Declares the columns, and mends rows of trials that ended while nobody was logging.

        Args:
            oracle: The search's `keras_tuner.Oracle`, or a worker's client of it.
            project_dir: The search's own folder, where its id is kept.
            project_name: What the rows are called, before the trial's id.

        Raises:
            OSError: If `log_dir` or `project_dir` cannot be written.
        """
        self._objective = oracle.objective
        self._attempts = {}
        self._project_dir = project_dir
        self._search = layout.open_search(self._log_dir, project_dir, project_name)
        if hasattr(oracle, "trials"):
            self._view = functools.partial(view_of_oracle, oracle, project_name, project_dir)
        self._columns = Columns(self._log_dir, self._search.path)
        # A worker's client has no table of trials: each worker logs its own.
        trials = list(getattr(oracle, "trials", {}).values())
        self._columns.add(
            columns_of.hyperparameter_columns(oracle.get_space(), trials),
            [*columns_of.objective_columns(self._objective), columns_of.best_epoch_column()],
        )
        for trial in trials:
            self._mend(trial)

    def on_trial_begin(self, trial: Any) -> None:
        """Notes when the trial began. Without this call it begins with its first callback.

        Args:
            trial: The trial that is about to run, for the first time or again.
        """
        self._begin(trial)

    def callback(self, trial: Any, execution: int) -> keras.callbacks.Callback:
        """Makes the callback that logs one training of the trial's model.

        Args:
            trial: The trial that is being run. Its values are read when training begins, so those
                that first appear while the model is built are included.
            execution: Which training of the trial this is, from 0.

        Returns:
            A callback for `Model.fit`. It opens no file before training begins.
        """
        return CurveLogger(self.execution(trial, execution))

    def execution(self, trial: Any, execution: int) -> Execution:
        """Makes what `callback` logs to, for a training in another process.

        Args:
            trial: As for `callback`.
            execution: As for `callback`.
        """
        attempt = self._attempts.get(trial.trial_id)
        if attempt is None or execution in attempt.executions:
            attempt = self._begin(trial)
        return attempt.execution(execution)

    @tolerant
    def on_trial_end(self, trial: Any) -> None:
        """Writes the trial's result. Call it after the oracle has ended the trial.

        Args:
            trial: The oracle's record of the trial. One that will be retried (`"INVALID"`) gets no
                result yet: its row stays as running.
        """
        attempt = self._attempts.pop(trial.trial_id, None)
        if attempt is not None:
            attempt.close()
        if trial.status not in FINISHED:
            return
        seconds = None if attempt is None else attempt.seconds
        epochs = None if attempt is None else attempt.epochs
        attempt = attempt or self._new_attempt(trial)
        attempt.trial = trial
        self._write_end(trial, attempt.begun(), seconds, epochs)

    @tolerant
    def on_search_end(self) -> None:
        """Closes the files of trials that were cut short, and sums the search up.

        Those trials are logged anew on a resume. A worker, which does not have the trials of the
        others, writes no summary.
        """
        while self._attempts:
            self._attempts.popitem()[1].close()
        if self._view is not None and self._search is not None:
            search = self._view()
            if search.trials:
                write_summary(self._search.summary, search)

    def restore(
        self, trial: Any, histories: Sequence[Mapping[str, Sequence[float]]], seconds: float | None
    ) -> None:
        """Writes the row of a trial that has ended, unless it has one.

        Args:
            trial: The oracle's record of the trial.
            histories: For each execution the numbers of its epochs (`"epoch"`) and its metrics by
                name.
            seconds: How long the trial took; `None` if that is not known.
        """
        if any(map(layout.has_started, self._runs_of(trial))):
            self._mend(trial)
            return
        attempt = self._new_attempt(trial)
        for number, history in enumerate(histories):
            execution = attempt.execution(number)
            execution.begin()
            for i, epoch in enumerate(history["epoch"]):
                logs = {name: values[i] for name, values in history.items() if name != "epoch"}
                execution.log_epoch(int(epoch), logs, None)
        attempt.close()
        self._write_end(trial, attempt.begun(), seconds, attempt.epochs or None)

    def _runs_of(self, trial: Any) -> list[str]:
        attempts = layout.runs_of(self._opened()[0].trial(trial.trial_id))
        return [run for runs in attempts.values() for run in runs]

    def _begin(self, trial: Any) -> Attempt:
        if before := self._attempts.get(trial.trial_id):
            before.close()
        attempt = self._attempts[trial.trial_id] = self._new_attempt(trial)
        return attempt

    def _new_attempt(self, trial: Any) -> Attempt:
        search, columns = self._opened()
        return Attempt(
            trial,
            folder=search.trial(trial.trial_id),
            group=f"{search.label}/{trial.trial_id}",
            objective=self._objective,
            columns=columns,
        )

    def _mend(self, trial: Any) -> None:
        """Gives a finished trial the row, or the end of one, that a kill has kept it from."""
        if trial.status not in FINISHED:
            return
        attempts = layout.runs_of(self._opened()[0].trial(trial.trial_id))
        latest = attempts.pop(max(attempts)) if attempts else []
        started = [run for run in latest if layout.has_started(run)]
        if not started:
            self.on_trial_end(trial)
            return
        if runs := [run for run in started if not layout.has_ended(run)]:
            self._write_end(trial, [Trained(run) for run in runs], *self._told(trial))
        for run in itertools.chain(*attempts.values()):
            layout.remove(run)

    def _told(self, trial: Any) -> tuple[float | None, int | None]:
        """What the project folder tells of the seconds and the epochs of a trial."""
        report = read_report(os.path.join(self._project_dir, f"trial_{trial.trial_id}"))
        return report.seconds, report.epochs or None

    def _write_end(
        self,
        trial: Any,
        executions: Sequence[Trained],
        seconds: float | None,
        epochs: int | None,
    ) -> None:
        ending = Ending.of(trial, self._objective, executions, seconds, epochs)
        self._opened()[1].add(metrics=ending.columns())
        ending.write(executions)

    def _opened(self) -> tuple[layout.SearchFolder, Columns]:
        if self._search is None or self._columns is None:
            raise not_begun()
        return self._search, self._columns


def _part_folders(callbacks: list[Any], trial: Any, execution: int = 0) -> None:
    """In place of KerasTuner's own, which would write rows of its own beside the logger's."""
    part_folders(callbacks, trial.trial_id, execution, lambda: None)
