"""`MLflowLogger`: follows a search and writes its runs."""

from __future__ import annotations

import os
import sys
import time
import warnings
from typing import Any

import keras

from kt_extensions import gfiles
from kt_extensions.hparams import CurveLogger
from kt_extensions.logs.attaching import attach
from kt_extensions.logs.base import not_begun
from kt_extensions.mlflow._ending import end, view_at_end
from kt_extensions.mlflow._search import SearchRun, params_of, tags_of
from kt_extensions.mlflow._server import Server, Unsent, import_mlflow
from kt_extensions.mlflow._trial import Attempt, Execution, result_of
from kt_extensions.objectives import several
from kt_extensions.reports import FINISHED, read_report


class MLflowLogger:
    """Writes a search to MLflow: a parent run, and a nested run for each trial.

    A trial's run has its values, the curves of each epoch, the score and the status. The parent has
    the objective, the space, the best score so far, and at the end the best values, a table of all
    trials, figures and the best model. A resumed search goes on in the same runs; one that was
    overwritten begins a new parent run. A server that is away costs a warning, not the search: what
    it has missed is sent when it is back.

    `attach` follows any tuner: of this package, of KerasTuner, or a subclass of one. A program with
    a search loop of its own calls the other methods at the moments that their names say.

    Args:
        tracking_uri: The address of an MLflow server or store. Defaults to what MLflow itself
            takes: that of `mlflow.set_tracking_uri`, that in the environment
            (`MLFLOW_TRACKING_URI`), or a file in the current folder, `sqlite:///mlflow.db`.
        experiment_name: The experiment. Defaults to that in the environment
            (`MLFLOW_EXPERIMENT_NAME`), or else to the name of the project.

    Raises:
        ImportError: If mlflow is not installed.
        ValueError: If `tracking_uri` is none.

    Example:
        >>> import keras_tuner as kt
        >>> tuner = kt.RandomSearch(build_model, "val_loss")  # doctest: +SKIP
        >>> MLflowLogger("http://127.0.0.1:5000").attach(tuner)  # doctest: +SKIP
        >>> tuner.search(x, y, validation_split=0.2)  # doctest: +SKIP
    """

    def __init__(self, tracking_uri: str | None = None, experiment_name: str | None = None) -> None:
        mlflow = import_mlflow()
        self._server = Server(tracking_uri or mlflow.get_tracking_uri())
        self._server.check()
        self._experiment = experiment_name or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        self._tuner: Any = None
        self._oracle: Any = None
        self._search: SearchRun | None = None
        self._attempts: dict[str, Attempt] = {}
        self._best: float | None = None
        self._ended = 0
        self._handled: BaseException | None = None

    def attach(self, tuner: Any) -> None:
        """Logs the searches that this tuner runs from now on.

        Curves are logged of tuners that train Keras models by `keras_tuner.Tuner.run_trial`; of
        others the results alone.

        Args:
            tuner: A `keras_tuner.Tuner`, or of a subclass.

        Raises:
            TypeError: If it is no tuner.
            ValueError: If its search is logged to MLflow already.
        """
        attach(self, tuner)
        self._tuner = tuner

    def on_search_begin(self, oracle: Any, project_dir: str, project_name: str) -> None:
        """Begins or resumes the parent run, and writes trials that ended while nobody was logging.

        Args:
            oracle: The search's `keras_tuner.Oracle`, or a worker's client of it.
            project_dir: The search's own folder, where the ids of its runs are noted.
            project_name: The name of the parent run.
        """
        self._handled = sys.exc_info()[1]
        self._oracle = oracle
        self._attempts, self._best, self._ended = {}, None, 0
        experiment = self._experiment or project_name
        self._search = SearchRun(self._server, project_dir, project_name, experiment)
        self._search.begin(tags_of(oracle, self._tuner), params_of(oracle, self._tuner))
        self._server.send(at_last=True)
        # A worker's client has no table of trials: each worker logs its own.
        for trial in list(getattr(oracle, "trials", {}).values()):
            if trial.status in FINISHED:
                self.restore(trial)
        self._server.send()

    def on_trial_begin(self, trial: Any) -> None:
        """Begins the run of a trial.

        Args:
            trial: The trial that is about to run, for the first time or again.
        """
        self._begin(trial)
        self._server.send_now_and_then()

    def callback(self, trial: Any, execution: int) -> keras.callbacks.Callback:
        """Makes the callback that logs one training of the trial's model.

        Args:
            trial: The trial that is being run. Its values are read when training begins, so those
                that first appear while the model is built are included.
            execution: Which training of the trial this is, from 0.

        Returns:
            A callback for `Model.fit`.
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

    def on_trial_end(self, trial: Any) -> None:
        """Writes the trial's result. Call it after the oracle has ended the trial.

        Args:
            trial: The oracle's record of the trial. One that will be retried (`"INVALID"`) gets
                another run then, and this one is deleted.
        """
        attempt = self._attempts.pop(trial.trial_id, None) or self._new_attempt(trial)
        attempt.end(trial, attempt.seconds)
        if trial.status in FINISHED:
            self._count(trial, is_new=True)
        self._server.send()

    def on_search_end(self) -> None:
        """Writes what the search has found, and ends its run.

        A search that was interrupted is marked as such, and so are its unfinished trials. Of many
        workers the last one does it.
        """
        if self._search is None:
            return
        error = sys.exc_info()[1]
        if error is self._handled:  # someone else's, handled around the whole search
            error = None
        while self._attempts:
            self._attempts.popitem()[1].cut()
        view = view_at_end(self._oracle, self._search)
        if view is not None:
            end(self._search, view, error, self._load_model)
        self._server.send(at_last=True)
        self._tell_what_waits(self._search)

    def _load_model(self, trial_id: str) -> Any:
        """Returns the model of a trial, `None` if the tuner keeps none."""
        place = getattr(self._tuner, "_get_checkpoint_fname", None)
        if place is None or not gfiles.exists(place(trial_id)):
            return None
        return self._tuner.load_model(self._oracle.get_trial(trial_id))

    def _tell_what_waits(self, search: SearchRun) -> None:
        if self._server.waiting:
            warnings.warn(
                f"The MLflow server {self.tracking_uri!r} is away, and a part of the log was not "
                "sent. To send it, run the program again, or `kt-extensions mlflow "
                f"{search.folder} --tracking-uri {self.tracking_uri}`.",
                Unsent,
                stacklevel=3,
            )

    def restore(self, trial: Any) -> None:
        """Writes the run of a trial that has ended, unless it is there.

        Args:
            trial: The oracle's record of the trial.
        """
        search = self._opened()
        is_new = not search.has_ended(trial.trial_id)
        if is_new:
            report = read_report(search.folder_of(trial.trial_id))
            attempt = self._new_attempt(trial, time.time() - (report.seconds or 0.0))
            attempt.restore(report)
            attempt.end(trial, report.seconds)
        self._count(trial, is_new)

    @property
    def tracking_uri(self) -> str:
        """The address of the server or the store."""
        return self._server.tracking_uri

    @property
    def unsent(self) -> int:
        """How many parts of the log wait for the server."""
        return self._server.waiting

    @property
    def problem(self) -> str:
        """Why they wait, as MLflow puts it."""
        return self._server.problem

    def _begin(self, trial: Any) -> Attempt:
        attempt = self._attempts[trial.trial_id] = self._new_attempt(trial)
        return attempt

    def _new_attempt(self, trial: Any, start: float | None = None) -> Attempt:
        search = self._opened()
        run = search.new_trial(trial, start)
        return Attempt(self._server, run, trial, search.folder_of(trial.trial_id))

    def _count(self, trial: Any, is_new: bool) -> None:
        """Writes the best score if this one is better; a worker does not know those of others."""
        self._ended += 1
        objective = self._oracle.objective
        score = result_of(trial).get("score")
        if score is None or several(objective) or not hasattr(self._oracle, "trials"):
            return
        if self._best is None or objective.better_than(score, self._best):
            self._best = score
            if is_new:
                self._opened().run.metrics({"best_score": score}, self._ended)

    def _opened(self) -> SearchRun:
        if self._search is None:
            raise not_begun()
        return self._search
