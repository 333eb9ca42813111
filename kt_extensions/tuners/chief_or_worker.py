"""How a tuner takes part in a search with a chief and workers."""

from __future__ import annotations

import itertools
import os
import warnings
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.chief_worker import (
    Chief,
    Leases,
    SearchName,
    TrialTakenOver,
    WorkerClient,
    is_unfinished,
    patience,
    serve,
)
from kt_extensions.oracles.processes import is_chief, is_worker
from kt_extensions.tuners.construction import folder_told

_PLACES = itertools.count()  # of the program's searches with a chief


class ChiefOrWorker(kt.Tuner):  # type: ignore[misc]
    """A tuner that is a chief, or a worker, where KerasTuner's environment variables say so.

    Either outlives the death of the other: see `docs/chief_and_workers.md`.
    """

    oracle: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if is_chief():
            _reopen(folder_told(kwargs), kwargs.get("overwrite", False))
        elif is_worker():
            _check_name(kwargs.get("tuner_id"))
        super().__init__(*args, **kwargs)
        if is_worker():
            self.oracle = WorkerClient(self.oracle._oracle, self.project_dir, patience())

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Searches: as a chief, a worker, or alone.

        Raises:
            OSError: If this is a chief, and its address is not free.
            ChiefGone: If this is a worker, and no chief answers; it is a `ConnectionError`.
            RuntimeError: If an error has ended the search of the chief.
        """
        if is_chief():
            self._lead(fit_kwargs)
        elif is_worker():
            if self.oracle.joins(self._search_name()):
                with self.oracle.alive():
                    self._work(fit_args, fit_kwargs)
        else:
            super().search(*fit_args, **fit_kwargs)

    def _search_name(self) -> SearchName:
        """Returns which search of the program begins now."""
        return SearchName(next(_PLACES), self.project_name)

    def _lead(self, fit_kwargs: dict[str, Any]) -> None:
        """Hands trials to workers until the search has ended."""
        if "verbose" in fit_kwargs:
            self.oracle.verbose = fit_kwargs["verbose"]
        self.oracle.ended_by = None
        self.save()
        leases = Leases(self.project_dir)
        ends = (self._begin_for_worker, self._end_for_worker)
        chief = Chief(self.oracle, leases, *ends, patience())
        chief.search = self._search_name()
        try:
            serve(chief)
        finally:
            if chief.has_finished():
                leases.end()

    def _begin_for_worker(self, trial: Trial) -> None:
        """Is called in the chief when a worker begins a trial."""

    def _end_for_worker(self, trial: Trial) -> None:
        """Ends, in the chief, a trial that a worker has run."""
        self.oracle.end_trial(trial)
        self.save()

    def _work(self, fit_args: tuple[Any, ...], fit_kwargs: dict[str, Any]) -> None:
        """Runs trials as KerasTuner's `search` does, but for those that others take over."""
        self.on_search_begin()
        while True:
            self.pre_create_trial()
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status == TrialStatus.STOPPED:
                break
            if trial.status == TrialStatus.RUNNING:
                self._run_for_chief(trial, fit_args, fit_kwargs)
        self.on_search_end()

    def _check_turn(self) -> None:
        """Checks, in a worker, that the trial that is running is still its own.

        Raises:
            TrialTakenOver: If another worker has it.
        """
        if is_worker():
            self.oracle.check()

    def _run_for_chief(
        self, trial: Trial, fit_args: tuple[Any, ...], fit_kwargs: dict[str, Any]
    ) -> None:
        try:
            self.on_trial_begin(trial)
            self._try_run_and_update_trial(trial, *fit_args, **fit_kwargs)
            self.on_trial_end(trial)
        except TrialTakenOver as refusal:
            self.oracle.abandon()
            warnings.warn(str(refusal), RuntimeWarning, stacklevel=4)


def _reopen(folder: str, overwrite: bool) -> None:
    """Lets workers that start meanwhile know that a search that had ended goes on.

    Raises:
        RuntimeError: If one that has not ended is to be deleted.
    """
    if overwrite and is_unfinished(folder):
        raise RuntimeError(
            "Expected a chief without overwrite=True, since a scheduler that starts it again would "
            f"have it begin anew each time. Received: overwrite=True, and in {folder!r} a search "
            "of a chief that has not come to its end. Leave it out, and the search goes on. Or, to "
            "begin anew, end the workers and delete the folder, or choose another `project_name`."
        )
    Leases(folder).reopen()


def _check_name(tuner_id: str | None) -> None:
    """Checks that a worker has no other name than that by which its chief knows it.

    Raises:
        ValueError: If it has.
    """
    name = os.environ.get("KERASTUNER_TUNER_ID")
    if tuner_id not in (None, name):
        raise ValueError(
            "Expected no `tuner_id` in a worker: its name is that of the environment variable "
            f"KERASTUNER_TUNER_ID, {name!r}. Received: tuner_id={tuner_id!r}. Leave it out."
        )
